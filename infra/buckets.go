package infra

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

const (
	// noncurrentVersionDays is how long an overwritten or deleted object can be brought back (F11).
	noncurrentVersionDays = 30
	// incompleteUploadDays is when the parts of an upload that was never finished go.
	incompleteUploadDays = 7
)

// Buckets are the environment's three buckets and their policies (A8–A10).
type Buckets struct {
	pulumi.ResourceState

	// Artifacts and Clips are what the backend works with; only the task role uses their objects (A9).
	Artifacts, Clips *s3.BucketV2
	// Frontend holds the site. [Buckets.Publish] says who reads it.
	Frontend *s3.BucketV2

	args *BucketsArgs
}

// BucketsArgs shape the buckets. The last four may be left out.
type BucketsArgs struct {
	// Account is where the buckets are.
	Account Account
	config.Buckets
	// TaskRoleARN is the principal that uses objects in artifacts and clips. The role need not exist yet.
	TaskRoleARN string
	// KMSKeyARN is the key that encrypts artifacts and clips; S3's own when empty.
	KMSKeyARN string
	// AccessLogs is the name of the bucket for records of all requests; none when empty.
	AccessLogs string
	// Protect refuses to delete the buckets.
	Protect bool
	// Adopted is what stays of the tool that made the buckets before.
	Adopted config.Adopted
}

// NewBuckets registers the buckets of one environment.
func NewBuckets(ctx *pulumi.Context, name string, args *BucketsArgs, opts ...pulumi.ResourceOption) (*Buckets, error) {
	b := &Buckets{args: args}
	if err := ctx.RegisterComponentResource("sentry:infra:Buckets", name, b, opts...); err != nil {
		return nil, fmt.Errorf("register the buckets %q: %w", name, err)
	}
	child := pulumi.Parent(b)

	var err error
	if b.Artifacts, err = newPrivateBucket(ctx, name, "artifacts", args, child); err != nil {
		return nil, err
	}
	if b.Clips, err = newPrivateBucket(ctx, name, "clips", args, child); err != nil {
		return nil, err
	}
	// A key of one's own would shut the website out: S3 gives the world no right to use it.
	if b.Frontend, err = newBucket(ctx, name, "frontend", "", args, child); err != nil {
		return nil, err
	}

	if err := ctx.RegisterResourceOutputs(b, pulumi.Map{
		"frontendBucketName":  b.Frontend.Bucket,
		"artifactsBucketName": b.Artifacts.Bucket,
		"clipsBucketName":     b.Clips.Bucket,
	}); err != nil {
		return nil, fmt.Errorf("register the buckets' outputs: %w", err)
	}
	return b, nil
}

// newPrivateBucket makes a bucket whose objects belong to the backend.
func newPrivateBucket(
	ctx *pulumi.Context, name, purpose string, args *BucketsArgs, child pulumi.ResourceOption,
) (*s3.BucketV2, error) {
	bucket, err := newBucket(ctx, name, purpose, args.KMSKeyARN, args, child)
	if err != nil {
		return nil, err
	}
	policy := documentOf(bucket.Arn, func(arn string) policyDocument {
		return privateBucketPolicy(arn, append([]string{args.TaskRoleARN}, args.ObjectRoles...))
	})
	return bucket, newBucketAccess(ctx, name+"-"+purpose, bucket, private, policy, child)
}

// newBucket makes a bucket with what every bucket has: one owner, encryption, versions that expire (A10, F11).
func newBucket(
	ctx *pulumi.Context, name, purpose, keyARN string, args *BucketsArgs, child pulumi.ResourceOption,
) (*s3.BucketV2, error) {
	logical := name + "-" + purpose
	bucket, err := s3.NewBucketV2(ctx, logical, &s3.BucketV2Args{
		Bucket: pulumi.String(cmp.Or(args.Adopted.BucketNames[purpose], config.BucketName(name, purpose, args.Suffix))),
	}, child, pulumi.Protect(args.Protect))
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
		Rules:  s3.BucketServerSideEncryptionConfigurationV2RuleArray{encryption(keyARN)},
	}, child); err != nil {
		return nil, fmt.Errorf("encrypt %s: %w", purpose, err)
	}
	if err := newVersioning(ctx, logical, bucket, child); err != nil {
		return nil, fmt.Errorf("keep versions in %s: %w", purpose, err)
	}
	if args.AccessLogs == "" {
		return bucket, nil
	}
	if _, err := s3.NewBucketLoggingV2(ctx, logical, &s3.BucketLoggingV2Args{
		Bucket:       bucket.ID(),
		TargetBucket: pulumi.String(args.AccessLogs),
		TargetPrefix: pulumi.String(logical + "/"),
	}, child); err != nil {
		return nil, fmt.Errorf("log the requests to %s: %w", purpose, err)
	}
	return bucket, nil
}

func encryption(keyARN string) s3.BucketServerSideEncryptionConfigurationV2RuleArgs {
	if keyARN == "" {
		return s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
			ApplyServerSideEncryptionByDefault: s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
				SseAlgorithm: pulumi.String("AES256"),
			},
		}
	}
	return s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
		ApplyServerSideEncryptionByDefault: s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
			SseAlgorithm: pulumi.String("aws:kms"), KmsMasterKeyId: pulumi.String(keyARN),
		},
		BucketKeyEnabled: pulumi.Bool(true), // KMS is asked once for many objects, not for each
	}
}

func newVersioning(ctx *pulumi.Context, logical string, bucket *s3.BucketV2, child pulumi.ResourceOption) error {
	versioning, err := s3.NewBucketVersioningV2(ctx, logical, &s3.BucketVersioningV2Args{
		Bucket:                  bucket.ID(),
		VersioningConfiguration: s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String("Enabled")},
	}, child)
	if err != nil {
		return err
	}
	_, err = s3.NewBucketLifecycleConfigurationV2(ctx, logical, &s3.BucketLifecycleConfigurationV2Args{
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
	}, child, pulumi.DependsOn([]pulumi.Resource{versioning}))
	return err
}

// audience are those who can use a bucket.
type audience int

const (
	private audience = iota // is never public
	closed                  // a website that is not public, or no more
	public
)

// newBucketAccess sets who may use a bucket. Only a public one may have a public policy; ACLs stay blocked on each.
//
// The two settings follow each other: S3 refuses changes of one bucket's access at the same time. What opens comes first,
// as S3 refuses a public policy behind the block; what closes comes last, when the policy already lets in who is to come.
func newBucketAccess(
	ctx *pulumi.Context, logical string, bucket *s3.BucketV2, to audience, policy pulumi.StringInput, opts ...pulumi.ResourceOption,
) error {
	block := func(opts ...pulumi.ResourceOption) (pulumi.Resource, error) {
		made, err := s3.NewBucketPublicAccessBlock(ctx, logical, &s3.BucketPublicAccessBlockArgs{
			Bucket:                bucket.ID(),
			BlockPublicAcls:       pulumi.Bool(true),
			IgnorePublicAcls:      pulumi.Bool(true),
			BlockPublicPolicy:     pulumi.Bool(to != public),
			RestrictPublicBuckets: pulumi.Bool(to != public),
		}, opts...)
		if err != nil {
			return nil, fmt.Errorf("block public access to %q: %w", logical, err)
		}
		return made, nil
	}
	allow := func(opts ...pulumi.ResourceOption) (pulumi.Resource, error) {
		made, err := s3.NewBucketPolicy(ctx, logical, &s3.BucketPolicyArgs{Bucket: bucket.ID(), Policy: policy}, opts...)
		if err != nil {
			return nil, fmt.Errorf("set the policy of %q: %w", logical, err)
		}
		return made, nil
	}
	first, second := block, allow
	if to == closed {
		first, second = allow, block
	}
	before, err := first(opts...)
	if err != nil {
		return err
	}
	_, err = second(append(slices.Clone(opts), pulumi.DependsOn([]pulumi.Resource{before}))...)
	return err
}
