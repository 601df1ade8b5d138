package infra_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
)

// document is the only container of staging's task definition, field by field.
func (d deployed) document(t *testing.T) map[string]any {
	t.Helper()
	text := d.inputs(t, aws.ECSTaskDefinition, "sentry-staging-backend")["containerDefinitions"]
	return parse[[]map[string]any](t, text)[0]
}

func TestPlainVariables(t *testing.T) { // G3
	d := with(t, map[string]string{"sentry:environment": `{"LOG_LEVEL":"debug","WORKERS":4,"VERBOSE":true}`})
	got := map[string]string{}
	for _, v := range d.container(t).Environment {
		got[v.Name] = v.Value
	}
	assert.Equal(t, "debug", got["LOG_LEVEL"])
	assert.Equal(t, "4", got["WORKERS"])
	assert.Equal(t, "true", got["VERBOSE"])
	assert.Equal(t, "8080", got["PORT"], "the program's own variables are lost")
}

func TestHealthCheckLeftToTheLoadBalancer(t *testing.T) { // G4
	for _, container := range []string{`{"healthCheck":"none"}`, `{"healthCheck":{"inContainer":false}}`} {
		d := with(t, map[string]string{"sentry:container": container, "sentry:https": "true"})
		assert.NotContains(t, d.document(t), "healthCheck", "an image without curl and wget never becomes healthy")
		assert.Equal(t, "/health", at(t, d.inputs(t, aws.LBTargetGroup, "sentry-staging-backend"), "healthCheck", "path"))
	}
}

func TestHealthCheckOfOneself(t *testing.T) { // G4
	d := with(t, map[string]string{"sentry:container": `{"healthCheck":{"path":"/up","interval":10,"timeout":3,"retries":5,"startPeriod":120}}`})
	check := d.container(t).HealthCheck
	assert.Contains(t, check.Command[1], "http://127.0.0.1:8080/up ")
	assert.Equal(t, []int{10, 3, 5, 120}, []int{check.Interval, check.Timeout, check.Retries, check.StartPeriod})
}

func TestProcessor(t *testing.T) { // G7
	d := with(t, map[string]string{"sentry:container": `{"cpuArchitecture":"arm64"}`})
	assert.Equal(t, map[string]any{"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
		d.inputs(t, aws.ECSTaskDefinition, "sentry-staging-backend")["runtimePlatform"])
	assert.Equal(t, "ARM64", d.Outputs["cpuArchitecture"], "the pipeline builds an image that does not start")
	assert.Equal(t, "X86_64", with(t, nil).Outputs["cpuArchitecture"])
}

func TestStopTimeout(t *testing.T) { // G4
	assert.NotContains(t, with(t, nil).document(t), "stopTimeout")
	assert.EqualValues(t, 90, with(t, map[string]string{"sentry:container": `{"stopTimeout":90}`}).document(t)["stopTimeout"])
}

func TestHardenedContainer(t *testing.T) { // G10
	plain := with(t, nil).document(t)
	assert.NotContains(t, plain, "readonlyRootFilesystem")
	assert.NotContains(t, plain, "user")

	d := with(t, map[string]string{"sentry:container": `{"readOnlyRootFilesystem":true,"user":1000,"logMode":"blocking"}`})
	assert.Equal(t, true, d.document(t)["readonlyRootFilesystem"])
	assert.Equal(t, "1000", d.document(t)["user"])
	assert.Equal(t, "blocking", at(t, d.document(t), "logConfiguration", "options", "mode"))
	assert.Equal(t, []any{map[string]any{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": false}}, d.document(t)["mountPoints"],
		"temporary files have no place")
	assert.Equal(t, []any{map[string]any{"name": "tmp"}}, d.inputs(t, aws.ECSTaskDefinition, "sentry-staging-backend")["volumes"])

	shell := with(t, map[string]string{"sentry:container": `{"readOnlyRootFilesystem":true}`, "sentry:exec": "true"})
	assert.Len(t, shell.document(t)["mountPoints"], 3, "the agent that opens a shell cannot write its state")
}

func TestShell(t *testing.T) { // G9
	plain := with(t, nil)
	assert.Nil(t, plain.inputs(t, aws.ECSService, "sentry-staging-backend")["enableExecuteCommand"])
	assert.Nil(t, plain.inputs(t, aws.ECSCluster, "sentry-staging-cluster")["configuration"])

	d := with(t, map[string]string{"sentry:exec": "true"})
	assert.Equal(t, true, d.inputs(t, aws.ECSService, "sentry-staging-backend")["enableExecuteCommand"])
	session := at(t, d.inputs(t, aws.ECSCluster, "sentry-staging-cluster"), "configuration", "executeCommandConfiguration")
	assert.Equal(t, "OVERRIDE", at(t, session, "logging"), "what is typed in a shell is not kept")
	assert.Equal(t, "/ecs/sentry-staging-backend", at(t, session, "logConfiguration", "cloudWatchLogGroupName"))
	rights := parse[policy](t, d.inputs(t, aws.IAMRolePolicy, "sentry-staging-task")["policy"])
	assert.Subset(t, rights.actions("Allow"), []string{
		"logs:CreateLogStream", "logs:PutLogEvents", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
		"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
	}, "the shell does not open")
}

func TestOwnKey(t *testing.T) { // G12
	const key = "arn:aws:kms:us-east-1:123456789012:key/0123abcd"
	d := with(t, map[string]string{
		"sentry:kmsKeyArn": key, "sentry:secrets": `{"TOKEN":"arn:aws:ssm:us-east-1:123456789012:parameter/sentry/staging/token"}`,
	})
	for _, purpose := range []string{"artifacts", "clips"} {
		rule := at(t, d.inputs(t, aws.S3BucketServerSideEncryptionConfiguration, "sentry-staging-"+purpose), "rules", 0)
		assert.Equal(t, map[string]any{"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}, at(t, rule, "applyServerSideEncryptionByDefault"))
		assert.Equal(t, true, at(t, rule, "bucketKeyEnabled"), "each object is a request to KMS, at a price")
	}
	site := at(t, d.inputs(t, aws.S3BucketServerSideEncryptionConfiguration, "sentry-staging-frontend"), "rules", 0)
	assert.Equal(t, "AES256", at(t, site, "applyServerSideEncryptionByDefault", "sseAlgorithm"), "the world cannot decrypt the website")
	assert.Equal(t, key, d.inputs(t, aws.CloudWatchLogGroup, "sentry-staging-backend")["kmsKeyId"])
	assert.Equal(t, []any{map[string]any{"encryptionType": "KMS", "kmsKey": key}}, d.inputs(t, aws.ECRRepository, "sentry-staging-backend")["encryptionConfigurations"])
	for role, actions := range map[string][]string{"-task": {"kms:Decrypt", "kms:GenerateDataKey"}, "-execution": {"kms:Decrypt"}} {
		rights := parse[policy](t, d.inputs(t, aws.IAMRolePolicy, "sentry-staging"+role)["policy"])
		found := false
		for _, s := range rights.Statement {
			if s.Action[0] == "kms:Decrypt" {
				found = true
				assert.Equal(t, actions, s.Action)
				assert.Equal(t, []string{key}, s.Resource, "other keys can be used")
			}
		}
		assert.True(t, found, "%s cannot decrypt what it reads", role)
	}
}

// An existing repository keeps its encryption: another one would be another repository, without the images.
func TestImagesOutliveAChangedKey(t *testing.T) { // G12
	assert.Equal(t, []string{"encryptionConfigurations"}, with(t, nil).resource(t, aws.ECRRepository, "sentry-staging-backend").IgnoreChanges)
}

func TestProtection(t *testing.T) { // G12
	protected := func(d deployed) []string {
		var found []string
		for _, r := range d.Resources {
			if r.Protect {
				found = append(found, r.Type+" "+r.Name)
			}
		}
		return found
	}
	assert.Empty(t, protected(with(t, nil)), "staging cannot be destroyed")
	assert.Equal(t, []string{
		aws.CloudWatchLogGroup + " sentry-staging-backend", aws.ECRRepository + " sentry-staging-backend", aws.S3Bucket + " sentry-staging-artifacts",
		aws.S3Bucket + " sentry-staging-clips", aws.S3Bucket + " sentry-staging-frontend",
	}, protected(with(t, map[string]string{"sentry:protect": "true"})), "what holds data can be deleted by mistake, or other things cannot be replaced")
}

func TestFurtherRepositories(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	d := with(t, map[string]string{
		"sentry:imageRepositories": `["ghcr.io/example/backend","111122223333.dkr.ecr.eu-west-1.amazonaws.com/shared/backend"]`,
		"sentry:image":             "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shared/backend" + digest,
	})
	rights := parse[policy](t, d.inputs(t, aws.IAMRolePolicy, "sentry-staging-execution")["policy"])
	for _, s := range rights.Statement {
		if s.Sid == "PullImage" {
			assert.Equal(t, []string{
				"arn:aws:ecr:us-east-1:123456789012:repository/sentry-staging-backend", "arn:aws:ecr:eu-west-1:111122223333:repository/shared/backend",
			}, s.Resource, "the task cannot pull its image, or others")
			return
		}
	}
	require.Fail(t, "no statement allows pulling")
}

func TestFlowLogsAndAccessLogs(t *testing.T) { // G12
	d := with(t, map[string]string{"sentry:https": "true", "sentry:monitoring": `{"flowLogs":"logs-flow","accessLogs":"logs-access"}`})
	flow := d.inputs(t, aws.EC2FlowLog, "sentry-staging-flow")
	assert.Equal(t, "ALL", flow["trafficType"], "refused connections, or accepted ones, are missing")
	assert.Equal(t, "arn:aws:s3:::logs-flow/sentry-staging-flow", flow["logDestination"])
	for _, purpose := range purposes {
		assert.Equal(t, "logs-access", d.inputs(t, aws.S3BucketLogging, "sentry-staging-"+purpose)["targetBucket"])
	}
	assert.Equal(t, map[string]any{"bucket": "logs-access", "prefix": "sentry-staging", "enabled": true},
		d.inputs(t, aws.LBLoadBalancer, "sentry-staging")["accessLogs"])
	assert.Empty(t, with(t, nil).ByType(aws.EC2FlowLog))
}
