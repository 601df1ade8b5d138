package controls

import (
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

// site ends the name of the only bucket that the world may read.
const site = "-frontend"

var bucket = []string{aws.S3Bucket}

func blocked(keys ...string) func(look) bool {
	return func(l look) bool {
		return l.setting(aws.S3BucketPublicAccessBlock, func(o look) bool {
			return !slices.ContainsFunc(keys, func(key string) bool { return o.at(key) != true })
		})
	}
}

// closed: no policy opens it, and none can.
func closed(l look) bool {
	return blocked("blockPublicPolicy", "restrictPublicBuckets")(l) && l.setting(aws.S3BucketPolicy, func(o look) bool {
		return o.each(policy.Resource, "Allow", func(s policy.Statement) bool { return !s.Principal.Everyone && !slices.Contains(s.Principal.AWS, "*") })
	})
}

func onlyTLS(l look) bool {
	return l.setting(aws.S3BucketPolicy, func(o look) bool {
		statements, ok := o.statements(policy.Resource, "policy")
		name := "arn:aws:s3:::" + l.text("bucket")
		return ok && slices.ContainsFunc(statements, func(s policy.Statement) bool {
			return s.Effect == "Deny" && s.Principal.Everyone && slices.Equal(s.Action, policy.Strings{"s3:*"}) && len(s.Condition) == 1 &&
				len(s.Condition["Bool"]) == 1 && slices.Equal(condition(s, "Bool", "aws:SecureTransport"), policy.Strings{"false"}) &&
				slices.Contains(s.Resource, name) && slices.Contains(s.Resource, name+"/*")
		})
	})
}

func encryptedBy(algorithms ...string) func(look) bool {
	return func(l look) bool {
		return l.setting(aws.S3BucketServerSideEncryptionConfiguration, func(o look) bool {
			rule := o.at("rules", 0, "applyServerSideEncryptionByDefault")
			algorithm, _ := at(rule, "sseAlgorithm").(string)
			return slices.Contains(algorithms, algorithm) && (algorithm == "AES256" || at(rule, "kmsMasterKeyId") != nil)
		})
	}
}

// manageable: nothing but missing TLS keeps an administrator from the bucket itself.
func manageable(l look) bool {
	return l.each(policy.Resource, "Deny", func(s policy.Statement) bool {
		return condition(s, "Bool", "aws:SecureTransport") != nil ||
			!slices.ContainsFunc(s.Resource, func(r string) bool { return !strings.HasSuffix(r, "/*") })
	})
}

// tasksOnly: the objects are denied to all but some roles (A9).
func tasksOnly(l look) bool {
	return l.setting(aws.S3BucketPolicy, func(o look) bool {
		statements, ok := o.statements(policy.Resource, "policy")
		return ok && slices.ContainsFunc(statements, func(s policy.Statement) bool {
			return s.Effect == "Deny" && s.Principal.Everyone && len(s.Condition) == 1 && len(condition(s, "ArnNotEquals", "aws:PrincipalArn")) > 0 &&
				slices.Contains(s.Resource, "arn:aws:s3:::"+l.text("bucket")+"/*") &&
				!slices.ContainsFunc([]string{"s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*"}, func(a string) bool { return !slices.Contains(s.Action, a) })
		})
	})
}

const accessLogs = "`sentry:monitoring.accessLogs`"

var buckets = []Control{
	{
		IDs:     "S3.3 CKV_AWS_20 CKV_AWS_53 CKV_AWS_55 CKV_AWS_57 CKV_AWS_375 CKV2_AWS_43 AVD-AWS-0086 AVD-AWS-0091 AVD-AWS-0092 AVD-AWS-0094",
		Demands: "no access list opens a bucket", Types: []string{aws.S3Bucket, aws.S3BucketPublicAccessBlock},
		Why:   "public access blocks of all buckets, also of the public one",
		Holds: blocked("blockPublicAcls", "ignorePublicAcls"),
	},
	{
		IDs:     "S3.2 S3.8 CIS-2.1.4 CKV_AWS_54 CKV_AWS_56 CKV_AWS_70 CKV2_AWS_6 AVD-AWS-0087 AVD-AWS-0093",
		Demands: "no policy opens a bucket to everybody", Types: bucket, Not: site,
		Why: "public access blocks of the state, artifacts and clips", Holds: closed,
	},
	{
		IDs:     "S3.2 S3.8 CKV_AWS_54 CKV_AWS_56 CKV_AWS_70 CKV2_AWS_6 AVD-AWS-0087 AVD-AWS-0093",
		Demands: "… nor the site's", Types: []string{aws.S3Bucket, aws.S3BucketWebsiteConfiguration}, Only: site, Status: ByKey,
		Why: "by default the site is S3's own website (A8), which is free; HTTPS is about $17 a month more",
		Key: "`sentry:https`, or `sentry:publicFrontend: false`", With: map[string]string{"sentry:https": "true"}, Holds: closed,
	},
	{
		IDs: "S3.5 CIS-2.1.1 CKV_AWS_379", Demands: "no plain HTTP", Types: []string{aws.S3Bucket, aws.S3BucketPolicy}, Not: site,
		Why: "a denial in the policies of the state, artifacts and clips", Holds: onlyTLS,
	},
	{
		IDs: "S3.5 CIS-2.1.1 CKV_AWS_379", Demands: "… nor for the site", Types: bucket, Only: site, Status: ByKey,
		Why: "S3's website endpoints speak HTTP only (A10)", Key: "`sentry:https`", With: map[string]string{"sentry:https": "true"}, Holds: onlyTLS,
	},
	{
		IDs: "S3.6", Demands: "no other account in a policy", Types: []string{aws.S3BucketPolicy},
		Why: "the policies name this account's roles, CloudFront, or everybody",
		Holds: func(l look) bool {
			return l.each(policy.Resource, "Allow", func(s policy.Statement) bool {
				return len(s.Principal.AWS)+len(s.Principal.Federated)+len(s.Principal.CanonicalUser) == 0 && s.NotPrincipal.IsZero() &&
					(s.Principal.Everyone || slices.Equal(s.Principal.Service, policy.Strings{"cloudfront.amazonaws.com"})) &&
					slices.Equal(s.Action, policy.Strings{"s3:GetObject"})
			})
		},
	},
	{
		IDs: "A9", Demands: "objects of artifacts and clips are the tasks' alone", Types: bucket, Only: "-artifacts",
		Why: "a denial for all other roles, whatever rights they have", Holds: tasksOnly,
	},
	{
		IDs: "A9", Demands: "… and of clips", Types: bucket, Only: "-clips", Why: "the same", Holds: tasksOnly,
	},
	{
		IDs: "S3.9 CKV_AWS_18 AVD-AWS-0089", Demands: "requests are logged", Types: []string{aws.S3Bucket, aws.S3BucketLogging}, Status: ByKey,
		Why:  "off by default: the records go to a bucket of the team's, and cost what they weigh",
		Key:  accessLogs + "; of the states, bootstrap's `--access-logs`",
		With: map[string]string{"sentry:monitoring": `{"accessLogs":"example-logs"}`, "sentry-bootstrap:accessLogs": "example-logs"},
		Holds: func(l look) bool {
			return l.setting(aws.S3BucketLogging, func(o look) bool { return o.text("targetBucket") != "" })
		},
	},
	{
		IDs: "S3.12 CKV2_AWS_65", Demands: "access lists are off", Types: []string{aws.S3Bucket, aws.S3BucketOwnershipControls},
		Why: "one owner for all objects (A10)",
		Holds: func(l look) bool {
			return l.setting(aws.S3BucketOwnershipControls, func(o look) bool { return o.at("rule", "objectOwnership") == "BucketOwnerEnforced" })
		},
	},
	{
		IDs: "S3.10 S3.13 CKV2_AWS_61 CKV_AWS_300", Demands: "old versions and broken uploads go",
		Types: []string{aws.S3Bucket, aws.S3BucketLifecycleConfiguration}, Why: "lifecycle rules (F11); nothing that is current expires",
		Holds: func(l look) bool {
			return l.setting(aws.S3BucketLifecycleConfiguration, func(o look) bool {
				rule := o.at("rules", 0)
				days, _ := at(rule, "noncurrentVersionExpiration", "noncurrentDays").(float64)
				return o.at("rules", 1) == nil && at(rule, "status") == "Enabled" && at(rule, "expiration") == nil && days >= 30 &&
					at(rule, "abortIncompleteMultipartUpload", "daysAfterInitiation") != nil
			})
		},
	},
	{
		IDs: "S3.14 CKV_AWS_21 AVD-AWS-0090", Demands: "versions are kept", Types: []string{aws.S3Bucket, aws.S3BucketVersioning}, Why: "A10",
		Holds: func(l look) bool {
			return l.setting(aws.S3BucketVersioning, func(o look) bool { return o.at("versioningConfiguration", "status") == "Enabled" })
		},
	},
	{
		IDs: "CKV_AWS_19 AVD-AWS-0088", Demands: "encrypted at rest", Types: []string{aws.S3Bucket, aws.S3BucketServerSideEncryptionConfiguration},
		Why: "AES256 (A10, B1), or a key of one's own", Holds: encryptedBy("AES256", "aws:kms"),
	},
	{
		IDs: "S3.17 CKV_AWS_145 AVD-AWS-0132", Demands: "encrypted with a key of one's own", Types: bucket, Not: site, Status: ByKey,
		Why: "a key is $1 a month, and $0.03 for 10,000 requests", Key: "`sentry:kmsKeyArn`; for the states, bootstrap's `--state-key`",
		With: map[string]string{"sentry:kmsKeyArn": exampleKey, "sentry-bootstrap:stateKeyArn": exampleKey}, Holds: encryptedBy("aws:kms"),
	},
	{
		IDs: "S3.17 CKV_AWS_145 AVD-AWS-0132", Demands: "… and the site", Types: bucket, Only: site, Status: Accepted,
		Why:   "everybody may read it; the world has no right to use a key, so the website would be shut",
		Holds: encryptedBy("aws:kms"),
	},
	{
		IDs: "S3.7 CKV_AWS_144", Demands: "a copy in another region", Types: bucket, Status: Accepted,
		Why: "versions, in three zones, are what is promised. A copy costs the storage again, $0.02 for each GB sent, and a second region to " +
			"run in; `sentry:objectRoles` lets a replication's role in", Holds: never,
	},
	{
		IDs: "S3.11 CKV2_AWS_62", Demands: "events tell of new objects", Types: bucket, Status: Accepted,
		Why: "nothing would listen; CloudTrail's data events, the account's, record the same for $0.10 per 100,000", Holds: never,
	},
	{
		IDs: "S3.15 CKV_AWS_143", Demands: "objects cannot be deleted for a time", Types: bucket, Status: Accepted,
		Why:   "what is locked cannot be deleted on request either, and an environment could not be destroyed",
		Holds: func(l look) bool { return l.at("objectLockEnabled") == true },
	},
	{
		IDs: "S3.20 CIS-2.1.2 AVD-AWS-0170", Demands: "a second factor to delete versions", Types: bucket, Status: Accepted,
		Why: "only the root user can switch it on, with a device in hand, and lifecycle rules exclude it", Holds: never,
	},
	{
		IDs: "CKV_AWS_93", Demands: "a policy locks nobody out of managing a bucket", Types: []string{aws.S3BucketPolicy},
		Why: "denials are about objects, and plain HTTP", Holds: manageable,
	},
	{
		IDs: "AVD-AWS-0320", Demands: "names that TLS certificates cover", Types: bucket, Why: "no dots; adopted buckets keep theirs",
		Holds: func(l look) bool { return !strings.Contains(l.text("bucket"), ".") },
	},
	{
		IDs: "own", Demands: "a bucket is not emptied with the stack, and set by nothing but the resources above", Types: bucket, Why: "`forceDestroy` is never set",
		Holds: absent("forceDestroy", "acl", "grants", "policy", "websites", "corsRules", "loggings", "replicationConfiguration"),
	},
}
