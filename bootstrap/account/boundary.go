package account

import (
	"sentry/internal/aws"
	"sentry/internal/policy"
)

// MetricsNamespace is where an environment's backend puts its metrics: in another's they would feed its alarms.
func MetricsNamespace(environment string) string { return product + "/" + environment }

// Boundary caps what the roles of an environment's tasks can ever do, whatever policy a deployment gives them: pull
// the environment's images, write its logs, read its secrets, use its two private buckets, and put its metrics
// (A12, A13).
func Boundary(environment Environment, place Place) policy.Document {
	n := names{place, environment}
	allow := func(resources policy.Strings, condition policy.Condition, actions ...string) policy.Statement {
		return policy.Statement{Effect: "Allow", Action: actions, Resource: resources, Condition: condition}
	}
	metrics := policy.Condition{"StringEquals": {"cloudwatch:namespace": {MetricsNamespace(n.Name)}}}
	return policy.Document{Version: policy.Version, Statement: policy.Statements{
		// Neither of the two has a resource to name.
		allow(policy.Strings{"*"}, nil, "ecr:GetAuthorizationToken"),
		allow(policy.Strings{"*"}, metrics, "cloudwatch:PutMetricData"),
		allow(n.owned(aws.ECRRepository), nil,
			"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
		allow(n.owned(aws.CloudWatchLogGroup), nil, "logs:CreateLogStream", "logs:PutLogEvents"),
		allow(policy.Strings{
			n.arn("secretsmanager", "secret:"+product+"/"+n.Name+"/*"),
			n.arn("ssm", "parameter/"+product+"/"+n.Name+"/*"),
		}, nil, "secretsmanager:GetSecretValue", "ssm:GetParameters"),
		allow(n.buckets(artifacts, clips), n.ownAccount(), "s3:GetBucketLocation", "s3:ListBucket"),
		allow(n.objects(artifacts, clips), n.ownAccount(), "s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
	}}
}
