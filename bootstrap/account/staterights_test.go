package account

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
)

// stateKeys are the objects of the DIY backend's layout.
func stateKeys(project, stack string) []string {
	p := project + "/" + stack
	return []string{
		".pulumi/stacks/" + p + ".json", ".pulumi/stacks/" + p + ".json.bak", ".pulumi/stacks/" + p + ".json.gz", ".pulumi/stacks/" + p + ".pulumi-tags",
		".pulumi/locks/organization/" + p + "/6a5b1c1e-0d7b-4b5e-a3a0-111111111111.json",
		".pulumi/history/" + p + "/" + stack + "-1700000000000000000.history.json",
		".pulumi/history/" + p + "/" + stack + "-1700000000000000000.checkpoint.json",
		".pulumi/backups/" + p + "/" + stack + ".1700000000000000000.json",
	}
}

func TestWhoMayTouchWhichState(t *testing.T) {
	for _, e := range environments {
		t.Run(e.Name, func(t *testing.T) {
			touchesItsStateOnly(t, rightsOf(t, PreviewRights, e), e, false)
			touchesItsStateOnly(t, rightsOf(t, DeployRights, e), e, true)
		})
	}
}

func touchesItsStateOnly(t *testing.T, rights evaluate.Policies, own Environment, writes bool) {
	t.Helper()
	bucket := "arn:aws:s3:::" + place.StateBucket
	may := func(action, key string) bool {
		return rights.Decide(request(action, bucket+"/"+key)) == evaluate.Allowed
	}
	mayList := func(prefix string) bool {
		return rights.Decide(request("s3:ListBucket", bucket, "s3:prefix", prefix)) == evaluate.Allowed
	}
	for _, e := range environments {
		mine := e.Name == own.Name
		for _, key := range stateKeys(product, e.Name) {
			assert.Equal(t, mine, may("s3:GetObject", key), "reads %s", key)
			assert.Equal(t, mine && writes, may("s3:PutObject", key), "writes %s", key)
			assert.Equal(t, mine && writes, may("s3:DeleteObject", key), "deletes %s", key)
			assert.False(t, may("s3:DeleteObjectVersion", key), "deletes the past of %s", key)
			assert.False(t, may("s3:GetObjectVersion", key), "reads old versions of %s", key)
		}
		for _, prefix := range []string{"stacks/sentry/" + e.Name + ".json", "locks/organization/sentry/" + e.Name + "/", "history/sentry/" + e.Name + "/"} {
			assert.Equal(t, mine, mayList(".pulumi/"+prefix), "lists %s", prefix)
		}
	}
	// Another stack of the same beginning, another project, and this program's own state.
	for _, key := range slices.Concat(stateKeys(product, own.Name+"2"), stateKeys("other", own.Name), stateKeys(Project, Stack)) {
		assert.False(t, may("s3:GetObject", key), "reads %s", key)
		assert.False(t, may("s3:PutObject", key), "writes %s", key)
	}
	assert.True(t, may("s3:GetObject", ".pulumi/meta.yaml"), "cannot open the backend")
	assert.False(t, may("s3:PutObject", ".pulumi/meta.yaml"), "changes the layout for everybody")
	assert.True(t, mayList(".pulumi/stacks/"), "cannot open the backend")
	assert.False(t, mayList(""), "lists the whole bucket")
	assert.Equal(t, evaluate.Allowed, rights.Decide(request("s3:ListBucket", bucket)), "S3 says that an object is forbidden when it does not exist")

	key := func(action string) bool {
		return rights.Decide(request(action, place.KeyARN, "kms:EncryptionContext:stack", own.Name)) == evaluate.Allowed
	}
	assert.True(t, key("kms:Decrypt"), "cannot read the secrets in its state")
	assert.Equal(t, writes, key("kms:Encrypt"))
	for _, action := range []string{"kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy", "kms:CreateGrant"} {
		assert.False(t, key(action), action)
	}
	stolen := request("s3:GetObject", bucket+"/"+stateKeys(product, own.Name)[0])
	stolen.Context["aws:ResourceAccount"] = []string{"210987654321"}
	assert.NotEqual(t, evaluate.Allowed, rights.Decide(stolen), "a bucket of the same name in another account is taken for the state")
	for _, action := range []string{
		"s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration", "s3:PutBucketPublicAccessBlock",
	} {
		assert.Equal(t, evaluate.NotMentioned, rights.Decide(request(action, bucket)), "%s on the state bucket", action)
	}
}

// A key of the team's own encrypts the bucket: S3 may use it for who may use the bucket, and nobody else by these rights.
func TestAKeyForTheStateBucket(t *testing.T) {
	const key = "arn:aws:kms:us-east-1:123456789012:key/2222bbbb"
	recording := mustRecord(t, map[string]string{Project + ":stateKeyArn": key, Project + ":accessLogs": "example-logs"})
	encryption := only1(t, recording, aws.S3BucketServerSideEncryptionConfiguration).Inputs.Mappable()
	assert.Equal(t, map[string]any{"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}, at(encryption, "rules", 0, "applyServerSideEncryptionByDefault"))
	assert.Equal(t, true, at(encryption, "rules", 0, "bucketKeyEnabled"), "the rights below are for the bucket, not for each object")
	logging := only1(t, recording, aws.S3BucketLogging).Inputs.Mappable()
	assert.Equal(t, "example-logs", logging["targetBucket"])
	assert.Equal(t, place.StateBucket+"/", logging["targetPrefix"], "the records of several buckets cannot be told apart")

	own := place
	own.StateKeyARN = key
	for name, rights := range map[string]func(Environment, Place) (map[string]policy.Document, error){"deploy": DeployRights, "preview": PreviewRights} {
		parts, err := rights(environments[0], own)
		require.NoError(t, err)
		may := func(action, bucket, via string) bool {
			return evaluated(t, policy.Identity, slices.Collect(maps.Values(parts))...).Decide(request(action, key,
				"kms:EncryptionContext:aws:s3:arn", "arn:aws:s3:::"+bucket, "kms:ViaService", via)) == evaluate.Allowed
		}
		const s3 = "s3.us-east-1.amazonaws.com"
		assert.True(t, may("kms:Decrypt", place.StateBucket, s3), "%s cannot read its state", name)
		assert.Equal(t, name == "deploy", may("kms:GenerateDataKey", place.StateBucket, s3), "%s and its state", name)
		assert.False(t, may("kms:Decrypt", "another", s3), "%s reads what else the key encrypts", name)
		assert.False(t, may("kms:Decrypt", place.StateBucket, "ec2.us-east-1.amazonaws.com"), "%s uses the key through another service", name)
	}
}
