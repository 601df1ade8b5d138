package account

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sentry/internal/policy"
)

// Environments are the stacks of infra/, each with a deploy role of its own.
var Environments = []string{"staging", "production"}

const (
	// product begins the name of everything infra/ creates, and is the name of its Pulumi project.
	product = "sentry"
	// partition of all ARNs. GitHub's OIDC tokens are for AWS's public regions.
	partition = "aws"
)

// Place is where the rights apply: the parts of ARNs that no environment decides.
type Place struct {
	// Account has 12 digits.
	Account string
	// Region is the region's code, for example us-east-1.
	Region string
	// StateBucket is the name of the bucket with the Pulumi states.
	StateBucket string
	// KeyARN is the KMS key that encrypts the secrets in the states.
	KeyARN string
}

func (p Place) arn(service, resource string) string {
	region, account := p.Region, p.Account
	switch service {
	case "s3":
		region, account = "", ""
	case "iam":
		region = ""
	}
	return strings.Join([]string{"arn", partition, service, region, account, resource}, ":")
}

// DeployRole is the role of an environment's deploy jobs. The names of the roles and of the boundary are
// fixed: workflows and stack files hold them. No role may be called like the ones that infra/ makes
// (sentry-<environment>-…): those a deploy role can change.
func DeployRole(environment string) string { return product + "-deploy-" + environment }

// PreviewRole is the role of pull requests and drift detection: it reads.
const PreviewRole = product + "-preview"

// BoundaryName is the policy that caps every role of an environment's program: [Boundary].
func BoundaryName(environment string) string { return product + "-" + environment + "-boundary" }

// limit is one way AWS lets an action be narrowed: resources (ARNs), and conditions on top.
type limit struct {
	resources []string
	condition policy.Condition
}

// only is the limit by name alone.
func only(resources ...string) limit { return limit{resources: resources} }

// names of what an environment owns, as infra/ gives them.
type names struct {
	Place
	environment string
}

func (n names) prefix() string { return product + "-" + n.environment }

func (n names) buckets() string { return n.arn("s3", n.prefix()+"-*") }

func (n names) frontendObjects() string { return n.arn("s3", n.prefix()+"-frontend-*/*") }

func (n names) repository() string { return n.arn("ecr", "repository/"+n.prefix()+"-backend") }

func (n names) cluster() string { return n.arn("ecs", "cluster/"+n.prefix()+"-cluster") }

func (n names) service(kind string) string {
	return n.arn("ecs", kind+"/"+n.prefix()+"-cluster/"+n.prefix()+"-backend")
}

func (n names) tasks() string { return n.arn("ecs", "task/"+n.prefix()+"-cluster/*") }

func (n names) taskDefinitions() string {
	return n.arn("ecs", "task-definition/"+n.prefix()+"-backend:*")
}

func (n names) roles() []string {
	return []string{
		n.arn("iam", "role/"+n.prefix()+"-backend-task-role"),
		n.arn("iam", "role/"+n.prefix()+"-ecs-task-execution-role"),
	}
}

func (n names) boundary() string { return n.arn("iam", "policy/"+BoundaryName(n.environment)) }

func (n names) parameters() string {
	return n.arn("ssm", "parameter/"+product+"/"+n.environment+"/backend/*")
}

// logGroup with and without the trailing :*, as AWS's services and its own documents disagree on it.
func (n names) logGroup() []string {
	group := n.arn("logs", "log-group:/ecs/"+n.prefix()+"-backend")
	return []string{group, group + ":*"}
}

func (n names) ec2(kinds ...string) []string {
	arns := make([]string, len(kinds))
	for i, kind := range kinds {
		arns[i] = n.arn("ec2", kind+"/*")
	}
	return arns
}

const (
	resourceTag = "aws:ResourceTag/Environment"
	requestTag  = "aws:RequestTag/Environment"
)

// taggable are the kinds of EC2 resources that the program makes. Their ids are AWS's, so only the tag that
// the provider puts on everything tells the environments apart.
var taggable = []string{"internet-gateway", "route-table", "security-group", "security-group-rule", "subnet", "vpc", "vpc-endpoint"}

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

// limits says how far an action can be narrowed for one environment. Several limits are alternatives, or
// apply to the several resources of one call; each becomes part of a statement.
func limits(action string, n names) ([]limit, error) {
	mine := policy.Condition{"StringEquals": {resourceTag: {n.environment}}}
	inRegion := limit{[]string{"*"}, policy.Condition{"StringEquals": {"aws:RequestedRegion": {n.Region}}}}
	// A role without the boundary could be given any rights, and then handed to a task.
	bounded := limit{n.roles(), policy.Condition{"StringEquals": {"iam:PermissionsBoundary": {n.boundary()}}}}

	if c, ok := created[action]; ok {
		found := []limit{{n.ec2(c.kind), policy.Condition{"StringEquals": {requestTag: {n.environment}}}}}
		if c.touches != nil {
			found = append(found, limit{n.ec2(c.touches...), mine})
		}
		return found, nil
	}
	switch action {
	// AWS knows no resource for these; the region is all that can be said.
	case "ec2:DescribeAvailabilityZones", "ec2:DescribeInternetGateways", "ec2:DescribeNetworkAcls", "ec2:DescribeNetworkInterfaces",
		"ec2:DescribePrefixLists", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups",
		"ec2:DescribeSubnets", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs",
		"ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition",
		"ecr:GetAuthorizationToken", "logs:DescribeLogGroups", "ssm:DescribeParameters":
		return []limit{inRegion}, nil
	case "sts:GetCallerIdentity":
		// AWS answers it to everybody; it is here to say that it is called.
		return []limit{only("*")}, nil
	case "ec2:DescribeVpcAttribute":
		return []limit{only(n.ec2("vpc")...)}, nil
	case "ec2:CreateTags":
		return []limit{
			// While a resource is being made, which needs the right to make it.
			{n.ec2(taggable...), policy.Condition{
				"StringEquals": {requestTag: {n.environment}, "ec2:CreateAction": append(createActions(), "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")},
			}},
			// What the environment has already; it cannot be handed to another one.
			{n.ec2(taggable...), policy.Condition{
				"StringEquals":         {resourceTag: {n.environment}},
				"StringEqualsIfExists": {requestTag: {n.environment}},
			}},
			// The VPC's default group and new rules are tagged after they were made. What carries the tag of
			// an environment already cannot be claimed.
			{n.ec2("security-group", "security-group-rule"), policy.Condition{
				"StringEquals": {requestTag: {n.environment}},
				"Null":         {resourceTag: {"true"}},
			}},
		}, nil
	case "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress":
		return []limit{
			{n.ec2(taggable...), mine},
			// The new rule; the group it goes into is guarded by the line above.
			{n.ec2("security-group-rule"), policy.Condition{"StringEqualsIfExists": {requestTag: {n.environment}}}},
		}, nil

	case "s3:GetObject", "s3:PutObject", "s3:DeleteObject":
		return []limit{only(n.frontendObjects())}, nil

	case "ecs:CreateCluster", "ecs:DescribeClusters", "ecs:UpdateCluster", "ecs:DeleteCluster":
		return []limit{only(n.cluster())}, nil
	case "ecs:RegisterTaskDefinition":
		return []limit{only(n.taskDefinitions())}, nil
	case "ecs:CreateService", "ecs:DescribeServices", "ecs:UpdateService", "ecs:DeleteService", "ecs:ListServiceDeployments":
		return []limit{only(n.service("service"))}, nil
	case "ecs:DescribeServiceDeployments":
		return []limit{only(n.service("service"), n.service("service-deployment")+"/*")}, nil
	case "ecs:ListTagsForResource", "ecs:TagResource", "ecs:UntagResource":
		return []limit{only(n.cluster(), n.service("service"), n.taskDefinitions())}, nil
	case "ecs:DescribeTasks":
		return []limit{only(n.tasks())}, nil
	case "ecs:ListTasks":
		// Its resource is the container instance, which Fargate does not have; the cluster is a condition.
		// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html
		return []limit{{[]string{"*"}, policy.Condition{"ArnEquals": {"ecs:cluster": {n.cluster()}}}}}, nil

	case "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:DeleteRolePolicy":
		return []limit{bounded}, nil
	case "iam:PassRole":
		return []limit{{n.roles(), policy.Condition{"StringEquals": {"iam:PassedToService": {"ecs-tasks.amazonaws.com"}}}}}, nil
	case "iam:CreateServiceLinkedRole":
		return []limit{{
			[]string{n.arn("iam", "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")},
			policy.Condition{"StringEquals": {"iam:AWSServiceName": {"ecs.amazonaws.com"}}},
		}}, nil
	}
	switch service, _, _ := strings.Cut(action, ":"); service {
	case "ec2":
		return []limit{{n.ec2(taggable...), mine}}, nil
	case "ecr":
		return []limit{only(n.repository())}, nil
	case "iam":
		return []limit{only(n.roles()...)}, nil
	case "logs":
		return []limit{only(n.logGroup()...)}, nil
	case "s3":
		return []limit{only(n.buckets())}, nil
	case "ssm":
		return []limit{only(n.parameters())}, nil
	}
	return nil, fmt.Errorf("action %q: its service is not in the table of limits; add it there", action)
}

func createActions() policy.Strings {
	var found policy.Strings
	for _, action := range slices.Sorted(maps.Keys(created)) {
		found = append(found, strings.TrimPrefix(action, "ec2:"))
	}
	return found
}

// deployPolicies are the ends of the names of the managed policies that [DeployRights] returns. Three, because
// one may have 6,144 characters.
var deployPolicies = []string{"network", "service", "storage"}

// previewPolicies is the same for the one that [PreviewRights] returns.
var previewPolicies = []string{"read"}

// DeployRights is what an environment's deploy role may do, by the end of the policy's name.
func DeployRights(environment string, place Place) (map[string]policy.Document, error) {
	n := names{place, environment}
	var actions []string
	for _, c := range programCalls {
		actions = append(actions, slices.Concat(c.Create, c.Read, c.Update, c.Delete)...)
	}
	actions = append(actions, releaseCalls...)

	files := map[string][]string{}
	for _, action := range unique(actions) {
		service, _, _ := strings.Cut(action, ":")
		file := "service"
		switch service {
		case "ec2":
			file = "network"
		case "s3":
			file = "storage"
		}
		files[file] = append(files[file], action)
	}
	documents := map[string]policy.Document{}
	for file, actions := range files {
		statements, err := grant(actions, n)
		if err != nil {
			return nil, err
		}
		documents[file] = policy.Document{Version: policy.Version, Statement: statements}
	}
	storage := documents["storage"]
	storage.Statement = append(storage.Statement, stateOf(n, true)...)
	documents["storage"] = storage
	return documents, nil
}

// PreviewRights is what the preview role may do: the reads of the table, for all environments.
func PreviewRights(place Place) (policy.Document, error) {
	var reads []string
	for _, c := range programCalls {
		reads = append(reads, c.Read...)
	}
	reads = unique(reads)
	document := policy.Document{Version: policy.Version}
	for _, environment := range Environments {
		n := names{place, environment}
		statements, err := grant(reads, n)
		if err != nil {
			return policy.Document{}, err
		}
		document.Statement = append(document.Statement, statements...)
		document.Statement = append(document.Statement, stateOf(n, false)...)
	}
	document.Statement = merge(document.Statement)
	return document, nil
}

// grant turns actions into as few statements as their limits allow.
func grant(actions []string, n names) ([]policy.Statement, error) {
	var statements []policy.Statement
	for _, action := range actions {
		found, err := limits(action, n)
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			statements = append(statements, policy.Statement{
				Effect: "Allow", Action: policy.Strings{action}, Resource: l.resources, Condition: l.condition,
			})
		}
	}
	return merge(statements), nil
}

// merge joins statements that differ in their actions only, and then those that differ in their resources
// only. Neither allows anything that was not allowed before.
func merge(statements []policy.Statement) []policy.Statement {
	join := func(key func(policy.Statement) string, add func(into *policy.Statement, s policy.Statement)) {
		var joined []policy.Statement
		at := map[string]int{}
		for _, s := range statements {
			k := key(s)
			if i, ok := at[k]; ok {
				add(&joined[i], s)
				continue
			}
			at[k] = len(joined)
			joined = append(joined, s)
		}
		statements = joined
	}
	join(func(s policy.Statement) string { return fmt.Sprint(s.Effect, s.Resource, s.Condition) },
		func(into *policy.Statement, s policy.Statement) {
			into.Action = unique(slices.Concat(into.Action, s.Action))
		})
	join(func(s policy.Statement) string { return fmt.Sprint(s.Effect, s.Action, s.Condition) },
		func(into *policy.Statement, s policy.Statement) {
			into.Resource = unique(slices.Concat(into.Resource, s.Resource))
		})
	return statements
}

func unique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

// stateOf is the access to one environment's Pulumi state.
//
// The layout is that of Pulumi's S3 backend, version 1 of .pulumi/meta.yaml: stacks/<project>/<stack>.json
// (.bak, .gz, .pulumi-tags), locks/organization/<project>/<stack>/, history/ and backups/<project>/<stack>/.
func stateOf(n names, write bool) []policy.Statement {
	project := product + "/" + n.environment
	keys := []string{
		".pulumi/stacks/" + project + ".*",
		".pulumi/locks/organization/" + project + "/*",
		".pulumi/history/" + project + "/*",
		".pulumi/backups/" + project + "/*",
	}
	bucket := n.arn("s3", n.StateBucket)
	objects := make([]string, len(keys))
	for i, key := range keys {
		objects[i] = bucket + "/" + key
	}
	statements := []policy.Statement{
		{Effect: "Allow", Action: policy.Strings{"s3:GetObject"}, Resource: append([]string{bucket + "/.pulumi/meta.yaml"}, objects...)},
		{
			Effect: "Allow", Action: policy.Strings{"s3:ListBucket"}, Resource: policy.Strings{bucket},
			// IfExists, because S3 answers a read of a key that does not exist (a stack's tags, a lock that is
			// gone) with "access denied" instead of "not found" unless the bucket may be listed, and such a read
			// has no prefix. The price: names of keys, not their contents, can be listed. .pulumi/stacks/ is
			// listed when the backend opens.
			// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
			Condition: policy.Condition{"StringLikeIfExists": {"s3:prefix": append([]string{".pulumi/stacks/", ".pulumi/stacks/" + product + "/"}, keys...)}},
		},
		{Effect: "Allow", Action: policy.Strings{"kms:Decrypt"}, Resource: policy.Strings{n.KeyARN}},
	}
	if write {
		statements[2].Action = policy.Strings{"kms:Decrypt", "kms:Encrypt"}
		statements = append(statements, policy.Statement{
			Effect: "Allow", Action: policy.Strings{"s3:DeleteObject", "s3:PutObject"}, Resource: objects,
		})
	}
	return statements
}

// Boundary caps what the roles that an environment's program creates can ever do, whatever policy the program
// gives them: pull the environment's images, write its logs, read its secrets, use its two private buckets, and
// put metrics (A12, A13).
func Boundary(environment string, place Place) policy.Document {
	n := names{place, environment}
	private := policy.Strings{n.arn("s3", n.prefix()+"-artifacts-*"), n.arn("s3", n.prefix()+"-clips-*")}
	var objects policy.Strings
	for _, arn := range private {
		objects = append(objects, arn+"/*")
	}
	allow := func(resources policy.Strings, actions ...string) policy.Statement {
		return policy.Statement{Effect: "Allow", Action: actions, Resource: resources}
	}
	return policy.Document{Version: policy.Version, Statement: []policy.Statement{
		// Neither of the two has a resource to name.
		allow(policy.Strings{"*"}, "cloudwatch:PutMetricData", "ecr:GetAuthorizationToken"),
		allow(policy.Strings{n.repository()}, "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
		allow(n.logGroup(), "logs:CreateLogStream", "logs:PutLogEvents"),
		allow(policy.Strings{
			n.arn("secretsmanager", "secret:"+product+"/"+environment+"/*"),
			n.arn("ssm", "parameter/"+product+"/"+environment+"/*"),
		}, "secretsmanager:GetSecretValue", "ssm:GetParameters"),
		allow(private, "s3:GetBucketLocation", "s3:ListBucket"),
		allow(objects, "s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
	}}
}

// Trust lets workflows of the repository that run as one of subjects take a role, with GitHub's own token
// for AWS and nothing else. The subjects are whole: no wildcard.
//
// https://docs.github.com/en/actions/concepts/security/openid-connect
func Trust(providerARN string, subjects ...string) policy.Document {
	return policy.Document{Version: policy.Version, Statement: []policy.Statement{{
		Effect:    "Allow",
		Principal: policy.Principal{Federated: policy.Strings{providerARN}},
		Action:    policy.Strings{"sts:AssumeRoleWithWebIdentity"},
		Condition: policy.Condition{"StringEquals": {
			oidcHost + ":aud": {oidcAudience},
			oidcHost + ":sub": slices.SortedFunc(slices.Values(subjects), cmp.Compare[string]),
		}},
	}}}
}

const (
	oidcHost     = "token.actions.githubusercontent.com"
	oidcAudience = "sts.amazonaws.com"
)

func deploySubject(repository, environment string) string {
	return "repo:" + repository + ":environment:" + environment
}

func previewSubjects(repository string) []string {
	return []string{"repo:" + repository + ":pull_request", "repo:" + repository + ":ref:refs/heads/main"}
}
