package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
)

// E2: the lasting sandbox is left by a killed process, its stack locked and an update half done.
func TestAKilledSandboxIsUsableAgain(t *testing.T) {
	t.Parallel()
	dir := fixture.Project(t)
	binary := filepath.Join(t.TempDir(), "sandbox")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", binary, ".")
	text, err := build.CombinedOutput()
	require.NoError(t, err, string(text))

	up := exec.CommandContext(t.Context(), binary, "up", "-C", dir, "-s", "staging")
	up.Stdout, up.Stderr = io.Discard, io.Discard
	require.NoError(t, up.Start())
	cloud := filepath.Join(dir, ".sandbox", "cloud.json")
	require.Eventually(t, func() bool { // in the middle: something exists, the service does not
		made, err := os.ReadFile(cloud)
		return err == nil && bytes.Contains(made, []byte("sentry-staging"))
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, up.Process.Kill())
	_ = up.Wait()

	complaint := sandboxed(t, io.Discard, "up", "-C", dir, "-s", "staging")
	require.Contains(t, complaint, "a process was lost in the middle of an update; run: sandbox recover -s staging")
	require.Empty(t, sandboxed(t, io.Discard, "recover", "-C", dir, "-s", "staging"))
	var again bytes.Buffer
	require.Empty(t, sandboxed(t, &again, "recover", "-C", dir, "-s", "staging"))
	assert.Contains(t, again.String(), "State and AWS agree")
	require.Empty(t, sandboxed(t, io.Discard, "up", "-C", dir, "-s", "staging"))
	var preview bytes.Buffer
	require.Empty(t, sandboxed(t, &preview, "preview", "-C", dir, "-s", "staging"))
	assert.Regexp(t, `Resources:\n +\d+ unchanged`, preview.String())
}
