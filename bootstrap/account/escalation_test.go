package account

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sentry/internal/policy/evaluate"
)

func TestNoRoleCanRaiseItself(t *testing.T) {
	for _, e := range environments {
		deploy, preview := rightsOf(t, DeployRights, e), rightsOf(t, PreviewRights, e)
		for _, other := range others(e) {
			for _, attempts := range []map[string]evaluate.Request{
				withRoles(e.Name, other.Name), inTheNetwork(e.Name, other.Name), withData(e.Name, other.Name), withTasks(e.Name, other.Name),
			} {
				for what, r := range attempts {
					assert.NotEqual(t, evaluate.Allowed, deploy.Decide(r), "%s: the deploy role %s", e.Name, what)
					assert.NotEqual(t, evaluate.Allowed, preview.Decide(r), "%s: the preview role %s", e.Name, what)
				}
			}
		}
		elsewhere := request("ec2:DescribeVpcs", "*")
		elsewhere.Context["aws:RequestedRegion"] = []string{"eu-west-1"}
		assert.Equal(t, evaluate.NotMentioned, deploy.Decide(elsewhere), "the deploy role looks around in other regions")
	}
}

const (
	ofIAM = "arn:aws:iam::123456789012:"
	inEC2 = "arn:aws:ec2:us-east-1:123456789012:"
	inECS = "arn:aws:ecs:us-east-1:123456789012:"
	inSSM = "arn:aws:ssm:us-east-1:123456789012:parameter"
	admin = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// withRoles are ways to more rights, for now or for later.
func withRoles(environment, foreign string) map[string]evaluate.Request {
	task, others := ofIAM+"role/sentry-"+environment+"-backend-task-role", ofIAM+"role/sentry-"+foreign+"-backend-task-role"
	own, deploy := ofIAM+"policy/sentry-"+environment+"-boundary", ofIAM+"role/"+DeployRole(environment)
	linked := ofIAM + "role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
	within := func(action, resource, boundary string) evaluate.Request {
		return request(action, resource, "iam:PermissionsBoundary", boundary)
	}
	pass := func(role, service string) evaluate.Request {
		return request("iam:PassRole", role, "iam:PassedToService", service)
	}
	return map[string]evaluate.Request{
		"creates a role":                            within("iam:CreateRole", task, own),
		"creates a role without a boundary":         request("iam:CreateRole", task),
		"creates a role with another boundary":      within("iam:CreateRole", task, admin),
		"creates a role of a free name":             within("iam:CreateRole", ofIAM+"role/sentry-"+environment+"-admin", own),
		"makes a stranger trusted by a task's role": within("iam:UpdateAssumeRolePolicy", task, own),
		"makes room for a role of its own":          within("iam:DeleteRole", task, own),
		"gives rights to a role without a boundary": request("iam:PutRolePolicy", task),
		"gives rights to the other's role":          within("iam:PutRolePolicy", others, own),
		"attaches a policy of AWS":                  within("iam:AttachRolePolicy", task, own),
		"loosens the boundary":                      request("iam:CreatePolicyVersion", own),
		"removes the boundary":                      within("iam:DeleteRolePermissionsBoundary", task, own),
		"deletes the boundary":                      request("iam:DeletePolicy", own),
		"replaces the boundary":                     within("iam:PutRolePermissionsBoundary", task, admin),
		"sets the boundary again":                   within("iam:PutRolePermissionsBoundary", task, own),
		"gives itself rights":                       within("iam:PutRolePolicy", deploy, own),
		"opens itself to others":                    request("iam:UpdateAssumeRolePolicy", deploy),
		"opens the preview role to others":          request("iam:UpdateAssumeRolePolicy", ofIAM+"role/"+PreviewRole(environment)),
		"changes its own policy":                    request("iam:CreatePolicyVersion", ofIAM+"policy/"+DeployRole(environment)+"-service"),
		"hands a role to EC2":                       pass(task, "ec2.amazonaws.com"),
		"hands itself to a task":                    pass(deploy, "ecs-tasks.amazonaws.com"),
		"hands the other's role to a task":          pass(others, "ecs-tasks.amazonaws.com"),
		"makes another service's linked role":       request("iam:CreateServiceLinkedRole", linked, "iam:AWSServiceName", "spot.amazonaws.com"),
		"takes the other's role":                    request("sts:AssumeRole", ofIAM+"role/"+DeployRole(foreign)),
		"makes a user":                              request("iam:CreateUser", ofIAM+"user/someone"),
		"makes a key":                               request("iam:CreateAccessKey", ofIAM+"user/someone"),
		"trusts another identity provider":          request("iam:CreateOpenIDConnectProvider", ofIAM+"oidc-provider/example.com"),
	}
}

// inTheNetwork are ways to claim or use what is another's.
func inTheNetwork(environment, foreign string) map[string]evaluate.Request {
	// of asks about a resource with a tag Environment, or none, and with one in the request, or none.
	of := func(action, resource, tag, requested string) evaluate.Request {
		r := request(action, inEC2+resource)
		if tag != "" {
			r.Context[resourceTag] = []string{tag}
		}
		if requested != "" {
			r.Context[requestTag] = []string{requested}
		}
		return r
	}
	return map[string]evaluate.Request{
		"claims what is the other's":             of("ec2:CreateTags", "vpc/vpc-1", foreign, environment),
		"claims a VPC without a tag":             of("ec2:CreateTags", "vpc/vpc-1", "", environment),
		"claims a group without a tag":           of("ec2:CreateTags", "security-group/sg-1", "", environment),
		"claims the other's group":               of("ec2:CreateTags", "security-group/sg-1", foreign, environment),
		"claims the other's rule":                of("ec2:CreateTags", "security-group-rule/sgr-1", foreign, environment),
		"hands its own to the other":             of("ec2:CreateTags", "vpc/vpc-1", environment, foreign),
		"takes the tag off what is the other's":  of("ec2:DeleteTags", "security-group/sg-1", foreign, ""),
		"puts a subnet into the other's VPC":     of("ec2:CreateSubnet", "vpc/vpc-1", foreign, environment),
		"puts a subnet into a VPC without a tag": of("ec2:CreateSubnet", "vpc/vpc-1", "", environment),
		"puts an endpoint on the other's routes": of("ec2:CreateVpcEndpoint", "route-table/rtb-1", foreign, environment),
		"changes the other's routes":             of("ec2:CreateRoute", "route-table/rtb-1", foreign, ""),
		"opens the other's group":                of("ec2:AuthorizeSecurityGroupIngress", "security-group/sg-1", foreign, environment),
		"opens a group without a tag":            of("ec2:AuthorizeSecurityGroupIngress", "security-group/sg-1", "", environment),
		"empties a group without a tag":          of("ec2:RevokeSecurityGroupIngress", "security-group/sg-1", "", ""),
		"deletes a group without a tag":          of("ec2:DeleteSecurityGroup", "security-group/sg-1", "", ""),
		"creates a VPC as the other":             of("ec2:CreateVpc", "vpc/vpc-1", "", foreign),
		"creates a VPC without a tag":            of("ec2:CreateVpc", "vpc/vpc-1", "", ""),
		"deletes what has no tag":                of("ec2:DeleteVpc", "vpc/vpc-1", "", ""),
	}
}

// withData are ways to what no workflow has to see or lose.
func withData(environment, foreign string) map[string]evaluate.Request {
	clip := "arn:aws:s3:::sentry-" + environment + "-clips-123456789012/1.mp4"
	page := "arn:aws:s3:::sentry-" + environment + "-frontend-123456789012/index.html"
	stolen := request("s3:PutObject", page)
	stolen.Context["aws:ResourceAccount"] = []string{"210987654321"}
	secret := func(context ...string) evaluate.Request { return request("kms:Decrypt", place.KeyARN, context...) }
	return map[string]evaluate.Request{
		"reads private objects":                     request("s3:GetObject", clip),
		"reads old versions of them":                request("s3:GetObjectVersion", clip),
		"plants private objects":                    request("s3:PutObject", clip),
		"deletes private objects":                   request("s3:DeleteObject", clip),
		"deletes their past":                        request("s3:DeleteObjectVersion", clip),
		"empties the past of the front end":         request("s3:DeleteObjectVersion", page),
		"publishes to another account's bucket":     stolen,
		"reads the other's secrets":                 secret("kms:EncryptionContext:stack", foreign),
		"reads secrets of no environment":           secret(),
		"overwrites a secret outside the backend's": request("ssm:PutParameter", inSSM+"/sentry/"+environment+"/database"),
		"reads a parameter beside the release":      request("ssm:GetParameter", inSSM+"/sentry/"+environment+"/backend/db"),
		"reads many of them":                        request("ssm:GetParameters", inSSM+"/sentry/"+environment+"/backend/image2"),
		"reads a secret":                            request("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:sentry/"+environment+"/db-AbCdEf"),
	}
}

// withTasks are ways to run something, or somewhere, that is not the environment's.
func withTasks(environment, foreign string) map[string]evaluate.Request {
	service := inECS + "service/sentry-" + environment + "-cluster/sentry-" + environment + "-backend"
	task, definition := inECS+"task/sentry-"+environment+"-cluster/1", inECS+"task-definition/sentry-"+environment+"-backend:1"
	others := inECS + "task-definition/sentry-" + foreign + "-backend:1"
	attempts := map[string]evaluate.Request{
		"runs a command in a task":             request("ecs:ExecuteCommand", task),
		"runs a task of its own":               request("ecs:RunTask", definition),
		"runs the other's definition":          request("ecs:UpdateService", service, "ecs:task-definition", others),
		"makes a service of it":                request("ecs:CreateService", service, "ecs:task-definition", others),
		"makes a service in the other cluster": request("ecs:CreateService", inECS+"service/sentry-"+foreign+"-cluster/x", "ecs:task-definition", definition),
		"lists the tasks of the other":         request("ecs:ListTasks", "*", "ecs:cluster", inECS+"cluster/sentry-"+foreign+"-cluster"),
	}
	if environment == "staging" { // whose subnets are known
		elsewhere := request("ecs:UpdateService", service, "ecs:task-definition", definition)
		elsewhere.Context["ecs:subnet"] = []string{environments[0].Subnets[0], "subnet-0bb1"}
		attempts["runs its tasks in another's subnet"] = elsewhere
		attempts["makes a service there"] = request("ecs:CreateService", service, "ecs:task-definition", definition, "ecs:subnet", "subnet-0bb1")
	}
	return attempts
}
