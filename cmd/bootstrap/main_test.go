package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/bootstrap/account"
	"sentry/internal/cli"
	"sentry/internal/fixture"
	"sentry/internal/golden"
	"sentry/internal/project"
)

var ready = result{
	account:      "123456789012",
	backendURL:   "s3://sentry-pulumi-state-123456789012?region=us-east-1",
	environments: configuration().Environments,
	changes:      map[string]int{"create": 33},
}

func TestNext(t *testing.T) {
	later := ready
	later.changes = map[string]int{"same": 33}
	later.environments = slices.Clone(ready.environments)
	later.environments[1].Subnets = []string{"subnet-0aa1", "subnet-0aa2"}
	later.states = []string{"sentry/production", "sentry/staging"}
	own := configuration()
	own.AWSAccountID = "123456789012"
	for file, text := range map[string]string{
		"next.txt":         newNext(configuration(), ready, false).text(false),
		"next-written.txt": next{Config: configuration(), result: later, byHand: []string{"staging"}}.text(true),
		"next-some.txt":    newNext(own, ready, true).text(true),
	} {
		golden.Equal(t, filepath.Join("testdata", file), text, "what a person is told to do next has changed")
	}
}

func TestWhatIsWritten(t *testing.T) {
	for what, c := range map[string]struct {
		some    bool
		account string
	}{"all environments": {}, "some of them": {some: true}, "an account by name": {account: "123456789012"}} {
		t.Run(what, func(t *testing.T) {
			p, err := project.Open(fixture.Project(t))
			require.NoError(t, err)
			before, err := os.ReadFile(filepath.Join(p.Dir, "Pulumi.yaml"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(p.StackFile("production"), []byte("encryptionsalt: v1:x\nconfig: {}\n"), 0o600))
			config := configuration()
			config.AWSAccountID = c.account
			for range 2 { // twice is the same as once
				byHand, err := newNext(config, ready, c.some).write(p)
				require.NoError(t, err)
				assert.Equal(t, []string{"production"}, byHand, "secrets that a passphrase encrypts become unreadable")
			}
			values, err := p.Values("staging")
			require.NoError(t, err)
			assert.Equal(t, "true", values["sentry:bootstrapped"], "the program makes roles that no deployment may make")
			if c.account != "" {
				assert.Equal(t, c.account, values["sentry:awsAccountId"])
			} else {
				assert.NotContains(t, values, "sentry:awsAccountId")
			}
			text, err := os.ReadFile(p.StackFile("staging"))
			require.NoError(t, err)
			assert.Contains(t, string(text), "secretsprovider: awskms://alias/sentry-pulumi?region=us-east-1&context_stack=staging\n")
			after, err := project.Open(p.Dir)
			require.NoError(t, err)
			if c.some {
				got, err := os.ReadFile(filepath.Join(p.Dir, "Pulumi.yaml"))
				require.NoError(t, err)
				assert.Equal(t, string(before), string(got), "the other environments' states are looked for in this account's bucket")
			} else {
				assert.Equal(t, ready.backendURL, after.Backend)
			}
		})
	}
}

// A shell must see in each printed command the words that are meant.
func TestThePrintedCommandsAreShell(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"gh", "pulumi"} {
		script := "#!/bin/sh\nif [ \"$1 $2\" = 'api user' ]; then echo 42; exit; fi\nprintf '%s' " + name + "\nprintf ' <%s>' \"$@\"\necho\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755))
	}
	var script []string
	for line := range strings.Lines(newNext(configuration(), ready, false).text(true)) {
		if strings.HasPrefix(line, "gh ") || strings.HasPrefix(line, "pulumi ") {
			script = append(script, line)
		}
	}
	require.NotEmpty(t, script)
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", strings.Join(script, ""))
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	got, err := cmd.Output()
	require.NoError(t, err)
	text := string(got)
	for _, want := range []string{
		"pulumi <stack> <init> <staging> <--secrets-provider=awskms://alias/sentry-pulumi?region=us-east-1&context_stack=staging>\n",
		"<repos/octo-org/sentry/environments/production> <-F> <reviewers[][type]=User> <-F> <reviewers[][id]=42> " +
			"<-F> <deployment_branch_policy[protected_branches]=false> <-F> <deployment_branch_policy[custom_branch_policies]=true>\n",
		"<repos/octo-org/sentry/environments/staging> <-F> <deployment_branch_policy[protected_branches]=false>",
		"gh <variable> <set> <AWS_ACCOUNT_ID> <--repo> <octo-org/sentry> <--body> <123456789012>\n",
		"gh <api> <--method> <PUT> <repos/octo-org/sentry/branches/main/protection>",
	} {
		assert.Contains(t, text, want)
	}
	assert.Equal(t, len(ready.environments), strings.Count(text, "/deployment-branch-policies> <-f> <name=main>"),
		"an environment that any branch may deploy to")
}

func TestOriginRepository(t *testing.T) {
	for url, want := range map[string]string{
		"https://github.com/octo-org/sentry.git":       "octo-org/sentry",
		"https://github.com/octo-org/sentry":           "octo-org/sentry",
		"https://token@github.com/octo-org/sentry.git": "octo-org/sentry",
		"git@github.com:octo-org/sentry.git":           "octo-org/sentry",
		"ssh://git@github.com/octo-org/sentry.js.git":  "octo-org/sentry.js",
		"https://gitlab.com/octo-org/sentry.git":       "",
		"https://github.com.example.org/octo/sentry":   "",
		"": "",
	} {
		dir := t.TempDir()
		git := fixture.NewGit(t, dir)
		if url != "" {
			git.Run("remote", "add", "origin", url)
		}
		got, err := originRepository(t.Context(), dir)
		assert.Equal(t, want, got, url)
		if want == "" {
			assert.EqualError(t, err, "--repository is not set, and git's remote origin is no GitHub repository; allowed: owner/name, such as octo-org/sentry")
		}
	}
}

func TestEnvironmentsAreTheStackFiles(t *testing.T) {
	dir := fixture.Project(t)
	fixture.Replace(t, filepath.Join(dir, "Pulumi.production.yaml"), "config:\n", "config:\n  sentry:protect: true\n  sentry:bucketSuffix: 2024\n")
	p, err := project.Open(dir)
	require.NoError(t, err)
	production := account.Environment{Name: "production", Region: "us-east-1", Guarded: true, BucketSuffix: "2024"}
	found, err := environmentsOf(p, nil)
	require.NoError(t, err)
	assert.Equal(t, []account.Environment{production, {Name: "staging", Region: "us-east-1"}}, found)
	found, err = environmentsOf(p, []string{"production"})
	require.NoError(t, err)
	assert.Equal(t, []account.Environment{production}, found)
	_, err = environmentsOf(p, []string{"canary"})
	require.ErrorContains(t, err, `--environment "canary": `+dir+" has no file Pulumi.canary.yaml; allowed: production, staging")

	fixture.Replace(t, filepath.Join(dir, "Pulumi.staging.yaml"), "aws:region: us-east-1", "aws:region: eu-central-1")
	found, err = environmentsOf(p, nil)
	require.NoError(t, err)
	_, err = commonRegion(found)
	require.EqualError(t, err, "--region is not set, and the environments have none in common "+
		"(production in us-east-1, staging in eu-central-1): name the state bucket's")
	region, err := commonRegion(found[1:])
	require.NoError(t, err)
	assert.Equal(t, "eu-central-1", region)
}

// call runs the command as main does.
func call(t *testing.T, args ...string) (out, errors string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := newCommand(&stdout, &stderr)
	cmd.SetArgs(args)
	cmd.SetOut(&stdout)
	code = cli.Run(t.Context(), cmd, &stderr)
	return stdout.String(), stderr.String(), code
}

func TestCommandLine(t *testing.T) {
	dir := fixture.Project(t)
	for args, want := range map[string]string{
		"--repository octo-org/sentry --repository-id 2 --region us": `bootstrap: aws:region: "us"; allowed: a region's code, such as us-east-1`,
		"now": `bootstrap: unknown command "now" for "bootstrap"`,
		"":    "bootstrap: --repository is not set, and git's remote origin is no GitHub repository",
	} {
		out, errors, code := call(t, append(strings.Fields(args), "-C", dir)...)
		assert.Contains(t, errors, want)
		assert.Equal(t, 1, code)
		assert.Empty(t, out, "something is printed as if it had worked")
	}
	t.Setenv("PATH", t.TempDir())
	_, errors, _ := call(t, "--repository", "octo-org/sentry", "-C", dir)
	assert.Contains(t, errors, "ask GitHub about octo-org/sentry (install gh and run `gh auth login`, or name its numbers with "+
		"--repository-id and --owner-id)")
	_, errors, _ = call(t, "--repository", "octo-org/sentry", "--owner-id", "1", "-C", dir)
	assert.Contains(t, errors, "--owner-id without --repository-id")
	_, errors, _ = call(t, "--repository", "octo-org/sentry", "--repository-id", "2", "-C", dir)
	assert.Contains(t, errors, "no usable Pulumi CLI on PATH (install it: https://www.pulumi.com/docs/install/, or try --sandbox)")
}

// The whole command offline, twice and back again, for one of two environments; it leaves no folder behind.
func TestSandbox(t *testing.T) {
	dir, temporary := fixture.Project(t), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	args := []string{"-C", dir, "--sandbox", "--repository", "octo-org/sentry", "--environment", "staging"}
	for _, want := range []string{" create)", "is ready (nothing to change)"} {
		out, errors, code := call(t, args...)
		require.Zero(t, code, errors)
		assert.Contains(t, out, want)
		assert.Contains(t, out, "pulumi stack init staging ")
		assert.NotContains(t, out, "production", "the account is prepared for more than was asked for")
	}
	out, errors, code := call(t, append(args, "--undo")...)
	require.Zero(t, code, errors)
	assert.Contains(t, out, "Removed.")
	for _, pattern := range []string{"pulumi_auto*", "sentry-*"} {
		left, err := filepath.Glob(filepath.Join(temporary, pattern))
		require.NoError(t, err)
		assert.Empty(t, left, "each run leaves a folder in the temporary directory")
	}
}

// The workflows take the roles by these names; a renamed role is an access denied in the middle of a deployment.
func TestTheWorkflowsTakeTheRolesThatExist(t *testing.T) {
	workflows, err := filepath.Glob(filepath.Join(fixture.Root(t), ".github", "workflows", "*.yml"))
	require.NoError(t, err)
	environment := regexp.MustCompile(`\$\{\{ *[\w.]+ *\}\}$`)
	taken := map[string]bool{}
	for _, path := range workflows {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`role-to-assume: .*:role/(.*)`).FindAllStringSubmatch(string(text), -1) {
			role := environment.ReplaceAllString(found[1], "x")
			assert.Contains(t, []string{account.PreviewRole("x"), account.DeployRole("x")}, role, "%s takes role %s", path, found[1])
			taken[role] = true
		}
	}
	assert.Len(t, taken, 2, "a role that no workflow takes")
}
