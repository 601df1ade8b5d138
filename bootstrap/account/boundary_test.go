package account

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/fixture"
	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
	"sentry/internal/sandbox"
)

// Whatever a stack file switches on, the tasks' roles get their rights, once bootstrap has run again.
func TestTheBoundaryHoldsWhatTheProgramsRolesNeed(t *testing.T) {
	for _, settings := range fixture.Settings() {
		settings := fixture.Configuration(settings...)
		for _, e := range environments {
			if settings["sentry:secrets"] != "" {
				settings["sentry:secrets"] = `{"DATABASE":"arn:aws:secretsmanager:us-east-1:123456789012:secret:sentry/` + e.Name +
					`/database-AbCdEf","TOKEN":"arn:aws:ssm:us-east-1:123456789012:parameter/sentry/` + e.Name + `/token"}`
			}
			described, err := EnvironmentOf(e.Name, settings)
			require.NoError(t, err)
			described.Region = e.Region
			settings["sentry:permissionsBoundary"] = BoundaryName(e.Name)
			boundary := evaluated(t, policy.Identity, Boundary(described, place))
			policies := recordProgram(t, e.Name, settings).ByType(aws.IAMRolePolicy)
			require.NotEmpty(t, policies)
			for _, r := range policies {
				for _, asked := range needed(t, r, e.Name) {
					assert.Equal(t, evaluate.Allowed, boundary.Decide(asked),
						"%s with %v: the boundary takes %s on %s from %s", e.Name, settings, asked.Action, asked.Resource, r.Name)
				}
			}
		}
	}
}

// needed are all requests that a role's policy is written for.
func needed(t *testing.T, r sandbox.Resource, environment string) []evaluate.Request {
	t.Helper()
	document, err := policy.Parse(policy.Identity, r.Inputs["policy"].StringValue())
	require.NoError(t, err)
	var all []evaluate.Request
	for _, s := range document.Statement {
		for _, action := range s.Action {
			for _, resource := range s.Resource {
				concrete := resource
				if resource != "*" {
					concrete = strings.ReplaceAll(resource, "*", "x")
				}
				all = append(all, request(action, concrete, "cloudwatch:namespace", MetricsNamespace(environment)))
			}
		}
	}
	return all
}

func TestTheBoundaryHoldsNoMore(t *testing.T) {
	for _, e := range environments {
		boundary := evaluated(t, policy.Identity, Boundary(e, place))
		for _, other := range others(e) {
			for _, r := range beyondTheBoundary(e.Name, other.Name) {
				assert.Equal(t, evaluate.NotMentioned, boundary.Decide(r), "%s: a role within the boundary can %s on %s", e.Name, r.Action, r.Resource)
			}
		}
		shared := request("ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:111122223333:repository/shared/backend")
		assert.Equal(t, len(e.ImageRepositories) > 0, boundary.Decide(shared) == evaluate.Allowed, "%s pulls from where its images come from", e.Name)
		shell := request("ssmmessages:OpenDataChannel", "*")
		assert.Equal(t, e.Exec, boundary.Decide(shell) == evaluate.Allowed, "%s: a deployment decides who gets a shell", e.Name)
	}
}

func beyondTheBoundary(environment, foreign string) []evaluate.Request {
	const inSecrets = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sentry/"
	clips := "arn:aws:s3:::sentry-" + environment + "-clips-123456789012"
	stolen := request("s3:PutObject", clips+"/1.mp4")
	stolen.Context["aws:ResourceAccount"] = []string{"210987654321"}
	return []evaluate.Request{
		request("s3:GetObject", "arn:aws:s3:::sentry-"+foreign+"-clips-123456789012/1.mp4"),
		request("s3:PutObject", "arn:aws:s3:::sentry-"+environment+"-frontend-123456789012/index.html"),
		request("s3:GetObject", clips+"-evil/1.mp4"), stolen,
		request("s3:GetObject", "arn:aws:s3:::"+place.StateBucket+"/.pulumi/stacks/sentry/"+environment+".json"),
		request("secretsmanager:GetSecretValue", inSecrets+foreign+"/database-AbCdEf"),
		request("ssm:GetParameters", inSSM+"/sentry/"+foreign+"/database"),
		request("cloudwatch:PutMetricData", "*"),
		request("cloudwatch:PutMetricData", "*", "cloudwatch:namespace", MetricsNamespace(foreign)),
		request("cloudwatch:PutMetricData", "*", "cloudwatch:namespace", "AWS/ECS"),
		request("iam:PassRole", "*"), request("sts:AssumeRole", "*"), request("kms:Decrypt", place.KeyARN),
		request("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/ffff"), request("kms:CreateGrant", "arn:aws:kms:us-east-1:123456789012:key/0123abcd"),
		request("ecr:BatchGetImage", "arn:aws:ecr:us-east-1:123456789012:repository/sentry-"+foreign+"-backend"), request("ecs:UpdateService", "*"),
	}
}
