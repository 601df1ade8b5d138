package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/cli"
	"sentry/internal/fixture"
)

// repository is a copy of this project, committed: the code that the tests are compiled from, the fixtures' stack
// files.
func repository(t *testing.T) fixture.Git {
	t.Helper()
	dir := fixture.Project(t)
	root := fixture.Root(t)
	for _, path := range []string{"go.mod", "go.sum", "main.go", "infra", "internal", "cmd/sandbox"} {
		fixture.Copy(t, filepath.Join(root, path), filepath.Join(dir, path))
	}
	git := fixture.NewGit(t, dir)
	git.Commit("base")
	return git
}

// sandboxed runs the command and returns what it complained of.
func sandboxed(t *testing.T, out io.Writer, args ...string) string {
	t.Helper()
	var complaint bytes.Buffer
	root := newCommand(out, io.Discard)
	root.SetArgs(args)
	assert.Equal(t, cli.Run(t.Context(), root, &complaint) == 0, complaint.Len() == 0)
	return complaint.String()
}

// E3: without credentials, the true difference between two commits.
func TestDiff(t *testing.T) {
	t.Parallel()
	git := repository(t)
	git.Run("rm", "--quiet", "Pulumi.staging.yaml") // one stack shows it, in half the time
	git.Commit("one stack")
	fixture.Replace(t, filepath.Join(git.Dir, "Pulumi.production.yaml"), "sentry:desiredCount: 2", "sentry:desiredCount: 3")

	var out bytes.Buffer
	folder := filepath.Join(git.Dir, "previews")
	require.Empty(t, sandboxed(t, &out, "diff", "-C", git.Dir, "--base", "HEAD", "--out", folder))

	assert.Contains(t, out.String(), "production: what the working tree changes against HEAD")
	assert.Contains(t, out.String(), "desiredCount: 2 => 3", "the base was not deployed, or no image was released in it")
	assert.Regexp(t, `~ 1 to update\n    \d+ unchanged\n`, out.String(), "the difference shows more than the change")
	events, err := os.ReadFile(filepath.Join(folder, "production.json"))
	require.NoError(t, err)
	assert.Contains(t, string(events), `"summaryEvent"`)
	assert.NotContains(t, git.Run("worktree", "list"), "sentry-base-", "a worktree is left behind")
}

func TestDiffRefusals(t *testing.T) {
	t.Parallel()
	git := repository(t)
	for base, want := range map[string]string{
		"":              "--base is not set; allowed: a commit, branch or tag, such as main",
		"no-such-thing": `no commit "no-such-thing" in ` + git.Dir + ": fetch it first (a shallow clone has the newest commit only)",
		"--help":        `no commit "--help" in ` + git.Dir + ": fetch it first (a shallow clone has the newest commit only)",
	} {
		require.Equal(t, "sandbox: "+want+"\n", sandboxed(t, io.Discard, "diff", "-C", git.Dir, "--base="+base))
	}

	git.Run("rm", "-r", "--quiet", "cmd/sandbox")
	git.Commit("before the sandbox")
	require.Equal(t, "sandbox: main has no cmd/sandbox to deploy it with: compare with a newer commit\n",
		sandboxed(t, io.Discard, "diff", "-C", git.Dir, "--base", "main"))
	assert.NotContains(t, git.Run("worktree", "list"), "sentry-base-", "a worktree is left behind")
}
