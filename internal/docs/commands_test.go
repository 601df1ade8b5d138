package docs_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
	"sentry/internal/sandbox"
)

// joined puts what is one command into one line.
var joined = strings.NewReplacer("\\\n", " ", "|\n", "| ")

// commands are the shell commands of the documents, each in one line and without its comment.
func commands(t *testing.T) map[string]block {
	t.Helper()
	found := map[string]block{}
	for _, b := range blocks(t) {
		if b.language != "sh" && b.language != "bash" && b.language != "console" {
			continue
		}
		for line := range strings.SplitSeq(joined.Replace(b.text), "\n") {
			if i := strings.Index(line, " #"); i >= 0 {
				line = line[:i]
			}
			if line = strings.Join(strings.Fields(line), " "); line != "" && !strings.HasPrefix(line, "#") {
				found[line] = b
			}
		}
	}
	require.NotEmpty(t, found)
	return found
}

var placeholder = regexp.MustCompile(`<[^<>]+>`)

// words splits a command as a shell would, without expanding anything; a placeholder becomes x.
func words(command string) []string {
	var found []string
	for _, word := range regexp.MustCompile(`(?:[^\s'"]|'[^']*'|"[^"]*")+`).FindAllString(placeholder.ReplaceAllString(command, "x"), -1) {
		found = append(found, strings.NewReplacer("'", "", `"`, "").Replace(word))
	}
	return found
}

// piped are the commands of a pipeline; a bar between quotes belongs to a command.
var piped = regexp.MustCompile(`(?:[^|'"]|'[^']*'|"[^"]*")+`)

// assigned is a command whose output a variable of the shell gets.
var assigned = regexp.MustCompile(`^[a-z]+=\$\((.*)\)$`)

// TestEveryCommandIsChecked classifies every command of every document; one of a kind that is not known here fails.
func TestEveryCommandIsChecked(t *testing.T) {
	t.Parallel()
	c := checker{product: theProduct(t)}
	var err error
	c.built, err = built()
	require.NoError(t, err)
	c.pulumi, err = sandbox.CLI(t.Context(), root, io.Discard)
	require.NoError(t, err)
	for command, at := range commands(t) {
		if inner := assigned.FindStringSubmatch(command); inner != nil {
			command = inner[1]
		}
		for _, part := range piped.FindAllString(command, -1) {
			args := words(part)
			for len(args) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(args[0]) {
				args = args[1:] // a variable for this command
			}
			if len(args) > 0 {
				assert.NoError(t, c.check(args), "%s: %s", at, command)
			}
		}
	}
}

type checker struct {
	product
	built  string // the folder of this repository's commands
	pulumi string // the Pulumi CLI
}

func (c checker) check(args []string) error {
	switch first := args[0]; first {
	case "make":
		return checkMake(args[1:])
	case "go":
		return c.checkGo(args[1:])
	case "pulumi":
		return c.checkPulumi(args[1:])
	case "aws":
		return c.checkAWS(args[1:])
	case "git":
		return oneOf("git", args[1], "add", "apply", "clone", "commit", "push", "remote", "restore", "revert", "rm")
	case "cd", "cp", "docker", "export", "gh", "jq", "rm":
		return nil
	default:
		return fmt.Errorf("nothing here checks %q: add it to check", first)
	}
}

func oneOf(what, word string, allowed ...string) error {
	if !slices.Contains(allowed, word) {
		return fmt.Errorf("%s has no %q, or it is not listed here; allowed: %s", what, word, strings.Join(allowed, ", "))
	}
	return nil
}

func checkMake(targets []string) error {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return err
	}
	for _, target := range targets {
		if !strings.Contains("\n"+string(makefile), "\n"+target+":") {
			return fmt.Errorf("the Makefile has no target %s", target)
		}
	}
	return nil
}

func (c checker) checkGo(args []string) error {
	switch {
	case len(args) > 1 && args[0] == "run":
		return c.parses(filepath.Clean(args[1]), args[2:])
	case len(args) > 1 && (args[0] == "test" || args[0] == "vet" || args[0] == "build"):
		for _, flag := range args[2:] {
			if err := oneOf("go "+args[0], flag, "-update"); err != nil {
				return err
			}
		}
		_, err := os.Stat(filepath.Join(root, strings.TrimSuffix(args[1], "/...")))
		return err
	}
	return fmt.Errorf("nothing here checks go %s", strings.Join(args, " "))
}

var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "sentry-docs-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(code)
}

// built is where the commands of cmd are, built all at once.
var built = sync.OnceValues(func() (string, error) {
	command := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", buildDir+string(filepath.Separator), "./cmd/...")
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the commands: %w: %s", err, out)
	}
	return buildDir, nil
})

// parses says whether a command of this repository understands its arguments. With --help behind them the
// flags are read and checked, and nothing runs.
func (c checker) parses(name string, args []string) error {
	if filepath.Dir(name) != "cmd" {
		return fmt.Errorf("%s is not a command of this repository", name)
	}
	help, err := usage(filepath.Join(c.built, filepath.Base(name)), args)
	if err != nil {
		return err
	}
	// A word that is no verb is taken for an argument, and the help is then that of its parent.
	for i, word := range args {
		if strings.HasPrefix(word, "-") {
			break
		}
		verbs := strings.Join(args[:i+1], " ")
		if !regexp.MustCompile(`Usage:\n(  .*\n)*?  ` + regexp.QuoteMeta(filepath.Base(name)+" "+verbs) + `\b`).MatchString(help) {
			return fmt.Errorf("%s has no verb %q", name, verbs)
		}
	}
	return nil
}

// usage is what a command prints with --help behind its arguments; an unknown flag is an error.
func usage(path string, args []string) (string, error) {
	command := exec.Command(path, append(slices.Clone(args), "--help")...)
	command.Dir = root
	command.Env = append(os.Environ(), "PULUMI_SKIP_UPDATE_CHECK=true")
	out, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s does not understand this: %s", filepath.Base(path), out)
	}
	return string(out), nil
}

// verb is the first line of a command's usage: its verbs, then what it takes besides flags.
var verb = regexp.MustCompile(`Usage:\n  pulumi ([a-z -]*[a-z])((?: [\[<].*)?)\n`)

func (c checker) checkPulumi(args []string) error {
	help, err := usage(c.pulumi, args)
	if err != nil {
		return err
	}
	found := verb.FindStringSubmatch(help)
	if found == nil {
		return fmt.Errorf("the help of pulumi %s has another form than this test knows", args[0])
	}
	verbs := strings.Fields(found[1])
	takes := strings.NewReplacer("[flags]", "", "[command]", "").Replace(found[2])
	rest := args[min(len(verbs), len(args)):]
	for i, word := range rest {
		next := ""
		if i+1 < len(rest) {
			next = rest[i+1]
		}
		switch {
		case i == 0 && !strings.HasPrefix(word, "-") && strings.TrimSpace(takes) == "":
			return fmt.Errorf("pulumi %s has no %q", found[1], word)
		case i == 0 && found[1] == "stack output" && !strings.HasPrefix(word, "-"):
			for _, outputs := range c.outputs {
				if _, ok := outputs[word]; !ok {
					return fmt.Errorf("the stacks have no output %s", word)
				}
			}
		case word == "-s" || word == "--stack":
			// dev is the one that docs/environments.md adds, x a placeholder.
			err = oneOf("the project", next, append([]string{"dev", "x"}, c.environments...)...)
		case word == "-c" || word == "--config":
			key, _, _ := strings.Cut(next, "=")
			err = oneOf("the project", key, c.keys...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// awsFlags are flags of AWS's CLI, read off its service models; --query, --output and --region all of these have.
var awsFlags = map[string][]string{
	"ec2 describe-network-interfaces":    {"--network-interface-ids"},
	"ec2 revoke-security-group-ingress":  {"--group-id", "--security-group-rule-ids"},
	"ecr describe-images":                {"--repository-name", "--image-ids"},
	"ecr get-login-password":             {},
	"ecs describe-services":              {"--cluster", "--services"},
	"ecs describe-tasks":                 {"--cluster", "--tasks"},
	"ecs execute-command":                {"--cluster", "--task", "--container", "--interactive", "--command"},
	"ecs list-tasks":                     {"--cluster", "--service-name", "--desired-status"},
	"ecs update-service":                 {"--cluster", "--service", "--force-new-deployment"},
	"iam get-role":                       {"--role-name"},
	"iam list-open-id-connect-providers": {},
	"kms describe-key":                   {"--key-id"},
	"logs tail":                          {"--follow", "--since", "--filter-pattern", "--format"},
	"s3 ls":                              {"--recursive"},
	"s3 sync":                            {"--delete"},
	"s3api get-object":                   {"--bucket", "--key", "--version-id"},
	"s3api list-object-versions":         {"--bucket", "--prefix"},
	"s3api list-objects-v2":              {"--bucket", "--prefix"},
	"secretsmanager put-secret-value":    {"--secret-id", "--secret-string"},
	"ssm get-parameter":                  {"--name"},
	"ssm get-parameter-history":          {"--name"},
	"sts get-caller-identity":            {},
}

// awsNames are the flags whose value an output of the stack names. All of one command are of one stack.
var awsNames = map[string]string{
	"--cluster":         "clusterName",
	"--services":        "serviceName",
	"--service-name":    "serviceName",
	"--service":         "serviceName",
	"--repository-name": "serviceName", // the repository has the service's name
}

func (c checker) checkAWS(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("aws %s: no operation", strings.Join(args, " "))
	}
	operation := args[0] + " " + args[1]
	flags, ok := awsFlags[operation]
	if !ok {
		return fmt.Errorf("aws %s is not listed in awsFlags: add it with the flags of its service model", operation)
	}
	candidates := slices.Clone(c.environments)
	expect := func(output, value string) error {
		if strings.HasPrefix(value, "$(") || value == "x" {
			return nil // another command, or a placeholder
		}
		candidates = slices.DeleteFunc(candidates, func(stack string) bool { return c.outputs[stack][output] != value })
		if len(candidates) == 0 {
			return fmt.Errorf("%q is not the %s of the stack that the rest is about", value, output)
		}
		return nil
	}
	for i, word := range args[2:] {
		var err error
		switch {
		case operation == "logs tail" && i == 0:
			err = expect("logGroupName", word)
		case strings.HasPrefix(word, "--"):
			err = oneOf("aws "+operation, word, append([]string{"--query", "--output", "--region"}, flags...)...)
			if output, ok := awsNames[word]; ok && i+3 < len(args) && err == nil {
				err = expect(output, args[i+3])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TestOfflineCommandsRun runs what the documents say about prices and the sandbox, in their order, on the fixture:
// a new user's first ten minutes.
func TestOfflineCommandsRun(t *testing.T) {
	t.Parallel()
	dir := fixture.Project(t)
	commandsDir, err := built()
	require.NoError(t, err)
	run := map[string]bool{}
	for _, b := range blocks(t) {
		if b.file != "README.md" && b.file != "docs/operations.md" {
			continue
		}
		for line := range strings.SplitSeq(joined.Replace(b.text), "\n") {
			args := words(line)
			if len(args) < 3 || args[0] != "go" || args[1] != "run" {
				continue
			}
			name := filepath.Base(args[2])
			if (name != "sandbox" && name != "cost") || slices.Contains(args, "--base") {
				continue
			}
			command := exec.Command(filepath.Join(commandsDir, name), append(args[3:], "-C", dir)...)
			command.Dir = dir
			out, err := command.CombinedOutput()
			require.NoError(t, err, "%s: %s\n%s", b, line, out)
			run[name] = true
			if slices.Contains(args, "outputs") {
				assert.Contains(t, string(out), "sentry-staging-cluster", "%s: %s", b, line)
			}
		}
	}
	assert.Equal(t, map[string]bool{"sandbox": true, "cost": true}, run, "the documents show no command that runs offline")
}
