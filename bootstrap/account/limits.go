package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

// limit is one way AWS lets an action be narrowed: resources (ARNs), and conditions on top.
type limit struct {
	resources []string
	condition policy.Condition
}

// only is the limit by name alone.
func only(resources ...string) []limit { return []limit{{resources: resources}} }

// inRegion is for actions that AWS ties to no resource; the region is all that can be said.
func inRegion(n names) []limit {
	return []limit{{[]string{"*"}, policy.Condition{"StringEquals": {"aws:RequestedRegion": {n.Region}}}}}
}

// byService says how far the actions of a service can be narrowed for one environment, where that is by more than
// the names in internal/aws; nil leaves an action to those. Several limits are alternatives, or apply to the several
// resources of one call; each becomes part of a statement.
var byService = map[string]func(action string, n names) []limit{
	"ec2": limitsEC2,
	"ecs": limitsECS,
	"iam": limitsIAM,
	"s3":  limitsS3,
	// AWS answers it to everybody; it is here to say that it is called.
	"sts": func(string, names) []limit { return only("*") },
}

func limits(action string, n names) ([]limit, error) {
	service, _, _ := strings.Cut(action, ":")
	if of := byService[service]; of != nil {
		if found := of(action, n); found != nil {
			return found, nil
		}
	}
	if anywhere(action) {
		return inRegion(n), nil
	}
	owned := n.ownedBy(action)
	if len(owned) == 0 {
		return nil, fmt.Errorf("action %s: no type in internal/aws says in Owned what it may be used on", action)
	}
	return only(owned...), nil
}

const (
	resourceTag = "aws:ResourceTag/Environment"
	requestTag  = "aws:RequestTag/Environment"
)

// taggable are the kinds of EC2 resources that the program makes. Their ids are AWS's, so only the tag that
// the provider puts on everything tells the environments apart.
var taggable = []string{"internet-gateway", "network-acl", "route-table", "security-group", "security-group-rule", "subnet", "vpc", "vpc-endpoint"}

// created are the EC2 actions that make a new resource, by its kind, and what else of the environment's they
// touch. The new resource must be born with the environment's tag.
var created = map[string]struct {
	kind    string
	touches []string
}{
	"ec2:CreateInternetGateway": {"internet-gateway", nil},
	"ec2:CreateRouteTable":      {"route-table", []string{"vpc"}},
	"ec2:CreateSecurityGroup":   {"security-group", []string{"vpc"}},
	"ec2:CreateSubnet":          {"subnet", []string{"vpc"}},
	"ec2:CreateVpc":             {"vpc", nil},
	"ec2:CreateVpcEndpoint":     {"vpc-endpoint", []string{"vpc", "route-table"}},
}

func limitsEC2(action string, n names) []limit {
	mine := policy.Condition{"StringEquals": {resourceTag: {n.Name}}}
	if c, ok := created[action]; ok {
		found := []limit{{n.ec2(c.kind), policy.Condition{"StringEquals": {requestTag: {n.Name}}}}}
		if c.touches != nil {
			found = append(found, limit{n.ec2(c.touches...), mine})
		}
		return found
	}
	switch {
	case action == "ec2:DescribeVpcAttribute":
		return only(n.ec2("vpc")...)
	case strings.HasPrefix(action, "ec2:Describe"):
		return inRegion(n)
	case action == "ec2:CreateTags":
		return limitsCreateTags(n)
	case action == "ec2:AuthorizeSecurityGroupEgress", action == "ec2:AuthorizeSecurityGroupIngress":
		return []limit{
			{n.ec2(taggable...), mine},
			// The new rule; the group it goes into is guarded by the line above.
			{n.ec2("security-group-rule"), policy.Condition{"StringEqualsIfExists": {requestTag: {n.Name}}}},
		}
	}
	return []limit{{n.ec2(taggable...), mine}}
}

func limitsCreateTags(n names) []limit {
	births := policy.Strings{"AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"}
	for _, action := range slices.Sorted(maps.Keys(created)) {
		births = append(births, strings.TrimPrefix(action, "ec2:"))
	}
	return []limit{
		// While a resource is being made, which needs the right to make it.
		{n.ec2(taggable...), policy.Condition{"StringEquals": {requestTag: {n.Name}, "ec2:CreateAction": births}}},
		// What the environment has already; it cannot be handed to another one.
		{n.ec2(taggable...), policy.Condition{
			"StringEquals":         {resourceTag: {n.Name}},
			"StringEqualsIfExists": {requestTag: {n.Name}},
		}},
		// New rules are tagged after they were made; the groups that they are in guard them. The VPC's default
		// group is born without a tag, too, but so is every group that is somebody else's: the first deployment of
		// a network is an administrator's.
		{n.ec2("security-group-rule"), policy.Condition{
			"StringEquals": {requestTag: {n.Name}},
			"Null":         {resourceTag: {"true"}},
		}},
	}
}

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
// subnets: ECS puts the tasks there by a role of its own. IfExists and ForAllValues, because an update names only what
// it changes.
func limitsService(n names) []limit {
	condition := policy.Condition{"ArnLikeIfExists": {"ecs:task-definition": n.owned(aws.ECSTaskDefinition)}}
	if len(n.Subnets) > 0 {
		condition["ForAllValues:StringEquals"] = map[string]policy.Strings{"ecs:subnet": n.Subnets}
	}
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
		return []limit{{
			[]string{n.arn("iam", "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")},
			policy.Condition{"StringEquals": {"iam:AWSServiceName": {"ecs.amazonaws.com"}}},
		}}
	}
	return nil
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
