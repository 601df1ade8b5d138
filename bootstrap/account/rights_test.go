package account

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sentry/infra"
	"sentry/internal/policy"
	"sentry/internal/sandbox"
)

const (
	region     = "us-east-1"
	repository = "octo-org/sentry"
	root       = "../.."
)

var place = Place{
	Account: sandbox.AccountID, Region: region,
	StateBucket: BucketName(sandbox.AccountID),
	KeyARN:      "arn:aws:kms:us-east-1:123456789012:key/1111aaaa-22bb-33cc-44dd-5555eeee6666",
}

// recordProgram runs infra/ with the real stack file, and settings on top, under the mocks.
func recordProgram(t *testing.T, environment string, settings map[string]string) *sandbox.Recording {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Pulumi."+environment+".yaml"))
	require.NoError(t, err)
	var file struct{ Config map[string]any }
	require.NoError(t, yaml.Unmarshal(text, &file))
	config := map[string]string{}
	for key, value := range file.Config {
		if plain, ok := value.(string); ok {
			config[key] = plain
			continue
		}
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		config[key] = string(encoded)
	}
	maps.Copy(config, settings)
	recording, err := sandbox.Record(infra.DeployIn(root), sandbox.MockOptions{Project: product, Stack: environment, Config: config})
	require.NoError(t, err)
	return recording
}

func TestTheTableKnowsWhatTheProgramRegisters(t *testing.T) {
	for _, environment := range Environments {
		used := map[string]bool{"aws:index/getCallerIdentity:getCallerIdentity": true} // a function, which no recording shows
		for _, r := range recordProgram(t, environment, nil).Resources {
			if strings.HasPrefix(r.Type, "sentry:infra:") {
				continue // a component of infra/ calls nothing itself
			}
			used[r.Type] = true
			assert.Contains(t, programCalls, r.Type,
				"%s registers %s, which bootstrap/account/calls.go does not know: the deploy role may not create it", environment, r.Name)
		}
		for token := range programCalls {
			assert.Contains(t, used, token, "the deploy role has rights for a type that %s does not use", environment)
		}
	}
}

type fact struct {
	level string
	kinds []string
}

// facts are AWS's own words about the actions.
func facts(t *testing.T) map[string]fact {
	t.Helper()
	file, err := os.Open("testdata/actions.tsv")
	require.NoError(t, err)
	defer file.Close()
	found := map[string]fact{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		columns := strings.Split(lines.Text(), "\t")
		require.Len(t, columns, 3, lines.Text())
		f := fact{level: columns[1]}
		if columns[2] != "-" {
			f.kinds = strings.Fields(columns[2])
		}
		found[columns[0]] = f
	}
	return found
}

// documents are all policies that the program writes, by name.
func documents(t *testing.T) map[string]policy.Document {
	t.Helper()
	all := map[string]policy.Document{}
	for _, environment := range Environments {
		parts, err := DeployRights(environment, place)
		require.NoError(t, err)
		for file, document := range parts {
			all[DeployRole(environment)+"-"+file] = document
		}
		all[BoundaryName(environment)] = Boundary(environment, place)
	}
	read, err := PreviewRights(place)
	require.NoError(t, err)
	all[PreviewRole+"-read"] = read
	return all
}

func rightsOf(t *testing.T, role string) []policy.Document {
	t.Helper()
	var found []policy.Document
	for name, document := range documents(t) {
		if strings.HasPrefix(name, role+"-") {
			found = append(found, document)
		}
	}
	require.NotEmpty(t, found)
	return found
}

func TestEveryActionExistsAndIsNarrowedAsFarAsAWSAllows(t *testing.T) {
	known := facts(t)
	exceptions := map[string]string{
		"ecs:ListTasks":            "its resource is the container instance, which Fargate lacks; limited by cluster",
		"cloudwatch:PutMetricData": "its resource is a dataset, which metrics without one lack; a boundary, not a grant",
	}
	used := map[string]bool{}
	for name, document := range documents(t) {
		for _, s := range document.Statement {
			assert.Equal(t, "Allow", s.Effect)
			anywhere := slices.Equal(s.Resource, policy.Strings{"*"})
			assert.True(t, anywhere || !slices.Contains(s.Resource, "*"), "%s: * among resources", name)
			for _, action := range s.Action {
				used[action] = true
				f, ok := known[action]
				if !assert.True(t, ok, "%s: %s is not an action of AWS's reference; API operations are not always actions", name, action) {
					continue
				}
				if _, excepted := exceptions[action]; !excepted {
					assert.Equal(t, len(f.kinds) == 0, anywhere, "%s: %s on %v, but AWS knows the resources %v", name, action, s.Resource, f.kinds)
				}
				if anywhere && action != "sts:GetCallerIdentity" && !strings.HasSuffix(name, "-boundary") {
					assert.NotEmpty(t, s.Condition, "%s: %s anywhere, without even a region", name, action)
				}
				if strings.HasPrefix(name, PreviewRole) && action != "kms:Decrypt" {
					assert.Contains(t, []string{"Read", "List"}, f.level, "%s: %s changes something", name, action)
				}
				service, _, _ := strings.Cut(action, ":")
				if !strings.HasSuffix(name, "-boundary") {
					assert.Contains(t, references, service)
				}
				for _, resource := range s.Resource {
					if !anywhere && service != "kms" && !strings.HasSuffix(name, "-boundary") {
						assert.Equal(t, service, strings.Split(resource, ":")[2], "%s: %s on a resource of another service", name, action)
					}
				}
			}
		}
	}
	for action := range known {
		assert.True(t, used[action], "testdata/actions.tsv has %s, which no policy names", action)
	}
}

func TestAnUnknownServiceIsAnErrorNotAWildcard(t *testing.T) {
	_, err := grant([]string{"rds:CreateDBInstance"}, names{place, "staging"})
	assert.EqualError(t, err, `action "rds:CreateDBInstance": its service is not in the table of limits; add it there`)
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestPoliciesFitIAMsLimits(t *testing.T) {
	const managed, trust, attached = 6144, 2048, 10
	perRole := map[string]int{}
	for name, document := range documents(t) {
		text, err := document.JSON()
		require.NoError(t, err)
		assert.LessOrEqual(t, len(text), managed, "IAM refuses %s", name)
		perRole[name[:strings.LastIndex(name, "-")]]++
	}
	for role, count := range perRole {
		assert.LessOrEqual(t, count, attached, role)
		assert.LessOrEqual(t, len(role), 64, "IAM refuses a role name of more than 64 characters")
	}
	longest := strings.Repeat("o", 39) + "/" + strings.Repeat("r", 100)
	for _, document := range []policy.Document{
		Trust("arn:aws:iam::123456789012:oidc-provider/"+oidcHost, previewSubjects(longest)...),
		Trust("arn:aws:iam::123456789012:oidc-provider/"+oidcHost, deploySubject(longest, "production")),
	} {
		text, err := document.JSON()
		require.NoError(t, err)
		assert.LessOrEqual(t, len(text), trust)
	}
}

// A call is what AWS asks its policies for one API call: one request for each resource it touches.
type call []policy.Request

func request(action, resource string, context ...string) policy.Request {
	r := policy.Request{Action: action, Resource: resource, Context: map[string][]string{
		"aws:RequestedRegion": {region}, "aws:PrincipalAccount": {sandbox.AccountID},
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
	tagged := func(kind string, more ...string) policy.Request {
		return request(action, ec2(kind), append([]string{"aws:ResourceTag/Environment", environment}, more...)...)
	}
	born := func(kind string, more ...string) policy.Request {
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

	one := func(requests ...policy.Request) []call { return []call{requests} }
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
	case "ec2:ModifySubnetAttribute", "ec2:DeleteSubnet":
		return one(tagged("subnet"))
	case "ec2:DeleteInternetGateway":
		return one(tagged("internet-gateway"))
	case "ec2:CreateTags":
		return []call{
			{born("vpc", "ec2:CreateAction", "CreateVpc")},
			{born("security-group-rule", "ec2:CreateAction", "AuthorizeSecurityGroupIngress")},
			{born("security-group")},      // the VPC's default group, before it has a tag
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
	case "ecs:CreateService", "ecs:DescribeServices", "ecs:UpdateService", "ecs:DeleteService", "ecs:ListServiceDeployments":
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

func allowed(c call, documents []policy.Document) bool {
	return !slices.ContainsFunc(c, func(r policy.Request) bool { return policy.Decide(r, documents...) != policy.Allowed })
}

func everyAction() (all, reads []string) {
	for _, c := range programCalls {
		all = append(all, slices.Concat(c.Create, c.Read, c.Update, c.Delete)...)
		reads = append(reads, c.Read...)
	}
	return unique(slices.Concat(all, releaseCalls)), unique(reads)
}

// tellsNothingApart are the actions for which AWS offers neither resource nor tag: whoever has them has them
// for the whole region. All but one read; that one is in docs/bootstrap.md.
func tellsNothingApart(action string) bool {
	const reads = "ecr:GetAuthorizationToken ecs:DescribeTaskDefinition logs:DescribeLogGroups ssm:DescribeParameters sts:GetCallerIdentity"
	return strings.HasPrefix(action, "ec2:Describe") || slices.Contains(strings.Fields(reads), action) ||
		action == "ecs:DeregisterTaskDefinition" || action == "iam:CreateServiceLinkedRole"
}

// B2: role × action × resource.
func TestWhoMayDoWhat(t *testing.T) {
	all, reads := everyAction()
	other := map[string]string{"staging": "production", "production": "staging"}
	for _, environment := range Environments {
		deploy := rightsOf(t, DeployRole(environment))
		for _, action := range all {
			for i, c := range asked(t, action, environment) {
				assert.True(t, allowed(c, deploy), "%s %s #%d: a deployment stops in the middle", environment, action, i)
			}
			for i, c := range asked(t, action, other[environment]) {
				assert.Equal(t, tellsNothingApart(action), allowed(c, deploy),
					"%s #%d: the role of %s reaches into %s", action, i, environment, other[environment])
			}
		}
		preview := rightsOf(t, PreviewRole)
		for _, action := range all {
			for i, c := range asked(t, action, environment) {
				assert.Equal(t, slices.Contains(reads, action), allowed(c, preview), "preview, %s, %s #%d", environment, action, i)
			}
		}
	}
}

// stateKeys are the objects of the DIY backend's layout.
func stateKeys(project, stack string) []string {
	p := project + "/" + stack
	return []string{
		".pulumi/stacks/" + p + ".json", ".pulumi/stacks/" + p + ".json.bak", ".pulumi/stacks/" + p + ".json.gz", ".pulumi/stacks/" + p + ".pulumi-tags",
		".pulumi/locks/organization/" + p + "/6a5b1c1e-0d7b-4b5e-a3a0-111111111111.json",
		".pulumi/history/" + p + "/" + stack + "-1700000000000000000.history.json",
		".pulumi/history/" + p + "/" + stack + "-1700000000000000000.checkpoint.json",
		".pulumi/backups/" + p + "/" + stack + ".1700000000000000000.json",
	}
}

func TestWhoMayTouchWhichState(t *testing.T) {
	bucket := "arn:aws:s3:::" + place.StateBucket
	roles := map[string]string{PreviewRole: "", DeployRole("staging"): "staging", DeployRole("production"): "production"}
	for role, own := range roles {
		documents := rightsOf(t, role)
		may := func(action, key string) bool {
			return policy.Decide(request(action, bucket+"/"+key), documents...) == policy.Allowed
		}
		mayList := func(prefix string) bool {
			return policy.Decide(request("s3:ListBucket", bucket, "s3:prefix", prefix), documents...) == policy.Allowed
		}
		for _, environment := range Environments {
			for _, key := range stateKeys(product, environment) {
				reads, writes := role == PreviewRole || own == environment, own == environment
				assert.Equal(t, reads, may("s3:GetObject", key), "%s reads %s", role, key)
				assert.Equal(t, writes, may("s3:PutObject", key), "%s writes %s", role, key)
				assert.Equal(t, writes, may("s3:DeleteObject", key), "%s deletes %s", role, key)
				assert.False(t, may("s3:DeleteObjectVersion", key), "%s deletes the past of %s", role, key)
				assert.False(t, may("s3:GetObjectVersion", key), "%s reads old versions", role)
			}
			for _, prefix := range []string{".pulumi/stacks/sentry/" + environment + ".json", ".pulumi/locks/organization/sentry/" + environment + "/", ".pulumi/history/sentry/" + environment + "/"} {
				assert.Equal(t, role == PreviewRole || own == environment, mayList(prefix), "%s lists %s", role, prefix)
			}
		}
		// Another stack of the same beginning, another project, and this program's own state.
		for _, key := range slices.Concat(stateKeys(product, "staging2"), stateKeys("other", "staging"), stateKeys(Project, Stack)) {
			assert.False(t, may("s3:GetObject", key), "%s reads %s", role, key)
			assert.False(t, may("s3:PutObject", key), "%s writes %s", role, key)
		}
		assert.True(t, may("s3:GetObject", ".pulumi/meta.yaml"), "%s cannot open the backend", role)
		assert.False(t, may("s3:PutObject", ".pulumi/meta.yaml"), "%s changes the layout for everybody", role)
		assert.True(t, mayList(".pulumi/stacks/"), "%s cannot open the backend", role)
		assert.False(t, mayList(""), "%s lists the whole bucket", role)
		assert.Equal(t, policy.Allowed, policy.Decide(request("s3:ListBucket", bucket), documents...),
			"S3 tells %s that an object is forbidden when it does not exist", role)

		key := func(action string) bool {
			return policy.Decide(request(action, place.KeyARN), documents...) == policy.Allowed
		}
		assert.True(t, key("kms:Decrypt"), "%s cannot read the secrets in its state", role)
		assert.Equal(t, own != "", key("kms:Encrypt"), role)
		for _, action := range []string{"kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy", "kms:CreateGrant"} {
			assert.False(t, key(action), "%s may %s", role, action)
		}
		for _, action := range []string{"s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration", "s3:PutBucketPublicAccessBlock"} {
			assert.Equal(t, policy.NotMentioned, policy.Decide(request(action, bucket), documents...), "%s may %s the state bucket", role, action)
		}
	}
}

func TestNoRoleCanRaiseItself(t *testing.T) {
	const iam = "arn:aws:iam::123456789012:"
	for _, environment := range Environments {
		deploy := rightsOf(t, DeployRole(environment))
		n := "sentry-" + environment
		own := iam + "policy/" + n + "-boundary"
		taskRole := iam + "role/" + n + "-backend-task-role"
		foreign := map[string]string{"staging": "production", "production": "staging"}[environment]
		vpc := "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"
		for what, r := range map[string]policy.Request{
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
			"opens the preview role to others":          request("iam:UpdateAssumeRolePolicy", iam+"role/"+PreviewRole),
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
		} {
			assert.Equal(t, policy.NotMentioned, policy.Decide(r, deploy...), "%s: the deploy role %s", environment, what)
		}
		elsewhere := request("ec2:DescribeVpcs", "*")
		elsewhere.Context["aws:RequestedRegion"] = []string{"eu-west-1"}
		assert.Equal(t, policy.NotMentioned, policy.Decide(elsewhere, deploy...), "the deploy role looks around in other regions")
	}
}

func TestTheBoundaryHoldsWhatTheProgramsRolesNeedAndNoMore(t *testing.T) {
	for _, environment := range Environments {
		boundary := Boundary(environment, place)
		recording := recordProgram(t, environment, map[string]string{
			"sentry:permissionsBoundary": BoundaryName(environment),
			"sentry:secrets": `{"DATABASE":"arn:aws:secretsmanager:us-east-1:123456789012:secret:sentry/` + environment + `/database-AbCdEf",` +
				`"TOKEN":"arn:aws:ssm:us-east-1:123456789012:parameter/sentry/` + environment + `/token"}`,
		})
		for _, role := range recording.ByType("aws:iam/role:Role") {
			r := request("iam:CreateRole", "arn:aws:iam::123456789012:role/"+role.Inputs["name"].StringValue(),
				"iam:PermissionsBoundary", role.Inputs["permissionsBoundary"].StringValue())
			assert.Equal(t, policy.Allowed, policy.Decide(r, rightsOf(t, DeployRole(environment))...), "the deploy role may not create %s", role.Name)
		}
		policies := recording.ByType("aws:iam/rolePolicy:RolePolicy")
		require.Len(t, policies, 2)
		for _, r := range policies {
			document, err := policy.Parse(r.Inputs["policy"].StringValue())
			require.NoError(t, err)
			for _, s := range document.Statement {
				for _, action := range s.Action {
					for _, resource := range s.Resource {
						concrete := strings.ReplaceAll(resource, "*", "x")
						if resource == "*" {
							concrete = "*"
						}
						assert.Equal(t, policy.Allowed, policy.Decide(request(action, concrete), boundary),
							"%s: the boundary takes %s on %s from %s", environment, action, resource, r.Name)
					}
				}
			}
		}
		foreign := map[string]string{"staging": "production", "production": "staging"}[environment]
		for _, r := range []policy.Request{
			request("s3:GetObject", "arn:aws:s3:::sentry-"+foreign+"-clips-123456789012/1.mp4"),
			request("s3:PutObject", "arn:aws:s3:::sentry-"+environment+"-frontend-123456789012/index.html"),
			request("s3:GetObject", "arn:aws:s3:::"+place.StateBucket+"/.pulumi/stacks/sentry/"+environment+".json"),
			request("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:sentry/"+foreign+"/database-AbCdEf"),
			request("ssm:GetParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/sentry/"+foreign+"/database"),
			request("iam:PassRole", "*"), request("sts:AssumeRole", "*"), request("kms:Decrypt", place.KeyARN), request("ecs:UpdateService", "*"),
		} {
			assert.Equal(t, policy.NotMentioned, policy.Decide(r, boundary), "%s: a role within the boundary can %s on %s", environment, r.Action, r.Resource)
		}
	}
}

func TestTrust(t *testing.T) {
	const provider = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
	trusts := map[string]policy.Document{PreviewRole: Trust(provider, previewSubjects(repository)...)}
	for _, environment := range Environments {
		trusts[DeployRole(environment)] = Trust(provider, deploySubject(repository, environment))
	}
	const of = "repo:octo-org/sentry:"
	subjects := map[string]string{ // subject → the one role it may take
		of + "pull_request":                         PreviewRole,
		of + "ref:refs/heads/main":                  PreviewRole,
		of + "environment:staging":                  DeployRole("staging"),
		of + "environment:production":               DeployRole("production"),
		of + "environment:Production":               "",
		of + "environment:production2":              "",
		of + "environment:*":                        "",
		of + "ref:refs/heads/main2":                 "",
		of + "ref:refs/heads/feature":               "",
		of + "ref:refs/tags/v1":                     "",
		"repo:octo-org/sentry2:environment:staging": "",
		"repo:other/sentry:environment:production":  "",
		"repo:other/sentry:pull_request":            "",
	}
	for subject, taker := range subjects {
		for role, trust := range trusts {
			r := policy.Request{
				Action: "sts:AssumeRoleWithWebIdentity", Resource: "*", Principal: provider,
				Context: map[string][]string{oidcHost + ":aud": {"sts.amazonaws.com"}, oidcHost + ":sub": {subject}},
			}
			assert.Equal(t, role == taker, policy.Decide(r, trust) == policy.Allowed, "%s takes %s", subject, role)

			r.Context[oidcHost+":aud"] = []string{"https://github.com/octo-org"}
			assert.NotEqual(t, policy.Allowed, policy.Decide(r, trust), "a token for somebody else takes %s", role)
			delete(r.Context, oidcHost+":aud")
			assert.NotEqual(t, policy.Allowed, policy.Decide(r, trust), "a token for nobody takes %s", role)
		}
	}
	for role, trust := range trusts {
		text, err := trust.JSON()
		require.NoError(t, err)
		assert.NotContains(t, text, "*", "%s: a wildcard in the trust", role)
		assert.NotContains(t, text, "Like", "%s: a pattern in the trust", role)
		r := policy.Request{Action: "sts:AssumeRoleWithWebIdentity", Resource: "*", Principal: "arn:aws:iam::123456789012:oidc-provider/gitlab.com", Context: map[string][]string{
			oidcHost + ":aud": {"sts.amazonaws.com"}, oidcHost + ":sub": {of + "pull_request"},
		}}
		assert.NotEqual(t, policy.Allowed, policy.Decide(r, trust), "another provider's token takes %s", role)
	}
}

func TestMergingChangesNothing(t *testing.T) {
	n := names{place, "staging"}
	all, _ := everyAction()
	merged, err := grant(all, n)
	require.NoError(t, err)
	var plain []policy.Statement
	for _, action := range all {
		found, err := limits(action, n)
		require.NoError(t, err)
		for _, l := range found {
			plain = append(plain, policy.Statement{Effect: "Allow", Action: policy.Strings{action}, Resource: l.resources, Condition: l.condition})
		}
	}
	// Every pair of an action and a resource that either form names, with the context of either environment.
	resources := map[string]bool{}
	for _, s := range plain {
		for _, resource := range s.Resource {
			resources[strings.ReplaceAll(resource, "*", "x")] = true
		}
	}
	long, short := policy.Document{Version: policy.Version, Statement: plain}, policy.Document{Version: policy.Version, Statement: merged}
	for _, action := range all {
		for _, resource := range slices.Sorted(maps.Keys(resources)) {
			for _, environment := range Environments {
				r := request(action, resource, resourceTag, environment, "iam:PermissionsBoundary", fmt.Sprintf("arn:aws:iam::123456789012:policy/sentry-%s-boundary", environment))
				assert.Equal(t, policy.Decide(r, long), policy.Decide(r, short), "%s on %s", action, resource)
			}
		}
	}
}
