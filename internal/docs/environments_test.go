package docs_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
	"sentry/internal/project"
)

// TestEnvironmentsAreAddedAndRemoved follows docs/environments.md as far as it goes without AWS and GitHub: its files,
// the sandbox and the prices. The workflows' lines are held by a test of internal/delivery.
func TestEnvironmentsAreAddedAndRemoved(t *testing.T) {
	t.Parallel()
	dir := fixture.Project(t)
	commandsDir, err := built()
	require.NoError(t, err)
	p, err := project.Open(dir)
	require.NoError(t, err)
	before := p.Environments()

	deployed := false
	for _, b := range blocks(t) {
		if b.file != "docs/environments.md" {
			continue
		}
		if b.language != "sh" {
			apply(t, dir, b)
			continue
		}
		for line := range strings.Lines(b.text) {
			args := strings.Fields(line)
			switch {
			case args[0] == "cp" || args[0] == "rm":
				runIn(t, dir, args...)
			case args[0] == "go" && args[1] == "run":
				args = append([]string{filepath.Join(commandsDir, filepath.Base(args[2])), "-C", dir}, args[3:]...)
				out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
				require.NoError(t, err, "%s: %s\n%s", b, line, out)
				deployed = deployed || strings.Contains(string(out), "sentry-dev-cluster")
				assert.Equal(t, []string{"dev"}, slices.DeleteFunc(p.Environments(), func(name string) bool { return slices.Contains(before, name) }))
			}
		}
	}
	assert.True(t, deployed, "the sandbox did not deploy the new environment")
	assert.Equal(t, before, p.Environments(), "the removed environment is still there")
}
