package infra

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// condition is operator → key → value.
type condition map[string]map[string]string

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

// tasksTrust lets ECS assume a role for tasks of this account and region only: without the conditions,
// another account's ECS could be made to use it (F10).
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
func tasksTrust(account Account) policyDocument {
	return policyDocument{Statement: []statement{{
		Effect:    "Allow",
		Principal: servicePrincipal{"ecs-tasks.amazonaws.com"},
		Action:    []string{"sts:AssumeRole"},
		Condition: condition{
			"StringEquals": {"aws:SourceAccount": account.ID},
			"ArnLike":      {"aws:SourceArn": account.arn("ecs", "*")},
		},
	}}}
}

// executionPolicy is what ECS itself needs to start a task (A12). secrets maps environment variables to ARNs.
func executionPolicy(repositoryARN, logGroupARN string, secrets map[string]string) policyDocument {
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
			Resource: []string{repositoryARN},
		},
		{
			Sid:      "WriteLogs",
			Effect:   "Allow",
			Action:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resource: []string{logGroupARN + ":*"},
		},
	}}
	inSecretsManager, inParameterStore := splitSecrets(secrets)
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
func taskPolicy(artifactsARN, clipsARN string) policyDocument {
	return policyDocument{Statement: []statement{
		{
			Sid:      "ListBuckets",
			Effect:   "Allow",
			Action:   []string{"s3:ListBucket"},
			Resource: []string{artifactsARN, clipsARN},
		},
		{
			Sid:      "UseObjects",
			Effect:   "Allow",
			Action:   []string{"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
			Resource: []string{artifactsARN + "/*", clipsARN + "/*"},
		},
		{
			Sid:      "PutMetrics",
			Effect:   "Allow",
			Action:   []string{"cloudwatch:PutMetricData"},
			Resource: []string{anyResource}, // metrics have no ARN
		},
	}}
}

// privateBucketPolicy leaves the objects to the task role alone, whatever rights others have in the account
// (A9), and to encrypted connections (A10). Whoever manages the bucket can still list it, empty it, change
// this policy and delete it: the two denials cover reading and writing only.
func privateBucketPolicy(bucketARN, taskRoleARN string) policyDocument {
	return policyDocument{Statement: []statement{
		denyPlainHTTP(bucketARN),
		{
			Sid:       "TaskRoleOnly",
			Effect:    "Deny",
			Principal: everyone,
			Action:    []string{"s3:GetObject*", "s3:PutObject*", "s3:ReplicateObject"},
			Resource:  []string{bucketARN + "/*"},
			// The ARN of a role is that of all its sessions too.
			Condition: condition{"ArnNotEquals": {"aws:PrincipalArn": taskRoleARN}},
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
		Condition: condition{"Bool": {"aws:SecureTransport": "false"}},
	}
}
