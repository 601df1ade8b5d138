package infra

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// maxBucketName is S3's limit, in characters.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
	maxBucketName = 63
	// noncurrentVersionDays is how long an overwritten or deleted object can be brought back (F11).
	noncurrentVersionDays = 30
	// incompleteUploadDays is when the parts of an upload that nobody finished go.
	incompleteUploadDays = 7
	// websiteDocument is both the index and the error document: paths that the React router knows, S3 does
	// not (A8).
	websiteDocument = "index.html"
)

// bucketName is unique in the whole world by its suffix (F9).
func bucketName(stack, purpose, suffix string) string {
	return strings.Join([]string{product, stack, purpose, suffix}, "-")
}

// Buckets are the environment's three buckets and their policies (A8–A10).
type Buckets struct {
	pulumi.ResourceState

	Frontend, Artifacts, Clips *Bucket
	// FrontendURL is the website's address, plain HTTP as all of S3's website endpoints; empty while the
	// frontend is not public.
	FrontendURL pulumi.StringOutput
}

// Bucket is what others need of a bucket.
type Bucket struct {
	Name, ARN pulumi.StringOutput
}

// BucketsArgs shape the buckets. All are required, except PublicFrontend.
type BucketsArgs struct {
	// Stack is a part of the buckets' names.
	Stack string
	// Suffix ends the buckets' names.
	Suffix string
	// PublicFrontend opens the frontend bucket to the world.
	PublicFrontend bool
	// TaskRoleARN is the only principal that may read and write objects in artifacts and clips. The role
	// need not exist yet.
	TaskRoleARN string
}

func (args *BucketsArgs) validate() error {
	if args == nil {
		return errors.New("buckets: no arguments")
	}
	var errs []error
	if args.Stack == "" {
		errs = append(errs, errors.New("buckets: Stack is empty"))
	}
	if args.TaskRoleARN == "" {
		errs = append(errs, errors.New("buckets: TaskRoleARN is empty"))
	}
	if name := bucketName(args.Stack, "artifacts", args.Suffix); args.Suffix == "" || len(name) > maxBucketName {
		errs = append(errs, fmt.Errorf("buckets: Suffix %q makes the name %s, want 1 to %d characters in all", args.Suffix, name, maxBucketName))
	}
	return errors.Join(errs...)
}

// NewBuckets registers the buckets of one environment.
func NewBuckets(ctx *pulumi.Context, name string, args *BucketsArgs, opts ...pulumi.ResourceOption) (*Buckets, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	buckets := &Buckets{FrontendURL: pulumi.String("").ToStringOutput()}
	if err := ctx.RegisterComponentResource("sentry:infra:Buckets", name, buckets, opts...); err != nil {
		return nil, fmt.Errorf("register the buckets %q: %w", name, err)
	}

	private := func(arn string) policyDocument { return privateBucketPolicy(arn, args.TaskRoleARN) }
	var err error
	if buckets.Artifacts, err = buckets.add(ctx, name, "artifacts", args, false, private); err != nil {
		return nil, err
	}
	if buckets.Clips, err = buckets.add(ctx, name, "clips", args, false, private); err != nil {
		return nil, err
	}
	// The mission asks for a public website. The closed variant is sentry:publicFrontend = false, for
	// example behind a CDN.
	frontend := closedWebsitePolicy
	if args.PublicFrontend {
		frontend = websitePolicy
	}
	if buckets.Frontend, err = buckets.add(ctx, name, "frontend", args, args.PublicFrontend, frontend); err != nil {
		return nil, err
	}
	if args.PublicFrontend {
		website, err := s3.NewBucketWebsiteConfigurationV2(ctx, name+"-frontend", &s3.BucketWebsiteConfigurationV2Args{
			Bucket:        buckets.Frontend.Name,
			IndexDocument: s3.BucketWebsiteConfigurationV2IndexDocumentArgs{Suffix: pulumi.String(websiteDocument)},
			ErrorDocument: s3.BucketWebsiteConfigurationV2ErrorDocumentArgs{Key: pulumi.String(websiteDocument)},
		}, pulumi.Parent(buckets))
		if err != nil {
			return nil, fmt.Errorf("make the frontend bucket a website: %w", err)
		}
		buckets.FrontendURL = pulumi.Sprintf("http://%s", website.WebsiteEndpoint)
	}

	if err := ctx.RegisterResourceOutputs(buckets, pulumi.Map{
		"frontendBucketName":  buckets.Frontend.Name,
		"artifactsBucketName": buckets.Artifacts.Name,
		"clipsBucketName":     buckets.Clips.Name,
		"frontendUrl":         buckets.FrontendURL,
	}); err != nil {
		return nil, fmt.Errorf("register the buckets' outputs: %w", err)
	}
	return buckets, nil
}

// add registers one bucket with all that every bucket has (A10). Only a public one may have a public policy;
// ACLs stay blocked on each.
func (buckets *Buckets) add(ctx *pulumi.Context, name, purpose string, args *BucketsArgs, public bool, policy func(arn string) policyDocument) (*Bucket, error) {
	logical := name + "-" + purpose
	child := pulumi.Parent(buckets)
	bucket, err := s3.NewBucketV2(ctx, logical, &s3.BucketV2Args{
		Bucket: pulumi.String(bucketName(args.Stack, purpose, args.Suffix)),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("create the bucket for %s: %w", purpose, err)
	}
	if _, err := s3.NewBucketOwnershipControls(ctx, logical, &s3.BucketOwnershipControlsArgs{
		Bucket: bucket.ID(),
		Rule:   s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	}, child); err != nil {
		return nil, fmt.Errorf("take ownership of all objects in %s: %w", purpose, err)
	}
	if _, err := s3.NewBucketServerSideEncryptionConfigurationV2(ctx, logical, &s3.BucketServerSideEncryptionConfigurationV2Args{
		Bucket: bucket.ID(),
		Rules: s3.BucketServerSideEncryptionConfigurationV2RuleArray{s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
			ApplyServerSideEncryptionByDefault: s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
				SseAlgorithm: pulumi.String("AES256"),
			},
		}},
	}, child); err != nil {
		return nil, fmt.Errorf("encrypt %s: %w", purpose, err)
	}
	versioning, err := s3.NewBucketVersioningV2(ctx, logical, &s3.BucketVersioningV2Args{
		Bucket:                  bucket.ID(),
		VersioningConfiguration: s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String("Enabled")},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("version %s: %w", purpose, err)
	}
	if _, err := s3.NewBucketLifecycleConfigurationV2(ctx, logical, &s3.BucketLifecycleConfigurationV2Args{
		Bucket: bucket.ID(),
		Rules: s3.BucketLifecycleConfigurationV2RuleArray{s3.BucketLifecycleConfigurationV2RuleArgs{
			Id:     pulumi.String("expire-what-nobody-sees"),
			Status: pulumi.String("Enabled"),
			Filter: s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")}, // all objects
			NoncurrentVersionExpiration: s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{
				NoncurrentDays: pulumi.Int(noncurrentVersionDays),
			},
			AbortIncompleteMultipartUpload: s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs{
				DaysAfterInitiation: pulumi.Int(incompleteUploadDays),
			},
		}},
		// Rules on versions mean something only where there are versions.
	}, child, pulumi.DependsOn([]pulumi.Resource{versioning})); err != nil {
		return nil, fmt.Errorf("expire old versions in %s: %w", purpose, err)
	}
	block, err := s3.NewBucketPublicAccessBlock(ctx, logical, &s3.BucketPublicAccessBlockArgs{
		Bucket:                bucket.ID(),
		BlockPublicAcls:       pulumi.Bool(true),
		IgnorePublicAcls:      pulumi.Bool(true),
		BlockPublicPolicy:     pulumi.Bool(!public),
		RestrictPublicBuckets: pulumi.Bool(!public),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("block public access to %s: %w", purpose, err)
	}
	if _, err := s3.NewBucketPolicy(ctx, logical, &s3.BucketPolicyArgs{
		Bucket: bucket.ID(),
		Policy: policyOf(func(arns []string) policyDocument { return policy(arns[0]) }, bucket.Arn),
		// S3 refuses a public policy while the block stands, and two changes of one bucket's access at once.
	}, child, pulumi.DependsOn([]pulumi.Resource{block})); err != nil {
		return nil, fmt.Errorf("set the policy of %s: %w", purpose, err)
	}
	return &Bucket{Name: bucket.Bucket, ARN: bucket.Arn}, nil
}
