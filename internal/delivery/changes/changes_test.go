package changes_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"sentry/internal/delivery/changes"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const zero = "0000000000000000000000000000000000000000"

// repo is a real git repository in a temporary directory.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) repo {
	t.Helper()
	r := repo{t, t.TempDir()}
	r.git("init", "--quiet", "--initial-branch=main")
	r.git("config", "uploadpack.allowAnySHA1InWant", "true")
	r.write("README.md", "sentry")
	r.write("infra/network.go", "package infra // network\n\nfunc a() {}\nfunc b() {}\nfunc c() {}\n")
	r.write("Pulumi.staging.yaml", "config: {}")
	r.write("frontend/src/app.tsx", "app")
	return r
}

func (r repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.invalid", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.invalid")
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

func (r repo) write(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.dir, name)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(r.t, os.WriteFile(file, []byte(text), 0o644))
}

func (r repo) commit(message string) string {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--allow-empty", "--message", message)
	return r.git("rev-parse", "HEAD")
}

func (r repo) detect(head string, bases ...string) changes.Result {
	r.t.Helper()
	got, err := changes.Detect(r.t.Context(), r.dir, head, bases...)
	require.NoError(r.t, err)
	return got
}

// F1: a push that only touches the application must not ask for infrastructure, and
// one that touches the infrastructure in any way must.
func TestOrdinaryPushes(t *testing.T) {
	cases := map[string]struct {
		push func(r repo)
		want []string
	}{
		"application only":            {func(r repo) { r.write("frontend/src/app.tsx", "new") }, nil},
		"documents only":              {func(r repo) { r.write("docs/a.md", "new"); r.write("README.md", "x") }, nil},
		"a component":                 {func(r repo) { r.write("infra/network.go", "package infra") }, []string{"infra/network.go"}},
		"a file in a folder below":    {func(r repo) { r.write("infra/policy/task.go", "package policy") }, []string{"infra/policy/task.go"}},
		"stack configuration":         {func(r repo) { r.write("Pulumi.staging.yaml", "config: {a: 1}") }, []string{"Pulumi.staging.yaml"}},
		"project file":                {func(r repo) { r.write("Pulumi.yaml", "name: sentry") }, []string{"Pulumi.yaml"}},
		"a dependency":                {func(r repo) { r.write("go.sum", "x") }, []string{"go.sum"}},
		"the program":                 {func(r repo) { r.write("main.go", "package main") }, []string{"main.go"}},
		"tests of the infrastructure": {func(r repo) { r.write("infra/network_test.go", "x"); r.write("infra/testdata/staging.yaml", "x") }, nil},
		"the same names elsewhere": {func(r repo) {
			r.write("tools/go.mod", "x")
			r.write("backend/infra/x.go", "x")
			r.write("backend/main.go", "x")
		}, nil},
		"the other project, bootstrap": {func(r repo) { r.write("bootstrap/main.go", "x"); r.write("bootstrap/Pulumi.yaml", "x") }, nil},
		"deletion":                     {func(r repo) { r.git("rm", "--quiet", "infra/network.go") }, []string{"infra/network.go"}},
		"rename out of":                {func(r repo) { r.write("docs/x", ""); r.git("mv", "infra/network.go", "docs/network.go") }, []string{"infra/network.go"}},
		"rename into":                  {func(r repo) { r.git("mv", "frontend/src/app.tsx", "infra/app.go") }, []string{"infra/app.go"}},
		"rename within":                {func(r repo) { r.git("mv", "infra/network.go", "infra/vpc.go") }, []string{"infra/network.go", "infra/vpc.go"}},
		"a name with odd characters":   {func(r repo) { r.write("infra/net wörk\"x.go", "x") }, []string{"infra/net wörk\"x.go"}},
		"mode only":                    {func(r repo) { r.git("update-index", "--chmod=+x", "infra/network.go") }, []string{"infra/network.go"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			before := r.commit("before")
			c.push(r)
			if name == "mode only" {
				r.git("commit", "--quiet", "--message", "mode")
			} else {
				r.commit("push")
			}
			got := r.detect("HEAD", before)
			assert.Equal(t, c.want, got.Paths, got.Reason)
			assert.Equal(t, len(c.want) > 0, got.Changed)
		})
	}
}

func TestFirstPushCountsAsChanged(t *testing.T) {
	r := newRepo(t)
	head := r.commit("first")
	for _, bases := range [][]string{{zero}, {""}, {}, {zero, ""}} {
		got := r.detect(head, bases...)
		assert.True(t, got.Changed, "the first push of a repository never creates its infrastructure (bases %q)", bases)
		assert.Contains(t, got.Reason, "first push")
	}
}

func TestSeveralCommitsInOnePush(t *testing.T) {
	r := newRepo(t)
	before := r.commit("before")
	r.write("infra/network.go", "package infra // 2")
	r.commit("infrastructure")
	r.write("README.md", "later")
	r.commit("documents")
	assert.True(t, r.detect("HEAD", before).Changed, "only the last commit of a push is looked at")
}

func TestAChangeAndItsReversalCount(t *testing.T) {
	r := newRepo(t)
	before := r.commit("before")
	r.write("infra/network.go", "package infra // 2")
	r.commit("change")
	r.git("revert", "--no-edit", "HEAD")
	got := r.detect("HEAD", before)
	assert.True(t, got.Changed, "a deployment that failed half-way through the change is never put right by the reversal")
}

func TestTheLastDeploymentCountsToo(t *testing.T) {
	r := newRepo(t)
	deployed := r.commit("deployed")
	r.write("infra/network.go", "package infra // 2")
	pushed := r.commit("infrastructure, but its run was cancelled")
	r.write("README.md", "later")
	r.commit("documents")
	assert.False(t, r.detect("HEAD", pushed).Changed)
	got := r.detect("HEAD", pushed, deployed)
	assert.True(t, got.Changed, "a change whose own run was cancelled or rejected is never deployed")
	assert.Equal(t, []string{"infra/network.go"}, got.Paths)
}

func TestMergeCommits(t *testing.T) {
	build := func(t *testing.T, file string) (repo, string) {
		r := newRepo(t)
		r.commit("root")
		r.git("checkout", "--quiet", "-b", "feature")
		r.write(file, "from the branch")
		r.commit("on the branch")
		r.git("checkout", "--quiet", "main")
		r.write("infra/buckets.go", "package infra")
		before := r.commit("on main, deployed already")
		r.git("merge", "--quiet", "--no-ff", "--no-edit", "feature")
		return r, before
	}
	r, before := build(t, "infra/service.go")
	assert.Equal(t, []string{"infra/service.go"}, r.detect("HEAD", before).Paths, "what a merge brings is not seen")
	r, before = build(t, "README.md")
	assert.False(t, r.detect("HEAD", before).Changed, "a merge counts what main had before as new")
}

func TestForcePush(t *testing.T) {
	t.Run("old commit still in the clone", func(t *testing.T) {
		r := newRepo(t)
		root := r.commit("root")
		r.write("infra/network.go", "package infra // dropped by the force push")
		before := r.commit("infrastructure")
		r.git("reset", "--quiet", "--hard", root)
		r.write("README.md", "x")
		r.commit("documents")
		assert.Equal(t, []string{"infra/network.go"}, r.detect("HEAD", before).Paths, "taking a change back by a force push is not seen")
	})
	t.Run("old commit only on the server", func(t *testing.T) {
		server := newRepo(t)
		server.commit("root")
		server.write("infra/network.go", "package infra // dropped")
		before := server.commit("infrastructure")
		server.git("reset", "--quiet", "--hard", "HEAD~1")
		server.write("README.md", "x")
		server.commit("documents")
		clone := repo{t, t.TempDir()}
		clone.git("clone", "--quiet", "--no-local", server.dir, ".")
		assert.Equal(t, []string{"infra/network.go"}, clone.detect("HEAD", before).Paths)
	})
	t.Run("old commit gone everywhere", func(t *testing.T) {
		r := newRepo(t)
		head := r.commit("root")
		got := r.detect(head, strings.Repeat("ab", 20))
		assert.True(t, got.Changed)
		assert.Contains(t, got.Reason, "force push")
	})
	t.Run("unrelated history", func(t *testing.T) {
		r := newRepo(t)
		before := r.commit("root")
		r.git("checkout", "--quiet", "--orphan", "other")
		r.write("infra/network.go", "package infra // rewritten")
		r.commit("rewritten")
		assert.Contains(t, r.detect("HEAD", before).Paths, "infra/network.go")
	})
}

func TestShallowClone(t *testing.T) {
	server := newRepo(t)
	before := server.commit("root")
	server.write("infra/network.go", "package infra // 2")
	server.commit("infrastructure")
	server.write("infra/network.go", "package infra // network\n\nfunc a() {}\nfunc b() {}\nfunc c() {}\n")
	head := server.commit("and back")
	clone := repo{t, t.TempDir()}
	clone.git("clone", "--quiet", "--depth=1", "file://"+server.dir, ".")
	_, err := changes.Detect(t.Context(), clone.dir, head, before)
	require.Error(t, err, "the missing history is read as no change")
	assert.Contains(t, err.Error(), "fetch-depth: 0")
}

func TestBadInputIsAnError(t *testing.T) {
	r := newRepo(t)
	head := r.commit("root")
	for what, call := range map[string]func() error{
		"not a repository":  func() error { _, err := changes.Detect(t.Context(), t.TempDir(), head, zero); return err },
		"unknown head":      func() error { _, err := changes.Detect(t.Context(), r.dir, "no-such-branch", head); return err },
		"option as head":    func() error { _, err := changes.Detect(t.Context(), r.dir, "--all", head); return err },
		"option as base":    func() error { _, err := changes.Detect(t.Context(), r.dir, head, "--output=/x"); return err },
		"abbreviated base":  func() error { _, err := changes.Detect(t.Context(), r.dir, head, head[:7]); return err },
		"directory missing": func() error { _, err := changes.Detect(t.Context(), r.dir+"/none", head, zero); return err },
	} {
		assert.Error(t, call(), what)
	}
}

func TestPatternsAreWellFormed(t *testing.T) {
	for _, p := range changes.Patterns {
		_, err := path.Match(p, "x")
		assert.NoError(t, err, p)
	}
}

// The list of paths is right only while the program imports nothing else of this module.
func TestTheProgramIsCompiledFromTheseFilesOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}}{{end}}`, "sentry").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, pkg := range strings.Fields(string(out)) {
		if pkg == "sentry" {
			continue
		}
		if sub, mine := strings.CutPrefix(pkg, "sentry/"); mine {
			assert.True(t, changes.Counts(sub+"/x.go"), "the program imports %s, whose changes are not detected: add it to changes.Patterns", pkg)
		}
	}
}

func TestProductionDeploysWhatIsMerged(t *testing.T) {
	r := newRepo(t)
	old := r.commit("old")
	r.git("tag", "v1")
	r.commit("newer")
	r.git("checkout", "--quiet", "-b", "feature")
	feature := r.commit("not merged")
	for rev, want := range map[string]string{"v1": old, old: old, "main": r.git("rev-parse", "main")} {
		got, err := changes.Resolve(t.Context(), r.dir, rev, "main")
		require.NoError(t, err, "an older release cannot be deployed again")
		assert.Equal(t, want, got)
	}
	_, err := changes.Resolve(t.Context(), r.dir, "feature", "main")
	require.ErrorContains(t, err, "is not part of main: merge it first")
	got, err := changes.Resolve(t.Context(), r.dir, "feature", "")
	require.NoError(t, err, "staging takes any branch")
	assert.Equal(t, feature, got)
	for _, bad := range []string{"none", "--all", ""} {
		_, err = changes.Resolve(t.Context(), r.dir, bad, "")
		require.Error(t, err, bad)
	}
}
