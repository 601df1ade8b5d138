package infra

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"

	"sentry/infra/config"
)

// policyDocument is an IAM or S3 policy.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type policyDocument struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

type statement struct {
	Sid       string    `json:"Sid,omitempty"`
	Effect    string    `json:"Effect"`
	Principal any       `json:"Principal,omitempty"` // everyone or a servicePrincipal
	Action    []string  `json:"Action"`
	Resource  []string  `json:"Resource,omitempty"` // none in a trust policy
	Condition condition `json:"Condition,omitempty"`
}

type servicePrincipal struct {
	Service string `json:"Service"`
}

// condition is operator → key → values.
type condition map[string]map[string]values

// values are written as one text where they are one: the form in which AWS returns them.
type values []string

// MarshalJSON implements json.Marshaler.
func (v values) MarshalJSON() ([]byte, error) {
	if len(v) == 1 {
		return json.Marshal(v[0])
	}
	return json.Marshal([]string(v))
}

const (
	policyVersion = "2012-10-17"
	everyone      = "*"
	// anyResource stands only where AWS has no resource to name; each use says so.
	anyResource = "*"
)

func (p policyDocument) json() (string, error) {
	p.Version = policyVersion
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("marshal a policy: %w", err)
	}
	return string(text), nil
}

// documentOf is a policy about a resource whose ARN is known once it exists.
func documentOf(arn pulumi.StringOutput, build func(arn string) policyDocument) pulumi.StringOutput {
	return pulumix.Cast[pulumi.StringOutput](pulumix.ApplyErr(arn, func(arn string) (string, error) {
		return build(arn).json()
	}))
}

// tasksTrust lets ECS assume a role for tasks of this account and region only: without the conditions,
// another account's ECS could be made to use it (F10).
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
func tasksTrust(account Account) policyDocument {
	return policyDocument{Statement: []statement{{
		Effect:    "Allow",
		Principal: servicePrincipal{"ecs-tasks.amazonaws.com"},
		Action:    []string{"sts:AssumeRole"},
		Condition: condition{
			"StringEquals": {"aws:SourceAccount": {account.ID}},
			"ArnLike":      {"aws:SourceArn": {account.arn("ecs", "*")}},
		},
	}}}
}

// executionPolicy is what ECS itself needs to start a task (A12).
func executionPolicy(repositoryARN, logGroup string, args *ServiceArgs) policyDocument {
	policy := policyDocument{Statement: []statement{
		{
			Sid:      "LogInToECR",
			Effect:   "Allow",
			Action:   []string{"ecr:GetAuthorizationToken"},
			Resource: []string{anyResource}, // the token is the registry's, AWS has no resource for it
		},
		{
			Sid:      "PullImage",
			Effect:   "Allow",
			Action:   []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
			Resource: append([]string{repositoryARN}, repositoryARNs(args.ImageRepositories, args.Account)...),
		},
		{
			Sid:      "WriteLogs",
			Effect:   "Allow",
			Action:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resource: []string{args.Account.arn("logs", "log-group:"+logGroup) + ":*"},
		},
	}}
	if args.KMSKeyARN != "" && len(args.Secrets) > 0 {
		policy.Statement = append(policy.Statement, statement{
			Sid: "DecryptSecrets", Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: []string{args.KMSKeyARN},
		})
	}
	inSecretsManager, inParameterStore := splitSecrets(args.Secrets)
	if len(inSecretsManager) > 0 {
		policy.Statement = append(policy.Statement, statement{
			Sid: "ReadSecrets", Effect: "Allow", Action: []string{"secretsmanager:GetSecretValue"}, Resource: inSecretsManager,
		})
	}
	if len(inParameterStore) > 0 {
		policy.Statement = append(policy.Statement, statement{
			Sid: "ReadParameters", Effect: "Allow", Action: []string{"ssm:GetParameters"}, Resource: inParameterStore,
		})
	}
	return policy
}

// splitSecrets sorts the values' ARNs into those of Secrets Manager and those of SSM Parameter Store, each once. A
// secret's ARN may end in :<JSON key>:<version stage>:<version id>, which is not a part of the resource.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
func splitSecrets(secrets map[string]string) (inSecretsManager, inParameterStore []string) {
	for _, arn := range slices.Sorted(maps.Values(secrets)) {
		parts := strings.Split(arn, ":")
		if parts[2] == "ssm" {
			inParameterStore = append(inParameterStore, arn)
		} else {
			inSecretsManager = append(inSecretsManager, strings.Join(parts[:min(7, len(parts))], ":"))
		}
	}
	return slices.Compact(inSecretsManager), slices.Compact(inParameterStore)
}

// taskPolicy is what the backend may do, and nothing else (A13).
func taskPolicy(artifactsARN, clipsARN, logGroup string, args *ServiceArgs) policyDocument {
	policy := policyDocument{Statement: []statement{
		{
			Sid:      "ListBuckets",
			Effect:   "Allow",
			Action:   []string{"s3:ListBucket"},
			Resource: []string{artifactsARN, clipsARN},
			// A stranger could have made a bucket of that name, had ours been deleted.
			Condition: condition{"StringEquals": {"aws:ResourceAccount": {args.Account.ID}}},
		},
		{
			Sid:       "UseObjects",
			Effect:    "Allow",
			Action:    []string{"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
			Resource:  []string{artifactsARN + "/*", clipsARN + "/*"},
			Condition: condition{"StringEquals": {"aws:ResourceAccount": {args.Account.ID}}},
		},
		{
			Sid:       "PutMetrics",
			Effect:    "Allow",
			Action:    []string{"cloudwatch:PutMetricData"},
			Resource:  []string{anyResource}, // metrics have no ARN
			Condition: condition{"StringEquals": {"cloudwatch:namespace": {config.MetricsNamespace(args.Stack)}}},
		},
	}}
	if args.KMSKeyARN != "" {
		policy.Statement = append(policy.Statement, statement{
			Sid: "EncryptObjects", Effect: "Allow", Action: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resource: []string{args.KMSKeyARN},
		})
	}
	if args.Exec {
		policy.Statement = append(policy.Statement, shell(args.Account.arn("logs", "log-group:"+logGroup))...)
	}
	return policy
}

// shell is what the agent of ECS Exec needs (G9).
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
func shell(logGroupARN string) []statement {
	return []statement{
		{
			Sid:    "OpenShell",
			Effect: "Allow",
			Action: []string{
				"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
			},
			Resource: []string{anyResource}, // channels have no ARN
		},
		{
			Sid:      "FindSessionLog",
			Effect:   "Allow",
			Action:   []string{"logs:DescribeLogGroups"},
			Resource: []string{anyResource}, // the list of all groups has no ARN
		},
		{
			Sid:      "LogSession",
			Effect:   "Allow",
			Action:   []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
			Resource: []string{logGroupARN + ":*"},
		},
	}
}

// repositoryARNs are the ARNs of those repositories that are ECR's: the others let in whoever they want.
func repositoryARNs(repositories []string, account Account) []string {
	var arns []string
	for _, repository := range repositories {
		registry, name, _ := strings.Cut(repository, "/")
		// <account>.dkr.ecr.<region>.amazonaws.com
		if parts := strings.Split(registry, "."); len(parts) >= 6 && parts[1] == "dkr" && parts[2] == "ecr" {
			arns = append(arns, strings.Join([]string{"arn", account.Partition, "ecr", parts[3], parts[0], "repository/" + name}, ":"))
		}
	}
	return arns
}

// privateBucketPolicy leaves the objects and their versions to some roles alone, whatever rights others have in the
// account (A9), and to encrypted connections (A10). Whoever manages the bucket can still list it, change this policy and
// delete it when it is empty; docs/environments.md says how it gets empty.
func privateBucketPolicy(bucketARN string, roleARNs []string) policyDocument {
	return policyDocument{Statement: []statement{
		denyPlainHTTP(bucketARN),
		{
			Sid:       "TaskRoleOnly",
			Effect:    "Deny",
			Principal: everyone,
			Action: []string{
				"s3:BypassGovernanceRetention", "s3:DeleteObject*", "s3:GetObject*", "s3:PutObject*", "s3:Replicate*", "s3:RestoreObject",
			},
			Resource: []string{bucketARN + "/*"},
			// The ARN of a role is that of all its sessions too.
			Condition: condition{"ArnNotEquals": {"aws:PrincipalArn": roleARNs}},
		},
	}}
}

// repositoryPolicy opens the repository to no other account, whatever is added to it by hand: what the account's own
// principals may do, their own policies say. AWS's services, which scan images, belong to no account.
func repositoryPolicy(accountID string) policyDocument {
	return policyDocument{Statement: []statement{{
		Sid:       "OwnAccountOnly",
		Effect:    "Deny",
		Principal: everyone,
		Action:    []string{"ecr:*"},
		Condition: condition{
			"StringNotEquals": {"aws:PrincipalAccount": {accountID}},
			"Bool":            {"aws:PrincipalIsAWSService": {"false"}},
		},
	}}}
}

// endpointPolicy lets the network reach the account's own buckets, and the one that ECR keeps the layers of images in:
// a task that was taken over cannot carry data out through S3.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
func endpointPolicy(account Account) policyDocument {
	return policyDocument{Statement: []statement{
		{
			Sid:       "OwnBuckets",
			Effect:    "Allow",
			Principal: everyone,
			Action:    []string{"s3:*"},
			Resource:  []string{anyResource}, // which the condition narrows
			Condition: condition{"StringEquals": {"aws:ResourceAccount": {account.ID}}},
		},
		{
			Sid:       "ImageLayers",
			Effect:    "Allow",
			Principal: everyone,
			Action:    []string{"s3:GetObject"},
			Resource:  []string{account.bucketARN("prod-"+account.Region+"-starport-layer-bucket") + "/*"},
		},
	}}
}

// topicPolicy lets alarms of this account, and events, be published. A condition on EventBridge would be ignored or
// refused: it says of itself only that it is EventBridge.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
func topicPolicy(topicARN, accountID string) policyDocument {
	return policyDocument{Statement: []statement{
		{
			Sid:       "Alarms",
			Effect:    "Allow",
			Principal: servicePrincipal{"cloudwatch.amazonaws.com"},
			Action:    []string{"sns:Publish"},
			Resource:  []string{topicARN},
			Condition: condition{"StringEquals": {"aws:SourceAccount": {accountID}}},
		},
		{
			Sid:       "Events",
			Effect:    "Allow",
			Principal: servicePrincipal{"events.amazonaws.com"},
			Action:    []string{"sns:Publish"},
			Resource:  []string{topicARN},
		},
	}}
}

// websitePolicy lets the world read the objects, and nothing else: not list them (A8).
func websitePolicy(bucketARN string) policyDocument {
	return policyDocument{Statement: []statement{{
		Sid:       "PublicRead",
		Effect:    "Allow",
		Principal: everyone,
		Action:    []string{"s3:GetObject"},
		Resource:  []string{bucketARN + "/*"},
	}}}
}

// distributedPolicy lets some distributions read the objects.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
func distributedPolicy(bucketARN string, distributionARNs []string) policyDocument {
	return policyDocument{Statement: []statement{
		denyPlainHTTP(bucketARN),
		{
			Sid:       "DistributionReads",
			Effect:    "Allow",
			Principal: servicePrincipal{"cloudfront.amazonaws.com"},
			Action:    []string{"s3:GetObject"},
			Resource:  []string{bucketARN + "/*"},
			Condition: condition{"StringEquals": {"aws:SourceArn": distributionARNs}},
		},
	}}
}

// closedWebsitePolicy is the frontend bucket's while it is not public.
func closedWebsitePolicy(bucketARN string) policyDocument {
	return policyDocument{Statement: []statement{denyPlainHTTP(bucketARN)}}
}

func denyPlainHTTP(bucketARN string) statement {
	return statement{
		Sid:       "EncryptedConnectionsOnly",
		Effect:    "Deny",
		Principal: everyone,
		Action:    []string{"s3:*"},
		Resource:  []string{bucketARN, bucketARN + "/*"},
		Condition: condition{"Bool": {"aws:SecureTransport": {"false"}}},
	}
}
