package infra_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
)

var purposes = []string{"frontend", "artifacts", "clips"}

func eachBucket(t *testing.T, purposes []string, test func(*testing.T, deployed, string)) {
	t.Helper()
	each(t, func(t *testing.T, d deployed) {
		for _, purpose := range purposes {
			t.Run(purpose, func(t *testing.T) { test(t, d, d.name("-"+purpose)) })
		}
	})
}

func TestBucketNames(t *testing.T) { // A8, A9, F9
	eachBucket(t, purposes, func(t *testing.T, d deployed, name string) {
		assert.Equal(t, name+"-123456789012", d.inputs(t, aws.S3Bucket, name)["bucket"], "somebody else in the world may have the name")
	})
	each(t, func(t *testing.T, d deployed) { assert.Len(t, d.ByType(aws.S3Bucket), len(purposes)) })
}

func TestBucketSuffix(t *testing.T) { // F9
	d := with(t, map[string]string{"sentry:bucketSuffix": "blue"})
	assert.Equal(t, "sentry-staging-clips-blue", d.inputs(t, aws.S3Bucket, "sentry-staging-clips")["bucket"])
}

func TestBucketVersioning(t *testing.T) { // A10
	eachBucket(t, purposes, func(t *testing.T, d deployed, name string) {
		assert.Equal(t, map[string]any{"status": "Enabled"}, d.inputs(t, aws.S3BucketVersioning, name)["versioningConfiguration"],
			"an overwritten or deleted object cannot be brought back")
	})
}

func TestBucketEncryption(t *testing.T) { // A10
	eachBucket(t, purposes, func(t *testing.T, d deployed, name string) {
		assert.Equal(t, []any{map[string]any{"applyServerSideEncryptionByDefault": map[string]any{"sseAlgorithm": "AES256"}}},
			d.inputs(t, aws.S3BucketServerSideEncryptionConfiguration, name)["rules"])
	})
}

func TestBucketOwnership(t *testing.T) { // A10
	eachBucket(t, purposes, func(t *testing.T, d deployed, name string) {
		assert.Equal(t, map[string]any{"objectOwnership": "BucketOwnerEnforced"}, d.inputs(t, aws.S3BucketOwnershipControls, name)["rule"],
			"ACLs decide who may read an object, not the policy")
	})
}

func TestBucketLifecycle(t *testing.T) { // F11
	eachBucket(t, purposes, func(t *testing.T, d deployed, name string) {
		rules := d.inputs(t, aws.S3BucketLifecycleConfiguration, name)["rules"].([]any)
		require.Len(t, rules, 1)
		rule := rules[0].(map[string]any)
		assert.Equal(t, "Enabled", rule["status"], "the bucket grows for ever")
		assert.Equal(t, map[string]any{"prefix": ""}, rule["filter"], "some objects are left out")
		assert.Equal(t, map[string]any{"noncurrentDays": 30.0}, rule["noncurrentVersionExpiration"], "the bucket grows for ever")
		assert.Equal(t, map[string]any{"daysAfterInitiation": 7.0}, rule["abortIncompleteMultipartUpload"], "broken uploads are paid for ever")
		assert.Nil(t, rule["expiration"], "current objects are deleted")
	})
}

func TestPrivateBucketsBlockPublicAccess(t *testing.T) { // A9
	eachBucket(t, []string{"artifacts", "clips"}, func(t *testing.T, d deployed, name string) {
		block := d.inputs(t, aws.S3BucketPublicAccessBlock, name)
		for _, key := range []string{"blockPublicAcls", "ignorePublicAcls", "blockPublicPolicy", "restrictPublicBuckets"} {
			assert.Equal(t, true, block[key], "%s: one mistaken policy opens the bucket to the world", key)
		}
	})
}

func TestFrontendBlocksACLsOnly(t *testing.T) { // A8
	each(t, func(t *testing.T, d deployed) {
		block := d.inputs(t, aws.S3BucketPublicAccessBlock, d.name("-frontend"))
		assert.Equal(t, true, block["blockPublicAcls"], "an ACL can open single objects")
		assert.Equal(t, true, block["ignorePublicAcls"], "an ACL can open single objects")
		assert.Equal(t, false, block["blockPublicPolicy"], "S3 refuses the website's policy")
		assert.Equal(t, false, block["restrictPublicBuckets"], "visitors get 403")
	})
}

func TestPolicyAndBlockFollowEachOther(t *testing.T) {
	eachBucket(t, purposes, func(t *testing.T, d deployed, name string) {
		policy, block := d.resource(t, aws.S3BucketPolicy, name), d.resource(t, aws.S3BucketPublicAccessBlock, name)
		if isSite := name == d.name("-frontend"); !isSite || block.Inputs.Mappable()["blockPublicPolicy"] == false {
			assert.Contains(t, policy.DependsOn, block.URN, "S3 refuses a public policy while the block stands, and concurrent changes of a bucket's access")
		} else {
			assert.Contains(t, block.DependsOn, policy.URN, "S3 refuses concurrent changes of a bucket's access; and a site that closes to the world "+
				"cannot be read by the distribution for a moment")
		}
	})
}

func TestPrivateBucketPolicy(t *testing.T) { // A9, A10
	eachBucket(t, []string{"artifacts", "clips"}, func(t *testing.T, d deployed, name string) {
		policy := parse[policy](t, d.inputs(t, aws.S3BucketPolicy, name)["policy"])
		objects := "arn:aws:s3:::" + name + "-123456789012/*"
		require.Len(t, policy.Statement, 2)
		assert.Empty(t, policy.actions("Allow"), "the policy opens what it should close")

		transport := policy.Statement[0]
		assert.Equal(t, map[string]map[string]string{"Bool": {"aws:SecureTransport": "false"}}, transport.Condition)
		assert.Equal(t, []string{"s3:*"}, transport.Action, "something works over plain HTTP")
		assert.Equal(t, []string{objects[:len(objects)-2], objects}, transport.Resource, "something works over plain HTTP")
		assert.Equal(t, "*", transport.Principal)

		owner := policy.Statement[1]
		assert.Equal(t, "Deny", owner.Effect)
		assert.Equal(t, "*", owner.Principal)
		assert.Equal(t, []string{
			"s3:BypassGovernanceRetention", "s3:DeleteObject*", "s3:GetObject*", "s3:PutObject*", "s3:Replicate*", "s3:RestoreObject",
		}, owner.Action, "others than the task role read, write or delete, or nobody can manage the bucket any more")
		assert.Equal(t, []string{objects}, owner.Resource)
		assert.Equal(t, map[string]map[string]string{
			"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/sentry-" + d.stack + "-backend-task-role"},
		}, owner.Condition, "the task role is locked out, or others are let in")
		assert.Equal(t, d.resource(t, aws.IAMRole, d.name("-task")).Outputs.Mappable()["arn"], owner.Condition["ArnNotEquals"]["aws:PrincipalArn"],
			"the policy names a role that no task has")
	})
}

func TestWebsite(t *testing.T) { // A8
	each(t, func(t *testing.T, d deployed) {
		website := d.inputs(t, aws.S3BucketWebsiteConfiguration, d.name("-frontend"))
		assert.Equal(t, map[string]any{"suffix": "index.html"}, website["indexDocument"])
		assert.Equal(t, map[string]any{"key": "index.html"}, website["errorDocument"], "a reloaded client-side route is a 404 of S3's")
		require.Len(t, d.ByType(aws.S3BucketWebsiteConfiguration), 1, "a private bucket is served as a website")

		policy := parse[policy](t, d.inputs(t, aws.S3BucketPolicy, d.name("-frontend"))["policy"])
		require.Len(t, policy.Statement, 1)
		assert.Equal(t, "*", policy.Statement[0].Principal)
		assert.Equal(t, []string{"s3:GetObject"}, policy.actions("Allow"), "the world may do more than read objects")
		assert.Equal(t, []string{"arn:aws:s3:::" + d.name("-frontend-123456789012/*")}, policy.Statement[0].Resource)
		assert.Equal(t, "http://"+d.name("-frontend-123456789012.s3-website-us-east-1.amazonaws.com"), d.Outputs["frontendUrl"])
	})
}

func TestFrontendCanBeClosed(t *testing.T) {
	d := with(t, map[string]string{"sentry:publicFrontend": "false"})
	assert.Empty(t, d.ByType(aws.S3BucketWebsiteConfiguration))
	assert.Equal(t, true, d.inputs(t, aws.S3BucketPublicAccessBlock, "sentry-staging-frontend")["blockPublicPolicy"])
	assert.Equal(t, true, d.inputs(t, aws.S3BucketPublicAccessBlock, "sentry-staging-frontend")["restrictPublicBuckets"])
	policy := parse[policy](t, d.inputs(t, aws.S3BucketPolicy, "sentry-staging-frontend")["policy"])
	assert.Empty(t, policy.actions("Allow"), "a closed frontend lets somebody in")
	assert.Equal(t, []string{"s3:*"}, policy.actions("Deny"), "a closed frontend speaks plain HTTP (A10)")
	assert.Equal(t, "", d.Outputs["frontendUrl"])
}

// Backups, malware scans and replication have roles of their own.
func TestFurtherRolesMayUseObjects(t *testing.T) { // A9
	d := with(t, map[string]string{"sentry:objectRoles": `["arn:aws:iam::123456789012:role/backup"]`})
	text := d.inputs(t, aws.S3BucketPolicy, "sentry-staging-clips")["policy"]
	document := parse[struct {
		Statement []struct {
			Sid       string
			Condition map[string]map[string]any
		}
	}](t, text)
	assert.Equal(t, []any{
		"arn:aws:iam::123456789012:role/sentry-staging-backend-task-role", "arn:aws:iam::123456789012:role/backup",
	}, document.Statement[1].Condition["ArnNotEquals"]["aws:PrincipalArn"], "the backup is denied, or the task role is")
	assert.NotContains(t, d.inputs(t, aws.S3BucketPolicy, "sentry-staging-frontend")["policy"], "backup")
}

// E4: a bucket of another name would be another bucket, and the one that holds the data would be deleted.
func TestAdoptedBucketNames(t *testing.T) {
	d := with(t, map[string]string{"sentry:adopted": `{"bucketNames":{"clips":"clips-of-old"}}`})
	assert.Equal(t, "clips-of-old", d.inputs(t, aws.S3Bucket, "sentry-staging-clips")["bucket"])
	assert.Equal(t, "sentry-staging-artifacts-123456789012", d.inputs(t, aws.S3Bucket, "sentry-staging-artifacts")["bucket"])
}

// E4: a site that distributions of another tool read goes dark.
func TestAdoptedDistributions(t *testing.T) {
	const distribution = "arn:aws:cloudfront::123456789012:distribution/E1EXAMPLE"
	d := with(t, map[string]string{"sentry:publicFrontend": "false", "sentry:adopted": `{"distributions":["` + distribution + `"]}`})
	rights := parse[policy](t, d.inputs(t, aws.S3BucketPolicy, "sentry-staging-frontend")["policy"])
	assert.Equal(t, []string{"s3:GetObject"}, rights.actions("Allow"))
	assert.Contains(t, d.inputs(t, aws.S3BucketPolicy, "sentry-staging-frontend")["policy"], distribution)
}
