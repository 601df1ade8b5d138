package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/bootstrap/account"
)

var ready = result{
	account:         "123456789012",
	backendURL:      "s3://sentry-pulumi-state-123456789012?region=us-east-1",
	secretsProvider: account.SecretsProvider("us-east-1"),
	changes:         map[string]int{"create": 33},
}

func TestNext(t *testing.T) {
	config := account.Config{Region: "us-east-1", Repository: "octo-org/sentry"}
	want, err := os.ReadFile("testdata/next.txt")
	require.NoError(t, err)
	assert.Equal(t, string(want), next(config, ready, false))

	written := next(config, ready, true)
	assert.NotContains(t, written, "backend:")
	assert.Contains(t, written, "commit it")

	again := ready
	again.changes = map[string]int{"same": 33}
	assert.Contains(t, next(config, again, false), "is ready (nothing to change)")
}

// A shell must see in each printed command the words that are meant.
func TestThePrintedCommandsAreShell(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"gh", "pulumi"} {
		script := "#!/bin/sh\nif [ \"$1 $2\" = 'api user' ]; then echo 42; exit; fi\nprintf '%s' " + name + "\nprintf ' <%s>' \"$@\"\necho\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755))
	}
	var script []string
	for line := range strings.Lines(next(account.Config{Region: "us-east-1", Repository: "octo-org/sentry"}, ready, true)) {
		if strings.HasPrefix(line, "gh ") || strings.HasPrefix(line, "pulumi ") {
			script = append(script, line)
		}
	}
	require.Len(t, script, 10)
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", strings.Join(script, ""))
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	got, err := cmd.Output()
	require.NoError(t, err)
	text := string(got)
	assert.Contains(t, text, "pulumi <stack> <init> <staging> <--secrets-provider=awskms://alias/sentry-pulumi?region=us-east-1>\n")
	assert.Contains(t, text, "pulumi <config> <set> <permissionsBoundary> <sentry-production-boundary> <--stack> <production>\n")
	assert.Contains(t, text, "<repos/octo-org/sentry/environments/production> <-F> <reviewers[][type]=User> <-F> <reviewers[][id]=42> "+
		"<-F> <deployment_branch_policy[protected_branches]=false> <-F> <deployment_branch_policy[custom_branch_policies]=true>\n")
	assert.Contains(t, text, "<repos/octo-org/sentry/environments/staging> <-F> <deployment_branch_policy[protected_branches]=false>")
	assert.Contains(t, text, "gh <variable> <set> <AWS_ACCOUNT_ID> <--repo> <octo-org/sentry> <--body> <123456789012>\n")
	assert.Equal(t, 2, strings.Count(text, "/deployment-branch-policies> <-f> <name=main>"), "an environment that any branch may deploy to")
}

func TestWriteBackend(t *testing.T) {
	const url = "s3://b?region=us-east-1"
	for before, want := range map[string]string{
		"name: sentry\nruntime: go\n": "name: sentry\nruntime: go\nbackend:\n  url: " + url + "\n",
		"name: sentry":                "name: sentry\nbackend:\n  url: " + url + "\n",
		"name: sentry\n# why\nbackend:\n  url: s3://a # old\nconfig:\n  a: b\n": "name: sentry\n# why\nbackend:\n  url: " + url + "\nconfig:\n  a: b\n",
		"name: sentry\nbackend: {url: s3://a}\nruntime: go\n":                   "name: sentry\nbackend:\n  url: " + url + "\nruntime: go\n",
		"name: sentry\nbackend:\n  url: s3://a":                                 "name: sentry\nbackend:\n  url: " + url + "\n",
		"name: sentry\nconfig:\n  backend:\n    type: string\n":                 "name: sentry\nconfig:\n  backend:\n    type: string\nbackend:\n  url: " + url + "\n",
	} {
		path := filepath.Join(t.TempDir(), "Pulumi.yaml")
		require.NoError(t, os.WriteFile(path, []byte(before), 0o600))
		for range 2 { // twice is the same as once
			require.NoError(t, writeBackend(path, url))
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, want, string(got))
		}
	}
	assert.ErrorContains(t, writeBackend(filepath.Join(t.TempDir(), "Pulumi.yaml"), url), "write the state bucket into Pulumi.yaml")
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
		git := func(args ...string) {
			require.NoError(t, exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).Run())
		}
		git("init", "--quiet")
		if url != "" {
			git("remote", "add", "origin", url)
		}
		got, err := originRepository(t.Context(), dir)
		assert.Equal(t, want, got, url)
		if want == "" {
			assert.EqualError(t, err, "which GitHub repository deploys? git's remote origin does not say; name it: --repository owner/name")
		}
	}
}

func TestFindRoot(t *testing.T) {
	want, err := filepath.Abs(root)
	require.NoError(t, err)
	for _, dir := range []string{"", root} {
		got, err := findRoot(dir)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	elsewhere := t.TempDir()
	_, err = findRoot(elsewhere)
	assert.EqualError(t, err, elsewhere+" is not in the repository: run it there, or name it with --dir")
}

func TestCommandLine(t *testing.T) {
	var out, progress bytes.Buffer
	run := func(args ...string) error {
		cmd := newCommand(&out, &progress)
		cmd.SetArgs(args)
		cmd.SetOut(&out)
		return cmd.ExecuteContext(t.Context())
	}
	assert.EqualError(t, run("--repository", "octo-org/sentry", "--region", "us"), `aws:region: "us"; allowed: a region's code, such as us-east-1`)
	assert.EqualError(t, run("now"), `unknown command "now" for "bootstrap"`)
	t.Setenv("PATH", t.TempDir())
	assert.ErrorContains(t, run("--repository", "octo-org/sentry"), "no usable Pulumi CLI on PATH (install it: https://www.pulumi.com/docs/install/, or try --sandbox)")
	assert.Empty(t, out.String(), "something is printed as if it had worked")
}

// The workflows take the roles by these names; a renamed role is an access denied in the middle of a deployment.
func TestTheWorkflowsTakeTheRolesThatExist(t *testing.T) {
	workflows, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	require.NoError(t, err)
	taken := map[string]bool{}
	for _, path := range workflows {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`role-to-assume: *(\S+ \S+ \S+)`).FindAllStringSubmatch(string(text), -1) {
			taken[found[1]] = true
		}
		for _, found := range regexp.MustCompile(`arn:aws:iam::\$\{\{ *vars\.AWS_ACCOUNT_ID *\}\}:role/(\S*(?: \S+ \}\})?)`).FindAllStringSubmatch(string(text), -1) {
			known := found[1] == account.PreviewRole || found[1] == "sentry-deploy-${{ inputs.environment }}"
			assert.True(t, known, "%s takes role %s", path, found[1])
		}
	}
	assert.NotEmpty(t, taken)
}
