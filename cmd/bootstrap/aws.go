package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"sentry/bootstrap/account"
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
	case "aws:s3/bucketV2:BucketV2":
		_, err = a.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &e.Physical, ExpectedBucketOwner: &a.id})
		id = e.Physical
		// HEAD has no body, so only the status tells: 403 is another account's, or one that we may not see.
		if code(err) == "Forbidden" || code(err) == "AccessDenied" {
			err = errTaken
		}
	case "aws:iam/role:Role":
		_, err = a.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &e.Physical})
		id = e.Physical
	case "aws:iam/policy:Policy":
		id = "arn:aws:iam::" + a.id + ":policy/" + e.Physical
		_, err = a.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &id})
	case "aws:kms/alias:Alias":
		_, err = a.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &e.Physical})
		id = e.Physical
	case "aws:kms/key:Key":
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

func (a *realAWS) Empty(ctx context.Context, bucket string) error {
	pages := s3.NewListObjectVersionsPaginator(a.s3, &s3.ListObjectVersionsInput{Bucket: &bucket, ExpectedBucketOwner: &a.id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if code(err) == "NoSuchBucket" {
			return nil
		}
		if err != nil {
			return err
		}
		var gone []s3types.ObjectIdentifier
		for _, v := range page.Versions {
			gone = append(gone, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			gone = append(gone, s3types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		if len(gone) == 0 {
			continue
		}
		// A page has at most 1,000, which is as many as one deletion takes.
		deleted, err := a.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &s3types.Delete{Objects: gone, Quiet: aws.Bool(true)}})
		if err != nil {
			return err
		}
		if len(deleted.Errors) > 0 {
			return fmt.Errorf("%s: %s", aws.ToString(deleted.Errors[0].Key), aws.ToString(deleted.Errors[0].Message))
		}
	}
	return nil
}

// code is AWS's name of an error.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
