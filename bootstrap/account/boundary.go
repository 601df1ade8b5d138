package account

import (
	"sentry/internal/aws"
	"sentry/internal/policy"
)

// Boundary caps what the roles that an environment's program creates can ever do, whatever policy the program
// gives them: pull the environment's images, write its logs, read its secrets, use its two private buckets, and
// put metrics (A12, A13).
func Boundary(environment Environment, place Place) policy.Document {
	n := names{place, environment}
	allow := func(resources policy.Strings, actions ...string) policy.Statement {
		return policy.Statement{Effect: "Allow", Action: actions, Resource: resources}
	}
	return policy.Document{Version: policy.Version, Statement: policy.Statements{
		// Neither of the two has a resource to name.
		allow(policy.Strings{"*"}, "cloudwatch:PutMetricData", "ecr:GetAuthorizationToken"),
		allow(n.owned(aws.ECRRepository), "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
		allow(n.owned(aws.CloudWatchLogGroup), "logs:CreateLogStream", "logs:PutLogEvents"),
		allow(policy.Strings{
			n.arn("secretsmanager", "secret:"+product+"/"+n.Name+"/*"),
			n.arn("ssm", "parameter/"+product+"/"+n.Name+"/*"),
		}, "secretsmanager:GetSecretValue", "ssm:GetParameters"),
		allow(n.buckets(artifacts, clips), "s3:GetBucketLocation", "s3:ListBucket"),
		allow(n.objects(artifacts, clips), "s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
	}}
}
