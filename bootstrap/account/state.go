package account

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/internal/policy"
)

const (
	// keyAlias is the name of the key in --secrets-provider; it outlives a replaced key.
	keyAlias = "alias/" + product + "-pulumi"
	// KeyDescription also tells an interrupted run's key from other keys of the account.
	KeyDescription = "sentry: secrets in the Pulumi stacks"
	// keyDeletionDays is the longest wait that KMS offers before a key is gone, and every secret with it.
	keyDeletionDays = 30
	// oldStateDays is how long an overwritten or deleted state can be brought back.
	oldStateDays = 90
	// uploadDays is when the parts of an upload that never ended are removed.
	uploadDays = 7
)

// contextKey names the environment in KMS's encryption context. A secret of one is not decrypted with another's.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html
const contextKey = "stack"

// SecretsProvider is an environment's value of `pulumi stack init --secrets-provider`.
func SecretsProvider(region, environment string) string {
	return "awskms://" + keyAlias + "?region=" + region + "&context_" + contextKey + "=" + environment
}

// StateBackend keeps the states of all environments: the bucket, and the key for the secrets in them (B1).
type StateBackend struct {
	pulumi.ResourceState

	// BucketName is known before AWS is asked; this one is known when the bucket is complete.
	BucketName pulumi.StringOutput
	// KeyARN is what the roles' policies name.
	KeyARN pulumi.StringOutput
}

// StateBackendArgs are the arguments of [NewStateBackend].
type StateBackendArgs struct {
	// Account has 12 digits.
	Account string
	// BucketName is global to all of AWS.
	BucketName string
	// KeyARN is the key that encrypts the bucket; S3's own when empty.
	KeyARN string
	// AccessLogs is the name of the bucket for records of all requests; none when empty.
	AccessLogs string
	// Imports as in [Config].
	Imports map[string]string
}

// BackendURL is Pulumi's address of the bucket.
func (s *StateBackend) BackendURL(region string) pulumi.StringOutput {
	return pulumi.Sprintf("s3://%s?region=%s", s.BucketName, region)
}

// NewStateBackend creates the bucket and the key, both protected from deletion.
func NewStateBackend(ctx *pulumi.Context, name string, args *StateBackendArgs, opts ...pulumi.ResourceOption) (*StateBackend, error) {
	if args == nil || args.BucketName == "" || args.Account == "" {
		return nil, errors.New("state backend: the bucket's name or the account is missing")
	}
	state := &StateBackend{}
	if err := ctx.RegisterComponentResource("sentry:bootstrap:StateBackend", name, state, opts...); err != nil {
		return nil, fmt.Errorf("register state backend %q: %w", name, err)
	}
	bucket, err := state.newBucket(ctx, name+"-state", args)
	if err != nil {
		return nil, fmt.Errorf("create state bucket %q: %w", args.BucketName, err)
	}
	key, err := state.newKey(ctx, name, args)
	if err != nil {
		return nil, fmt.Errorf("create key %q: %w", keyAlias, err)
	}
	state.BucketName, state.KeyARN = bucket.Bucket, key.Arn
	if err := ctx.RegisterResourceOutputs(state, pulumi.Map{"bucketName": state.BucketName, "keyArn": state.KeyARN}); err != nil {
		return nil, fmt.Errorf("register outputs of state backend %q: %w", name, err)
	}
	return state, nil
}

func (s *StateBackend) newBucket(ctx *pulumi.Context, name string, args *StateBackendArgs) (*s3.BucketV2, error) {
	child := func(more ...pulumi.ResourceOption) []pulumi.ResourceOption {
		return append([]pulumi.ResourceOption{pulumi.Parent(s)}, more...)
	}
	bucket, err := s3.NewBucketV2(ctx, name, &s3.BucketV2Args{Bucket: pulumi.String(args.BucketName)},
		options(s, args.Imports, TokenBucket, name, pulumi.Protect(true))...)
	if err != nil {
		return nil, err
	}
	if _, err := s3.NewBucketOwnershipControls(ctx, name, &s3.BucketOwnershipControlsArgs{
		Bucket: bucket.ID(),
		Rule:   s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	}, child()...); err != nil {
		return nil, err
	}
	block, err := s3.NewBucketPublicAccessBlock(ctx, name, &s3.BucketPublicAccessBlockArgs{
		Bucket:                bucket.ID(),
		BlockPublicAcls:       pulumi.Bool(true),
		BlockPublicPolicy:     pulumi.Bool(true),
		IgnorePublicAcls:      pulumi.Bool(true),
		RestrictPublicBuckets: pulumi.Bool(true),
	}, child()...)
	if err != nil {
		return nil, err
	}
	versioning, err := s3.NewBucketVersioningV2(ctx, name, &s3.BucketVersioningV2Args{
		Bucket:                  bucket.ID(),
		VersioningConfiguration: s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String("Enabled")},
	}, child()...)
	if err != nil {
		return nil, err
	}
	if err := s.encryptAndLog(ctx, name, bucket, args); err != nil {
		return nil, err
	}
	// Every change of a resource writes the state twice: without an end, the old versions outgrow the rest.
	if _, err := s3.NewBucketLifecycleConfigurationV2(ctx, name, &s3.BucketLifecycleConfigurationV2Args{
		Bucket: bucket.ID(),
		Rules: s3.BucketLifecycleConfigurationV2RuleArray{s3.BucketLifecycleConfigurationV2RuleArgs{
			Id:     pulumi.String("expire-old-states"),
			Status: pulumi.String("Enabled"),
			Filter: s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")}, // all objects
			NoncurrentVersionExpiration: s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{
				NoncurrentDays: pulumi.Int(oldStateDays),
			},
			AbortIncompleteMultipartUpload: s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs{
				DaysAfterInitiation: pulumi.Int(uploadDays),
			},
		}},
		// S3 looks at the versions' rules only once there are versions.
	}, child(pulumi.DependsOn([]pulumi.Resource{versioning}))...); err != nil {
		return nil, err
	}
	tlsOnly, err := tlsOnlyPolicy(args.BucketName).JSON(policy.Resource)
	if err != nil {
		return nil, err
	}
	// S3 answers concurrent changes of the block and the policy with a conflict.
	if _, err := s3.NewBucketPolicy(ctx, name, &s3.BucketPolicyArgs{Bucket: bucket.ID(), Policy: pulumi.String(tlsOnly)},
		child(pulumi.DependsOn([]pulumi.Resource{block}))...); err != nil {
		return nil, err
	}
	return bucket, nil
}

func (s *StateBackend) encryptAndLog(ctx *pulumi.Context, name string, bucket *s3.BucketV2, args *StateBackendArgs) error {
	by := s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{SseAlgorithm: pulumi.String("AES256")}
	rule := s3.BucketServerSideEncryptionConfigurationV2RuleArgs{}
	if args.KeyARN != "" {
		by.SseAlgorithm, by.KmsMasterKeyId = pulumi.String("aws:kms"), pulumi.String(args.KeyARN)
		rule.BucketKeyEnabled = pulumi.Bool(true) // KMS is asked once for many objects; the roles' rights name the bucket
	}
	rule.ApplyServerSideEncryptionByDefault = by
	if _, err := s3.NewBucketServerSideEncryptionConfigurationV2(ctx, name, &s3.BucketServerSideEncryptionConfigurationV2Args{
		Bucket: bucket.ID(), Rules: s3.BucketServerSideEncryptionConfigurationV2RuleArray{rule},
	}, pulumi.Parent(s)); err != nil {
		return err
	}
	if args.AccessLogs == "" {
		return nil
	}
	_, err := s3.NewBucketLoggingV2(ctx, name, &s3.BucketLoggingV2Args{
		Bucket: bucket.ID(), TargetBucket: pulumi.String(args.AccessLogs), TargetPrefix: pulumi.String(args.BucketName + "/"),
	}, pulumi.Parent(s))
	return err
}

// tlsOnlyPolicy refuses everything that comes without TLS (B1).
func tlsOnlyPolicy(bucket string) policy.Document {
	arn := names{}.arn("s3", bucket)
	return policy.Document{Version: policy.Version, Statement: policy.Statements{{
		Sid:       "TLSOnly",
		Effect:    "Deny",
		Principal: policy.Principal{Everyone: true},
		Action:    policy.Strings{"s3:*"},
		Resource:  policy.Strings{arn, arn + "/*"},
		Condition: policy.Condition{"Bool": {"aws:SecureTransport": {"false"}}},
	}}}
}

// keyPolicy hands the decision to the account's IAM, where the roles' policies say who may use the key, and refuses to
// encrypt what no environment is named for: every role could read it.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
func keyPolicy(account string) policy.Document {
	return policy.Document{Version: policy.Version, Statement: policy.Statements{
		{
			Sid:       "AccountDecides",
			Effect:    "Allow",
			Principal: policy.Principal{AWS: policy.Strings{names{Place: Place{Account: account}}.arn("iam", "root")}},
			Action:    policy.Strings{"kms:*"},
			Resource:  policy.Strings{"*"}, // the key itself
		},
		{
			Sid:       "EncryptForAnEnvironment",
			Effect:    "Deny",
			Principal: policy.Principal{Everyone: true},
			Action:    policy.Strings{"kms:Encrypt", "kms:GenerateDataKey*"},
			Resource:  policy.Strings{"*"},
			Condition: policy.Condition{"Null": {"kms:EncryptionContext:" + contextKey: {"true"}}},
		},
	}}
}

func (s *StateBackend) newKey(ctx *pulumi.Context, name string, args *StateBackendArgs) (*kms.Key, error) {
	document, err := keyPolicy(args.Account).JSON(policy.Resource)
	if err != nil {
		return nil, err
	}
	key, err := kms.NewKey(ctx, name+"-secrets", &kms.KeyArgs{
		Description:          pulumi.String(KeyDescription),
		EnableKeyRotation:    pulumi.Bool(true),
		DeletionWindowInDays: pulumi.Int(keyDeletionDays),
		Policy:               pulumi.String(document),
	}, options(s, args.Imports, TokenKey, name+"-secrets", pulumi.Protect(true))...)
	if err != nil {
		return nil, err
	}
	if _, err := kms.NewAlias(ctx, name+"-secrets", &kms.AliasArgs{
		Name:        pulumi.String(keyAlias),
		TargetKeyId: key.KeyId,
	}, options(s, args.Imports, TokenAlias, name+"-secrets")...); err != nil {
		return nil, err
	}
	return key, nil
}
