package docs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/bootstrap/account"
	"sentry/infra"
	"sentry/internal/cost"
	"sentry/internal/docs"
	"sentry/internal/sandbox"
)

// block is a fenced block of a document.
type block struct {
	file     string // relative to root
	line     int    // of the fence
	language string
	text     string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// documents are all texts, by their path relative to root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	files, err := docs.Files(root)
	require.NoError(t, err)
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name, err := filepath.Rel(root, file)
		require.NoError(t, err)
		texts[name] = string(text)
	}
	return texts
}

func blocks(t *testing.T) []block {
	t.Helper()
	var found []block
	texts := documents(t)
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		var open *block
		for i, line := range strings.Split(texts[file], "\n") {
			fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
			switch {
			case isFence && open == nil:
				open = &block{file: file, line: i + 1, language: fence}
			case isFence:
				found = append(found, *open)
				open = nil
			case open != nil:
				open.text += line + "\n"
			}
		}
		require.Nil(t, open, "%s: a fenced block has no end", file)
	}
	require.NotEmpty(t, found)
	return found
}

// commands are the shell commands of the documents, each in one line and without its comment.
func commands(t *testing.T) map[string]block {
	t.Helper()
	found := map[string]block{}
	for _, b := range blocks(t) {
		if b.language != "sh" && b.language != "bash" && b.language != "console" {
			continue
		}
		for line := range strings.SplitSeq(strings.ReplaceAll(b.text, "\\\n", " "), "\n") {
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

// TestEveryCommandIsChecked classifies every command of every document; one of a kind that nobody checks fails.
func TestEveryCommandIsChecked(t *testing.T) {
	t.Parallel()
	for command, at := range commands(t) {
		for _, part := range piped.FindAllString(command, -1) {
			args := words(part)
			for len(args) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(args[0]) {
				args = args[1:] // a variable for this command
			}
			require.NotEmpty(t, args, "%s: %s", at, command)
			assert.NoError(t, check(args), "%s: %s", at, command)
		}
	}
}

func check(args []string) error {
	switch first := args[0]; first {
	case "make":
		return checkMake(args[1:])
	case "go":
		return checkGo(args[1:])
	case "pulumi":
		return checkPulumi(args[1:])
	case "aws":
		return checkAWS(args[1:])
	case "git":
		return oneOf("git", args[1], "apply", "clone", "restore", "revert")
	case "cd", "docker", "export", "jq":
		return nil
	default:
		return fmt.Errorf("nothing here checks %q: add it to check", first)
	}
}

func oneOf(what, word string, allowed ...string) error {
	if !slices.Contains(allowed, word) {
		return fmt.Errorf("%s has no %q, or nobody has checked it; there is: %s", what, word, strings.Join(allowed, ", "))
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

func checkGo(args []string) error {
	switch {
	case len(args) > 1 && args[0] == "run":
		return parses(filepath.Clean(args[1]), args[2:])
	case len(args) > 1 && (args[0] == "test" || args[0] == "vet" || args[0] == "build"):
		dir := filepath.Join(root, strings.TrimSuffix(args[1], "/..."))
		for _, flag := range args[2:] {
			out, err := exec.Command("grep", "-rlF", fmt.Sprintf("flag.Bool(%q", strings.TrimLeft(flag, "-")), dir).CombinedOutput()
			if err != nil {
				return fmt.Errorf("no test in %s has the flag %s %s", args[1], flag, out)
			}
		}
		_, err := os.Stat(dir)
		return err
	}
	return fmt.Errorf("nothing here checks go %s", strings.Join(args, " "))
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

// parses says whether a command of this repository understands its arguments. With --help behind them the
// flags are read and checked, and nothing runs.
func parses(name string, args []string) error {
	dir, err := built()
	if err != nil {
		return err
	}
	if filepath.Dir(name) != "cmd" {
		return fmt.Errorf("%s is not a command of this repository", name)
	}
	command := exec.Command(filepath.Join(dir, filepath.Base(name)), append(slices.Clone(args), "--help")...)
	command.Dir = root
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s does not understand this: %s", name, out)
	}
	// A word that is no verb is taken for an argument, and the help is then that of its parent.
	for i, word := range args {
		if strings.HasPrefix(word, "-") {
			break
		}
		verbs := strings.Join(args[:i+1], " ")
		if !regexp.MustCompile(`Usage:\n(  .*\n)*?  ` + regexp.QuoteMeta(filepath.Base(name)+" "+verbs) + `\b`).Match(out) {
			return fmt.Errorf("%s has no verb %q", name, verbs)
		}
	}
	return nil
}

// pulumiFlags are flags of the Pulumi CLI 3.250.0, read off its --help. -s and --stack all of these have.
var pulumiFlags = map[string][]string{
	"cancel":                        {"--yes"},
	"config set":                    {"--secret", "--path", "--type", "--plaintext"},
	"config":                        {"--json", "--show-secrets"},
	"destroy":                       {"--yes", "--preview-only", "--refresh", "--remove"},
	"import":                        {"--file", "--yes"},
	"login":                         {"--local"},
	"preview":                       {"--diff", "--expect-no-changes", "--refresh", "--json", "--target", "-c", "--config", "--save-plan", "--import-file"},
	"refresh":                       {"--yes", "--preview-only", "--clear-pending-creates"},
	"stack change-secrets-provider": {},
	"stack export":                  {"--file", "--show-secrets"},
	"stack history":                 {"--full-dates", "--page-size"},
	"stack import":                  {"--file", "--force"},
	"stack init":                    {"--secrets-provider", "--no-select"},
	"stack ls":                      {"--json", "--all"},
	"stack rm":                      {"--yes", "--remove-backups", "--preserve-config"},
	"stack output":                  {"--json", "--show-secrets", "--shell"},
	"stack select":                  {"--create"},
	"state repair":                  {"--yes"},
	"state unprotect":               {"--yes"},
	"up":                            {"--yes", "--diff", "--skip-preview", "--refresh", "--target", "-c", "--config", "--plan"},
}

func checkPulumi(args []string) error {
	verb := args[0]
	if len(args) > 1 {
		if _, ok := pulumiFlags[verb+" "+args[1]]; ok {
			verb += " " + args[1]
		}
	}
	flags, ok := pulumiFlags[verb]
	if !ok {
		return fmt.Errorf("pulumi %s: nobody has checked it", verb)
	}
	rest := args[len(strings.Fields(verb)):]
	for i, word := range rest {
		flag, value, _ := strings.Cut(word, "=")
		switch {
		case flag == "-s" || flag == "--stack":
			if i+1 < len(rest) {
				value = rest[i+1]
			}
			if err := oneOf("the project", value, "staging", "production", "x"); err != nil {
				return err
			}
		case strings.HasPrefix(flag, "-"):
			if err := oneOf("pulumi "+verb, flag, flags...); err != nil {
				return err
			}
			if flag == "-c" || flag == "--config" {
				key, _, _ := strings.Cut(rest[i+1], "=")
				parts, err := parts()
				if err != nil || !strings.Contains(parts["configuration"], "| `"+key+"` |") {
					return fmt.Errorf("the project has no key %s", key)
				}
			}
		case i == 0 && verb == "stack output":
			known, err := outputs()
			if err != nil {
				return err
			}
			if err := oneOf("the stack", word, slices.Sorted(maps.Keys(known["staging"]))...); err != nil {
				return err
			}
		}
	}
	return nil
}

// outputs are the stacks' outputs, by stack and name.
var outputs = sync.OnceValues(func() (map[string]map[string]any, error) {
	all := map[string]map[string]any{}
	for _, stack := range []string{"staging", "production"} {
		recording, err := cost.Record(infra.DeployIn, root, stack)
		if err != nil {
			return nil, err
		}
		all[stack] = recording.Outputs
	}
	return all, nil
})

// awsFlags are flags of AWS's CLI, read off its service models; --query, --output and --region all of these have.
var awsFlags = map[string][]string{
	"ec2 describe-network-interfaces":    {"--network-interface-ids"},
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

func checkAWS(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("aws %s: no operation", strings.Join(args, " "))
	}
	operation := args[0] + " " + args[1]
	flags, ok := awsFlags[operation]
	if !ok {
		return fmt.Errorf("aws %s: nobody has checked it", operation)
	}
	known, err := outputs()
	if err != nil {
		return err
	}
	candidates := []string{"staging", "production"}
	expect := func(output, value string) error {
		if strings.HasPrefix(value, "$(") || value == "x" {
			return nil // another command, or a placeholder
		}
		candidates = slices.DeleteFunc(candidates, func(stack string) bool { return known[stack][output] != value })
		if len(candidates) == 0 {
			return fmt.Errorf("%q is not the %s of the stack that the rest is about: staging's is %v", value, output, known["staging"][output])
		}
		return nil
	}
	for i, word := range args[2:] {
		switch {
		case operation == "logs tail" && i == 0:
			if err := expect("logGroupName", word); err != nil {
				return err
			}
		case strings.HasPrefix(word, "--"):
			if err := oneOf("aws "+operation, word, append([]string{"--query", "--output", "--region"}, flags...)...); err != nil {
				return err
			}
			if output, ok := awsNames[word]; ok && i+3 < len(args) {
				if err := expect(output, args[i+3]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// names are what the environments and the account's preparation call anything in AWS: every text among the inputs
// and outputs of what they register. Logical names are not among them: they outlive a rename.
func names(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	var add func(any)
	add = func(value any) {
		switch value := value.(type) {
		case string:
			known[value] = true
		case []any:
			for _, v := range value {
				add(v)
			}
		case map[string]any:
			for _, v := range value {
				add(v)
			}
		}
	}
	programs := []sandbox.MockOptions{{Project: account.Project, Stack: account.Stack, Config: map[string]string{
		"aws:region": "us-east-1", account.Project + ":repository": "octo-org/sentry",
	}}}
	prepared, err := sandbox.Record(account.Deploy, programs[0])
	require.NoError(t, err)
	recordings := []*sandbox.Recording{prepared}
	for _, stack := range []string{"staging", "production"} {
		recording, err := cost.Record(infra.DeployIn, root, stack)
		require.NoError(t, err)
		recordings = append(recordings, recording)
	}
	for _, recording := range recordings {
		for _, r := range recording.Resources {
			for _, properties := range []resource.PropertyMap{r.Inputs, r.Outputs} {
				add(properties.Mappable())
			}
		}
	}
	return known
}

var (
	// nameForm is anything that looks like a name of this product in AWS.
	nameForm = regexp.MustCompile(`(/ecs/|/sentry/|alias/)?sentry-(staging|production|pulumi)[a-z0-9-]*|/sentry/(staging|production)/[a-z/]+`)
	// clone and the like name folders, not resources.
	elsewhere = regexp.MustCompile(`\.pulumi/[a-z]+/(organization/)?sentry/(staging|production)[^\s]*|-state\.json|\.sentry-state`)
)

// TestNamesExist is why a renamed resource cannot leave its old name behind in the documents.
func TestNamesExist(t *testing.T) {
	t.Parallel()
	known := names(t)
	checked := 0
	for file, text := range documents(t) {
		text = strings.NewReplacer("<stack>", "staging", "<env>", "staging", "<environment>", "staging").Replace(text)
		for i, line := range strings.Split(elsewhere.ReplaceAllString(text, ""), "\n") {
			for _, at := range nameForm.FindAllStringIndex(line, -1) {
				name := line[at[0]:at[1]]
				isPart := strings.HasPrefix(line[at[1]:], "<") || strings.HasPrefix(line[at[1]:], "…")
				exists := known[name] || isPart && slices.ContainsFunc(slices.Collect(maps.Keys(known)), func(k string) bool { return strings.HasPrefix(k, name) })
				assert.True(t, exists, "%s:%d: nothing that the programs register is called %q", file, i+1, name)
				checked++
			}
		}
	}
	assert.Greater(t, checked, 50, "the documents name almost nothing: is the form of names still right?")
}

// TestLinksLead follows every link between documents, and to files.
func TestLinksLead(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	texts := documents(t)
	for file, text := range texts {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := file
			if target != "" {
				path = filepath.Join(filepath.Dir(file), target)
			}
			_, err := os.Stat(filepath.Join(root, path))
			if !assert.NoError(t, err, "%s links to %s", file, match[1]) || anchor == "" {
				continue
			}
			assert.Contains(t, anchors(texts[path]), anchor, "%s links to %s", file, match[1])
		}
	}
}

// anchors are the headings' as GitHub makes them.
func anchors(text string) []string {
	var found []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile("[^a-z0-9 _-]").ReplaceAllString(strings.ToLower(heading[1]), "")
		found = append(found, strings.ReplaceAll(plain, " ", "-"))
	}
	return found
}

// TestFiguresOfTheDecisions recomputes the prices that the decisions argue with.
func TestFiguresOfTheDecisions(t *testing.T) {
	t.Parallel()
	list, err := cost.ListPrices()
	require.NoError(t, err)
	price := func(name string) float64 { return list.Prices[name].USD }
	const hours = 730
	text := documents(t)["docs/decisions/public-tasks.md"]
	for what, amount := range map[string]float64{
		"a public address":                          hours * price("public-ipv4"),
		"a NAT gateway":                             hours * price("nat-gateway"),
		"four interface endpoints in two zones":     hours * 8 * price("interface-endpoint"),
		"a load balancer":                           hours * price("load-balancer"),
		"it with two addresses and a capacity unit": hours * (price("load-balancer") + price("load-balancer-lcu") + 2*price("public-ipv4")),
	} {
		assert.Contains(t, text, fmt.Sprintf("$%.2f", amount), what)
	}
}

// TestOfflineCommandsRun runs what the documents say about prices and the sandbox, in their order, in a copy of the
// project: a new user's first ten minutes.
func TestOfflineCommandsRun(t *testing.T) {
	t.Parallel()
	commandsDir, err := built()
	require.NoError(t, err)
	absolute, err := filepath.Abs(root)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(absolute, "tools"), filepath.Join(dir, "tools")))
	for _, name := range []string{"Pulumi.yaml", "Pulumi.staging.yaml", "Pulumi.production.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	run := map[string]bool{}
	for _, b := range blocks(t) {
		if b.file != "README.md" && b.file != "docs/operations.md" {
			continue
		}
		for line := range strings.SplitSeq(b.text, "\n") {
			args := words(line)
			if len(args) < 3 || args[0] != "go" || args[1] != "run" {
				continue
			}
			name := filepath.Base(args[2])
			if (name != "sandbox" && name != "cost") || slices.Contains(args, "--base") {
				continue
			}
			command := exec.Command(filepath.Join(commandsDir, name), append(args[3:], "--dir", dir)...)
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

// squeeze makes code comparable whatever its indentation.
func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestWorkedExample holds docs/changing.md to what it says: its code is the example's, and with the entries that
// it gives, the sandbox deploys the example.
func TestWorkedExample(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile(filepath.Join(root, "docs", "examples", "queue", "queue.go"))
	require.NoError(t, err)
	var entries string
	for _, b := range blocks(t) {
		if b.language != "go" {
			continue
		}
		if strings.Contains(b.text, "noun:") {
			entries = b.text
			continue
		}
		assert.Contains(t, squeeze(string(example)), squeeze(b.text), "%s: this code is not in the example", b)
	}
	require.NotEmpty(t, entries, "docs/changing.md does not say what the sandbox has to know")

	absolute, err := filepath.Abs(root)
	require.NoError(t, err)
	catalogue, err := os.ReadFile(filepath.Join(root, "internal", "sandbox", "catalogue.go"))
	require.NoError(t, err)
	const head = "var catalogue = map[string]*entry{\n"
	require.Contains(t, string(catalogue), head)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(absolute, "internal", "sandbox", "catalogue.go"): write("catalogue.go", strings.Replace(string(catalogue), head, head+entries, 1)),
		filepath.Join(absolute, "docs", "examples", "queue", "sandbox_test.go"): write("sandbox_test.go", `package queue_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"sentry/docs/examples/queue"
	"sentry/internal/sandbox"
)

func TestInTheSandbox(t *testing.T) {
	r, err := sandbox.Record(func(ctx *pulumi.Context) error {
		q, err := queue.NewQueue(ctx, "sentry-staging", &queue.QueueArgs{TaskRoleARN: taskRole, VisibilitySeconds: 60})
		if err == nil {
			ctx.Export("queueUrl", q.URL)
		}
		return err
	}, sandbox.MockOptions{Project: "sentry", Stack: "staging"})
	require.NoError(t, err)
	require.Equal(t, "https://sqs.us-east-1.amazonaws.com/123456789012/sentry-staging-clips", r.Outputs["queueUrl"])
	require.Len(t, r.ByType("aws:sqs/queuePolicy:QueuePolicy"), 1)
}
`),
	}})
	require.NoError(t, err)
	command := exec.Command("go", "test", "-trimpath", "-count=1", "-overlay", write("overlay.json", string(overlay)), "-run", "TestInTheSandbox", "-v", "./docs/examples/queue")
	command.Dir = root
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS: TestInTheSandbox")
}
