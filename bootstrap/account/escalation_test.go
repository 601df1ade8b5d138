package account

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sentry/internal/policy/evaluate"
)

func TestNoRoleCanRaiseItself(t *testing.T) {
	for _, e := range environments {
		deploy := rightsOf(t, DeployRights, e)
		for _, other := range others(e) {
			for what, r := range raises(e.Name, other.Name) {
				assert.Equal(t, evaluate.NotMentioned, deploy.Decide(r), "%s: the deploy role %s", e.Name, what)
			}
		}
		elsewhere := request("ec2:DescribeVpcs", "*")
		elsewhere.Context["aws:RequestedRegion"] = []string{"eu-west-1"}
		assert.Equal(t, evaluate.NotMentioned, deploy.Decide(elsewhere), "the deploy role looks around in other regions")
	}
}

// raises are requests by which an environment's deploy role would get more than it has, or at what is another's.
func raises(environment, foreign string) map[string]evaluate.Request {
	const iam = "arn:aws:iam::123456789012:"
	n := "sentry-" + environment
	own := iam + "policy/" + n + "-boundary"
	taskRole := iam + "role/" + n + "-backend-task-role"
	vpc := "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"
	return map[string]evaluate.Request{
		"creates a role without a boundary":         request("iam:CreateRole", taskRole),
		"creates a role with another boundary":      request("iam:CreateRole", taskRole, "iam:PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess"),
		"creates a role with the other's boundary":  request("iam:CreateRole", taskRole, "iam:PermissionsBoundary", iam+"policy/sentry-"+foreign+"-boundary"),
		"creates a role of a free name":             request("iam:CreateRole", iam+"role/"+n+"-admin", "iam:PermissionsBoundary", own),
		"gives rights to a role without a boundary": request("iam:PutRolePolicy", taskRole),
		"attaches a policy of AWS":                  request("iam:AttachRolePolicy", taskRole, "iam:PermissionsBoundary", own, "iam:PolicyARN", "arn:aws:iam::aws:policy/AdministratorAccess"),
		"loosens the boundary":                      request("iam:CreatePolicyVersion", own),
		"removes the boundary":                      request("iam:DeleteRolePermissionsBoundary", taskRole, "iam:PermissionsBoundary", own),
		"deletes the boundary":                      request("iam:DeletePolicy", own),
		"replaces the boundary":                     request("iam:PutRolePermissionsBoundary", taskRole, "iam:PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess"),
		"gives itself rights":                       request("iam:PutRolePolicy", iam+"role/"+DeployRole(environment), "iam:PermissionsBoundary", own),
		"opens itself to others":                    request("iam:UpdateAssumeRolePolicy", iam+"role/"+DeployRole(environment)),
		"opens the preview role to others":          request("iam:UpdateAssumeRolePolicy", iam+"role/"+PreviewRole(environment)),
		"changes its own policy":                    request("iam:CreatePolicyVersion", iam+"policy/"+DeployRole(environment)+"-service"),
		"hands a role to EC2":                       request("iam:PassRole", taskRole, "iam:PassedToService", "ec2.amazonaws.com"),
		"hands itself to a task":                    request("iam:PassRole", iam+"role/"+DeployRole(environment), "iam:PassedToService", "ecs-tasks.amazonaws.com"),
		"hands the other's role to a task":          request("iam:PassRole", iam+"role/sentry-"+foreign+"-backend-task-role", "iam:PassedToService", "ecs-tasks.amazonaws.com"),
		"makes another service's linked role":       request("iam:CreateServiceLinkedRole", iam+"role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot", "iam:AWSServiceName", "spot.amazonaws.com"),
		"takes the other's role":                    request("sts:AssumeRole", iam+"role/"+DeployRole(foreign)),
		"makes a user":                              request("iam:CreateUser", iam+"user/someone"),
		"makes a key":                               request("iam:CreateAccessKey", iam+"user/someone"),
		"claims what is the other's":                request("ec2:CreateTags", vpc, "aws:RequestTag/Environment", environment, "aws:ResourceTag/Environment", foreign),
		"claims a VPC that is nobody's":             request("ec2:CreateTags", vpc, "aws:RequestTag/Environment", environment),
		"claims the other's group":                  request("ec2:CreateTags", "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1", "aws:RequestTag/Environment", environment, "aws:ResourceTag/Environment", foreign),
		"hands its own to the other":                request("ec2:CreateTags", vpc, "aws:RequestTag/Environment", foreign, "aws:ResourceTag/Environment", environment),
		"puts a subnet into the other's VPC":        request("ec2:CreateSubnet", vpc, "aws:RequestTag/Environment", environment, "aws:ResourceTag/Environment", foreign),
		"puts a subnet into nobody's VPC":           request("ec2:CreateSubnet", vpc, "aws:RequestTag/Environment", environment),
		"puts an endpoint on the other's routes":    request("ec2:CreateVpcEndpoint", "arn:aws:ec2:us-east-1:123456789012:route-table/rtb-1", "aws:RequestTag/Environment", environment, "aws:ResourceTag/Environment", foreign),
		"opens the other's group":                   request("ec2:AuthorizeSecurityGroupIngress", "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1", "aws:RequestTag/Environment", environment, "aws:ResourceTag/Environment", foreign),
		"creates a VPC as the other":                request("ec2:CreateVpc", vpc, "aws:RequestTag/Environment", foreign),
		"creates a VPC without a tag":               request("ec2:CreateVpc", vpc),
		"deletes what has no tag":                   request("ec2:DeleteVpc", vpc),
		"reads private objects":                     request("s3:GetObject", "arn:aws:s3:::"+n+"-clips-123456789012/1.mp4"),
		"empties the past of the front end":         request("s3:DeleteObjectVersion", "arn:aws:s3:::"+n+"-frontend-123456789012/index.html"),
		"runs a command in a task":                  request("ecs:ExecuteCommand", "arn:aws:ecs:us-east-1:123456789012:task/"+n+"-cluster/1"),
		"runs a task of its own":                    request("ecs:RunTask", "arn:aws:ecs:us-east-1:123456789012:task-definition/"+n+"-backend:1"),
		"overwrites a secret outside the backend's": request("ssm:PutParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/sentry/"+environment+"/database"),
		"lists the tasks of the other":              request("ecs:ListTasks", "*", "ecs:cluster", "arn:aws:ecs:us-east-1:123456789012:cluster/sentry-"+foreign+"-cluster"),
	}
}
