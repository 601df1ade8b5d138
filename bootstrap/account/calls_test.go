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
	"sentry/internal/policy"
)

func TestTheDeployRoleMayMakeWhatTheProgramRegisters(t *testing.T) {
	for _, r := range recordProgram(t, "staging", nil).Resources {
		if strings.HasPrefix(r.Type, "sentry:infra:") {
			continue // a component of infra/ calls nothing itself
		}
		if _, isFunction := aws.Functions[r.Type]; isFunction {
			continue
		}
		entry, known := aws.Lookup(r.Type)
		assert.True(t, known && len(entry.Calls.All()) > 0, "%v", aws.Unknown(r.Type, "IAM actions (Calls and Owned)"))
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
// for the whole region. All but one read; that one is in docs/bootstrap.md.
func tellsNothingApart(action string) bool {
	const reads = "ecr:GetAuthorizationToken ecs:DescribeTaskDefinition logs:DescribeLogGroups ssm:DescribeParameters sts:GetCallerIdentity"
	return strings.HasPrefix(action, "ec2:Describe") || slices.Contains(strings.Fields(reads), action) ||
		action == "ecs:DeregisterTaskDefinition" || action == "iam:CreateServiceLinkedRole"
}
