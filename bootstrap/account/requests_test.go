package account

import (
	"slices"
	"strings"
	"testing"

	"sentry/internal/policy/evaluate"
	"sentry/internal/sandbox"
)

// A call is what AWS asks its policies for one API call: one request for each resource it touches.
type call []evaluate.Request

func request(action, resource string, context ...string) evaluate.Request {
	r := evaluate.Request{Action: action, Resource: resource, Context: map[string][]string{
		"aws:RequestedRegion": {region}, "aws:PrincipalAccount": {sandbox.AccountID}, "aws:ResourceAccount": {sandbox.AccountID},
	}}
	for i := 0; i < len(context); i += 2 {
		r.Context[context[i]] = []string{context[i+1]}
	}
	return r
}

// asked says what AWS is asked when an action meets the resources of an environment, with names and ids as
// infra/ and AWS give them. It is written down apart from the rights, by AWS's reference.
func asked(t *testing.T, action, environment string) []call {
	t.Helper()
	ec2 := func(kind string) string { return "arn:aws:ec2:us-east-1:123456789012:" + kind + "/" + kind + "-0abc" }
	tagged := func(kind string, more ...string) evaluate.Request {
		return request(action, ec2(kind), append([]string{"aws:ResourceTag/Environment", environment}, more...)...)
	}
	born := func(kind string, more ...string) evaluate.Request {
		return request(action, ec2(kind), append([]string{"aws:RequestTag/Environment", environment}, more...)...)
	}
	n := "sentry-" + environment
	ecs := "arn:aws:ecs:us-east-1:123456789012:"
	cluster, service := ecs+"cluster/"+n+"-cluster", ecs+"service/"+n+"-cluster/"+n+"-backend"
	definition := ecs + "task-definition/" + n + "-backend:7"
	executionRole := "arn:aws:iam::123456789012:role/" + n + "-ecs-task-execution-role"
	taskRole := "arn:aws:iam::123456789012:role/" + n + "-backend-task-role"
	boundary := "arn:aws:iam::123456789012:policy/" + n + "-boundary"
	logGroup := "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/" + n + "-backend"

	one := func(requests ...evaluate.Request) []call { return []call{requests} }
	each := func(resources ...string) []call {
		var calls []call
		for _, resource := range resources {
			calls = append(calls, call{request(action, resource)})
		}
		return calls
	}
	name := action[strings.Index(action, ":")+1:]
	switch action {
	case "ec2:CreateVpc":
		return one(born("vpc"))
	case "ec2:CreateInternetGateway":
		return one(born("internet-gateway"))
	case "ec2:CreateSubnet":
		return one(born("subnet"), tagged("vpc"))
	case "ec2:CreateRouteTable":
		return one(born("route-table"), tagged("vpc"))
	case "ec2:CreateSecurityGroup":
		return one(born("security-group"), tagged("vpc"))
	case "ec2:CreateVpcEndpoint":
		return one(born("vpc-endpoint"), tagged("vpc"), tagged("route-table"))
	case "ec2:AttachInternetGateway", "ec2:DetachInternetGateway":
		return one(tagged("internet-gateway"), tagged("vpc"))
	case "ec2:AssociateRouteTable", "ec2:DisassociateRouteTable", "ec2:ReplaceRouteTableAssociation":
		return one(tagged("route-table"), tagged("subnet"))
	case "ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:DeleteRoute", "ec2:DeleteRouteTable":
		return one(tagged("route-table"))
	case "ec2:ModifyVpcEndpoint":
		return one(tagged("vpc-endpoint"), tagged("route-table"))
	case "ec2:DeleteVpcEndpoints":
		return one(tagged("vpc-endpoint"))
	case "ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress":
		return []call{
			{tagged("security-group")},
			{tagged("security-group"), born("security-group-rule")},
			{tagged("security-group"), request(action, ec2("security-group-rule"))},
		}
	case "ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress", "ec2:DeleteSecurityGroup":
		return one(tagged("security-group"))
	case "ec2:ModifySecurityGroupRules":
		return one(tagged("security-group"), tagged("security-group-rule"))
	case "ec2:ModifyVpcAttribute", "ec2:DeleteVpc":
		return one(tagged("vpc"))
	case "ec2:DescribeVpcAttribute":
		return one(tagged("vpc"))
	case "ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAclEntry":
		return one(tagged("network-acl"))
	case "ec2:ModifySubnetAttribute", "ec2:DeleteSubnet":
		return one(tagged("subnet"))
	case "ec2:DeleteInternetGateway":
		return one(tagged("internet-gateway"))
	case "ec2:CreateTags":
		return []call{
			{born("vpc", "ec2:CreateAction", "CreateVpc")},
			{born("security-group-rule", "ec2:CreateAction", "AuthorizeSecurityGroupIngress")},
			{born("security-group-rule")}, // a rule, after it was made
			{tagged("subnet")},            // some other tag
			{tagged("subnet", "aws:RequestTag/Environment", environment)},
		}
	case "ec2:DeleteTags":
		return one(tagged("subnet"))

	case "s3:GetObject", "s3:PutObject", "s3:DeleteObject":
		return each("arn:aws:s3:::" + n + "-frontend-123456789012/assets/index-4f2a.js")

	case "ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition", "logs:DescribeLogGroups",
		"ssm:DescribeParameters", "sts:GetCallerIdentity":
		return each("*")
	case "ecs:ListTasks":
		return one(request(action, "*", "ecs:cluster", cluster))
	case "ecs:DescribeTasks":
		return each(ecs + "task/" + n + "-cluster/0123456789abcdef0123456789abcdef")
	case "ecs:RegisterTaskDefinition":
		return each(ecs + "task-definition/" + n + "-backend:*")
	case "ecs:CreateService", "ecs:UpdateService":
		whole := request(action, service, "ecs:cluster", cluster, "ecs:task-definition", definition)
		if environment == "staging" {
			whole.Context["ecs:subnet"] = environments[0].Subnets
		}
		return []call{{whole}, {request(action, service, "ecs:cluster", cluster)}} // all of it, and the count alone
	case "ecs:DescribeServices", "ecs:DeleteService", "ecs:ListServiceDeployments":
		return one(request(action, service, "ecs:cluster", cluster))
	case "ecs:DescribeServiceDeployments":
		return one(request(action, service), request(action, ecs+"service-deployment/"+n+"-cluster/"+n+"-backend/xyz"))
	case "ecs:TagResource", "ecs:UntagResource", "ecs:ListTagsForResource":
		return each(cluster, service, definition)

	case "iam:CreateServiceLinkedRole":
		return one(request(action, "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
			"iam:AWSServiceName", "ecs.amazonaws.com"))
	case "iam:PassRole":
		return []call{
			{request(action, executionRole, "iam:PassedToService", "ecs-tasks.amazonaws.com")},
			{request(action, taskRole, "iam:PassedToService", "ecs-tasks.amazonaws.com")},
		}
	case "logs:GetLogEvents":
		return each(logGroup + ":log-stream:ecs/backend/0123456789abcdef")
	}
	switch service := strings.TrimSuffix(action, ":"+name); {
	case service == "ec2" && strings.HasPrefix(name, "Describe"):
		return each("*")
	case service == "s3":
		return each("arn:aws:s3:::"+n+"-frontend-123456789012", "arn:aws:s3:::"+n+"-clips-123456789012")
	case service == "ecr":
		return each("arn:aws:ecr:us-east-1:123456789012:repository/" + n + "-backend")
	case service == "ecs" && strings.HasSuffix(name, "Cluster"), action == "ecs:DescribeClusters":
		return each(cluster)
	case service == "iam":
		return []call{
			{request(action, executionRole, "iam:PermissionsBoundary", boundary)},
			{request(action, taskRole, "iam:PermissionsBoundary", boundary)},
		}
	case service == "logs":
		return each(logGroup, logGroup+":*")
	case service == "ssm":
		return each("arn:aws:ssm:us-east-1:123456789012:parameter/sentry/" + environment + "/backend/image")
	}
	t.Fatalf("this test does not know what AWS is asked for %s: add it", action)
	return nil
}

func allowed(c call, rights evaluate.Policies) bool {
	return !slices.ContainsFunc(c, func(r evaluate.Request) bool { return rights.Decide(r) != evaluate.Allowed })
}
