package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"sentry/bootstrap/account"
	"sentry/internal/delivery/teardown"
)

// cloud answers what has to be known before Pulumi runs.
type cloud interface {
	// Account is the id of the account that the credentials belong to.
	Account(ctx context.Context) (string, error)
	// Find is the id by which Pulumi imports a resource that the account has, "" when it has none. A
	// bucket of that name in another account is errTaken.
	Find(ctx context.Context, e account.Existing) (string, error)
	// Provider is GitHub's OIDC provider of the account, the zero value when it has none.
	Provider(ctx context.Context) (provider, error)
	// Subnets are the ids of the subnets that an environment has.
	Subnets(ctx context.Context, e account.Environment) ([]string, error)
	// Lives names something that an environment has in the account, "" when there is nothing.
	Lives(ctx context.Context, e account.Environment) (string, error)
	// Empty removes all objects of a bucket, with their versions; a bucket that is gone is empty.
	Empty(ctx context.Context, bucket string) error
}

// provider is an OIDC provider.
type provider struct {
	arn string
	// audiences are whom its tokens may be made out to.
	audiences []string
	// ours: it carries this project's tag, so an earlier run made it.
	ours bool
}

// errTaken: bucket names are global to AWS.
var errTaken = errors.New("the name belongs to another AWS account")

// realAWS is the account behind the credentials of the environment.
type realAWS struct {
	id  string
	sts *sts.Client
	s3  *s3.Client
	iam *iam.Client
	kms *kms.Client
	// tagging finds resources by their tags, in the region that a call names.
	tagging *tagging.Client
}

func newRealAWS(ctx context.Context, region string) (*realAWS, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	return &realAWS{
		sts: sts.NewFromConfig(cfg),
		// An emulator (AWS_ENDPOINT_URL) has no DNS name for each bucket.
		s3:  s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }),
		iam: iam.NewFromConfig(cfg),
		kms: kms.NewFromConfig(cfg),

		tagging: tagging.NewFromConfig(cfg),
	}, nil
}

func (a *realAWS) Account(ctx context.Context) (string, error) {
	if a.id != "" {
		return a.id, nil
	}
	identity, err := a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	a.id = aws.ToString(identity.Account)
	return a.id, nil
}

func (a *realAWS) Find(ctx context.Context, e account.Existing) (string, error) {
	var id string
	var err error
	switch e.Token {
	case account.TokenBucket:
		_, err = a.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &e.Physical, ExpectedBucketOwner: &a.id})
		id = e.Physical
		// HEAD has no body, so only the status tells: 403 is another account's, or one that we may not see.
		switch code(err) {
		case "Forbidden", "AccessDenied":
			err = errTaken
		case "MovedPermanently": // in another region
			err = nil
		}
	case account.TokenRole:
		_, err = a.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &e.Physical})
		id = e.Physical
	case account.TokenPolicy:
		id = "arn:aws:iam::" + a.id + ":policy/" + e.Physical
		_, err = a.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &id})
	case account.TokenAlias:
		_, err = a.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &e.Physical})
		id = e.Physical
	case account.TokenKey:
		id, err = a.findKey(ctx, e.Physical)
	default:
		return "", fmt.Errorf("look for %s: this type is not known here", e.Token)
	}
	switch code(err) {
	case "":
	case "NotFound", "NoSuchBucket", "NoSuchEntity", "NotFoundException":
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for %s %q: %w", e.Token, e.Physical, err)
	}
	return id, nil
}

func (a *realAWS) findKey(ctx context.Context, description string) (string, error) {
	pages := kms.NewListKeysPaginator(a.kms, &kms.ListKeysInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, key := range page.Keys {
			found, err := a.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.KeyId})
			if err != nil {
				continue // a key whose own policy hides it is not ours
			}
			if aws.ToString(found.KeyMetadata.Description) == description && found.KeyMetadata.KeyState == types.KeyStateEnabled {
				return aws.ToString(key.KeyId), nil
			}
		}
	}
	return "", nil
}

func (a *realAWS) Provider(ctx context.Context) (provider, error) {
	arn := "arn:aws:iam::" + a.id + ":oidc-provider/" + strings.TrimPrefix(account.OIDCProvider.Physical, "https://")
	found, err := a.iam.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn})
	if code(err) == "NoSuchEntity" {
		return provider{}, nil
	}
	if err != nil {
		return provider{}, fmt.Errorf("look for GitHub's OIDC provider: %w", err)
	}
	p := provider{arn: arn, audiences: found.ClientIDList}
	for _, tag := range found.Tags {
		p.ours = p.ours || aws.ToString(tag.Key) == "Project" && aws.ToString(tag.Value) == account.ProjectTag
	}
	return p, nil
}

// Subnets finds them by the tags that the program's provider puts on everything, and that no other environment's role
// can put on them. An environment's state would say it, too, but whoever deploys the environment writes that.
func (a *realAWS) Subnets(ctx context.Context, e account.Environment) ([]string, error) {
	filter := func(key, value string) taggingtypes.TagFilter {
		return taggingtypes.TagFilter{Key: aws.String(key), Values: []string{value}}
	}
	pages := tagging.NewGetResourcesPaginator(a.tagging, &tagging.GetResourcesInput{
		ResourceTypeFilters: []string{"ec2:subnet"},
		TagFilters:          []taggingtypes.TagFilter{filter("Project", account.ProjectTag), filter("Environment", e.Name)},
	})
	var found []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, func(o *tagging.Options) { o.Region = e.Region })
		if err != nil {
			return nil, err
		}
		for _, r := range page.ResourceTagMappingList {
			found = append(found, path.Base(aws.ToString(r.ResourceARN)))
		}
	}
	return found, nil
}

func (a *realAWS) Lives(ctx context.Context, e account.Environment) (string, error) {
	for _, bucket := range account.Buckets(e, a.id) {
		id, err := a.Find(ctx, account.Existing{Token: account.TokenBucket, Physical: bucket})
		if errors.Is(err, errTaken) {
			continue
		}
		if err != nil || id != "" {
			return "bucket " + bucket, err
		}
	}
	subnets, err := a.Subnets(ctx, e)
	if err != nil || len(subnets) == 0 {
		return "", err
	}
	return subnets[0], nil
}

func (a *realAWS) Empty(ctx context.Context, bucket string) error {
	_, err := teardown.Versions(ctx, a.s3, &s3.ListObjectVersionsInput{Bucket: &bucket, ExpectedBucketOwner: &a.id})
	if code(err) == "NoSuchBucket" {
		return nil
	}
	return err
}

// code is AWS's name of an error.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
