package delivery_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sentry/internal/delivery/report"
	"sentry/internal/project"
)

// gates are lines that must stand in a job, and what would happen without.
var gates = []struct{ file, job, line, consequence string }{
	{"deploy.yml", "build", "if: github.ref != 'refs/heads/main'", "a branch's own workflow deploys"},
	{"deploy.yml", "build", `--head "$REF" --mode "$MODE" --trunk origin/main`, "production deploys what is not merged (C3)"},
	{"deploy.yml", "build", `git worktree add --detach target "$COMMIT"`, "another commit is compiled than the one that was resolved"},
	{"deploy.yml", "preview", `bin/delivery guard --stack "$STACK" --guarded="$GUARDED" --unreviewed "$UNREVIEWED" --ref "$REF"`, "production is deployed, and nobody is asked (D9)"},
	{"deploy.yml", "preview", "GUARDED: ${{ needs.build.outputs.guarded }}", "an older commit says that production is not guarded"},
	{"deploy.yml", "deploy-infrastructure", `exec bin/delivery apply --stack "$STACK" --approved "$APPROVED"`, "what is applied is not what was shown (F4)"},
	{"deploy.yml", "deploy-infrastructure", "APPROVED: ${{ needs.preview.outputs.digest }}", "what is applied is not what was shown (F4)"},
	{"deploy.yml", "deploy-infrastructure", `sudo hostname "sentry-run-$GITHUB_RUN_ID"`, "the lock of a dead run is taken for a person's (D4)"},
	{"deploy.yml", "deploy-backend", `sudo hostname "sentry-run-$GITHUB_RUN_ID"`, "the lock of a dead run is taken for a person's (D4)"},
	{"deploy.yml", "deploy-backend", `if [ "$found" != "$DIGEST" ]; then`, "another image is pushed than the one that was built"},
	{"deploy.yml", "deploy-backend", "path: image", "who made the image puts files in the place of the programs, which have the deploy role (P1)"},
	{"deploy.yml", "deploy-frontend", "path: site", "who made the site puts files in the place of the programs, which have the deploy role (P1)"},
	{"deploy.yml", "deploy-backend", `bin/delivery scan --image "$REPOSITORY@$DIGEST" --accept "$ACCEPTED"`, "what is known to be broken is released"},
	{"deploy.yml", "deploy-backend", `exec bin/delivery release --stack "$STACK" --image "$REPOSITORY@$DIGEST"`, "images are named by tags, which can be moved (F7)"},
	{"deploy.yml", "deploy-backend", `exec bin/delivery settle --stack "$STACK" --otherwise "$PREVIOUS"`, "the next update deploys the broken image (D5)"},
	{"deploy.yml", "deploy-backend", "if: always() && (steps.release.outcome == 'failure' || steps.release.outcome == 'cancelled')", "the next update deploys the broken image (D5)"},
	{"deploy.yml", "deploy-frontend", "bin/delivery publish --dir site", "something else is published than what was built"},
	{"deploy.yml", "summary", "if: always()", "no report after a failure"},
	{"unlock.yml", "show", "if: github.ref != 'refs/heads/main'", "a branch's own workflow removes locks"},
	{"unlock.yml", "remove", `--lock "$LOCK" --tag "$TAG" --taken-by-hand="$BY_HAND"`, "a lock is removed that nobody has looked at"},
	{"drift.yml", "list", "if: github.ref == 'refs/heads/main'", "a branch's own workflow reads production"},
	{"pull-request.yml", "build", "github.event.pull_request.head.repo.full_name == github.repository", "a fork's code asks for a role"},
	{"pull-request.yml", "preview", "stack: ${{ fromJSON(needs.build.outputs.unguarded) }}", "a pull request asks for a role in a guarded environment"},
	{"pull-request.yml", "required", "if: always()", "the required check is skipped, which counts as passed, when a job fails"},
	{"pull-request.yml", "required", `if [ "$CHECKS" != success ]; then`, "a pull request is merged without its tests"},
	{"pull-request.yml", "required", `if [ "$result" != success ] && [ "$result" != skipped ]; then`, "a pull request is merged whose preview failed"},
	{"pull-request-comment.yml", "comment", "github.event.workflow_run.event == 'pull_request' && github.event.workflow_run.conclusion != 'cancelled'", "it comments on something else"},
	{"pull-request-comment.yml", "comment", `"$RUNNER_TEMP/delivery" comment --previews "$RUNNER_TEMP/previews"`, "a file of the pull request is run, in a job with rights"},
	{"pull-request-comment.yml", "comment", `go build -o "$RUNNER_TEMP/delivery" ./cmd/delivery`, "a file of the pull request is run, in a job with rights"},
	{"checks.yml", "checks", "run: ./.ci/run", "CI runs something else than what must be green"},
}

func checkGates(t *testing.T, all map[string]string) []string {
	t.Helper()
	var out []string
	for _, g := range gates {
		var w struct {
			Jobs map[string]yaml.Node `yaml:"jobs"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(all[g.file]), &w))
		node := w.Jobs[g.job]
		text, err := yaml.Marshal(&node)
		require.NoError(t, err)
		// The scripts are folded by the encoder; without white space both are the same.
		if !strings.Contains(bare(string(text)), bare(g.line)) {
			out = append(out, fmt.Sprintf("%s: job %s: without %q %s", g.file, g.job, g.line, g.consequence))
		}
	}
	out = append(out, checkCallers(t, all)...)
	return append(out, checkOrder(parse(t, all["deploy.yml"]), parse(t, all["pull-request.yml"]))...)
}

var space = regexp.MustCompile(`[\s'"\\]+`)

func bare(text string) string { return space.ReplaceAllString(text, "") }

// checkCallers: the environments must not be mixed up anywhere.
func checkCallers(t *testing.T, all map[string]string) []string {
	t.Helper()
	p, err := project.Open("../..")
	require.NoError(t, err)
	var out []string
	for _, env := range p.Environments() {
		file := "deploy-" + env + ".yml"
		say := func(format string, args ...any) { out = append(out, file+": "+fmt.Sprintf(format, args...)) }
		w := parse(t, all[file])
		if w.Concurrency != nil && w.Concurrency.Group != "deploy-"+env {
			say("concurrency group %q: must be deploy-%s (F3, B3)", w.Concurrency.Group, env)
		}
		if len(w.Jobs) != 1 || w.Jobs["deploy"].Uses != "./.github/workflows/deploy.yml" {
			say("must be one call of deploy.yml, or the environments drift apart")
		}
		if with := w.Jobs["deploy"].With; with["environment"] != env || with["ref"] != "${{ inputs.ref }}" {
			say("deploys %q of %q: the environments are swapped", with["ref"], with["environment"])
		}
		// internal/delivery/shipped reads it.
		if want := "Deploy " + env + " ${{ inputs.ref || github.sha }}"; w.RunName != want {
			say("run-name %q: must be %q, which says which commit was deployed", w.RunName, want)
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
		if on.Push != nil && !slices.Equal(on.Push.Branches, []string{"main"}) {
			say("must deploy pushes to main only (C3)")
		}
	}
	return out
}

var waits = regexp.MustCompile(`--job (\S+)`)

// checkOrder: what is approved together becomes ready together, and keeps its order by waiting inside.
func checkOrder(deploy, pullRequest workflow) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	deploying := []string{report.Infrastructure, report.Backend, report.Frontend}
	before := []string{report.Build, report.Preview, report.BuildBackend, report.BuildFrontend}
	for _, id := range deploying {
		j, ok := deploy.Jobs[id]
		if !ok || j.Name != id {
			say("deploy.yml: no job %s (C4)", id)
		}
		if j.environment() != "${{ inputs.environment }}" || !slices.Equal(j.Needs, before) {
			say("deploy.yml: job %s: must name the environment and need %s, or its approval is asked for separately", id, before)
		}
		if !strings.HasPrefix(j.If, "${{ !failure() && !cancelled()") || (id == report.Infrastructure) != strings.Contains(j.If, "needs.build.outputs.infrastructure == 'true'") {
			say("deploy.yml: job %s: if %q: it runs after a failure, or not when it should", id, j.If)
		}
	}
	for id, want := range map[string][]string{report.Backend: {report.Infrastructure}, report.Frontend: {report.Infrastructure, report.Backend}} {
		j := deploy.Jobs[id]
		i := slices.IndexFunc(j.Steps, func(s step) bool { return s.ID == "wait" })
		var waited []string
		minutes := 0
		if i >= 0 {
			for _, m := range waits.FindAllStringSubmatch(j.Steps[i].Run, -1) {
				waited = append(waited, m[1])
			}
			if m := regexp.MustCompile(`--timeout (\d+)m`).FindStringSubmatch(j.Steps[i].Run); m != nil {
				minutes, _ = strconv.Atoi(m[1]) // digits
			}
		}
		if !slices.Equal(waited, want) || j.Steps[i].If != "" {
			say("deploy.yml: job %s: waits for %s, must wait for %s: the order is lost", id, waited, want)
		}
		for _, other := range want {
			if minutes < deploy.Jobs[other].Timeout || minutes >= j.Timeout {
				say("deploy.yml: job %s: waits %d min for %s, which may take %d, and has %d itself", id, minutes, other, deploy.Jobs[other].Timeout, j.Timeout)
			}
		}
		// Credentials that were taken before the wait may be over after it.
		role := slices.IndexFunc(j.Steps, func(s step) bool { return strings.HasPrefix(s.Uses, "aws-actions/") })
		if role < i {
			say("deploy.yml: job %s: takes its role before it waits", id)
		}
	}
	if !slices.Equal(deploy.Jobs["summary"].Needs, append(slices.Clone(before), deploying...)) {
		say("deploy.yml: job summary: must need all others")
	}
	if !slices.Equal(pullRequest.Jobs["required"].Needs, []string{"checks", "build", "preview", "sandbox"}) {
		say("pull-request.yml: job required: must need all others")
	}
	return out
}
