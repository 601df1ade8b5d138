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
	bucketSetting(S3BucketOwnershipControls, "S3 Bucket Ownership Controls",
		Calls{Create: "s3:PutBucketOwnershipControls", Read: "s3:GetBucketOwnershipControls", Update: "s3:PutBucketOwnershipControls", Delete: "s3:PutBucketOwnershipControls"}),
	bucketSetting(S3BucketPublicAccessBlock, "S3 Bucket Public Access Block",
		Calls{Create: "s3:PutBucketPublicAccessBlock", Read: "s3:GetBucketPublicAccessBlock", Update: "s3:PutBucketPublicAccessBlock", Delete: "s3:PutBucketPublicAccessBlock"}),
	bucketSetting(S3BucketVersioning, "S3 Bucket Versioning",
		Calls{Create: "s3:PutBucketVersioning", Read: "s3:GetBucketVersioning", Update: "s3:PutBucketVersioning", Delete: "s3:PutBucketVersioning"}),
	bucketSetting(S3BucketServerSideEncryptionConfiguration, "S3 Bucket Server-side Encryption Configuration",
		Calls{Create: "s3:PutEncryptionConfiguration", Read: "s3:GetEncryptionConfiguration", Update: "s3:PutEncryptionConfiguration", Delete: "s3:PutEncryptionConfiguration"}),
	bucketSetting(S3BucketLifecycleConfiguration, "S3 Bucket Lifecycle Configuration",
		Calls{Create: "s3:PutLifecycleConfiguration", Read: "s3:GetLifecycleConfiguration", Update: "s3:PutLifecycleConfiguration", Delete: "s3:PutLifecycleConfiguration"}),
	bucketSetting(S3BucketPolicy, "S3 Bucket Policy",
		Calls{Create: "s3:PutBucketPolicy", Read: "s3:GetBucketPolicy", Update: "s3:PutBucketPolicy", Delete: "s3:DeleteBucketPolicy"}),
	bucketSetting(S3BucketCORSConfiguration, "S3 Bucket CORS Configuration",
		Calls{Create: "s3:PutBucketCORS", Read: "s3:GetBucketCORS", Update: "s3:PutBucketCORS", Delete: "s3:PutBucketCORS"}),
	bucketSetting(S3BucketLogging, "S3 Bucket Logging",
		Calls{Create: "s3:PutBucketLogging", Read: "s3:GetBucketLogging", Update: "s3:PutBucketLogging", Delete: "s3:PutBucketLogging"}),
	func() Type {
		website := bucketSetting(S3BucketWebsiteConfiguration, "S3 Bucket Website Configuration", Calls{
			Create: "s3:PutBucketWebsite", Read: "s3:GetBucketWebsite s3:GetBucketLocation",
			Update: "s3:PutBucketWebsite", Delete: "s3:DeleteBucketWebsite",
		})
		website.Outputs = "websiteDomain=s3-website-{region}.amazonaws.com websiteEndpoint={bucket}.s3-website-{region}.amazonaws.com"
		return website
	}(),
}

// bucketSetting is one of the types that configure a bucket: named after it, gone with it.
func bucketSetting(token, noun string, calls Calls) Type {
	return Type{
		Token: token, Noun: noun, ID: "{bucket}",
		Global: true,
		Refs:   []Ref{{Path: "bucket", To: S3Bucket, Part: true}},
		Owned:  bucketNames,
		Calls:  calls,
		Free:   "a setting of the bucket",
		Into:   S3Bucket,
	}
}
