package main

import (
	"cmp"
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
	r.pulumi(recordings+"change.events", "", 0)
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
	require.NoError(t, again.run("render", "--stack", "staging", "--in", filepath.Join(out, "staging.json"), "--commit", "abc", "--note", "A note."))
	assert.Contains(t, again.summary(), "**DELETE**")
	for _, want := range []string{"commit `abc` · [run](https://github.com/octo-org/sentry/actions/runs/9)\n\n", "A note.\n\n"} {
		assert.Contains(t, again.summary(), want)
	}
	require.Error(t, again.run("render", "--stack", "staging", "--in", filepath.Join(out, "none.json")))
}

func TestAFailedPreviewIsShownAndFails(t *testing.T) {
	for _, c := range []struct{ file, stderr, want string }{
		{"refused.events", "", "not a Fargate size"},
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
		base    string // of the price
	}{
		"documents only":                   {runs(map[string]any{"display_title": "Deploy staging " + infra}), nil, "false", "0 of 1 files", infra},
		"a change that was never deployed": {runs(map[string]any{"display_title": "Deploy staging " + first}), nil, "true", "1 of 2 files", first},
		"never deployed":                   {runs(), nil, "true", "never deployed", ""},
		"a branch was deployed last":       {runs(map[string]any{"display_title": "Deploy staging feature/x"}), nil, "true", "of a branch", ""},
		"asked for":                        {runs(map[string]any{"display_title": "Deploy staging " + infra}), []string{"--mode", "yes"}, "true", "asked for by hand", infra},
		"left out":                         {runs(), []string{"--mode", "no"}, "false", "left out by hand", ""},
		"compared by hand":                 {nil, []string{"--base", infra}, "false", "0 of 1 files", infra},
	} {
		t.Run(name, func(t *testing.T) {
			dir := r.dir
			r := newRunner(t)
			r.dir = dir
			r.github(c.answers)
			require.NoError(t, r.run(append([]string{"changes", "-s", "staging", "--trunk", "nowhere"}, c.args...)...))
			assert.Equal(t, c.base, r.outputs()["base"], "the price is compared with something else than what is deployed")
			assert.Equal(t, c.want, r.outputs()["infrastructure"])
			assert.Contains(t, r.outputs()["reason"], c.reason)
			assert.Equal(t, last, r.outputs()["commit"])
			assert.Contains(t, r.summary(), last, "who approves is not told what")
		})
	}
	r.github(map[string]any{})
	r.env["GITHUB_TOKEN"] = ""
	require.Error(t, r.run("changes", "-s", "staging"))
	require.Error(t, r.run("changes", "-s", "staging", "--mode", "maybe"))
	r.guard("staging")
	require.ErrorContains(t, r.run("changes", "-s", "staging", "--mode", "no", "--head", first, "--trunk", "nowhere"), "nowhere",
		"a guarded environment deploys what nobody has merged")
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
	r.env["NEEDS"] = `{"build":{"result":"success","outputs":{"commit":"abc"}},"preview":{"result":"success","outputs":{}},
		"build-backend":{"result":"success","outputs":{}},"build-frontend":{"result":"success","outputs":{}},"deploy-infrastructure":{"result":"skipped","outputs":{}},
		"deploy-backend":{"result":"success","outputs":{"image":"r@sha256:1"}},"deploy-frontend":{"result":"failure","outputs":{}}}`
	require.NoError(t, r.run("report", "--stack", "staging", "--ref", "feature/x`$(id)"))
	assert.Contains(t, r.summary(), "Deployment to `staging` partly failed")
	assert.Contains(t, r.summary(), "commit `abc` of `feature/x'$(id)`")
	assert.NotContains(t, r.summary(), "took 1")

	needs := r.env["NEEDS"]
	r = newRunner(t)
	r.env["NEEDS"], r.env["GITHUB_ACTOR"] = needs, "octocat"
	r.github(map[string]any{"/actions/runs/9/jobs": map[string]any{"jobs": []any{
		map[string]any{"name": "deploy / deploy-backend", "started_at": "2026-11-20T10:05:00Z", "completed_at": "2026-11-20T10:09:00Z"},
		map[string]any{"name": "deploy / preview", "started_at": "2026-11-20T10:00:00Z", "completed_at": "2026-11-20T10:01:00Z"},
		map[string]any{"name": "deploy / build"},
	}}})
	require.NoError(t, r.run("report", "--stack", "staging"))
	assert.Contains(t, r.summary(), "deployed | 4m0s |")
	assert.Contains(t, r.summary(), "by `octocat`")
	assert.Regexp(t, `took \d+h`, r.summary(), "the total is not that from the first job on")
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

// With neither an address of the API nor an image for the right machine, everything else would be approved in vain.
func TestTarget(t *testing.T) {
	const deployed = `"ecrRepositoryUrl":"r","frontendBucketName":"b"`
	for name, c := range map[string]struct {
		outputs, variable, stackFile string
		api, platform, runner, want  string // want is part of the error
	}{
		"an address of its own":        {outputs: `"apiUrl":"https://api.example.invalid","frontendUrl":"https://example.invalid"`, api: "https://api.example.invalid"},
		"one address for both":         {outputs: `"apiUrl":"https://d1.cloudfront.net/api","frontendUrl":"https://d1.cloudfront.net"`, api: "/api"},
		"none, by the variable":        {variable: "none"},
		"a path, by the variable":      {variable: "/v1", outputs: `"apiUrl":"https://d1.cloudfront.net/api","frontendUrl":"https://d1.cloudfront.net"`, api: "/v1"},
		"https is to be deployed now":  {stackFile: "  sentry:https: true\n", api: "/api"},
		"https is off":                 {stackFile: "  sentry:https: false\n", want: "has no address"},
		"nothing":                      {want: "has no address: its tasks get a new IP at every deployment"},
		"arm64":                        {variable: "none", outputs: `"cpuArchitecture":"ARM64"`, platform: "linux/arm64", runner: "ubuntu-24.04-arm"},
		"a machine that nobody builds": {variable: "none", outputs: `"cpuArchitecture":"RISCV"`, want: "allowed: X86_64, ARM64"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t)
			outputs := filepath.Join(t.TempDir(), "outputs.json")
			require.NoError(t, os.WriteFile(outputs, []byte("{"+strings.TrimSuffix(deployed+","+c.outputs, ",")+"}"), 0o600))
			r.pulumi(outputs, "", 0)
			r.append("Pulumi.staging.yaml", c.stackFile)
			err := r.run("target", "--stack", "staging", "--api-url", c.variable)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.api, r.outputs()["api-url"])
			assert.Equal(t, cmp.Or(c.platform, "linux/amd64"), r.outputs()["platform"])
			assert.Equal(t, cmp.Or(c.runner, "ubuntu-24.04"), r.outputs()["runner"])
		})
	}
	r := newRunner(t)
	r.pulumi(recordings+"none", "", 0)
	empty := filepath.Join(t.TempDir(), "outputs.json")
	require.NoError(t, os.WriteFile(empty, []byte("{}"), 0o600))
	r.pulumi(empty, "", 0)
	require.ErrorContains(t, r.run("target", "--stack", "staging", "--api-url", "none"), "deploy the infrastructure first")

	// What will be deployed before the application counts, also in a stack that has no outputs yet.
	planned := filepath.Join(t.TempDir(), "staging.json")
	require.NoError(t, os.WriteFile(planned, []byte(`{"sequence":1,"resOutputsEvent":{"metadata":{"op":"same","urn":"urn:pulumi:staging::sentry::pulumi:pulumi:Stack::sentry-staging",
		"new":{"outputs":{"cpuArchitecture":"ARM64","apiUrl":"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}}}}`), 0o600))
	require.NoError(t, r.run("target", "--stack", "staging", "--api-url", "none", "--planned", planned))
	assert.Equal(t, "linux/arm64", r.outputs()["platform"], "the image is built for the machines of before the deployment")
}

func TestSettings(t *testing.T) {
	r := newRunner(t)
	r.env["VARS"] = `{"AWS_ACCOUNT_ID":"123456789012"}`
	r.env["REPOSITORY_PRIVATE"] = "true"
	require.NoError(t, r.run("settings", "-s", "staging"))
	assert.Equal(t, []string{"123456789012", "us-east-1", "octo-org/sentry", "false", "true", "false"}, []string{
		r.outputs()["account"], r.outputs()["region"], r.outputs()["application-repository"], r.outputs()["application-other"], r.outputs()["show-logs"], r.outputs()["guarded"],
	})
	r = newRunner(t)
	r.guard("production")
	r.env["VARS"] = `{"AWS_ACCOUNT_ID":"123456789012","APPLICATION_REPOSITORY":"octo-org/app"}`
	require.NoError(t, r.run("settings", "-s", "production"))
	assert.Equal(t, "true", r.outputs()["application-other"])
	assert.Equal(t, "true", r.outputs()["guarded"])
	assert.Equal(t, "false", r.outputs()["show-logs"], "log lines of the application are published")
	r.env["VARS"] = "{}"
	require.ErrorContains(t, r.run("settings", "-s", "production"), "AWS_ACCOUNT_ID")
}

// What a run prints, everybody reads who may read the repository.
func TestWhoMayReadTheApplicationsLogs(t *testing.T) {
	for variable, want := range map[string][2]string{ // in a public repository, and in a private one
		"private": {"false", "true"}, "always": {"true", "true"}, "never": {"false", "false"},
	} {
		for i, private := range []string{"false", "true"} {
			r := newRunner(t)
			r.env["VARS"] = `{"AWS_ACCOUNT_ID":"123456789012","APPLICATION_REPOSITORY":"octo-org/sentry","SHOW_LOGS":"` + variable + `"}`
			r.env["REPOSITORY_PRIVATE"] = private
			require.NoError(t, r.run("settings", "-s", "staging"))
			assert.Equal(t, want[i], r.outputs()["show-logs"], "%s, private: %s", variable, private)
			assert.Equal(t, "false", r.outputs()["application-other"], "a token for another repository is asked for in vain")
		}
	}
}

// D9: without a reviewer nobody is asked, and nothing else would say so.
func TestGuard(t *testing.T) {
	const open, restricted = `null`, `{"protected_branches":false,"custom_branch_policies":true}`
	for name, c := range map[string]struct {
		guarded          bool
		rules, branches  string
		unreviewed, want string // want is part of the error; a warning begins with ::
	}{
		"reviewed":                              {true, `[{"type":"required_reviewers","reviewers":[{}]}]`, restricted, "no", ""},
		"guarded, not reviewed":                 {true, `[]`, restricted, "no", "has no required reviewers"},
		"guarded, open to every branch":         {true, `[{"type":"required_reviewers","reviewers":[{}]}]`, open, "no", "restrict it to main"},
		"guarded, open where none is protected": {true, `[{"type":"required_reviewers","reviewers":[{}]}]`, `{"protected_branches":true,"custom_branch_policies":false}`, "no", "restrict it to main"},
		"guarded, not there":                    {true, "", "", "no", "does not exist"},
		"told that nobody has to":               {true, `[]`, restricted, "yes", "::warning::environment staging has no required reviewers"},
		"staging":                               {false, `[]`, restricted, "no", ""},
		"staging, open to every branch":         {false, `[]`, open, "no", "::warning::environment staging does not restrict its branches by name"},
		"staging, not there, and that said":     {false, "", "", "no", "::warning::environment staging does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t)
			if c.guarded {
				r.guard("staging")
			}
			answers := map[string]any{
				"/environments/staging/deployment-branch-policies": map[string]any{"branch_policies": []any{map[string]string{"name": "main"}}},
			}
			if c.rules != "" {
				answers["/environments/staging"] = json.RawMessage(`{"protection_rules":` + c.rules + `,"deployment_branch_policy":` + c.branches + `}`)
			}
			r.github(answers)
			err := r.run("guard", "-s", "staging", "--unreviewed", c.unreviewed)
			switch {
			case strings.HasPrefix(c.want, "::"):
				require.NoError(t, err)
				assert.Contains(t, r.out.String(), c.want)
			case c.want == "":
				require.NoError(t, err)
				assert.NotContains(t, r.out.String(), "::warning::")
			default:
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, "DEPLOY_UNREVIEWED")
			}
		})
	}
}

// Where GitHub has no reviewers, whoever starts the run and names the commit has looked at it.
func TestGuardByHand(t *testing.T) {
	r := newRunner(t)
	r.guard("staging")
	r.github(map[string]any{"/environments/staging": json.RawMessage(`{"protection_rules":[],"deployment_branch_policy":{}}`)})
	run := func(event, ref string) error {
		r.env["GITHUB_EVENT_NAME"] = event
		return r.run("guard", "-s", "staging", "--unreviewed", "by-hand", "--ref", ref)
	}
	require.NoError(t, run("workflow_dispatch", "v1.2.0"))
	require.ErrorContains(t, run("push", ""), "start the deployment by hand and name its commit", "a push deploys, and nobody has looked")
	require.ErrorContains(t, run("workflow_dispatch", ""), "start the deployment by hand and name its commit", "what main has just become is deployed")
}

// The commit that is deployed may be older than the guard.
func TestGuardTakesMainsWord(t *testing.T) {
	r := newRunner(t)
	r.github(map[string]any{"/environments/staging": json.RawMessage(`{"protection_rules":[],"deployment_branch_policy":{}}`)})
	require.NoError(t, r.run("guard", "-s", "staging"))
	require.Error(t, r.run("guard", "-s", "staging", "--guarded"), "an older commit is deployed without an approval")
}

func TestPromote(t *testing.T) {
	commit := strings.Repeat("c", 40)
	args := []string{"promote", "-s", "production", "--commit", commit, "--application", "octo-org/sentry@" + commit, "--platform", "linux/amd64", "--api-url", "/api"}
	r := newRunner(t)
	require.NoError(t, r.run("shipped", "image", "--application", "octo-org/sentry@"+commit, "--platform", "linux/amd64", "--digest", "sha256:"+strings.Repeat("d", 64), "--artifact", "11", "--run", "7"))
	_, message, _ := strings.Cut(strings.TrimSpace(r.out.String()), "Shipped image::")
	r.github(map[string]any{
		"/actions/workflows/deploy-staging.yml/runs": map[string]any{"workflow_runs": []any{map[string]any{
			"id": 7, "display_title": "Deploy staging " + commit, "head_branch": "main", "path": ".github/workflows/deploy-staging.yml",
		}}},
		"/actions/runs/7/jobs":      map[string]any{"jobs": []any{map[string]any{"name": "deploy / deploy-backend", "conclusion": "success", "check_run_url": "x/1"}}},
		"/check-runs/1/annotations": []any{map[string]any{"annotation_level": "notice", "title": "Shipped image", "message": message}},
		"/actions/artifacts/11":     map[string]any{"workflow_run": map[string]any{"id": 7}},
	})
	require.NoError(t, r.run(args...))
	assert.Equal(t, map[string]string{"image": "sha256:" + strings.Repeat("d", 64), "image-artifact": "11", "image-run": "7"}, r.outputs())
	r = newRunner(t)
	require.NoError(t, r.run(append(args, "--rebuild")...), "GitHub is asked in vain")
	assert.Empty(t, r.outputs())
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
	require.NoError(t, r.run("outputs", "--stack", "staging", "--require", "b", "--optional", "c"))
	assert.Contains(t, r.outputs(), "c")
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
		{"comment", "--previews", ".", "--head", "x"},
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
	r.guard("production")
	require.NoError(t, r.run("environments"))
	assert.JSONEq(t, `["dev","production","staging"]`, r.outputs()["all"])
	assert.JSONEq(t, `["dev","staging"]`, r.outputs()["unguarded"], "a pull request asks for a role in a guarded environment")
}
