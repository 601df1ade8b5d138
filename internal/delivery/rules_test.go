package delivery_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestRules(t *testing.T) {
	for _, f := range findings(t, files(t)) {
		t.Error(f)
	}
}

// findings are the broken rules, one a line, over all workflows together.
func findings(t *testing.T, all map[string]string) []string {
	t.Helper()
	var out []string
	pins := map[string]string{}
	for _, name := range sorted(all) {
		say := func(format string, args ...any) { out = append(out, name+": "+fmt.Sprintf(format, args...)) }
		var root yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte(all[name]), &root))
		checkPins(&root, pins, say)
		w := parse(t, all[name])
		checkWorkflow(name, w, say)
		checkHabits(w, say)
		for _, id := range sorted(w.Jobs) {
			sayJob := func(format string, args ...any) { say("job "+id+": "+format, args...) }
			checkJob(name, id, w.Jobs[id], sayJob)
			checkJobsHabits(name, w.Jobs[id], sayJob)
			for i, s := range w.Jobs[id].Steps {
				checkStep(name, w, w.Jobs[id], s, func(format string, args ...any) {
					sayJob(fmt.Sprintf("step %d (%s): ", i+1, s.Name)+format, args...)
				})
			}
		}
	}
	return append(out, checkGates(t, all)...)
}

// starts are the events that may start a workflow; one that is not here has not been thought about.
var starts = map[string][]string{
	"checks.yml":               {"push", "workflow_call"},
	"deploy.yml":               {"workflow_call"},
	"drift.yml":                {"schedule", "workflow_dispatch"},
	"endurance.yml":            {"schedule", "workflow_dispatch"},
	"pull-request.yml":         {"merge_group", "pull_request"},
	"pull-request-comment.yml": {"workflow_run"},
	"unlock.yml":               {"workflow_dispatch"},
	"vulnerabilities.yml":      {"pull_request", "schedule", "workflow_dispatch"},
}

func checkWorkflow(name string, w workflow, say func(string, ...any)) {
	// A mapping without entries: written down, and nothing allowed.
	if w.Permissions.Kind != yaml.MappingNode || len(w.Permissions.Content) > 0 {
		say("top-level permissions must be {}: what a job needs stands in the job (F6)")
	}
	on := triggers(w)
	allowed, known := starts[name]
	if strings.HasPrefix(name, "deploy-") {
		allowed, known = slices.Compact(append([]string{}, intersect(on, "push", "workflow_dispatch")...)), true
	}
	if !known || !slices.Equal(on, allowed) {
		say("is started by %s; reviewed are %s: pull_request_target, for one, gives a fork's code the repository's secrets", on, allowed)
	}
	scripts := false
	for _, j := range w.Jobs {
		scripts = scripts || len(j.Steps) > 0
	}
	if scripts && w.Defaults.Run.Shell != "bash" {
		say("defaults.run.shell is not bash: without it the failure of a command before a pipe is lost")
	}
	for key, value := range w.Env {
		if !slices.Contains([]string{"GOFLAGS", "PULUMI_SKIP_UPDATE_CHECK"}, key) || strings.Contains(value, "${{") {
			say("env %s is given to every job", key)
		}
	}
	checkConcurrency(name, on, w.Concurrency, say)
}

func intersect(on []string, allowed ...string) []string {
	return slices.DeleteFunc(slices.Clone(on), func(s string) bool { return !slices.Contains(allowed, s) })
}

func checkConcurrency(name string, on []string, c *concurrency, say func(string, ...any)) {
	reusable := slices.Equal(on, []string{"workflow_call"})
	switch {
	case reusable && c != nil:
		say("a called workflow that claims its caller's concurrency group waits for itself for ever")
	case reusable:
	case c == nil || c.Group == "":
		say("no concurrency group (F3)")
	case name == "checks.yml":
		if c.Group != "checks-${{ github.ref }}" || c.Cancel != "${{ github.ref != 'refs/heads/main' }}" {
			say("concurrency %+v: pull requests share a group, or main keeps no caches", *c)
		}
	case strings.HasPrefix(name, "pull-request"):
		if !strings.HasPrefix(c.Group, strings.TrimSuffix(name, ".yml")+"-${{ ") {
			say("concurrency group %q: pull requests share it", c.Group)
		}
	case c.Cancel != "false":
		say("a run that changes something may be cancelled half-way (F3)")
	case strings.HasPrefix(name, "deploy-") != strings.HasPrefix(c.Group, "deploy-"):
		say("in the deployments' group another workflow would push a waiting deployment out")
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
	slices.Sort(on)
	return on
}

// reasons are what a job must do to hold a right; reading contents and actions needs none.
var reasons = map[string]string{
	"id-token: write":      "aws-actions/configure-aws-credentials",
	"pull-requests: write": "delivery\" comment",
	"issues: write":        "delivery drift",
	"checks: read":         "delivery promote",
	"actions: read":        "",
	"contents: read":       "",
}

var (
	environmentOfPreview = "${{ needs.build.outputs.guarded != 'true' && inputs.environment || '' }}"
	runner               = regexp.MustCompile(`^ubuntu-\d\d\.\d\d$`)
)

func checkJob(file, id string, j job, say func(string, ...any)) {
	if j.Permissions == nil {
		say("no permissions (F6)")
	}
	var lines []string
	for _, s := range j.Steps {
		lines = append(lines, s.Run, s.Uses)
	}
	does := strings.Join(lines, "\n")
	for scope, access := range j.Permissions {
		reason, known := reasons[scope+": "+access]
		if !known || !strings.Contains(does, reason) && j.Uses != "./.github/workflows/deploy.yml" {
			say("permission %s: %s is more than it needs (F6)", scope, access)
		}
	}
	if j.Secrets.Kind == yaml.ScalarNode {
		say("secrets: %s: only those that are needed are handed on, by name", j.Secrets.Value)
	}
	if j.Uses != "" {
		return // the rest belongs to the called workflow's jobs
	}
	if j.Timeout <= 0 || j.Timeout > 360 {
		say("timeout-minutes %d: must be 1 to 360", j.Timeout)
	}
	if !runner.MatchString(j.RunsOn) && (j.RunsOn != "${{ needs.preview.outputs.runner }}" || len(j.Permissions) > 0) {
		say("runs-on %q: must name a release of a hosted runner, latest moves", j.RunsOn)
	}
	if j.Concurrency != nil {
		say("concurrency of a job: the jobs of one run would wait for each other")
	}
	if j.Continue != "" || j.Container.Kind != 0 || j.Services.Kind != 0 || j.Defaults.Kind != 0 {
		say("continue-on-error, container, services or defaults of a job: nothing here needs them, and each changes what a step is")
	}
	switch environment := j.environment(); {
	case environment == "" || environment == "${{ inputs.environment }}":
	case environment == environmentOfPreview && id == "preview" && file == "deploy.yml":
	default:
		say("environment %q: must be the one asked for, ${{ inputs.environment }}", environment)
	}
	checkIsolation(file, j, does, say)
}

// foreign is what runs code that is not the repository's: of the application, its packages, its image.
var foreign = regexp.MustCompile(`\b(npm|npx|yarn|pnpm|node|docker (?:build|buildx|run|compose))\b`)

// checkIsolation: whoever runs foreign code holds nothing, and whoever holds something fetches what others made by its
// number, and restores no cache.
func checkIsolation(file string, j job, does string, say func(string, ...any)) {
	for _, s := range j.Steps {
		if foreign.MatchString(s.Run) && (len(j.Permissions) > 0 || j.environment() != "") {
			say("runs the application's packages (%s) and holds rights: they can become a deployment (P1)", foreign.FindString(s.Run))
		}
	}
	if len(j.Permissions) == 0 && (strings.Contains(does, "actions/checkout@") || j.environment() != "") {
		say("holds no rights, and checks out or names an environment")
	}
	tokens := slices.ContainsFunc(sorted(j.Permissions), func(scope string) bool { return j.Permissions[scope] == "write" })
	for _, s := range j.Steps {
		switch action, _, _ := strings.Cut(s.Uses, "@"); action {
		case "actions/setup-go":
			open := !tokens && (file == "pull-request.yml" || file == "checks.yml")
			if s.With["cache"] != "false" && !open {
				say("restores a cache that a branch may have written (P2)")
			}
			if of := s.With["go-version"]; s.With["go-version-file"] != ".go-version" && !strings.HasSuffix(of, ".outputs.go }}") {
				say("Go %s%s: the first release of it for ever, without what is mended since (D12)", of, s.With["go-version-file"])
			}
		case "actions/setup-node":
			if s.With["cache"] != "" || s.With["package-manager-cache"] != "false" {
				say("keeps a cache of packages (P2)")
			}
		case "actions/download-artifact":
			byNumber := regexp.MustCompile(`^\$\{\{ needs\.[\w-]+\.outputs\.[\w-]+( \|\| needs\.[\w-]+\.outputs\.[\w-]+)* \}\}$`).MatchString(s.With["artifact-ids"])
			if !byNumber && file != "pull-request-comment.yml" || s.With["name"] != "" {
				say("fetches an artifact by its name, which every job of the run can take")
			}
		}
	}
}

var (
	variable   = regexp.MustCompile(`\$\{?([A-Z][A-Z0-9_]*)`)
	swallowing = regexp.MustCompile(`\|\|\s*(true|:|exit 0|echo)|set \+e|set \+o|; true\b|\|& |> */dev/null 2>&1`)
	calls      = regexp.MustCompile(`(?:\S*bin/delivery|go run \./cmd/delivery|/delivery") ([a-z-]+)([^\n]*)`)
)

// roles are those that a job may take: with its environment the deploy role, without it the read-only one.
func roles(file string, j job) []string {
	const arn = "arn:aws:iam::%s:role/sentry-%s"
	account := map[string]string{"deploy.yml": "${{ needs.build.outputs.account }}", "unlock.yml": "${{ steps.settings.outputs.account }}"}[file]
	if account == "" {
		account = "${{ steps.settings.outputs.account }}"
	}
	switch {
	case j.environment() == environmentOfPreview:
		return []string{fmt.Sprintf(arn, account, "${{ needs.build.outputs.guarded != 'true' && 'deploy' || 'preview' }}-${{ inputs.environment }}")}
	case j.environment() != "":
		return []string{fmt.Sprintf(arn, account, "deploy-${{ inputs.environment }}"), fmt.Sprintf(arn, "${{ needs.show.outputs.account }}", "deploy-${{ inputs.environment }}")}
	case file == "unlock.yml":
		return []string{fmt.Sprintf(arn, account, "preview-${{ inputs.environment }}")}
	}
	return []string{fmt.Sprintf(arn, account, "preview-${{ matrix.stack }}")}
}

func checkStep(file string, w workflow, j job, s step, say func(string, ...any)) {
	if strings.Contains(s.Run, "${{") || strings.Contains(s.With["script"], "${{") {
		say("an expression inside a script: its value is run as code (F5)")
	}
	if m := swallowing.FindString(s.Run); m != "" {
		say("%q swallows a failure", m)
	}
	if s.Shell != "" {
		say("a shell of its own: the failure of a command before a pipe may be lost")
	}
	if s.Continue != "" && !slices.Contains([]string{"Price the change", "Fetch what the run found"}, s.Name) {
		say("continue-on-error: its failure is not seen")
	}
	set := []string{"RUNNER_TEMP", "HOME", "PATH", "GITHUB_OUTPUT", "GITHUB_RUN_ID"}
	for _, env := range []map[string]string{w.Env, j.Env, s.Env} {
		set = slices.AppendSeq(set, maps.Keys(env))
	}
	for _, m := range variable.FindAllStringSubmatch(s.Run, -1) {
		if !slices.Contains(set, m[1]) {
			say("$%s is set nowhere", m[1])
		}
	}
	for key, value := range s.Env {
		if strings.Contains(value, "secrets.") {
			say("%s: a secret in the environment of a script", key)
		}
		if key == "STACK" && !slices.Contains([]string{"${{ inputs.environment }}", "${{ matrix.stack }}"}, value) {
			say("STACK is %s: another environment than the job's", value)
		}
	}
	checkUse(file, j, s, say)
	for _, m := range calls.FindAllStringSubmatch(strings.ReplaceAll(s.Run, "\\\n", " "), -1) {
		if slices.Contains([]string{"changes", "comment", "drift", "guard", "lock", "promote", "report", "wait"}, m[1]) && s.Env["GITHUB_TOKEN"] != "${{ github.token }}" {
			say("delivery %s asks GitHub and has no GITHUB_TOKEN", m[1])
		}
		if stack := regexp.MustCompile(`--stack (\S+)`).FindStringSubmatch(m[2]); stack != nil && stack[1] != `"$STACK"` && !strings.HasPrefix(stack[1], `"$(basename`) {
			say("delivery %s is called for %s", m[1], stack[1])
		}
	}
	// What reaches a third party's code, or a job that needs none, is no longer ours.
	if s.Env["GITHUB_TOKEN"] != "" && calls.FindString(s.Run) == "" {
		say("a token for a script that asks nothing of GitHub")
	}
}

func checkUse(file string, j job, s step, say func(string, ...any)) {
	action, _, _ := strings.Cut(s.Uses, "@")
	switch action {
	case "aws-actions/configure-aws-credentials":
		if !slices.Contains(roles(file, j), s.With["role-to-assume"]) {
			say("role %q: must be one of %s (C5)", s.With["role-to-assume"], roles(file, j))
		}
		for key := range s.With {
			if !slices.Contains([]string{"role-to-assume", "role-session-name", "aws-region"}, key) {
				say("%s: long-lived AWS keys, or a role that is chained (F6)", key)
			}
		}
		if !strings.Contains(s.With["role-session-name"], "${{ github.run_id }}-${{ github.run_attempt }}") {
			say("role-session-name %q does not say which run it was", s.With["role-session-name"])
		}
		if !regexp.MustCompile(`^\$\{\{ (needs|steps)\.\w+\.outputs\.region \}\}$`).MatchString(s.With["aws-region"]) {
			say("aws-region %q: must be the stack file's", s.With["aws-region"])
		}
	case "actions/checkout":
		if s.With["persist-credentials"] != "false" {
			say("a checkout leaves the job's token in the working directory")
		}
		application := s.With["path"] == "application" && file == "deploy.yml"
		for _, key := range []string{"ref", "repository", "token", "submodules", "lfs", "ssh-key"} {
			if s.With[key] != "" && !application {
				say("checks out with %s: %s: other code than the workflow's own commit", key, s.With[key])
			}
		}
		if len(j.Permissions) > 0 && j.Permissions["contents"] != "read" {
			say("checks out and may not read the repository")
		}
	case "actions/upload-artifact":
		if s.With["retention-days"] == "" {
			say("an artifact without retention-days is kept for months")
		}
	case "actions/download-artifact":
		if strings.Contains(s.With["github-token"], "secrets.") {
			say("another token than the job's own")
		}
	}
}
