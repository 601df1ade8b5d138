package controls

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/examples"
	"sentry/internal/fixture"
	"sentry/internal/sandbox"
)

// exempt are the controls that an example is without, by what they demand: the frugal one saves the metrics, and the
// hardened one gets its key, sentry:bootstrapped, from bootstrap.
var exempt = map[string]string{"frugal": "Container Insights", "hardened": "tasks' roles are capped by a boundary"}

// example records an example.
func example(t *testing.T, e examples.Example, config map[string]string) recorded {
	t.Helper()
	p, err := e.Open(fixture.Root(t), t.TempDir())
	require.NoError(t, err)
	recording, err := sandbox.RecordStack(e.Program, p, e.Stack, sandbox.StackOptions{Released: true, Config: config})
	require.NoError(t, err)
	return recorded{fmt.Sprint("examples/", e.Name, " ", config), config, recording.Resources}
}

// What the table calls met is met by each example, too; the hardened one meets also what takes a key.
func TestTheExamplesMeetTheControls(t *testing.T) {
	for _, e := range examples.All {
		run := example(t, e, nil)
		for _, c := range All() {
			broken, _ := c.Broken(run.resources)
			if c.Status == Met || c.Status == ByKey && e.Name == "hardened" {
				assert.Equal(t, exempt[e.Name] == c.Demands, len(broken) > 0, "%s: %s (%s): %v", run.what, c.Demands, c.IDs, broken)
			}
		}
	}
}
