// Package delivery_test reads the workflows of this repository as GitHub would, and holds
// them to the rules that the Terraform project broke (SPEC C1–C5, F3–F6).
package delivery_test

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sentry/internal/delivery/report"
	"sentry/internal/project"
)

const directory = "../../.github/workflows"

type (
	workflow struct {
		Name        string            `yaml:"name"`
		On          yaml.Node         `yaml:"on"`
		Permissions yaml.Node         `yaml:"permissions"`
		Concurrency *concurrency      `yaml:"concurrency"`
		Env         map[string]string `yaml:"env"`
		Jobs        map[string]job    `yaml:"jobs"`
	}
	concurrency struct {
		Group  string `yaml:"group"`
		Cancel string `yaml:"cancel-in-progress"`
	}
	job struct {
		Name        string            `yaml:"name"`
		Needs       []string          `yaml:"needs"`
		If          string            `yaml:"if"`
		RunsOn      string            `yaml:"runs-on"`
		Timeout     int               `yaml:"timeout-minutes"`
		Environment string            `yaml:"environment"`
		Permissions map[string]string `yaml:"permissions"`
		Concurrency *concurrency      `yaml:"concurrency"`
		Env         map[string]string `yaml:"env"`
		Outputs     map[string]string `yaml:"outputs"`
		Uses        string            `yaml:"uses"`
		With        map[string]string `yaml:"with"`
		Steps       []step            `yaml:"steps"`
	}
	step struct {
		ID   string            `yaml:"id"`
		Name string            `yaml:"name"`
		If   string            `yaml:"if"`
		Uses string            `yaml:"uses"`
		Run  string            `yaml:"run"`
		Env  map[string]string `yaml:"env"`
		With map[string]string `yaml:"with"`
	}
)

// files are the workflows by file name.
func files(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	out := map[string]string{}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(directory, e.Name()))
		require.NoError(t, err)
		out[e.Name()] = string(raw)
	}
	return out
}

func parse(t *testing.T, text string) workflow {
	t.Helper()
	var w workflow
	require.NoError(t, yaml.Unmarshal([]byte(text), &w))
	return w
}

func TestActionlint(t *testing.T) {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	project, err := actionlint.NewProject(root)
	require.NoError(t, err)
	for name := range files(t) {
		problems, err := linter.LintFile(filepath.Join(root, ".github/workflows", name), project)
		require.NoError(t, err)
		for _, p := range problems {
			t.Errorf("%s:%d:%d: %s [%s]", name, p.Line, p.Column, p.Message, p.Kind)
		}
	}
}

func TestRules(t *testing.T) {
	for _, f := range findings(t, files(t)) {
		t.Error(f)
	}
}

var (
	pinned   = regexp.MustCompile(`^([\w.-]+/[\w.-]+)(/[\w./-]+)?@([0-9a-f]{40})$`)
	exactly  = regexp.MustCompile(`^# (v\d+\.\d+\.\d+)\b`)
	variable = regexp.MustCompile(`\$\{?([A-Z][A-Z0-9_]*)`)
	called   = regexp.MustCompile(`(?:\S*bin/delivery|go run \./cmd/delivery) ([^\n|;&]+)`)
)

// findings are the broken rules, one a line, over all workflows together.
func findings(t *testing.T, all map[string]string) []string {
	t.Helper()
	var out []string
	pins := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		say := func(format string, args ...any) { out = append(out, name+": "+fmt.Sprintf(format, args...)) }
		var root yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte(all[name]), &root))
		checkPins(&root, pins, say)
		w := parse(t, all[name])
		checkWorkflow(name, w, say)
		for _, id := range slices.Sorted(maps.Keys(w.Jobs)) {
			sayJob := func(format string, args ...any) { say("job "+id+": "+format, args...) }
			checkJob(name, w.Jobs[id], sayJob)
			for i, s := range w.Jobs[id].Steps {
				checkStep(w, w.Jobs[id], s, func(format string, args ...any) {
					sayJob(fmt.Sprintf("step %d (%s): ", i+1, s.Name)+format, args...)
				})
			}
		}
	}
	return append(out, checkDeployments(t, all)...)
}

// checkPins: every action by full commit, with its exact version beside it, and the same
// commit everywhere.
func checkPins(n *yaml.Node, pins map[string]string, say func(string, ...any)) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Value != "uses" || value.Kind != yaml.ScalarNode || strings.HasPrefix(value.Value, "./") {
				continue
			}
			m := pinned.FindStringSubmatch(value.Value)
			version := exactly.FindStringSubmatch(value.LineComment)
			if m == nil || version == nil {
				say("line %d: %s %s: not pinned by a full commit with its exact version (# vX.Y.Z) behind it", value.Line, value.Value, value.LineComment)
				continue
			}
			if before, ok := pins[m[1]]; ok && before != m[3]+version[1] {
				say("line %d: %s is pinned to another commit or version elsewhere", value.Line, m[1])
			}
			pins[m[1]] = m[3] + version[1]
			checkInputs(m[1], version[1], with(n), func(format string, args ...any) { say("line %d: "+format, append([]any{value.Line}, args...)...) })
		}
	}
	for _, c := range n.Content {
		checkPins(c, pins, say)
	}
}

func with(step *yaml.Node) []string {
	var keys []string
	for i := 0; i+1 < len(step.Content); i += 2 {
		if step.Content[i].Value == "with" {
			for j := 0; j < len(step.Content[i+1].Content); j += 2 {
				keys = append(keys, step.Content[i+1].Content[j].Value)
			}
		}
	}
	return keys
}

// checkInputs: actionlint knows the inputs of actions by tag, not by commit; the newest
// version it knows that is not above ours stands in.
func checkInputs(action, version string, inputs []string, say func(string, ...any)) {
	major, err := strconv.Atoi(strings.Split(strings.TrimPrefix(version, "v"), ".")[0])
	for ; err == nil && major > 0; major-- {
		meta, ok := actionlint.PopularActions[fmt.Sprintf("%s@v%d", action, major)]
		if !ok {
			continue
		}
		for _, in := range inputs {
			if _, known := meta.Inputs[strings.ToLower(in)]; !known {
				say("%s has no input %q", action, in)
			}
		}
		return
	}
}

func checkWorkflow(name string, w workflow, say func(string, ...any)) {
	// A mapping without entries: written down, and nothing allowed.
	if w.Permissions.Kind != yaml.MappingNode || len(w.Permissions.Content) > 0 {
		say("top-level permissions must be {}: what a job needs stands in the job (F6)")
	}
	on := triggers(w)
	if slices.Contains(on, "pull_request_target") {
		say("pull_request_target gives a fork's code the repository's secrets")
	}
	reusable := slices.Equal(on, []string{"workflow_call"})
	switch {
	case reusable && w.Concurrency != nil:
		say("a called workflow that claims its caller's concurrency group waits for itself for ever")
	case !reusable && (w.Concurrency == nil || w.Concurrency.Group == ""):
		say("no concurrency group (F3)")
	case !reusable && w.Concurrency.Cancel != "true" && w.Concurrency.Cancel != "false":
		say("cancel-in-progress must be said: true or false")
	case !reusable && w.Concurrency.Cancel == "true" && !strings.HasPrefix(name, "pull-request"):
		say("a run that changes something may be cancelled half-way (F3)")
	case !reusable && strings.HasPrefix(w.Concurrency.Group, "deploy-") && !strings.HasPrefix(name, "deploy-"):
		say("in the deployments' group this workflow would push a waiting deployment out")
	}
}

func triggers(w workflow) []string {
	var on []string
	if w.On.Kind == yaml.ScalarNode {
		return []string{w.On.Value}
	}
	for i, n := range w.On.Content {
		if w.On.Kind == yaml.SequenceNode || i%2 == 0 {
			on = append(on, n.Value)
		}
	}
	return on
}

func checkJob(file string, j job, say func(string, ...any)) {
	if j.Permissions == nil {
		say("no permissions (F6)")
	}
	var does strings.Builder
	for _, s := range j.Steps {
		does.WriteString(s.Run + "\n" + s.Uses + "\n")
	}
	text := does.String()
	// A right to write is there for something that the job does.
	reasons := map[string]string{"id-token": "aws-actions/configure-aws-credentials", "pull-requests": "delivery comment", "issues": "delivery drift"}
	for scope, access := range j.Permissions {
		reason, known := reasons[scope]
		switch {
		case access == "read" && (scope == "contents" || scope == "actions"):
		case access == "write" && known && (strings.Contains(text, reason) || j.Uses == "./.github/workflows/deploy.yml" && scope == "id-token"):
		default:
			say("permission %s: %s is more than it needs (F6)", scope, access)
		}
	}
	if j.Uses != "" {
		return // the rest belongs to the called workflow's jobs
	}
	if j.Timeout <= 0 || j.Timeout > 360 {
		say("timeout-minutes %d: must be 1 to 360", j.Timeout)
	}
	if !regexp.MustCompile(`^ubuntu-\d\d\.\d\d$`).MatchString(j.RunsOn) {
		say("runs-on %q: must name a release, latest moves", j.RunsOn)
	}
	if j.Concurrency != nil {
		say("concurrency of a job: the jobs of one run would wait for each other")
	}
	if j.Environment != "" && j.Environment != "${{ inputs.environment }}" {
		say("environment %q: must be the one asked for, ${{ inputs.environment }}", j.Environment)
	}
	for _, s := range j.Steps {
		role := s.With["role-to-assume"]
		if strings.HasPrefix(s.Uses, "aws-actions/configure-aws-credentials@") {
			want := "preview"
			if j.Environment != "" {
				want = "deploy"
			}
			form := regexp.MustCompile(`^arn:aws:iam::\$\{\{ vars\.AWS_ACCOUNT_ID \}\}:role/sentry-` + want + `-\$\{\{ (inputs\.environment|matrix\.stack) \}\}$`)
			if !form.MatchString(role) {
				say("role %q: must be arn:aws:iam::${{ vars.AWS_ACCOUNT_ID }}:role/sentry-%s-<environment> (C5)", role, want)
			}
			if s.With["aws-access-key-id"] != "" || s.With["aws-secret-access-key"] != "" {
				say("long-lived AWS keys (F6)")
			}
		}
		if strings.HasPrefix(s.Uses, "actions/checkout@") {
			// The history that `delivery changes` may have to fetch from stays reachable.
			if s.With["persist-credentials"] != "false" && s.With["path"] != "target" {
				say("a checkout leaves the job's token in the working directory")
			}
			if file == "pull-request-comment.yml" && (s.With["ref"] != "" || s.With["repository"] != "") {
				say("checks out what a fork says, in a job that may write")
			}
		}
	}
}

func checkStep(w workflow, j job, s step, say func(string, ...any)) {
	if strings.Contains(s.Run, "${{") || strings.Contains(s.With["script"], "${{") {
		say("an expression inside a script: its value is run as code (F5)")
	}
	known := []string{"RUNNER_TEMP", "HOME", "PATH"}
	for _, env := range []map[string]string{w.Env, j.Env, s.Env} {
		known = slices.AppendSeq(known, maps.Keys(env))
	}
	for _, m := range variable.FindAllStringSubmatch(s.Run, -1) {
		if !slices.Contains(known, m[1]) && !strings.HasPrefix(m[1], "GITHUB_") {
			say("$%s is set nowhere", m[1])
		}
	}
	for key, value := range s.Env {
		if strings.Contains(value, "secrets.AWS") {
			say("%s: a long-lived AWS key (F6)", key)
		}
	}
	for _, args := range calls(s.Run) {
		if slices.Contains([]string{"changes", "comment", "drift", "lock", "wait"}, args[0]) && s.Env["GITHUB_TOKEN"] == "" {
			say("delivery %s asks GitHub and has no GITHUB_TOKEN", args[0])
		}
	}
}

// calls are the delivery commands of a script, each as its arguments.
func calls(script string) [][]string {
	var out [][]string
	for _, m := range called.FindAllStringSubmatch(strings.ReplaceAll(script, "\\\n", " "), -1) {
		if !strings.HasPrefix(m[1], "./") { // `go build -o bin/delivery ./cmd/delivery`
			out = append(out, strings.Fields(m[1]))
		}
	}
	return out
}

func checkDeployments(t *testing.T, all map[string]string) []string {
	var out []string
	p, err := project.Open("../..")
	require.NoError(t, err)
	for _, env := range p.Environments() {
		file := "deploy-" + env + ".yml"
		say := func(format string, args ...any) { out = append(out, file+": "+fmt.Sprintf(format, args...)) }
		w := parse(t, all[file])
		if w.Concurrency != nil && (w.Concurrency.Group != "deploy-"+env || w.Concurrency.Cancel != "false") {
			say("concurrency %+v: must be deploy-%s, never cancelled (F3, B3)", *w.Concurrency, env)
		}
		if len(w.Jobs) != 1 || w.Jobs["deploy"].Uses != "./.github/workflows/deploy.yml" {
			say("must be one call of deploy.yml, or the two environments drift apart")
		}
		with := w.Jobs["deploy"].With
		if with["environment"] != env || with["workflow"] != file {
			say("deploys %q as %q: the environments are swapped", with["environment"], with["workflow"])
		}
		var on struct {
			Push *struct {
				Branches []string `yaml:"branches"`
			} `yaml:"push"`
		}
		require.NoError(t, w.On.Decode(&on))
		if !slices.Contains(triggers(w), "workflow_dispatch") {
			say("cannot be started by hand")
		}
		if env == "production" && (on.Push == nil || !slices.Equal(on.Push.Branches, []string{"main"}) || with["branch"] != "main") {
			say("must deploy pushes to main, and commits of main only (C3)")
		}
		if env == "staging" && (on.Push != nil || with["branch"] != "") {
			say("must be started by hand, for any branch (C2)")
		}
	}
	// C4, and one approval: GitHub asks once for the jobs that wait for an environment
	// together, so they must become ready together.
	w := parse(t, all["deploy.yml"])
	say := func(format string, args ...any) { out = append(out, "deploy.yml: "+fmt.Sprintf(format, args...)) }
	for _, id := range []string{report.Infrastructure, report.Backend, report.Frontend, "summary"} {
		j, ok := w.Jobs[id]
		if !ok || j.Name != id {
			say("no job %s (C4)", id)
		}
		if id != "summary" && (j.Environment == "" || !slices.Equal(j.Needs, []string{report.Preview})) {
			say("job %s: must name the environment and need preview only, or its approval is asked for separately", id)
		}
	}
	// A job waits at least as long as the one it waits for may take.
	for id, j := range w.Jobs {
		for _, s := range j.Steps {
			m := regexp.MustCompile(`--timeout (\d+)m`).FindStringSubmatch(s.Run)
			if s.ID != "wait" || m == nil {
				continue
			}
			minutes, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			for _, other := range waits.FindAllStringSubmatch(s.Run, -1) {
				if minutes < w.Jobs[other[1]].Timeout || minutes >= j.Timeout {
					say("job %s: waits %d min for %s, which may take %d, and has %d itself", id, minutes, other[1], w.Jobs[other[1]].Timeout, j.Timeout)
				}
			}
		}
	}
	if w.Jobs[report.Preview].Environment != "" {
		say("job preview: would wait for the approval that it is to inform (F4)")
	}
	if s := w.Jobs["summary"]; s.If != "always()" || len(s.Needs) != 4 {
		say("job summary: must need the other four and run always()")
	}
	slices.Sort(out)
	return out
}

// Each rule is broken on purpose, in the real files, and must be found.
func TestBrokenRulesAreFound(t *testing.T) {
	for _, c := range []struct{ what, file, old, new, want string }{
		{"a tag instead of a commit", "drift.yml", "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "actions/checkout@v7", "not pinned"},
		{"a short commit", "drift.yml", "setup-go@b7ad1dad31e06c5925ef5d2fc7ad053ef454303e", "setup-go@b7ad1da", "not pinned"},
		{"no version", "deploy.yml", " # v7.4.0", "", "not pinned"},
		{"a version that moves", "deploy.yml", " # v7.4.0", " # v7", "not pinned"},
		{"two commits for one version", "unlock.yml", "3d3c42e5aac5ba805825da76410c181273ba90b1", "3d3c42e5aac5ba805825da76410c181273ba90b2", "another commit"},
		{"a misspelt input", "drift.yml", "persist-credentials", "persist-credential", `no input "persist-credential"`},
		{"no permissions", "deploy-production.yml", "permissions: {}\n", "", "top-level permissions"},
		{"permissions for all jobs", "unlock.yml", "permissions: {}\n", "permissions: {contents: write}\n", "top-level permissions"},
		{"all permissions", "pull-request.yml", "permissions: {}\n", "permissions: write-all\n", "top-level permissions"},
		{"a job without permissions", "pull-request.yml", "    timeout-minutes: 60\n    permissions:\n      contents: read\n", "    timeout-minutes: 60\n", "no permissions"},
		{"a right too many", "pull-request.yml", "contents: read\n      pull-requests: write", "contents: write\n      pull-requests: write", "more than it needs"},
		{"a token without use", "pull-request.yml", "    timeout-minutes: 60\n    permissions:\n", "    timeout-minutes: 60\n    permissions:\n      id-token: write\n", "more than it needs"},
		{"no concurrency", "deploy-staging.yml", "concurrency:\n  group: deploy-staging\n  cancel-in-progress: false\n", "", "no concurrency group"},
		{"cancelled half-way", "deploy-production.yml", "cancel-in-progress: false", "cancel-in-progress: true", "cancelled half-way"},
		{"one group for both", "deploy-staging.yml", "group: deploy-staging", "group: deploy-production", "must be deploy-staging"},
		{"the caller's group again", "deploy.yml", "permissions: {}\n", "permissions: {}\nconcurrency:\n  group: deploy-production\n", "waits for itself"},
		{"drift among the deployments", "drift.yml", "group: drift", "group: deploy-production", "push a waiting deployment out"},
		{"no time-out", "deploy.yml", "    timeout-minutes: 60\n", "", "timeout-minutes 0"},
		{"a moving runner", "drift.yml", "ubuntu-24.04", "ubuntu-latest", "latest moves"},
		{"the branch name in a script", "deploy.yml", `--mode "$MODE"`, "--mode ${{ inputs.infrastructure }}", "inside a script"},
		{"a variable nobody sets", "deploy.yml", "          MODE: ${{ inputs.infrastructure }}\n", "", "$MODE is set nowhere"},
		{"no token for a question", "deploy.yml", "        env:\n          GITHUB_TOKEN: ${{ github.token }}\n        run: |\n          chmod +x bin/*\n          bin/delivery wait --job deploy-infrastructure --timeout", "        run: |\n          chmod +x bin/*\n          bin/delivery wait --job deploy-infrastructure --timeout", "no GITHUB_TOKEN"},
		{"swapped environments", "deploy-staging.yml", "environment: staging", "environment: production", "environments are swapped"},
		{"swapped workflows", "deploy-production.yml", "workflow: deploy-production.yml", "workflow: deploy-staging.yml", "environments are swapped"},
		{"a fixed environment", "deploy.yml", "environment: ${{ inputs.environment }}\n    permissions:\n      contents: read\n      id-token", "environment: production\n    permissions:\n      contents: read\n      id-token", "must be the one asked for"},
		{"production's role everywhere", "deploy.yml", "role/sentry-deploy-${{ inputs.environment }}", "role/sentry-deploy-production", "must be arn:aws:iam"},
		{"a deploy role without approval", "deploy.yml", "role/sentry-preview-${{ inputs.environment }}", "role/sentry-deploy-${{ inputs.environment }}", "must be arn:aws:iam"},
		{"a job without its environment", "deploy.yml", "    environment: ${{ inputs.environment }}\n", "", "must name the environment"},
		{"a second approval", "deploy.yml", "  deploy-backend:\n    name: deploy-backend\n    needs: [preview]", "  deploy-backend:\n    name: deploy-backend\n    needs: [preview, deploy-infrastructure]", "asked for separately"},
		{"a renamed job", "deploy.yml", "  deploy-frontend:\n    name: deploy-frontend", "  deploy-frontend:\n    name: frontend", "no job deploy-frontend (C4)"},
		{"a wait that gives up early", "deploy.yml", "--job deploy-backend --timeout 155m", "--job deploy-backend --timeout 90m", "which may take 150"},
		{"no report after a failure", "deploy.yml", "if: always()\n    runs-on", "if: success()\n    runs-on", "must need the other four and run always()"},
		{"the preview behind the approval", "deploy.yml", "    timeout-minutes: 45\n", "    timeout-minutes: 45\n    environment: ${{ inputs.environment }}\n", "would wait for the approval"},
		{"long-lived keys", "drift.yml", "          aws-region:", "          aws-access-key-id: ${{ secrets.AWS_ACCESS_KEY_ID }}\n          aws-region:", "long-lived AWS keys"},
		{"production from any branch", "deploy-production.yml", "branches: [main]", "branches: [main, develop]", "pushes to main"},
		{"production of any commit", "deploy-production.yml", "      branch: main\n", "", "commits of main only"},
		{"staging on every push", "deploy-staging.yml", "on:\n", "on:\n  push:\n    branches: [main]\n", "started by hand"},
		{"a fork's code with secrets", "pull-request.yml", "  pull_request:\n", "  pull_request_target:\n", "pull_request_target"},
		{"a fork's code with rights", "pull-request-comment.yml", "          persist-credentials: false\n", "          persist-credentials: false\n          ref: ${{ github.event.workflow_run.head_sha }}\n", "what a fork says"},
		{"the token left behind", "unlock.yml", "          persist-credentials: false\n", "          fetch-depth: 1\n", "leaves the job's token"},
	} {
		t.Run(c.what, func(t *testing.T) {
			all := files(t)
			require.Contains(t, all[c.file], c.old, "the test no longer breaks anything")
			all[c.file] = strings.Replace(all[c.file], c.old, c.new, 1)
			assert.Contains(t, strings.Join(findings(t, all), "\n"), c.want)
		})
	}
}

// What actionlint itself catches in the same files, so that the linter is known to be on.
func TestActionlintIsOn(t *testing.T) {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	require.NoError(t, err)
	text := files(t)["deploy.yml"]
	for old, new := range map[string]string{
		"steps.stack.outputs.ecrRepositoryUrl": "steps.stak.outputs.ecrRepositoryUrl",
		"needs: [preview]":                     "needs: [previw]",
		"timeout-minutes: 60":                  "timeout-minuts: 60",
	} {
		problems, err := linter.Lint("deploy.yml", []byte(strings.Replace(text, old, new, 1)), nil)
		require.NoError(t, err)
		assert.NotEmpty(t, problems, new)
	}
}

// evaluate works out an `if:` of a job. status is what success() and its siblings say.
func evaluate(t *testing.T, text string, lookup func(path string) any, status map[string]bool) bool {
	t.Helper()
	text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "${{"), "}}")
	node, problem := actionlint.NewExprParser().Parse(actionlint.NewExprLexer(text + "}}"))
	require.Nil(t, problem, text)
	var value func(actionlint.ExprNode) any
	truthy := func(v any) bool { return v != nil && v != "" && v != false && v != 0 }
	value = func(n actionlint.ExprNode) any {
		switch n := n.(type) {
		case *actionlint.StringNode:
			return n.Value
		case *actionlint.BoolNode:
			return n.Value
		case *actionlint.NotOpNode:
			return !truthy(value(n.Operand))
		case *actionlint.CompareOpNode:
			equal := fmt.Sprint(value(n.Left)) == fmt.Sprint(value(n.Right))
			return equal == (n.Kind == actionlint.CompareOpNodeKindEq)
		case *actionlint.LogicalOpNode:
			left := value(n.Left)
			if truthy(left) == (n.Kind == actionlint.LogicalOpNodeKindAnd) {
				return value(n.Right)
			}
			return left
		case *actionlint.FuncCallNode:
			v, ok := status[n.Callee]
			require.True(t, ok, "this test does not know the function %s", n.Callee)
			return v
		case *actionlint.VariableNode, *actionlint.ObjectDerefNode:
			return lookup(dotted(n))
		}
		require.Failf(t, "unknown expression", "%T in %s", n, text)
		return nil
	}
	return truthy(value(node))
}

func dotted(n actionlint.ExprNode) string {
	switch n := n.(type) {
	case *actionlint.VariableNode:
		return n.Name
	case *actionlint.ObjectDerefNode:
		return dotted(n.Receiver) + "." + n.Property
	}
	return "?"
}

var waits = regexp.MustCompile(`--job (\S+)`)

// simulate runs the jobs of deploy.yml as GitHub does: a job starts when those it needs have
// ended, is skipped when its condition is false, and a condition without a status function
// stands for success() too. A job that waits for others inside fails when they did.
func simulate(t *testing.T, w workflow, infrastructure bool, decided map[string]string) map[string]report.Need {
	t.Helper()
	done := map[string]report.Need{}
	for len(done) < len(w.Jobs) {
		before := len(done)
		for id, j := range w.Jobs {
			if _, over := done[id]; over {
				continue
			}
			ready, success, failure, cancelled := true, true, false, false
			for _, need := range j.Needs {
				r, over := done[need]
				ready = ready && over
				success = success && r.Result == "success"
				failure = failure || r.Result == "failure"
				cancelled = cancelled || r.Result == "cancelled"
			}
			var waited []string
			for _, s := range j.Steps {
				if s.ID == "wait" {
					for _, m := range waits.FindAllStringSubmatch(s.Run, -1) {
						waited = append(waited, m[1])
					}
				}
			}
			blocked := false
			for _, other := range waited {
				r, over := done[other]
				ready = ready && over
				blocked = blocked || r.Result == "failure" || r.Result == "cancelled"
			}
			if !ready {
				continue
			}
			runs := success
			if j.If != "" {
				lookup := func(path string) any {
					parts := strings.Split(path, ".")
					switch {
					case len(parts) == 4 && parts[0] == "needs" && parts[2] == "outputs":
						return done[parts[1]].Outputs[parts[3]]
					case len(parts) == 3 && parts[0] == "needs" && parts[2] == "result":
						return done[parts[1]].Result
					}
					require.Failf(t, "unknown", "this test does not know %s", path)
					return nil
				}
				value := evaluate(t, j.If, lookup, map[string]bool{"always": true, "success": success, "failure": failure, "cancelled": cancelled})
				runs = value && (success || regexp.MustCompile(`\b(always|success|failure|cancelled)\(`).MatchString(j.If))
			}
			need := report.Need{Result: "skipped", Outputs: map[string]string{}}
			switch {
			case runs && blocked:
				need = report.Need{Result: "failure", Outputs: map[string]string{"blocked": "true"}}
			case runs:
				need.Result = decided[id]
				if id == "summary" {
					need.Result = "success"
				}
				if id == report.Preview && need.Result == "success" {
					need.Outputs["infrastructure"] = strconv.FormatBool(infrastructure)
				}
			}
			done[id] = need
		}
		require.Greater(t, len(done), before, "the jobs wait for each other for ever")
	}
	return done
}

func TestEveryOutcomeOfTheJobGraph(t *testing.T) {
	w := parse(t, files(t)["deploy.yml"])
	outcomes := []string{"success", "failure", "cancelled"}
	for _, infrastructure := range []bool{true, false} {
		for _, p := range outcomes {
			for _, i := range outcomes {
				for _, b := range outcomes {
					for _, f := range outcomes {
						name := fmt.Sprintf("infrastructure %t, would be: preview %s, infrastructure %s, back end %s, front end %s", infrastructure, p, i, b, f)
						got := simulate(t, w, infrastructure, map[string]string{report.Preview: p, report.Infrastructure: i, report.Backend: b, report.Frontend: f})
						result := func(job string) string { return got[job].Result }

						assert.Equal(t, "success", result("summary"), "%s: no report", name)
						if p != "success" {
							for _, job := range []string{report.Infrastructure, report.Backend, report.Frontend} {
								assert.Equal(t, "skipped", result(job), "%s: deployed without a preview", name)
							}
						} else {
							want := "skipped"
							if infrastructure {
								want = i
							}
							assert.Equal(t, want, result(report.Infrastructure), name)
							infraGood := want == "success" || want == "skipped"
							assert.Equal(t, infraGood && b == "success", result(report.Backend) == "success", "%s: a back end on infrastructure that is not there, or none although it is", name)
							assert.Equal(t, infraGood && b == "success" && f == "success", result(report.Frontend) == "success", "%s: pages for an API that is not there, or none although it is", name)
							assert.NotEqual(t, "skipped", result(report.Backend), "%s: the application is deployed always (C2, C3)", name)
						}
						good := p == "success" && (!infrastructure || i == "success") && b == "success" && f == "success"
						assert.Equal(t, good, report.Judge(got) == report.Succeeded, name)
						text := report.Render(report.Deployment{Environment: "production", Needs: got})
						assert.Equal(t, good, strings.Contains(text, "Deployed to `production`"), name)
						for job, need := range got {
							if need.Outputs["blocked"] == "true" {
								assert.Contains(t, text, "not started", "%s: %s only waited, and is blamed", name, job)
							}
						}
					}
				}
			}
		}
	}
}

// The simulation itself is held against graphs that are wrong.
func TestWrongGraphsAreSeen(t *testing.T) {
	text := files(t)["deploy.yml"]
	all := map[string]string{report.Preview: "success", report.Infrastructure: "failure", report.Backend: "success", report.Frontend: "success"}
	wrong := strings.Replace(text, "wait --job deploy-infrastructure --timeout", "wait --job preview --timeout", 1)
	require.NotEqual(t, text, wrong)
	assert.Equal(t, "success", simulate(t, parse(t, wrong), true, all)[report.Backend].Result, "the simulation does not read what a job waits for")
	wrong = strings.Replace(text, "if: needs.preview.outputs.infrastructure == 'true'\n    runs-on", "if: needs.preview.outputs.infrastructure == 'yes'\n    runs-on", 1)
	require.NotEqual(t, text, wrong)
	assert.Equal(t, "skipped", simulate(t, parse(t, wrong), true, all)[report.Infrastructure].Result, "the simulation does not read conditions")
}

// docs/delivery.md is where a team reads what to set.
func TestEveryVariableIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/delivery.md")
	require.NoError(t, err)
	used := map[string]bool{}
	for file, text := range files(t) {
		for _, m := range regexp.MustCompile(`\b(?:vars|secrets)\.([A-Z_]+)`).FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
			assert.Contains(t, string(doc), "`"+m[1]+"`", "%s reads %s, of which nobody is told", file, m[1])
		}
		assert.Contains(t, string(doc), "`"+file+"`", "a workflow that nobody is told about")
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|").FindAllStringSubmatch(string(doc), -1) {
		assert.True(t, used[m[1]], "docs/delivery.md explains %s, which no workflow reads", m[1])
	}
}

// The workflows' Pulumi is the one that everything was tested with.
func TestPulumiIsTheOneOfTheTests(t *testing.T) {
	mod, err := os.ReadFile("../../tools/go.mod")
	require.NoError(t, err)
	pin := regexp.MustCompile(`github\.com/pulumi/pulumi/pkg/v3 v(\S+)`).FindSubmatch(mod)
	require.NotNil(t, pin)
	files, err := filepath.Glob(filepath.Join(directory, "*.yml"))
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, version := range regexp.MustCompile(`pulumi-version: (\S+)`).FindAllSubmatch(text, -1) {
			found++
			assert.Equal(t, string(pin[1]), string(version[1]), "%s installs another Pulumi than tools/go.mod pins", file)
		}
	}
	assert.NotZero(t, found)
}
