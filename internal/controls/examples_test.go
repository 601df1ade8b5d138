package controls

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/examples/cache"
	"sentry/examples/database"
	"sentry/examples/worker"
	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// programs are those of the examples that have one of their own.
var programs = map[string]sandbox.Program{"cache": cache.DeployIn, "database": database.DeployIn, "worker": worker.DeployIn}

// exempt are the controls that an example is without, by what they demand: the frugal one saves the metrics, and the
// hardened one gets its key, sentry:bootstrapped, from bootstrap.
var exempt = map[string]string{"frugal": "Container Insights", "hardened": "tasks' roles are capped by a boundary"}

// example records what is in a folder of examples/.
func example(t *testing.T, folder string, config map[string]string) recorded {
	t.Helper()
	name, dir, program := filepath.Base(folder), folder, programs[filepath.Base(folder)]
	files, err := filepath.Glob(filepath.Join(folder, "Pulumi.*.yaml"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	if _, err := os.Stat(filepath.Join(folder, "Pulumi.yaml")); err != nil {
		dir, program = fixture.Project(t), infra.DeployIn
		fixture.Copy(t, files[0], filepath.Join(dir, filepath.Base(files[0])))
	}
	require.NotNil(t, program, "examples/%s has a program that this test does not run: add it to programs", name)
	p, err := project.Open(dir)
	require.NoError(t, err)
	stack := filepath.Base(files[0])
	stack = stack[len("Pulumi.") : len(stack)-len(".yaml")]
	recording, err := sandbox.RecordStack(program, p, stack, sandbox.StackOptions{Released: true, Config: config})
	require.NoError(t, err)
	return recorded{fmt.Sprint("examples/", name, " ", config), config, recording.Resources}
}

func exampleFolders(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(fixture.Root(t), "examples", "*", "Pulumi.*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	folders := make([]string, len(files))
	for i, file := range files {
		folders[i] = filepath.Dir(file)
	}
	return folders
}

// What the table calls met is met by each example, too; the hardened one meets also what takes a key.
func TestTheExamplesMeetTheControls(t *testing.T) {
	for _, folder := range exampleFolders(t) {
		run := example(t, folder, nil)
		name := filepath.Base(folder)
		assert.Empty(t, Unknown(run.resources), "%s: add the types to a control's Types, or to none with the reason", run.what)
		for _, c := range All() {
			broken, _ := c.Broken(run.resources)
			if c.Status == Met || c.Status == ByKey && name == "hardened" {
				assert.Equal(t, exempt[name] == c.Demands, len(broken) > 0, "%s: %s (%s): %v", run.what, c.Demands, c.IDs, broken)
			}
		}
	}
}
