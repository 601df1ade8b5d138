package aws

// Tokens of the types.
const (
	S3Bucket                                  = "aws:s3/bucketV2:BucketV2"
	S3BucketOwnershipControls                 = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
	S3BucketPublicAccessBlock                 = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	S3BucketVersioning                        = "aws:s3/bucketVersioningV2:BucketVersioningV2"
	S3BucketServerSideEncryptionConfiguration = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"
	S3BucketLifecycleConfiguration            = "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"
	S3BucketPolicy                            = "aws:s3/bucketPolicy:BucketPolicy"
	S3BucketCORSConfiguration                 = "aws:s3/bucketCorsConfigurationV2:BucketCorsConfigurationV2"
	S3BucketLogging                           = "aws:s3/bucketLoggingV2:BucketLoggingV2"
	S3BucketWebsiteConfiguration              = "aws:s3/bucketWebsiteConfigurationV2:BucketWebsiteConfigurationV2"
)

// bucketNames are an environment's buckets.
var bucketNames = []string{"{prefix}-artifacts-{suffix}", "{prefix}-clips-{suffix}", "{prefix}-frontend-{suffix}"}

var s3 = []Type{
	// The read of a bucket asks for everything that was once an argument of the bucket itself.
	{
		Token: S3Bucket, Noun: "S3 Bucket", ID: "{bucket}", Name: "bucket",
		Outputs: "arn=arn:aws:s3:::{bucket} bucketDomainName={bucket}.s3.amazonaws.com region={region} " +
			"bucketRegionalDomainName={bucket}.s3.{region}.amazonaws.com hostedZoneId=Z3AQBSTGFJSTF " +
			"bucketPrefix=empty objectLockEnabled=false requestPayer=BucketOwner",
		Global: true,
		Taken: "BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you " +
			"already own it.",
		Missing: "NoSuchBucket: The specified bucket does not exist",
		Owned:   bucketNames,
		Calls: Calls{
			Create: "s3:CreateBucket s3:PutBucketTagging",
			Read: "s3:ListBucket s3:GetAccelerateConfiguration s3:GetBucketAcl s3:GetBucketCORS " +
				"s3:GetBucketLocation s3:GetBucketLogging s3:GetBucketObjectLockConfiguration s3:GetBucketPolicy " +
				"s3:GetBucketRequestPayment s3:GetBucketTagging s3:GetBucketVersioning s3:GetBucketWebsite " +
				"s3:GetEncryptionConfiguration s3:GetLifecycleConfiguration s3:GetReplicationConfiguration",
			Update: "s3:PutBucketTagging",
			Delete: "s3:DeleteBucket",
		},
		Costs: []Cost{
			{What: "S3 storage: {purpose}", Price: "s3-storage", Usage: "{purpose}-gb"},
			{What: "S3 requests: writes", Price: "s3-writes", Usage: "s3-writes", Once: true},
			{What: "S3 requests: reads", Price: "s3-reads", Usage: "s3-reads", Once: true},
		},
		Drawn: "bucket",
	},
	bucketSetting(S3BucketOwnershipControls, "Ownership Controls", "s3:PutBucketOwnershipControls", "s3:GetBucketOwnershipControls"),
	bucketSetting(S3BucketPublicAccessBlock, "Public Access Block", "s3:PutBucketPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
	bucketSetting(S3BucketVersioning, "Versioning", "s3:PutBucketVersioning", "s3:GetBucketVersioning"),
	bucketSetting(S3BucketServerSideEncryptionConfiguration, "Server-side Encryption Configuration",
		"s3:PutEncryptionConfiguration", "s3:GetEncryptionConfiguration"),
	bucketSetting(S3BucketLifecycleConfiguration, "Lifecycle Configuration",
		"s3:PutLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
	bucketSetting(S3BucketPolicy, "Policy", "s3:PutBucketPolicy", "s3:GetBucketPolicy").deletedBy("s3:DeleteBucketPolicy"),
	bucketSetting(S3BucketCORSConfiguration, "CORS Configuration", "s3:PutBucketCORS", "s3:GetBucketCORS"),
	bucketSetting(S3BucketLogging, "Logging", "s3:PutBucketLogging", "s3:GetBucketLogging"),
	func() Type {
		website := bucketSetting(S3BucketWebsiteConfiguration, "Website Configuration",
			"s3:PutBucketWebsite", "s3:GetBucketWebsite s3:GetBucketLocation").deletedBy("s3:DeleteBucketWebsite")
		website.Outputs = "websiteDomain=s3-website-{region}.amazonaws.com websiteEndpoint={bucket}.s3-website-{region}.amazonaws.com"
		return website
	}(),
}

// bucketSetting is one of the types that configure a bucket: named after it, gone with it.
// What writes it also takes it away, by writing less.
func bucketSetting(token, noun, write, read string) Type {
	return Type{
		Token: token, Noun: "S3 Bucket " + noun, ID: "{bucket}",
		Global: true,
		Refs:   []Ref{{Path: "bucket", To: S3Bucket, Part: true}},
		Owned:  bucketNames,
		Calls:  Calls{Create: write, Read: read, Update: write, Delete: write},
		Free:   "a setting of the bucket",
		Into:   S3Bucket,
	}
}

func (t Type) deletedBy(action string) Type {
	t.Calls.Delete = action
	return t
}
