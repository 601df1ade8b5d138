package account

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/fixture"
	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
)

// Whatever a stack file switches on, a deployment may make it, under the name that it really has.
func TestTheDeployRoleMayMakeWhatTheProgramRegisters(t *testing.T) {
	seen := map[string]bool{}
	for _, settings := range fixture.Settings() {
		for _, r := range recordProgram(t, "staging", fixture.Configuration(settings...)).Resources {
			if _, isFunction := aws.Functions[r.Type]; isFunction || strings.HasPrefix(r.Type, "sentry:infra:") {
				continue // a component of infra/ calls nothing itself
			}
			entry, known := aws.Lookup(r.Type)
			if !assert.True(t, known && len(entry.Calls.All()) > 0, "%v", aws.Unknown(r.Type, "IAM actions (Calls and Owned)")) {
				continue
			}
			seen[r.Type] = true
			service, _, _ := strings.Cut(entry.Calls.Read, ":")
			arn := r.Outputs["arn"]
			if !arn.IsString() || len(entry.Owned) == 0 || strings.Split(arn.StringValue(), ":")[2] != service {
				continue // it is a part of something else, which AWS asks about
			}
			owned := evaluated(t, policy.Identity, policy.Document{Version: policy.Version, Statement: policy.Statements{{
				Effect: "Allow", Action: policy.Strings{"x:X"}, Resource: names{place, environments[0]}.owned(r.Type),
			}}})
			assert.Equal(t, evaluate.Allowed, owned.Decide(request("x:X", arn.StringValue())), "the deploy role may not make %s %s: Owned of "+
				"the type in internal/aws does not have it", r.Type, arn)
		}
	}
	for _, entry := range programTypes() {
		assert.Equal(t, len(entry.Calls.All()) > 0, seen[entry.Token] || entry.Token == TokenRole,
			"%s: rights for what no environment has, or the other way round", entry.Token)
	}
}

// What an example registers, the roles get no rights for before it is a part of the program; then they get those of a name.
func TestTheExamplesRights(t *testing.T) {
	all, _ := everyAction()
	n := names{place, environments[0]}
	rights := map[string][]string{}
	for _, entry := range aws.Types() {
		if entry.Example == "" {
			continue
		}
		for _, action := range entry.Calls.All() {
			if service, _, _ := strings.Cut(action, ":"); service != "iam" {
				assert.NotContains(t, all, action, "each deploy role may do this, and no program needs it")
				rights[entry.Example] = append(rights[entry.Example], action)
			}
		}
	}
	require.NotEmpty(t, rights)
	for example, actions := range rights {
		statements, err := grant(unique(actions), n)
		require.NoError(t, err, "examples/%s cannot be deployed by a workflow", example)
		for _, s := range statements {
			for _, resource := range s.Resource {
				assert.NotContains(t, resource, "*", "examples/%s: another environment's is among them", example)
			}
		}
	}
}

// A policy document names neither an account's zones nor all of its certificates for an environment that has no domain.
func TestWithoutADomainThereAreNoRightsInDNS(t *testing.T) {
	e := environments[0]
	deploy := rightsOf(t, DeployRights, Environment{Name: e.Name, Region: e.Region})
	all, _ := everyAction()
	for _, action := range all {
		if strings.HasPrefix(action, "acm:") || strings.HasPrefix(action, "route53:") {
			for _, c := range asked(t, action, e.Name) {
				assert.False(t, allowed(c, deploy), action)
			}
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

func TestEveryActionExistsAndIsNarrowedAsFarAsAWSAllows(t *testing.T) {
	known := facts(t)
	exceptions := map[string]string{
		"ecs:ListTasks":            "its resource is the container instance, which Fargate lacks; limited by cluster",
		"cloudwatch:PutMetricData": "its resource is a dataset, which metrics without one lack; a boundary, not a grant",
	}
	used := map[string]bool{}
	for name, document := range documents(t, place, environments...) {
		for _, s := range document.Statement {
			if s.Effect == "Deny" {
				continue // the wider, the better
			}
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
				if strings.HasPrefix(name, PreviewRole("")) && action != "kms:Decrypt" {
					assert.Contains(t, []string{"Read", "List"}, f.level, "%s: %s changes something", name, action)
				}
				service, _, _ := strings.Cut(action, ":")
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

func everyAction() (all, reads []string) {
	return unique(slices.Concat(programCalls(), releaseCalls)), unique(programReads())
}

// tellsNothingApart are the actions for which AWS offers neither resource nor tag: whoever has them has them
// for the whole region. What of it does not read is in docs/bootstrap.md.
func tellsNothingApart(action string) bool {
	const reads = "ecr:GetAuthorizationToken ecs:DescribeTaskDefinition logs:DescribeLogGroups ssm:DescribeParameters sts:GetCallerIdentity " +
		"ec2:GetManagedPrefixListEntries route53:GetChange"
	const writes = "ecs:DeregisterTaskDefinition iam:CreateServiceLinkedRole logs:CreateLogDelivery logs:DeleteLogDelivery cloudfront:CreateFunction"
	_, name, _ := strings.Cut(action, ":")
	return slices.Contains(strings.Fields(reads+" "+writes), action) || strings.HasSuffix(name, "OriginAccessControl") ||
		slices.ContainsFunc([]string{"application-autoscaling:Describe", "ec2:Describe", "elasticloadbalancing:Describe"},
			func(prefix string) bool { return strings.HasPrefix(action, prefix) })
}
