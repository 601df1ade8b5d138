package infra

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

const (
	// noncurrentVersionDays is how long an overwritten or deleted object can be brought back (F11).
	noncurrentVersionDays = 30
	// incompleteUploadDays is when the parts of an upload that was never finished go.
	incompleteUploadDays = 7
	// websiteDocument is both the index and the error document: paths that the React router knows, S3 does
	// not (A8).
	websiteDocument = "index.html"
)

// Buckets are the environment's three buckets and their policies (A8–A10).
type Buckets struct {
	pulumi.ResourceState

	// Frontend, Artifacts and Clips are the buckets' names.
	Frontend, Artifacts, Clips pulumi.StringOutput
	// FrontendURL is the website's address, plain HTTP as all of S3's website endpoints; empty while the
	// front end is not public.
	FrontendURL pulumi.StringOutput
}

// BucketsArgs shape the buckets. All are required, except PublicFrontend.
type BucketsArgs struct {
	// Account is where the buckets are, Suffix ends their names.
	Account Account
	Suffix  string
	// PublicFrontend opens the frontend bucket to the world.
	PublicFrontend bool
	// TaskRoleARN is the only principal that may read and write objects in artifacts and clips. The role
	// need not exist yet.
	TaskRoleARN string
}

// NewBuckets registers the buckets of one environment.
func NewBuckets(ctx *pulumi.Context, name string, args *BucketsArgs, opts ...pulumi.ResourceOption) (*Buckets, error) {
	b := &Buckets{FrontendURL: pulumi.String("").ToStringOutput()}
	if err := ctx.RegisterComponentResource("sentry:infra:Buckets", name, b, opts...); err != nil {
		return nil, fmt.Errorf("register the buckets %q: %w", name, err)
	}
	child := pulumi.Parent(b)
	add := func(purpose string, public bool, policy func(bucketARN string) policyDocument) (pulumi.StringOutput, error) {
		bucketName := config.BucketName(name, purpose, args.Suffix)
		bucket, err := newBucket(ctx, name+"-"+purpose, bucketName, child)
		if err != nil {
			return pulumi.StringOutput{}, fmt.Errorf("create the bucket for %s: %w", purpose, err)
		}
		if err := newBucketAccess(ctx, name+"-"+purpose, bucket, public, policy(args.Account.bucketARN(bucketName)), child); err != nil {
			return pulumi.StringOutput{}, fmt.Errorf("set who may use the bucket for %s: %w", purpose, err)
		}
		return bucket.Bucket, nil
	}

	private := func(bucketARN string) policyDocument { return privateBucketPolicy(bucketARN, args.TaskRoleARN) }
	var err error
	if b.Artifacts, err = add("artifacts", false, private); err != nil {
		return nil, err
	}
	if b.Clips, err = add("clips", false, private); err != nil {
		return nil, err
	}
	// Public as A8 asks. The closed variant is sentry:publicFrontend = false, for example behind a CDN.
	frontend := closedWebsitePolicy
	if args.PublicFrontend {
		frontend = websitePolicy
	}
	if b.Frontend, err = add("frontend", args.PublicFrontend, frontend); err != nil {
		return nil, err
	}
	if args.PublicFrontend {
		if b.FrontendURL, err = newWebsite(ctx, name+"-frontend", b.Frontend, child); err != nil {
			return nil, err
		}
	}

	if err := ctx.RegisterResourceOutputs(b, pulumi.Map{
		"frontendBucketName":  b.Frontend,
		"artifactsBucketName": b.Artifacts,
		"clipsBucketName":     b.Clips,
		"frontendUrl":         b.FrontendURL,
	}); err != nil {
		return nil, fmt.Errorf("register the buckets' outputs: %w", err)
	}
	return b, nil
}

// newBucket makes a bucket with what every bucket has: one owner, encryption, versions that expire (A10, F11).
func newBucket(ctx *pulumi.Context, logical, bucketName string, child pulumi.ResourceOption) (*s3.BucketV2, error) {
	bucket, err := s3.NewBucketV2(ctx, logical, &s3.BucketV2Args{Bucket: pulumi.String(bucketName)}, child)
	if err != nil {
		return nil, err
	}
	if _, err := s3.NewBucketOwnershipControls(ctx, logical, &s3.BucketOwnershipControlsArgs{
		Bucket: bucket.ID(),
		Rule:   s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	}, child); err != nil {
		return nil, fmt.Errorf("take ownership of all objects: %w", err)
	}
	if _, err := s3.NewBucketServerSideEncryptionConfigurationV2(ctx, logical, &s3.BucketServerSideEncryptionConfigurationV2Args{
		Bucket: bucket.ID(),
		Rules: s3.BucketServerSideEncryptionConfigurationV2RuleArray{s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
			ApplyServerSideEncryptionByDefault: s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
				SseAlgorithm: pulumi.String("AES256"),
			},
		}},
	}, child); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return bucket, newVersioning(ctx, logical, bucket, child)
}

func newVersioning(ctx *pulumi.Context, logical string, bucket *s3.BucketV2, child pulumi.ResourceOption) error {
	versioning, err := s3.NewBucketVersioningV2(ctx, logical, &s3.BucketVersioningV2Args{
		Bucket:                  bucket.ID(),
		VersioningConfiguration: s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String("Enabled")},
	}, child)
	if err != nil {
		return fmt.Errorf("keep versions: %w", err)
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
		return fmt.Errorf("expire old versions: %w", err)
	}
	return nil
}

// newBucketAccess sets a bucket's policy. Only a public bucket may have a public one; ACLs stay blocked on each.
func newBucketAccess(
	ctx *pulumi.Context, logical string, bucket *s3.BucketV2, public bool, policy policyDocument, child pulumi.ResourceOption,
) error {
	block, err := s3.NewBucketPublicAccessBlock(ctx, logical, &s3.BucketPublicAccessBlockArgs{
		Bucket:                bucket.ID(),
		BlockPublicAcls:       pulumi.Bool(true),
		IgnorePublicAcls:      pulumi.Bool(true),
		BlockPublicPolicy:     pulumi.Bool(!public),
		RestrictPublicBuckets: pulumi.Bool(!public),
	}, child)
	if err != nil {
		return fmt.Errorf("block public access: %w", err)
	}
	text, err := policy.json()
	if err != nil {
		return err
	}
	if _, err := s3.NewBucketPolicy(ctx, logical, &s3.BucketPolicyArgs{
		Bucket: bucket.ID(),
		Policy: pulumi.String(text),
		// S3 refuses a public policy while the block stands, and two changes of one bucket's access at once.
	}, child, pulumi.DependsOn([]pulumi.Resource{block})); err != nil {
		return fmt.Errorf("set the policy: %w", err)
	}
	return nil
}

// newWebsite makes a bucket a website and returns its address.
func newWebsite(ctx *pulumi.Context, logical string, bucket pulumi.StringInput, child pulumi.ResourceOption) (pulumi.StringOutput, error) {
	website, err := s3.NewBucketWebsiteConfigurationV2(ctx, logical, &s3.BucketWebsiteConfigurationV2Args{
		Bucket:        bucket,
		IndexDocument: s3.BucketWebsiteConfigurationV2IndexDocumentArgs{Suffix: pulumi.String(websiteDocument)},
		ErrorDocument: s3.BucketWebsiteConfigurationV2ErrorDocumentArgs{Key: pulumi.String(websiteDocument)},
	}, child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("make the frontend bucket a website: %w", err)
	}
	return pulumi.Sprintf("http://%s", website.WebsiteEndpoint), nil
}
