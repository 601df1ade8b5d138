package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// repository is a clone of this project with its uncommitted changes committed, so that the tests see the code
// that they are compiled from.
func repository(t *testing.T) (dir string, git func(args ...string) string) {
	t.Helper()
	dir = t.TempDir()
	git = func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)...)
		text, err := cmd.CombinedOutput()
		require.NoError(t, err, "git %v: %s", args, text)
		return strings.TrimSpace(string(text))
	}
	for _, path := range []string{"go.mod", "go.sum", "main.go", "Pulumi.yaml", "Pulumi.staging.yaml", "Pulumi.production.yaml", "infra", "internal/automation", "internal/checkout", "internal/sandbox", "cmd/sandbox", "tools"} {
		from, to := filepath.Join("..", "..", path), filepath.Join(dir, path)
		info, err := os.Stat(from)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		if info.IsDir() {
			require.NoError(t, os.CopyFS(to, os.DirFS(from)))
			continue
		}
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, text, 0o600))
	}
	git("init", "--quiet", "--initial-branch=main")
	git("add", "--all")
	git("commit", "--quiet", "--message=base")
	return dir, git
}

// E3: without credentials, the true difference between two commits.
func TestDiff(t *testing.T) {
	t.Parallel()
	dir, git := repository(t)
	git("rm", "--quiet", "Pulumi.staging.yaml") // one stack shows it, in half the time
	git("commit", "--quiet", "--message=one stack")
	file := filepath.Join(dir, "Pulumi.production.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	changed := strings.Replace(string(text), "sentry:desiredCount: 2", "sentry:desiredCount: 3", 1)
	require.NotEqual(t, string(text), changed)
	require.NoError(t, os.WriteFile(file, []byte(changed), 0o600))

	var out bytes.Buffer
	folder := filepath.Join(dir, "previews")
	command := newCommand(&out, io.Discard)
	command.SetArgs([]string{"diff", "--dir", dir, "--base", "HEAD", "--out", folder})
	require.NoError(t, command.ExecuteContext(t.Context()))

	assert.Contains(t, out.String(), "production: what the working tree changes against HEAD")
	assert.Contains(t, out.String(), "desiredCount: 2 => 3", "the base was not deployed, or no image was released in it")
	assert.Contains(t, out.String(), "~ 1 to update\n    54 unchanged", "the difference shows more than the change")
	events, err := os.ReadFile(filepath.Join(folder, "production.json"))
	require.NoError(t, err)
	assert.Contains(t, string(events), `"summaryEvent"`)
	assert.NotContains(t, git("worktree", "list"), "sentry-base-", "a worktree is left behind")
}

func TestDiffRefusals(t *testing.T) {
	t.Parallel()
	dir, git := repository(t)
	for base, want := range map[string]string{
		"":              "which commit to compare with? say --base main",
		"no-such-thing": `no commit "no-such-thing" in ` + dir + ": fetch it first (a shallow clone has the newest commit only)",
		"--help":        `no commit "--help" in ` + dir + ": fetch it first (a shallow clone has the newest commit only)",
	} {
		command := newCommand(io.Discard, io.Discard)
		command.SetArgs([]string{"diff", "--dir", dir, "--base=" + base})
		require.EqualError(t, command.ExecuteContext(t.Context()), want)
	}

	git("rm", "-r", "--quiet", "cmd/sandbox")
	git("commit", "--quiet", "--message=before the sandbox")
	command := newCommand(io.Discard, io.Discard)
	command.SetArgs([]string{"diff", "--dir", dir, "--base", "main"})
	require.EqualError(t, command.ExecuteContext(t.Context()), "main has no cmd/sandbox to deploy it with: compare with a newer commit")
	assert.NotContains(t, git("worktree", "list"), "sentry-base-", "a worktree is left behind")
}
