package infra_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/golden"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// environment is what the tests expect of one stack: the columns of table A in docs/requirements.md.
type environment struct {
	stack, vpc  string
	subnets     []string
	cpu, memory string
	count       float64
	retention   float64
}

var environments = []environment{
	{"staging", "10.0.0.0/16", []string{"10.0.0.0/24", "10.0.1.0/24"}, "256", "512", 1, 7},
	{"production", "10.1.0.0/16", []string{"10.1.0.0/24", "10.1.1.0/24"}, "512", "1024", 2, 30},
}

// deployed is one run of the program, with a fixture of table A.
type deployed struct {
	environment
	*sandbox.Recording
}

func (d deployed) name(suffix string) string { return "sentry-" + d.stack + suffix }

// inputs is the input document of one resource, as plain values.
func (d deployed) inputs(t *testing.T, token, name string) map[string]any {
	t.Helper()
	r := d.resource(t, token, name)
	return r.Inputs.Mappable()
}

func (d deployed) resource(t *testing.T, token, name string) sandbox.Resource {
	t.Helper()
	r, ok := d.Find(token, name)
	require.True(t, ok, "%s %q is gone", token, name)
	return r
}

// image is what each environment runs.
func (d deployed) image() string {
	return sandbox.ReleasedImage("us-east-1", d.name("-backend"))
}

func ids(resources []sandbox.Resource) []string {
	var ids []string
	for _, r := range resources {
		ids = append(ids, r.ID)
	}
	return ids
}

// run deploys one environment of table A into an empty cloud.
func run(t testing.TB, stack string, options sandbox.StackOptions) (*sandbox.Recording, error) {
	t.Helper()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	return sandbox.RecordStack(infra.DeployIn, p, stack, options)
}

// with deploys staging after a release, with changes to its configuration; an empty value removes a key.
func with(t testing.TB, changes map[string]string) deployed {
	t.Helper()
	recording, err := run(t, "staging", sandbox.StackOptions{Released: true, Config: changes})
	require.NoError(t, err)
	return deployed{environments[0], recording}
}

var (
	once       sync.Once
	recordings = map[string]*sandbox.Recording{}
)

// released is each environment with an image released: all tests that do not change it share one run.
func released(t *testing.T) map[string]*sandbox.Recording {
	t.Helper()
	once.Do(func() {
		for _, e := range environments {
			recording, err := run(t, e.stack, sandbox.StackOptions{Released: true})
			require.NoError(t, err)
			recordings[e.stack] = recording
		}
	})
	require.Len(t, recordings, len(environments), "an environment cannot be deployed")
	return recordings
}

// each runs a test over both environments.
func each(t *testing.T, test func(*testing.T, deployed)) {
	t.Helper()
	recordings := released(t)
	for _, e := range environments {
		t.Run(e.stack, func(t *testing.T) { test(t, deployed{e, recordings[e.stack]}) })
	}
}

// parse reads a JSON document that is an input.
func parse[T any](t *testing.T, text any) T {
	t.Helper()
	var document T
	require.IsType(t, "", text)
	require.NoError(t, json.Unmarshal([]byte(text.(string)), &document))
	return document
}

// policy is an IAM document as a reader of AWS sees it.
type policy struct {
	Version   string
	Statement []struct {
		Sid, Effect      string
		Principal        any
		Action, Resource []string
		Condition        map[string]map[string]string
	}
}

func (p policy) actions(effect string) []string {
	var actions []string
	for _, s := range p.Statement {
		if s.Effect == effect {
			actions = append(actions, s.Action...)
		}
	}
	slices.Sort(actions)
	return actions
}

// The manifest is the list of everything that lives, by its identity. Rewrite it with: go test ./infra -update
func TestManifest(t *testing.T) {
	for _, e := range environments {
		t.Run(e.stack, func(t *testing.T) {
			recording, err := run(t, e.stack, sandbox.StackOptions{})
			require.NoError(t, err)
			golden.Manifest(t, filepath.Join("testdata", e.stack+".yaml"), recording)
		})
	}
}
