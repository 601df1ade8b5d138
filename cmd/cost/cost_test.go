package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/cli"
	"sentry/internal/cost"
	"sentry/internal/fixture"
)

// run runs the command and returns what it printed, its error and its exit code.
func run(t *testing.T, args ...string) (out, problem string, code int) {
	t.Helper()
	root, err := newCommand()
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(args)
	code = cli.Run(t.Context(), root, &stderr)
	return stdout.String(), stderr.String(), code
}

func TestFlagsChangeTheAssumptions(t *testing.T) {
	t.Parallel()
	out, problem, code := run(t, "-C", fixture.Project(t), "--json", "--clips-gb", "1000")
	require.Zero(t, code, problem)
	var reports []cost.Report
	require.NoError(t, json.Unmarshal([]byte(out), &reports))
	require.NotEmpty(t, reports)
	for _, r := range reports {
		clips := 0.0
		for _, line := range r.Lines {
			if line.What == "S3 storage: clips" {
				clips = line.Amount
			}
		}
		assert.InDelta(t, 23, clips, 1e-9, r.Stack)
	}
}

func TestARegionWithoutPricesIsNoFailedStep(t *testing.T) {
	t.Parallel()
	dir := fixture.Project(t)
	file := filepath.Join(dir, "Pulumi.staging.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(text, []byte("us-east-1"), []byte("eu-west-1")), 0o600))
	out, problem, code := run(t, "-C", dir)
	assert.Zero(t, code, problem)
	assert.Contains(t, out, "because there are none for eu-west-1 yet")
}

func TestWhatHasNoPriceHasAnExitCodeOfItsOwn(t *testing.T) {
	t.Parallel()
	assert.NoError(t, unpriced([]cost.Report{{}}))
	var exit *cli.ExitError
	require.ErrorAs(t, unpriced([]cost.Report{{}, {Unpriced: []string{"a table"}}}), &exit)
	assert.Equal(t, 3, exit.Code, "a script must notice by the exit code")
}

func TestJSONIsForMachines(t *testing.T) {
	t.Parallel()
	out, problem, code := run(t, "-C", fixture.Project(t), "-s", "staging", "--json")
	require.Zero(t, code, problem)
	assert.Contains(t, out, `"pricesRegion": "us-east-1"`)
	assert.Contains(t, out, `"totalWithFreeAllowances": `)
	assert.NotRegexp(t, `"[A-Z]\w*":`, out, "a key in another style than all others")
	assert.NotRegexp(t, `"amount": \d+\.\d{5}`, out, "an amount with the noise of floating point")
}

// One stack comes with its formulas, several beside each other, and each form has what the others have.
func TestForms(t *testing.T) {
	t.Parallel()
	dir := fixture.Project(t)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"STAGING", "PRODUCTION", "Total"}},
		{[]string{"-s", "production", "--task-hours", "365"}, []string{"2 tasks × 0.5 vCPU × 365 h", "as given: "}},
		{[]string{"--markdown"}, []string{"| Component | Dollars a month | production | staging |"}},
		{[]string{"savings"}, []string{"STACK", "production  arm64 tasks", "staging     arm64 tasks                       $1.80"}}, // 730 × (0.25 × 0.0081 + 0.5 × 0.000885)
		{[]string{"savings", "-s", "staging", "--task-hours", "365"}, []string{"STACK", "\nstaging  arm64 tasks                       $0.90"}},
	} {
		out, problem, code := run(t, append(c.args, "-C", dir)...)
		require.Zero(t, code, problem)
		for _, want := range c.want {
			assert.Contains(t, out, want, "%v", c.args)
		}
	}
	_, problem, code := run(t, "-C", dir, "--task-hours", "NaN")
	assert.Equal(t, 1, code)
	assert.Contains(t, problem, "--task-hours: NaN is no amount; allowed: 0 and more")
}

func TestPricesOfAnotherRegionAreWrittenDown(t *testing.T) {
	t.Parallel()
	lists := httptest.NewServer(http.FileServer(http.Dir("../../internal/pricelist/testdata")))
	t.Cleanup(lists.Close)
	dir := fixture.Project(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "internal", "cost", "prices"), 0o755))
	out, problem, code := run(t, "prices", "-C", dir, "--region", "eu-central-1", "--lists", lists.URL)
	require.Zero(t, code, problem)
	text, err := os.ReadFile(filepath.Join(dir, "internal", "cost", "prices", "eu-central-1.yaml"))
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^date: "20\d\d-\d\d-\d\d"$`, string(text))
	assert.Contains(t, string(text), "\n  fargate-x86-vcpu: 0.04656\n")
	assert.Contains(t, string(text), "\n  s3-writes: 0.0054\n", "the list's price is for one request, ours for a thousand")
	assert.Contains(t, out, "Missing: fargate-x86-memory: ", "a price is left out without a word")
	assert.NotContains(t, out, "cdn-out", "it is the same everywhere")

	_, problem, code = run(t, "prices", "-C", dir)
	assert.Equal(t, 1, code)
	assert.Contains(t, problem, "--region is not set; allowed: ")
}

func TestUnknownStackIsRefused(t *testing.T) {
	t.Parallel()
	dir := fixture.Project(t)
	_, problem, code := run(t, "-C", dir, "-s", "prod")
	assert.Equal(t, 1, code)
	assert.Contains(t, problem, `--stack "prod": `+dir+` has no file Pulumi.prod.yaml; allowed: production, staging`)
	_, problem, _ = run(t, "-C", t.TempDir(), "-s", "staging")
	assert.Contains(t, problem, "no Pulumi.yaml with stack files")
}

// The base is priced by what it holds itself: here a program that prints a report of an older price.
func TestDiffRunsTheProgramOfTheBase(t *testing.T) {
	t.Parallel()
	dir := fixture.Project(t)
	git := fixture.NewGit(t, dir)
	git.Commit("Before the command")
	git.Run("tag", "before")
	program := `package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, os.Args)
	if os.Args[4] != "--clips-gb=1.5" {
		return
	}
	fmt.Println(` + "`" + `[{"Stack":"staging","PricesDate":"2020-01-01","Total":5,"Lines":[{"Component":"Service","What":"Fargate: CPU (x86)","Amount":5}]}]` + "`" + `)
}
`
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "cmd", "cost"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cmd", "cost", "main.go"), []byte(program), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module old\n\ngo 1.26\n"), 0o600))
	git.Commit("With the command")

	_, problem, code := run(t, "diff", "-C", dir, "-s", "staging", "--base", "main", "--clips-gb", "2")
	assert.Equal(t, 1, code)
	assert.Contains(t, problem, "--json --stack staging --clips-gb=2]", "the base is priced with other assumptions, or the error does not say what it printed")
	text, problem, code := run(t, "diff", "-C", dir, "-s", "staging", "--base", "main", "--clips-gb", "1.5")
	require.Zero(t, code, problem)
	assert.Contains(t, text, "| **staging** | 5.00 | ")
	assert.Contains(t, text, "| Service: Fargate: CPU (x86) | 5.00 | 7.39 | +2.39 |")
	assert.Contains(t, text, "was computed with prices of 2020-01-01")

	text, problem, code = run(t, "diff", "-C", dir, "-s", "staging", "--base", "before")
	require.Zero(t, code, problem)
	assert.Contains(t, text, "`before` has no cmd/cost to price it with")

	for base, want := range map[string]string{
		"":        "cost: --base is not set; allowed: a commit, branch or tag, such as main\n",
		"nowhere": `--base: no commit "nowhere" in `,
		"--force": `--base: no commit "--force" in `,
	} {
		_, problem, code = run(t, "diff", "-C", dir, "-s", "staging", "--base="+base)
		assert.Equal(t, 1, code)
		assert.Contains(t, problem, want)
	}
	git.Run("worktree", "prune")
	assert.Equal(t, 1, len(strings.Split(git.Run("worktree", "list"), "\n")), "a worktree stayed behind")
}
