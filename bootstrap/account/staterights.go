package account

import (
	"strings"

	"sentry/internal/policy"
)

// stateOf is the access to one environment's Pulumi state.
//
// The layout is that of Pulumi's S3 backend, version 1 of .pulumi/meta.yaml: stacks/<project>/<stack>.json
// (.bak, .gz, .pulumi-tags), locks/organization/<project>/<stack>/, history/ and backups/<project>/<stack>/.
func stateOf(n names, write bool) []policy.Statement {
	project := product + "/" + n.Name
	keys := []string{
		".pulumi/stacks/" + project + ".*",
		".pulumi/locks/organization/" + project + "/*",
		".pulumi/history/" + project + "/*",
		".pulumi/backups/" + project + "/*",
	}
	bucket := n.arn("s3", n.StateBucket)
	objects := make([]string, len(keys))
	for i, key := range keys {
		objects[i] = bucket + "/" + key
	}
	prefixes := append(policy.Strings{".pulumi/stacks/", ".pulumi/stacks/" + product + "/"}, keys...)
	decrypts := policy.Strings{"kms:Decrypt"}
	if write {
		decrypts = append(decrypts, "kms:Encrypt")
	}
	own := n.ownAccount()
	statements := []policy.Statement{
		{
			Effect: "Allow", Action: policy.Strings{"s3:GetObject"}, Condition: own,
			Resource: append([]string{bucket + "/.pulumi/meta.yaml"}, objects...),
		},
		{
			Effect: "Allow", Action: policy.Strings{"s3:ListBucket"}, Resource: policy.Strings{bucket},
			// IfExists, because S3 answers a read of a key that does not exist (a stack's tags, a lock that is
			// gone) with "access denied" instead of "not found" unless the bucket may be listed, and such a read
			// has no prefix. The price: names of keys, not their contents, can be listed. .pulumi/stacks/ is
			// listed when the backend opens.
			// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
			Condition: policy.Condition{
				"StringEquals":       own["StringEquals"],
				"StringLikeIfExists": {"s3:prefix": prefixes},
			},
		},
		{
			Effect: "Allow", Action: decrypts, Resource: policy.Strings{n.KeyARN},
			// One key encrypts the secrets of all environments, each with its own name in the context.
			Condition: policy.Condition{"StringEquals": {"kms:EncryptionContext:" + contextKey: {n.Name}}},
		},
	}
	if write {
		statements = append(statements, policy.Statement{
			Effect: "Allow", Action: policy.Strings{"s3:DeleteObject", "s3:PutObject"}, Resource: objects, Condition: own,
		})
	}
	if n.StateKeyARN != "" {
		statements = append(statements, stateKey(n, bucket, write))
	}
	return statements
}

// stateKey lets S3 use the key of the bucket for whoever may use the object. With a bucket key, what S3 encrypts for is
// the bucket.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
func stateKey(n names, bucket string, write bool) policy.Statement {
	actions := policy.Strings{"kms:Decrypt"}
	if write {
		actions = append(actions, "kms:GenerateDataKey")
	}
	region := strings.Split(n.StateKeyARN, ":")[3] // arn:aws:kms:<region>:…; the key is where the bucket is
	return policy.Statement{
		Effect: "Allow", Action: actions, Resource: policy.Strings{n.StateKeyARN},
		Condition: policy.Condition{"StringEquals": {
			"kms:EncryptionContext:aws:s3:arn": {bucket},
			"kms:ViaService":                   {"s3." + region + ".amazonaws.com"},
		}},
	}
}
