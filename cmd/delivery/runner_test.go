package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/emulated"
	"sentry/internal/fixture"
)

// What the commands are given, by package.
const (
	recordings = "../../internal/delivery/preview/testdata/"
	rollouts   = "../../internal/delivery/rollout/testdata/"
)

// runner is a GitHub runner: the files and variables a step finds there.
type runner struct {
	t *testing.T
	// dir is the project's folder.
	dir string
	env map[string]string
	out bytes.Buffer
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	emulated.Isolate(t)
	dir := t.TempDir()
	return &runner{t: t, dir: fixture.Project(t), env: map[string]string{
		"GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"),
		"GITHUB_REPOSITORY": "octo-org/sentry", "GITHUB_TOKEN": "token", "GITHUB_RUN_ID": "9", "GITHUB_SERVER_URL": "https://github.com",
	}}
}

func (r *runner) run(args ...string) error {
	r.t.Helper()
	cmd := newCommand(func(k string) string { return r.env[k] })
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append(args, "-C", r.dir))
	cmd.SetOut(&r.out)
	cmd.SetErr(&r.out)
	return cmd.ExecuteContext(r.t.Context())
}

// append adds a text to a file of the project.
func (r *runner) append(name, text string) {
	r.t.Helper()
	f, err := os.OpenFile(filepath.Join(r.dir, name), os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(r.t, err)
	_, err = f.WriteString(text)
	require.NoError(r.t, err)
	require.NoError(r.t, f.Close())
}

// guard makes an environment a guarded one, whatever the fixture says.
func (r *runner) guard(environment string) {
	r.t.Helper()
	file := filepath.Join(r.dir, "Pulumi."+environment+".yaml")
	text, err := os.ReadFile(file)
	require.NoError(r.t, err)
	kept := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(text)), "\n"), func(line string) bool { return strings.Contains(line, "sentry:protect:") })
	require.NoError(r.t, os.WriteFile(file, []byte(strings.Join(append(kept, "  sentry:protect: true"), "\n")+"\n"), 0o600))
}

// outputs reads GITHUB_OUTPUT as the runner does.
func (r *runner) outputs() map[string]string {
	r.t.Helper()
	raw, err := os.ReadFile(r.env["GITHUB_OUTPUT"])
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(r.t, err)
	out := map[string]string{}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		name, delimiter, ok := strings.Cut(lines[i], "<<")
		require.True(r.t, ok, "the runner cannot read the output %q", lines[i])
		var value []string
		for i++; lines[i] != delimiter; i++ {
			value = append(value, lines[i])
		}
		out[name] = strings.Join(value, "\n")
	}
	return out
}

func (r *runner) summary() string {
	raw, err := os.ReadFile(r.env["GITHUB_STEP_SUMMARY"])
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(r.t, err)
	return string(raw)
}

// github answers as the API would; what is asked for is the key.
func (r *runner) github(answers map[string]any) {
	r.t.Helper()
	r.env["GITHUB_API_URL"] = emulated.Serve(r.t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		answer, ok := answers[strings.TrimPrefix(q.URL.Path, "/repos/octo-org/sentry")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		assert.NoError(r.t, json.NewEncoder(w).Encode(answer))
	}))
}

// pulumi puts a command on PATH that prints a file and ends with a status.
func (r *runner) pulumi(file, stderr string, status int) {
	r.t.Helper()
	file, err := filepath.Abs(file)
	require.NoError(r.t, err)
	dir := r.t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\n[ -f %q ] && cat %q\necho %q >&2\nexit %d\n", file, file, stderr, status)
	require.NoError(r.t, os.WriteFile(filepath.Join(dir, "pulumi"), []byte(script), 0o755))
	r.t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}
