package account

import (
	"maps"
	"slices"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

func limitsECS(action string, n names) []limit {
	switch action {
	case "ecs:DescribeServiceDeployments":
		return only(append(n.owned(aws.ECSService), n.deployments()...)...)
	case "ecs:CreateService", "ecs:UpdateService":
		return limitsService(n)
	case "ecs:DescribeTasks":
		return only(n.tasks())
	case "ecs:ListTasks":
		// Its resource is the container instance, which Fargate does not have; the cluster is a condition.
		// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html
		return []limit{{[]string{"*"}, policy.Condition{"ArnEquals": {"ecs:cluster": n.owned(aws.ECSCluster)}}}}
	}
	return nil
}

// limitsService keeps an environment's service to the environment's task definitions and, once there are some, to its
// subnets: ECS puts the tasks there by a role of its own. IfExists, because an update names only what it changes.
func limitsService(n names) []limit {
	condition := policy.Condition{"ArnLikeIfExists": {"ecs:task-definition": n.owned(aws.ECSTaskDefinition)}}
	maps.Copy(condition, n.inSubnets("ecs:subnet"))
	return []limit{{n.owned(aws.ECSService), condition}}
}

func limitsIAM(action string, n names) []limit {
	switch action {
	case "iam:PutRolePolicy", "iam:DeleteRolePolicy":
		// A role without the boundary could be given any rights, and then handed to a task.
		return []limit{{n.owned(aws.IAMRole), policy.Condition{"StringEquals": {"iam:PermissionsBoundary": {n.boundary()}}}}}
	case "iam:PassRole":
		return []limit{{n.owned(aws.IAMRole), policy.Condition{"StringEquals": {"iam:PassedToService": {"ecs-tasks.amazonaws.com"}}}}}
	case "iam:CreateServiceLinkedRole":
		return limitsServiceLinkedRoles(n)
	}
	return nil
}

// serviceLinked are the roles that the account's first service, load balancer, scalable target and VPC origin make AWS
// create, by the service that takes them.
var serviceLinked = map[string]string{
	"ecs.amazonaws.com":                         "AWSServiceRoleForECS",
	"ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
	"elasticloadbalancing.amazonaws.com":        "AWSServiceRoleForElasticLoadBalancing",
	"vpcorigin.cloudfront.amazonaws.com":        "AWSServiceRoleForCloudFrontVPCOrigin",
}

func limitsServiceLinkedRoles(n names) []limit {
	services := slices.Sorted(maps.Keys(serviceLinked))
	var roles []string
	for _, service := range services {
		roles = append(roles, n.arn("iam", "role/aws-service-role/"+service+"/"+serviceLinked[service]))
	}
	return []limit{{roles, policy.Condition{"StringEquals": {"iam:AWSServiceName": services}}}}
}

func limitsS3(action string, n names) []limit {
	switch action {
	case "s3:GetObject", "s3:PutObject", "s3:DeleteObject":
		return []limit{{n.objects(frontend), n.ownAccount()}}
	case "s3:CreateBucket":
		// There is no bucket yet whose account AWS could compare.
		return only(n.ownedBy(action)...)
	}
	return []limit{{n.ownedBy(action), n.ownAccount()}}
}

// limitsScaling: what a target scales is in no ARN and no condition, but whoever registers one needs the rights to update
// the service, too.
// https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
func limitsScaling(action string, n names) []limit {
	targets := n.owned(aws.AutoScalingTarget)
	switch {
	case anywhere(action):
		return nil
	case action == "application-autoscaling:TagResource":
		return []limit{{targets, n.tagging()}}
	case action == "application-autoscaling:RegisterScalableTarget":
		first := n.tagging()
		first["StringEquals"]["application-autoscaling:service-namespace"] = policy.Strings{"ecs"}
		return []limit{{targets, first}, {targets, n.mine()}}
	}
	return []limit{{targets, n.mine()}}
}
