package command_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/command"
)

// runner is a GitHub runner: the files and variables a step finds there.
type runner struct {
	t   *testing.T
	env map[string]string
	out bytes.Buffer
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	dir := t.TempDir()
	return &runner{t: t, env: map[string]string{
		"GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"),
		"GITHUB_REPOSITORY": "octo-org/sentry", "GITHUB_TOKEN": "token", "GITHUB_RUN_ID": "9", "GITHUB_SERVER_URL": "https://github.com",
	}}
}

func (r *runner) run(args ...string) error {
	r.t.Helper()
	c := command.New(func(k string) string { return r.env[k] })
	c.SetArgs(args)
	c.SetOut(&r.out)
	c.SetErr(&r.out)
	return c.ExecuteContext(r.t.Context())
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
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		answer, ok := answers[strings.TrimPrefix(q.URL.Path, "/repos/octo-org/sentry")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		assert.NoError(r.t, json.NewEncoder(w).Encode(answer))
	}))
	r.t.Cleanup(web.Close)
	r.env["GITHUB_API_URL"] = web.URL
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

const recordings = "../preview/testdata/"

func TestPreviewShowsKeepsAndFingerprints(t *testing.T) {
	r := newRunner(t)
	r.pulumi(recordings+"change.json", "", 0)
	out := t.TempDir()
	cost := filepath.Join(out, "cost.md")
	require.NoError(t, os.WriteFile(cost, []byte("+ $3.10 a month"), 0o644))
	require.NoError(t, r.run("preview", "--stack", "staging", "--out", out, "--attach", "Cost="+cost, "--attach", "Other="+cost+".none"))
	assert.Len(t, r.outputs()["digest"], 64)
	assert.Contains(t, r.outputs()["changes"], "1 to create")
	assert.Contains(t, r.summary(), "**DELETE**")
	assert.Contains(t, r.summary(), "#### Cost\n\n+ $3.10 a month")
	assert.Contains(t, r.summary(), "[run](https://github.com/octo-org/sentry/actions/runs/9)")
	assert.NotContains(t, r.summary(), "Other", "a file that no step has written is announced")
	kept, err := os.ReadFile(filepath.Join(out, "staging.md"))
	require.NoError(t, err)
	assert.Equal(t, strings.TrimSpace(r.summary()), strings.TrimSpace(string(kept)))

	again := newRunner(t)
	require.NoError(t, again.run("render", "--stack", "staging", "--in", filepath.Join(out, "staging.json")))
	assert.Contains(t, again.summary(), "**DELETE**")
}

func TestAFailedPreviewIsShownAndFails(t *testing.T) {
	for _, c := range []struct{ file, stderr, want string }{
		{"refused.json", "", "not a Fargate size"},
		{"none.json", "error: no stack named 'staging' found", "no stack named"},
	} {
		r := newRunner(t)
		r.pulumi(recordings+c.file, c.stderr, 1)
		out := t.TempDir()
		require.Error(t, r.run("preview", "--stack", "staging", "--out", out))
		assert.Contains(t, r.summary(), "failed")
		assert.Contains(t, r.summary(), c.want)
		assert.FileExists(t, filepath.Join(out, "staging.md"), "the pull request's comment stays that of the last good preview")
		assert.Empty(t, r.outputs(), "a failed preview can be approved")
	}
}

func history(t *testing.T) (dir string, commit func(file string) string) {
	t.Helper()
	dir = t.TempDir()
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.invalid"}, args...)...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	git("init", "--quiet", "--initial-branch=main")
	return dir, func(file string) string {
		name := filepath.Join(dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(file), 0o644))
		git("add", "--all")
		git("commit", "--quiet", "--message", file)
		return git("rev-parse", "HEAD")
	}
}

func TestChanges(t *testing.T) {
	dir, commit := history(t)
	first := commit("README.md")
	infra := commit("infra/network.go")
	last := commit("docs/a.md")
	runs := func(list ...map[string]any) map[string]any {
		return map[string]any{"/actions/workflows/deploy-production.yml/runs": map[string]any{"workflow_runs": list}}
	}
	for name, c := range map[string]struct {
		answers map[string]any
		args    []string
		want    string
		reason  string
	}{
		"documents only":                      {runs(map[string]any{"head_sha": infra, "event": "push"}), nil, "false", "0 of 1 files"},
		"a change that was never deployed":    {runs(map[string]any{"head_sha": first, "event": "push"}), nil, "true", "1 of 2 files"},
		"never deployed":                      {runs(), nil, "true", "never deployed"},
		"deployed by hand, of who knows what": {runs(map[string]any{"head_sha": infra, "event": "workflow_dispatch"}), nil, "true", "by hand"},
		"asked for":                           {runs(), []string{"--mode", "yes"}, "true", "asked for by hand"},
		"left out":                            {runs(), []string{"--mode", "no"}, "false", "left out by hand"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t)
			r.github(c.answers)
			require.NoError(t, r.run(append([]string{"changes", "--dir", dir, "--base", infra, "--deployed-by", "deploy-production.yml"}, c.args...)...))
			assert.Equal(t, c.want, r.outputs()["infrastructure"])
			assert.Contains(t, r.outputs()["reason"], c.reason)
			assert.Equal(t, last, r.outputs()["commit"])
			assert.Contains(t, r.summary(), last, "who approves is not told what")
		})
	}
	r := newRunner(t)
	r.github(map[string]any{})
	r.env["GITHUB_TOKEN"] = ""
	require.Error(t, r.run("changes", "--dir", dir, "--deployed-by", "deploy-production.yml"))
	require.Error(t, r.run("changes", "--dir", dir, "--mode", "maybe"))
	require.ErrorContains(t, r.run("changes", "--dir", dir, "--mode", "no", "--head", first, "--on", "nowhere"), "nowhere")
}

func TestWaitTellsTheReportWhoWaited(t *testing.T) {
	r := newRunner(t)
	r.github(map[string]any{"/actions/runs/9/jobs": map[string]any{"jobs": []map[string]any{{"name": "deploy / deploy-infrastructure", "status": "completed", "conclusion": "failure"}}}})
	require.Error(t, r.run("wait", "--job", "deploy-infrastructure"))
	assert.Equal(t, "true", r.outputs()["blocked"])
	require.Error(t, r.run("wait"))
}

func TestReportIsWrittenWithoutGitHubToo(t *testing.T) {
	r := newRunner(t)
	r.env["GITHUB_TOKEN"] = ""
	r.env["NEEDS"] = `{"preview":{"result":"success","outputs":{"commit":"abc"}},"deploy-infrastructure":{"result":"skipped","outputs":{}},
		"deploy-backend":{"result":"success","outputs":{"image":"r@sha256:1"}},"deploy-frontend":{"result":"failure","outputs":{}}}`
	require.NoError(t, r.run("report", "--environment", "staging", "--ref", "feature/x`$(id)"))
	assert.Contains(t, r.summary(), "Deployment to `staging` partly failed")
	assert.Contains(t, r.summary(), "commit `abc` of `feature/x'$(id)`")
	r.env["NEEDS"] = "{}"
	require.Error(t, r.run("report", "--environment", "staging"))
}

func TestSource(t *testing.T) {
	dir := t.TempDir()
	r := newRunner(t)
	err := r.run("source", "--dir", dir)
	require.ErrorContains(t, err, `no Dockerfile in folder "backend"`)
	require.ErrorContains(t, err, "FRONTEND_DIRECTORY")
	for _, f := range []string{"api/Dockerfile", "web/package.json", "web/package-lock.json"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), nil, 0o644))
	}
	require.NoError(t, r.run("source", "--dir", dir, "--backend", "api", "--frontend", "web"))
	require.ErrorContains(t, r.run("source", "--dir", dir, "--backend", "../api", "--frontend", "web"), "inside the repository")
}

func TestTheAPIsAddress(t *testing.T) {
	outputs := filepath.Join(t.TempDir(), "outputs.json")
	require.NoError(t, os.WriteFile(outputs, []byte(`{"apiUrl":"https://api.example.invalid"}`), 0o644))
	r := newRunner(t)
	r.pulumi(outputs, "", 0)
	require.NoError(t, r.run("api-url", "--stack", "staging"))
	assert.Equal(t, "https://api.example.invalid", r.outputs()["api-url"])
	for given, want := range map[string]string{"http://203.0.113.7:8080": "http://203.0.113.7:8080", "none": ""} {
		r = newRunner(t)
		r.env["API_URL"] = given
		require.NoError(t, r.run("api-url", "--stack", "staging"))
		assert.Equal(t, want, r.outputs()["api-url"])
	}
	r.env["API_URL"] = "javascript:alert(1)"
	require.Error(t, r.run("api-url", "--stack", "staging"))
	require.NoError(t, os.WriteFile(outputs, []byte(`{}`), 0o644))
	r.env["API_URL"] = ""
	require.ErrorContains(t, r.run("api-url", "--stack", "staging"), "API_URL", "pages that call nothing are published")
}

func TestAValueCannotWriteOtherOutputs(t *testing.T) {
	outputs := filepath.Join(t.TempDir(), "outputs.json")
	raw, err := json.Marshal(map[string]string{"a": "x\nEND\ninfrastructure<<END\nfalse", "b": "y"})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(outputs, raw, 0o644))
	r := newRunner(t)
	r.pulumi(outputs, "", 0)
	require.NoError(t, r.run("outputs", "--stack", "staging", "--require", "a,b"))
	assert.Equal(t, map[string]string{"a": "x\nEND\ninfrastructure<<END\nfalse", "b": "y"}, r.outputs())
	require.ErrorContains(t, r.run("outputs", "--stack", "staging", "--require", "c"), "no output c")
}

func TestWrongArguments(t *testing.T) {
	for _, args := range [][]string{
		{"preview"},
		{"preview", "--stack", "prod"},
		{"apply", "--stack", "staging"},
		{"release", "--stack", "staging", "--image", "x:latest"},
		{"rollout", "verify"},
		{"rollout", "verify", "--cluster", "c", "--service", "s", "--task-definition", "family"},
		{"publish"},
		{"publish", "--dir", "x"},
		{"comment", "--stack", "staging", "--body", "none"},
		{"lock", "show", "--stack", "../production"},
		{"preview", "--stack", "staging", "--attach", "x"},
		{"changes", "stray"},
		{"nonsense"},
	} {
		assert.Error(t, newRunner(t).run(args...), args)
	}
}
