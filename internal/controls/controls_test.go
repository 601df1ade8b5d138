package controls

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/bootstrap/account"
	"sentry/examples"
	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// recorded is one run of a program.
type recorded struct {
	what      string
	config    map[string]string
	resources []sandbox.Resource
}

// environment records an environment of the fixture, with settings on top, as it is after a release.
func environment(t *testing.T, stack string, config map[string]string) recorded {
	t.Helper()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	recording, err := sandbox.RecordStack(infra.DeployIn, p, stack, sandbox.StackOptions{Released: true, Config: config})
	require.NoError(t, err)
	return recorded{fmt.Sprint(stack, " ", config), config, recording.Resources}
}

// bootstrapped records bootstrap, for two environments that use all that they may.
func bootstrapped(t *testing.T, config map[string]string) recorded {
	t.Helper()
	settings, err := account.Config{
		Region:     "us-east-1",
		Repository: account.Repository{Name: "octo-org/sentry", ID: "456789", OwnerID: "123456"},
		Environments: []account.Environment{
			{Name: "staging", Region: "us-east-1", Subnets: []string{"subnet-0aa1"}},
			{
				Name: "production", Region: "us-east-1", Guarded: true, Exec: true, Domain: "app.example.com", ZoneID: "Z0123456789",
				KMSKeyARN: exampleKey, ImageRepositories: []string{"111122223333.dkr.ecr.eu-west-1.amazonaws.com/shared/backend"},
			},
		},
	}.Settings()
	require.NoError(t, err)
	maps.Copy(settings, config)
	recording, err := sandbox.Record(account.Deploy, sandbox.MockOptions{Project: account.Project, Stack: account.Stack, Config: settings})
	require.NoError(t, err)
	return recorded{fmt.Sprint("bootstrap ", config), config, recording.Resources}
}

// of is a setting's part for one of the two programs.
func of(program string, config map[string]string) map[string]string {
	part := map[string]string{}
	for key, value := range config {
		if strings.HasPrefix(key, program+":") {
			part[key] = value
		}
	}
	return part
}

// lowers are the settings that take a control away on purpose, by what they set, with what the control demands.
var lowers = map[string]string{
	"container.logMode: blocking":            "a log that is slow does not stop the backend",
	"monitoring.containerInsights: disabled": "Container Insights",
}

// all are both programs, with each key that a stack file can set.
func all(t *testing.T) []recorded {
	t.Helper()
	runs := []recorded{bootstrapped(t, nil), environment(t, "staging", nil), environment(t, "production", nil)}
	for _, settings := range fixture.Settings() {
		if lowers[settings[len(settings)-1].String()] == "" {
			runs = append(runs, environment(t, "staging", fixture.Configuration(settings...)))
		}
	}
	for _, e := range examples.All {
		if exempt[e.Name] == "" { // those have a test of their own
			runs = append(runs, example(t, e, nil))
		}
	}
	return runs
}

// H3: what the table says of a control is so, for each resource of both programs, whatever is switched on.
func TestTheTableIsTrue(t *testing.T) {
	runs := all(t)
	for _, c := range All() {
		t.Run(c.Demands, func(t *testing.T) {
			if c.Holds == nil {
				require.Contains(t, []Status{Duty, Project, Accepted}, c.Status, "no assertion proves it")
				return
			}
			anyBroken, anySeen := false, false
			for _, run := range runs {
				broken, seen := c.Broken(run.resources)
				anyBroken, anySeen = anyBroken || len(broken) > 0, anySeen || seen
				if c.Status == Met {
					assert.Empty(t, broken, "%s: %s is not met", run.what, c.IDs)
				}
			}
			require.True(t, anySeen, "it is about nothing that a program registers")
			if c.Status != Met {
				assert.True(t, anyBroken, "it holds everywhere: the table calls it %s", c.Status)
			}
			if c.Status == ByKey {
				provesItsKey(t, c)
			}
		})
	}
}

// provesItsKey: with the key, it holds for all that it is about.
func provesItsKey(t *testing.T, c Control) {
	t.Helper()
	var runs []recorded
	if config := of("sentry", c.With); len(config) > 0 {
		runs = append(runs, environment(t, "staging", config), environment(t, "production", config))
	}
	if config := of("sentry-bootstrap", c.With); len(config) > 0 {
		runs = append(runs, bootstrapped(t, config))
	}
	if slices.ContainsFunc(data, func(d Control) bool { return d.IDs == c.IDs }) {
		for _, e := range examples.All {
			if e.OwnProgram() {
				runs = append(runs, example(t, e, c.With))
			}
		}
	}
	require.True(t, slices.ContainsFunc(runs, func(run recorded) bool {
		_, seen := c.Broken(run.resources)
		return seen
	}), "no run has what it is about")
	for _, run := range runs {
		broken, _ := c.Broken(run.resources)
		assert.Empty(t, broken, "%s does not meet %s", c.Key, c.IDs)
	}
}

func TestWhatLowersAControlIsKnown(t *testing.T) {
	found := 0
	for _, settings := range fixture.Settings() {
		demands := lowers[settings[len(settings)-1].String()]
		if demands == "" {
			continue
		}
		found++
		run := environment(t, "staging", fixture.Configuration(settings...))
		for _, c := range All() {
			if broken, _ := c.Broken(run.resources); c.Status == Met {
				assert.Equal(t, c.Demands == demands, len(broken) > 0, "%v: %s", settings, c.Demands)
			}
		}
	}
	assert.Len(t, lowers, found, "a setting that is not among the fixture's")
}

func TestEachTypeHasItsControls(t *testing.T) {
	runs := all(t)
	for _, e := range examples.All {
		if exempt[e.Name] != "" {
			runs = append(runs, example(t, e, nil))
		}
	}
	seen, unknown := map[string]bool{}, map[string]bool{}
	for _, run := range runs {
		for _, token := range Unknown(run.resources) {
			unknown[token] = true
		}
		for _, r := range run.resources {
			seen[r.Type] = true
		}
	}
	for _, token := range slices.Sorted(maps.Keys(unknown)) {
		t.Errorf("%s: internal/controls says nothing of it: add it to a control's Types, or to none with the reason", token)
	}
	for token := range none {
		assert.True(t, seen[token], "%s is registered nowhere", token)
		assert.False(t, slices.ContainsFunc(All(), func(c Control) bool { return slices.Contains(c.Types, token) }), token)
	}
}

// A row that nobody can look up, or that says nothing, is none.
func TestRows(t *testing.T) {
	form := regexp.MustCompile(`^(own|A9|[A-Za-z0-9]+\.\d+|CIS-\d+(\.\d+)+|CKV2?_(AWS|GHA)_\d+|AVD-AWS-\d{4}|[A-Z][a-z]+(-[A-Z][a-z]+)*)$`)
	root := fixture.Root(t)
	for _, c := range All() {
		for _, id := range strings.Fields(c.IDs) {
			assert.Regexp(t, form, id)
		}
		assert.NotEmpty(t, c.Demands)
		assert.NotEmpty(t, c.Why, c.Demands)
		assert.Equal(t, c.Status == ByKey, c.Key != "" && len(c.With) > 0, c.Demands)
		for _, found := range regexp.MustCompile("`([^`]*/[^` ]*)`|(docs/[a-z/-]+\\.md)|(internal/[a-z]+) (Test\\w+)").FindAllStringSubmatch(c.Why, -1) {
			switch {
			case found[3] != "":
				assert.True(t, hasTest(t, filepath.Join(root, found[3]), found[4]), "there is no %s", found[0])
			default:
				assert.FileExists(t, filepath.Join(root, found[1]+found[2]))
			}
		}
	}
}

func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return strings.Contains(string(text), "func "+name+"(")
	})
}
