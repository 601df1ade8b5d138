package account

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
)

func TestTheBoundaryHoldsWhatTheProgramsRolesNeedAndNoMore(t *testing.T) {
	for _, e := range environments {
		boundary := evaluated(t, policy.Identity, Boundary(e, place))
		recording := recordProgram(t, e.Name, map[string]string{
			"sentry:permissionsBoundary": BoundaryName(e.Name),
			"sentry:secrets": `{"DATABASE":"arn:aws:secretsmanager:us-east-1:123456789012:secret:sentry/` + e.Name + `/database-AbCdEf",` +
				`"TOKEN":"arn:aws:ssm:us-east-1:123456789012:parameter/sentry/` + e.Name + `/token"}`,
		})
		policies := recording.ByType("aws:iam/rolePolicy:RolePolicy")
		require.NotEmpty(t, policies)
		for _, r := range policies {
			document, err := policy.Parse(policy.Identity, r.Inputs["policy"].StringValue())
			require.NoError(t, err)
			for _, s := range document.Statement {
				for _, action := range s.Action {
					for _, resource := range s.Resource {
						concrete := resource
						if resource != "*" {
							concrete = strings.ReplaceAll(resource, "*", "x")
						}
						asked := request(action, concrete, "cloudwatch:namespace", MetricsNamespace(e.Name))
						assert.Equal(t, evaluate.Allowed, boundary.Decide(asked),
							"%s: the boundary takes %s on %s from %s", e.Name, action, resource, r.Name)
					}
				}
			}
		}
		for _, other := range others(e) {
			for _, r := range beyondTheBoundary(e.Name, other.Name) {
				assert.Equal(t, evaluate.NotMentioned, boundary.Decide(r), "%s: a role within the boundary can %s on %s", e.Name, r.Action, r.Resource)
			}
		}
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
		request("iam:PassRole", "*"), request("sts:AssumeRole", "*"), request("kms:Decrypt", place.KeyARN), request("ecs:UpdateService", "*"),
	}
}
