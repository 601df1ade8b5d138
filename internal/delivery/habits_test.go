package delivery_test

import (
	"regexp"
	"slices"
	"strings"
)

// What zizmor (https://docs.zizmor.sh/audits/) finds without a network, and this repository could do wrong: each check
// names the audit.

// events are what an expression may know of the event. Anything else has not been thought about, and much of it is
// written by whoever opens a pull request: its title, its branch, its author.
var events = []string{
	"github.event_name", "github.event.repository.private", "github.ref", "github.ref_name", "github.repository",
	"github.run_attempt", "github.run_id", "github.sha", "github.token",
	"github.event.pull_request.head.repo.full_name", "github.event.pull_request.head.sha", "github.event.pull_request.number",
	"github.event.workflow_run.conclusion", "github.event.workflow_run.event", "github.event.workflow_run.head_branch",
	"github.event.workflow_run.head_repository.full_name", "github.event.workflow_run.head_repository.owner.login",
	"github.event.workflow_run.head_sha", "github.event.workflow_run.id",
}

var (
	contexts  = regexp.MustCompile(`\bgithub(?:\.[\w*-]+|\[[^\]]*\])+`)
	secretsOf = regexp.MustCompile(`\bsecrets\b(\.\w+)?`)
	functions = regexp.MustCompile(`\b(\w+)\(`)
	known     = []string{"always", "failure", "cancelled", "toJSON", "fromJSON", "join"}
)

// checkExpression looks at one text with expressions. token says that it is the one place where a secret may stand.
func checkExpression(text string, token bool, say func(string, ...any)) {
	for _, used := range contexts.FindAllString(text, -1) {
		if !slices.Contains(events, used) {
			say("%s: what it holds has not been thought about (zizmor: bot-conditions, template-injection)", used)
		}
	}
	for _, m := range secretsOf.FindAllStringSubmatch(text, -1) {
		if !token || m[1] != ".APPLICATION_TOKEN" {
			say("%s: a secret where none is needed (zizmor: overprovisioned-secrets, secrets-outside-env)", m[0])
		}
	}
	for _, m := range functions.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(known, m[1]) {
			say("%s(): is not needed here, and can say yes to more than it seems to (zizmor: unsound-contains, obfuscation)", m[1])
		}
	}
}

// checkCondition: an if that is a text around an expression is always true (zizmor: unsound-condition).
func checkCondition(condition string, say func(string, ...any)) {
	checkExpression(condition, false, say)
	whole := regexp.MustCompile(`^\$\{\{[^}]*\}\}$`).MatchString(condition)
	if strings.Contains(condition, "${{") && !whole || strings.Contains(condition, "\n") {
		say("if %q: a text, which is always true (zizmor: unsound-condition)", condition)
	}
	for _, operator := range []string{"success()", "always()"} {
		if strings.Contains(condition, "!"+operator) {
			say("if %q: runs after what it should not", condition)
		}
	}
}

func checkHabits(w workflow, say func(string, ...any)) {
	if w.Name == "" {
		say("has no name (zizmor: anonymous-definition)")
	}
	texts := []string{w.RunName}
	if w.Concurrency != nil {
		texts = append(texts, w.Concurrency.Group, w.Concurrency.Cancel)
	}
	for _, text := range texts {
		checkExpression(text, false, say)
	}
}

func checkJobsHabits(file string, j job, say func(string, ...any)) {
	if j.Name == "" {
		say("has no name (zizmor: anonymous-definition)")
	}
	checkCondition(j.If, say)
	for _, values := range []map[string]string{j.With, j.Env, j.Outputs, {"runs-on": j.RunsOn}} {
		for _, value := range values {
			checkExpression(value, false, say)
		}
	}
	for _, leaf := range slices.Concat(leaves("", &j.Strategy), leaves("", &j.Environment)) {
		checkExpression(leaf, false, say)
	}
	for _, secret := range leaves("", &j.Secrets) {
		checkExpression(secret, secret == "APPLICATION_TOKEN = ${{ secrets.APPLICATION_TOKEN }}", say)
	}
	for _, s := range j.Steps {
		if s.Name == "" {
			say("a step has no name, and the report names the one that failed")
		}
		checkCondition(s.If, say)
		for key, value := range s.Env {
			checkExpression(value, false, say)
			if strings.HasPrefix(key, "ACTIONS_") || strings.HasPrefix(key, "LD_") || slices.Contains([]string{"PATH", "BASH_ENV", "NODE_OPTIONS"}, key) {
				say("env %s changes what the runner or every program does (zizmor: insecure-commands)", key)
			}
		}
		for key, value := range s.With {
			checkExpression(value, file == "deploy.yml" && key == "token" && s.With["path"] == "application", say)
		}
		checkCommands(s, say)
	}
}

// commands are those that scripts use: of the shell, of git and Go, and of the jobs that build or push. Anything else,
// such as curl or eval, brings other people's code into a job.
var commands = []string{
	"[", "basename", "bin/delivery", "bundle/bin/delivery", `"$RUNNER_TEMP/delivery"`, "cat", "cd", "chmod", "cp", "echo", "exit", "for", "git", "go",
	"grep", "make", "mkdir", "shopt", "sudo hostname", "./.ci/run",
	"aws ecr", "skopeo", "docker buildx", "jq", "npm ci", "npm run", "tar",
}

var (
	separators  = regexp.MustCompile(`\$\(|\)|\|\|?|&&|;`)
	assigned    = regexp.MustCompile(`^\w+=`)
	substituted = regexp.MustCompile(`\b(echo|printf|export|local)\b.*\$\(`)
)

func checkCommands(s step, say func(string, ...any)) {
	for line := range strings.Lines(strings.ReplaceAll(s.Run, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		if substituted.MatchString(line) {
			say("%q: echo succeeds, whatever becomes of the command inside", line)
		}
		for _, part := range separators.Split(line, -1) {
			words := strings.Fields(part)
			for len(words) > 0 && (assigned.MatchString(words[0]) || slices.Contains([]string{"if", "elif", "then", "else", "fi", "do", "done", "!", "exec"}, words[0])) {
				words = words[1:]
			}
			if len(words) == 0 || strings.HasPrefix(words[0], `"`) && !strings.HasPrefix(words[0], `"$RUNNER_TEMP/`) {
				continue // the end of a text
			}
			if !slices.ContainsFunc(commands, func(c string) bool {
				first := strings.Fields(c)
				return slices.Equal(first, words[:min(len(first), len(words))])
			}) {
				say("runs %s, which no script needs (zizmor: github-env, unpinned-tools)", words[0])
			}
		}
	}
	if strings.Contains(s.Run, "GITHUB_ENV") || strings.Contains(s.Run, "GITHUB_PATH") {
		say("changes the environment of all later steps (zizmor: github-env)")
	}
}
