package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
)

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

func TestChanges(t *testing.T) {
	r := newRunner(t)
	git := fixture.NewGit(t, r.dir)
	commit := func(file string) string {
		name := filepath.Join(r.dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte("package main // "+file), 0o600))
		return git.Commit(file)
	}
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "go.mod"), []byte("module sentry\n\ngo 1.24\n"), 0o600))
	first := commit("main.go")
	infra := commit("network.go")
	last := commit("docs/a.md")
	runs := func(list ...map[string]any) map[string]any {
		return map[string]any{"/actions/workflows/deploy-staging.yml/runs": map[string]any{"workflow_runs": list}}
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
			dir := r.dir
			r := newRunner(t)
			r.dir = dir
			r.github(c.answers)
			require.NoError(t, r.run(append([]string{"changes", "-s", "staging", "--base", infra, "--deployed-by", "deploy-staging.yml"}, c.args...)...))
			assert.Equal(t, c.want, r.outputs()["infrastructure"])
			assert.Contains(t, r.outputs()["reason"], c.reason)
			assert.Equal(t, last, r.outputs()["commit"])
			assert.Contains(t, r.summary(), last, "who approves is not told what")
		})
	}
	r.github(map[string]any{})
	r.env["GITHUB_TOKEN"] = ""
	require.Error(t, r.run("changes", "-s", "staging", "--deployed-by", "deploy-staging.yml"))
	require.Error(t, r.run("changes", "-s", "staging", "--mode", "maybe"))
	require.ErrorContains(t, r.run("changes", "-s", "staging", "--mode", "no", "--head", first, "--on", "nowhere"), "nowhere")
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
	require.NoError(t, r.run("report", "--stack", "staging", "--ref", "feature/x`$(id)"))
	assert.Contains(t, r.summary(), "Deployment to `staging` partly failed")
	assert.Contains(t, r.summary(), "commit `abc` of `feature/x'$(id)`")
	r.env["NEEDS"] = "{}"
	require.Error(t, r.run("report", "--stack", "staging"))
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
	require.ErrorContains(t, r.run("source", "--dir", dir, "--backend", "../api", "--frontend", "web"), "a folder inside of the repository")
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
		{"lock", "shw", "--stack", "staging"},
	} {
		assert.Error(t, newRunner(t).run(args...), args)
	}
}

// A name between backquotes is the value's name in the help; every flag with a value has one that a person
// understands, and no command is quoted with them.
func TestTheHelpReads(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		assert.NotEmpty(t, cmd.Short, cmd.CommandPath())
		assert.NotContains(t, cmd.Short+cmd.Long, "`", "%s: backquotes are printed as they are", cmd.CommandPath())
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			at := cmd.CommandPath() + " --" + f.Name
			assert.NotEmpty(t, f.Usage, at)
			value, usage := pflag.UnquoteUsage(f)
			assert.NotContains(t, usage, "`", "%s: a second pair of backquotes is printed as it is", at)
			switch f.Value.Type() {
			case "bool", "duration":
				assert.NotContains(t, f.Usage, "`", "%s: its value needs no name", at)
			default:
				assert.Regexp(t, `^[A-Za-z:=@]+$`, value, "%s: this is shown as the value's name", at)
				assert.NotEqual(t, f.Value.Type(), value, "%s: the value has no name", at)
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newCommand(os.Getenv))
}

func TestEnvironmentsAreTheStackFiles(t *testing.T) {
	r := newRunner(t)
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "Pulumi.dev.yaml"), []byte("config: {}\n"), 0o600))
	require.NoError(t, r.run("environments"))
	assert.JSONEq(t, `["dev","production","staging"]`, r.outputs()["environments"])
}
