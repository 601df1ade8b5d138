package changes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/changes"
	"sentry/internal/fixture"
	"sentry/internal/project"
)

const zero = "0000000000000000000000000000000000000000"

// repo is a real git repository with a small project: the program imports infra and a library, a command imports
// another library, and both are vendored, so that go needs no network.
type repo struct {
	fixture.Git
	t *testing.T
}

var small = map[string]string{
	"README.md":               "sentry",
	"Pulumi.yaml":             "name: sentry\nruntime: go\n",
	"Pulumi.staging.yaml":     "config: {}",
	"Pulumi.production.yaml":  "config: {}",
	"frontend/src/app.tsx":    "app",
	"frontend/src/later.txt":  "package infra\n",
	"main.go":                 "package main\n\nimport _ \"sentry/infra\"\n\nfunc main() {}\n",
	"infra/tables.go":         "package infra\n\nimport (\n\t\"embed\"\n\n\t_ \"example.com/linked\"\n)\n\n//go:embed tables\nvar tables embed.FS\n",
	"infra/tables/sizes.json": "[]",
	"infra/network.go":        "package infra // network\n\nfunc a() {}\nfunc b() {}\nfunc c() {}\n",
	"cmd/tool/main.go":        "package main\n\nimport _ \"example.com/command\"\n\nfunc main() {}\n",

	"vendor/example.com/linked/l.go":  "package linked\n",
	"vendor/example.com/command/c.go": "package command\n",
}

func newRepo(t *testing.T) repo {
	t.Helper()
	r := repo{fixture.NewGit(t, t.TempDir()), t}
	r.Run("config", "uploadpack.allowAnySHA1InWant", "true")
	for name, text := range small {
		r.write(name, text)
	}
	r.require("v1.0.0", "v1.0.0")
	return r
}

// require writes go.mod and what goes with it.
func (r repo) require(linked, command string) {
	r.t.Helper()
	r.write("go.mod", "module sentry\n\ngo 1.24\n\nrequire (\n\texample.com/linked "+linked+"\n\texample.com/command "+command+"\n)\n")
	r.write("vendor/modules.txt", "# example.com/linked "+linked+"\n## explicit\nexample.com/linked\n"+
		"# example.com/command "+command+"\n## explicit\nexample.com/command\n")
	r.write("go.sum", "example.com/linked "+linked+" h1:a=\nexample.com/command "+command+" h1:b=\n")
}

func (r repo) clone(args ...string) repo {
	r.t.Helper()
	dir := r.t.TempDir()
	r.Run(append(append([]string{"clone", "--quiet"}, args...), "file://"+r.Dir, dir)...)
	return repo{fixture.NewGit(r.t, dir), r.t}
}

func (r repo) write(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.Dir, name)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(r.t, os.WriteFile(file, []byte(text), 0o600))
}

func (r repo) read(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.Dir, name))
	require.NoError(r.t, err)
	return string(text)
}

func (r repo) edit(name, before, after string) {
	r.t.Helper()
	fixture.Replace(r.t, filepath.Join(r.Dir, name), before, after)
}

func (r repo) project() project.Project {
	r.t.Helper()
	p, err := project.Open(r.Dir)
	require.NoError(r.t, err)
	return p
}

func (r repo) detect(head string, bases ...string) changes.Result {
	r.t.Helper()
	return r.detectFor("staging", head, bases...)
}

func (r repo) detectFor(stack, head string, bases ...string) changes.Result {
	r.t.Helper()
	got, err := changes.Detect(r.t.Context(), r.project(), stack, head, bases...)
	require.NoError(r.t, err)
	return got
}

// F1: a push that only touches the application must not ask for infrastructure, and one that touches the
// infrastructure in any way must.
func TestOrdinaryPushes(t *testing.T) {
	cases := map[string]struct {
		push func(r repo)
		want []string
	}{
		"application only":         {func(r repo) { r.write("frontend/src/app.tsx", "new") }, nil},
		"documents only":           {func(r repo) { r.write("docs/a.md", "new"); r.write("README.md", "x") }, nil},
		"a component":              {func(r repo) { r.write("infra/network.go", "package infra") }, []string{"infra/network.go"}},
		"a new file of a package":  {func(r repo) { r.write("infra/queue.go", "package infra") }, []string{"infra/queue.go"}},
		"a package nobody imports": {func(r repo) { r.write("infra/policy/task.go", "package policy") }, nil},
		"a package that is imported": {func(r repo) {
			r.write("internal/policy/task.go", "package policy")
			r.write("infra/network.go", "package infra\n\nimport _ \"sentry/internal/policy\"\n")
		}, []string{"infra/network.go", "internal/policy/task.go"}},
		"the environment's own stack file": {func(r repo) { r.write("Pulumi.staging.yaml", "config: {a: 1}") }, []string{"Pulumi.staging.yaml"}},
		"another's stack file":             {func(r repo) { r.write("Pulumi.production.yaml", "config: {a: 1}") }, nil},
		"a new environment":                {func(r repo) { r.write("Pulumi.staging-eu.yaml", "config: {a: 1}") }, nil},
		"project file":                     {func(r repo) { r.write("Pulumi.yaml", "name: sentry\nruntime: {name: go}\n") }, []string{"Pulumi.yaml"}},
		"the program":                      {func(r repo) { r.write("main.go", "package main\n\nfunc main() {}\n") }, []string{"main.go"}},
		"a command":                        {func(r repo) { r.write("cmd/tool/main.go", "package main\n\nfunc main() {}\n") }, nil},
		"an embedded file":                 {func(r repo) { r.write("infra/tables/sizes.json", "{}") }, []string{"infra/tables/sizes.json"}},
		"a file beside an embedded one":    {func(r repo) { r.write("infra/README.md", "x") }, nil},
		"tests of the infrastructure": {func(r repo) {
			r.write("infra/network_test.go", "package infra")
			r.write("infra/testdata/staging.yaml", "x")
		}, nil},
		"the same names elsewhere": {func(r repo) {
			r.write("tools/go.mod", "x")
			r.write("backend/infra/x.go", "x")
			r.write("backend/main.go", "x")
		}, nil},
		"the other project, bootstrap": {func(r repo) { r.write("bootstrap/main.go", "package main"); r.write("bootstrap/Pulumi.yaml", "x") }, nil},
		"deletion":                     {func(r repo) { r.Run("rm", "--quiet", "infra/network.go") }, []string{"infra/network.go"}},
		"rename out of":                {func(r repo) { r.write("docs/x", ""); r.Run("mv", "infra/network.go", "docs/network.go") }, []string{"infra/network.go"}},
		"rename into":                  {func(r repo) { r.Run("mv", "frontend/src/later.txt", "infra/later.go") }, []string{"infra/later.go"}},
		"rename within":                {func(r repo) { r.Run("mv", "infra/network.go", "infra/vpc.go") }, []string{"infra/network.go", "infra/vpc.go"}},
		"a name with odd characters":   {func(r repo) { r.write("infra/net wörk'x.go", "package infra") }, []string{"infra/net wörk'x.go"}},
		"mode only":                    {func(r repo) { r.Run("update-index", "--chmod=+x", "infra/network.go") }, []string{"infra/network.go"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			before := r.Commit("before")
			c.push(r)
			if name == "mode only" {
				r.Run("commit", "--quiet", "--message", "mode")
			} else {
				r.Commit("push")
			}
			got := r.detect("HEAD", before)
			assert.Equal(t, c.want, got.Paths, got.Reason)
			assert.Equal(t, len(c.want) > 0, got.Changed)
		})
	}
}

// A library that only a command links is no change of any environment; one that the program links is, and so is the
// Go it is compiled with.
func TestModules(t *testing.T) {
	for name, c := range map[string]struct {
		push func(r repo)
		want []string
	}{
		"a newer library of a command":    {func(r repo) { r.require("v1.0.0", "v1.1.0") }, nil},
		"a newer library of the program":  {func(r repo) { r.require("v1.1.0", "v1.0.0") }, []string{"example.com/linked: v1.0.0 → v1.1.0"}},
		"a library with another content":  {func(r repo) { r.edit("go.sum", "h1:a=", "h1:c=") }, []string{"example.com/linked: v1.0.0 (h1:a=) → v1.0.0 (h1:c=)"}},
		"a sum of nothing that is linked": {func(r repo) { r.edit("go.sum", "h1:b=", "h1:c=") }, nil},
		"a newer Go":                      {func(r repo) { r.edit("go.mod", "go 1.24", "go 1.25") }, []string{"go: 1.24 → 1.25"}},
		"a setting of Go's":               {func(r repo) { r.edit("go.mod", "go 1.24", "go 1.24\n\ngodebug http2client=0") }, []string{"godebug http2client: none → 0"}},
		"a replaced library": {func(r repo) {
			r.write("libraries/linked/go.mod", "module example.com/linked\n")
			r.write("libraries/linked/l.go", "package linked\n")
			r.edit("go.mod", "go 1.24", "go 1.24\n\nreplace example.com/linked => ./libraries/linked")
			r.edit("vendor/modules.txt", "linked v1.0.0\n", "linked v1.0.0 => ./libraries/linked\n")
			r.write("vendor/modules.txt", r.read("vendor/modules.txt")+"# example.com/linked => ./libraries/linked\n")
		}, []string{"example.com/linked: v1.0.0 → replaced by ./libraries/linked"}},
		"forth and back": {func(r repo) {
			r.require("v1.1.0", "v1.0.0")
			r.Commit("forth")
			r.require("v1.0.0", "v1.0.0")
		}, []string{"example.com/linked: v1.0.0 → v1.1.0"}},
		"forth and back, of the content alone": {func(r repo) {
			r.edit("go.sum", "h1:a=", "h1:c=")
			r.Commit("forth")
			r.edit("go.sum", "h1:c=", "h1:a=")
		}, []string{"example.com/linked: v1.0.0 (h1:a=) → v1.0.0 (h1:c=)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			before := r.Commit("before")
			c.push(r)
			r.Commit("push")
			got := r.detect("HEAD", before)
			assert.Equal(t, c.want, got.Modules, got.Reason)
			assert.Equal(t, len(c.want) > 0, got.Changed)
		})
	}
}

func TestFirstPushCountsAsChanged(t *testing.T) {
	r := newRepo(t)
	head := r.Commit("first")
	for _, bases := range [][]string{{zero}, {""}, {}, {zero, ""}} {
		got := r.detect(head, bases...)
		assert.True(t, got.Changed, "the first push of a repository never creates its infrastructure (bases %q)", bases)
		assert.Contains(t, got.Reason, "first push")
	}
}

func TestSeveralCommitsInOnePush(t *testing.T) {
	r := newRepo(t)
	before := r.Commit("before")
	r.write("infra/network.go", "package infra // 2")
	r.Commit("infrastructure")
	r.write("README.md", "later")
	r.Commit("documents")
	assert.True(t, r.detect("HEAD", before).Changed, "only the last commit of a push is looked at")
}

func TestAChangeAndItsReversalCount(t *testing.T) {
	r := newRepo(t)
	before := r.Commit("before")
	r.write("infra/network.go", "package infra // 2")
	r.Commit("change")
	r.Run("revert", "--no-edit", "HEAD")
	got := r.detect("HEAD", before)
	assert.True(t, got.Changed, "a deployment that failed half-way through the change is never put right by the reversal")
}

func TestTheLastDeploymentCountsToo(t *testing.T) {
	r := newRepo(t)
	deployed := r.Commit("deployed")
	r.write("infra/network.go", "package infra // 2")
	pushed := r.Commit("infrastructure, but its run was cancelled")
	r.write("README.md", "later")
	r.Commit("documents")
	assert.False(t, r.detect("HEAD", pushed).Changed)
	got := r.detect("HEAD", pushed, deployed)
	assert.True(t, got.Changed, "a change whose own run was cancelled or rejected is never deployed")
	assert.Equal(t, []string{"infra/network.go"}, got.Paths)
}

func TestMergeCommits(t *testing.T) {
	build := func(t *testing.T, file string) (repo, string) {
		r := newRepo(t)
		r.Commit("root")
		r.Run("checkout", "--quiet", "-b", "feature")
		r.write(file, "package infra // from the branch")
		r.Commit("on the branch")
		r.Run("checkout", "--quiet", "main")
		r.write("infra/buckets.go", "package infra")
		before := r.Commit("on main, deployed already")
		r.Run("merge", "--quiet", "--no-ff", "--no-edit", "feature")
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
		root := r.Commit("root")
		r.write("infra/network.go", "package infra // dropped by the force push")
		before := r.Commit("infrastructure")
		r.Run("reset", "--quiet", "--hard", root)
		r.write("README.md", "x")
		r.Commit("documents")
		assert.Equal(t, []string{"infra/network.go"}, r.detect("HEAD", before).Paths, "taking a change back by a force push is not seen")
	})
	t.Run("old commit only on the server", func(t *testing.T) {
		server := newRepo(t)
		server.Commit("root")
		server.write("infra/network.go", "package infra // dropped")
		before := server.Commit("infrastructure")
		server.Run("reset", "--quiet", "--hard", "HEAD~1")
		server.write("README.md", "x")
		server.Commit("documents")
		clone := server.clone()
		assert.Equal(t, []string{"infra/network.go"}, clone.detect("HEAD", before).Paths)
	})
	t.Run("old commit gone everywhere", func(t *testing.T) {
		r := newRepo(t)
		head := r.Commit("root")
		got := r.detect(head, strings.Repeat("ab", 20))
		assert.True(t, got.Changed)
		assert.Contains(t, got.Reason, "force push")
	})
	t.Run("unrelated history", func(t *testing.T) {
		r := newRepo(t)
		before := r.Commit("root")
		r.Run("checkout", "--quiet", "--orphan", "other")
		r.write("infra/network.go", "package infra // rewritten")
		r.Commit("rewritten")
		assert.Contains(t, r.detect("HEAD", before).Paths, "infra/network.go")
	})
}

func TestShallowClone(t *testing.T) {
	server := newRepo(t)
	before := server.Commit("root")
	server.write("infra/network.go", "package infra // 2")
	server.Commit("infrastructure")
	server.write("infra/network.go", "package infra // network\n\nfunc a() {}\nfunc b() {}\nfunc c() {}\n")
	head := server.Commit("and back")
	clone := server.clone("--depth=1")
	_, err := changes.Detect(t.Context(), clone.project(), "staging", head, before)
	require.Error(t, err, "the missing history is read as no change")
	assert.Contains(t, err.Error(), "fetch-depth: 0")
}

func TestBadInputIsAnError(t *testing.T) {
	r := newRepo(t)
	head := r.Commit("root")
	elsewhere, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	for what, c := range map[string]struct {
		p          project.Project
		head, base string
	}{
		"not a repository": {elsewhere, head, zero},
		"unknown head":     {r.project(), "no-such-branch", head},
		"option as head":   {r.project(), "--all", head},
		"option as base":   {r.project(), head, "--output=/x"},
		"abbreviated base": {r.project(), head, head[:7]},
		"folder missing":   {project.Project{Dir: r.Dir + "/none"}, head, zero},
	} {
		_, err := changes.Detect(t.Context(), c.p, "staging", c.head, c.base)
		assert.Error(t, err, what)
	}
}

// What go cannot read may be anything; the preview tells.
func TestAProgramThatCannotBeReadCountsAsChanged(t *testing.T) {
	r := newRepo(t)
	before := r.Commit("before")
	r.write("README.md", "x")
	r.write("infra/broken.go", "package other\n")
	r.Commit("broken")
	got := r.detect("HEAD", before)
	assert.True(t, got.Changed)
	assert.Contains(t, got.Reason, "is built from cannot be told (go list:")
	assert.Contains(t, got.Reason, "taken as changed")
}

// A project may be a folder of a repository with other things in it.
func TestAProjectBelowTheRoot(t *testing.T) {
	r := repo{fixture.NewGit(t, t.TempDir()), t}
	inner := repo{fixture.Git{Dir: filepath.Join(r.Dir, "deploy")}, t}
	for name, text := range small {
		inner.write(name, text)
	}
	inner.require("v1.0.0", "v1.0.0")
	before := r.Commit("before")
	r.write("main.go", "package main")
	r.write("go.mod", "module outer\n")
	r.write("Pulumi.staging.yaml", "config: {}")
	next := r.Commit("outside")
	assert.False(t, inner.detect(next, before).Changed, "files of another project count")
	inner.write("infra/network.go", "package infra")
	inner.write("Pulumi.staging.yaml", "config: {a: 1}")
	inner.require("v1.1.0", "v1.0.0")
	last := r.Commit("inside")
	got := inner.detect(last, next)
	assert.Equal(t, []string{"deploy/Pulumi.staging.yaml", "deploy/go.mod", "deploy/infra/network.go"}, got.Paths)
}

func TestEachEnvironmentHasItsOwnAnswer(t *testing.T) {
	r := newRepo(t)
	before := r.Commit("before")
	r.write("Pulumi.production.yaml", "config: {a: 1}")
	after := r.Commit("production's size")
	assert.False(t, r.detectFor("staging", after, before).Changed, "production's values alone are deployed to staging")
	assert.True(t, r.detectFor("production", after, before).Changed)
}

func TestProductionDeploysWhatIsMerged(t *testing.T) {
	r := newRepo(t)
	old := r.Commit("old")
	r.Run("tag", "v1")
	r.Commit("newer")
	r.Run("checkout", "--quiet", "-b", "feature")
	feature := r.Commit("not merged")
	for rev, want := range map[string]string{"v1": old, old: old, "main": r.Run("rev-parse", "main")} {
		got, err := changes.Resolve(t.Context(), r.project(), rev, "main")
		require.NoError(t, err, "an older release cannot be deployed again")
		assert.Equal(t, want, got)
	}
	_, err := changes.Resolve(t.Context(), r.project(), "feature", "main")
	require.ErrorContains(t, err, "is not part of main: merge it first")
	got, err := changes.Resolve(t.Context(), r.project(), "feature", "")
	require.NoError(t, err, "staging takes any branch")
	assert.Equal(t, feature, got)
	clone := r.clone()
	clone.Run("config", "user.name", "x")
	got, err = changes.Resolve(t.Context(), clone.project(), "feature", "")
	require.NoError(t, err, "a branch that only origin has is not found")
	assert.Equal(t, feature, got)
	got, err = changes.Resolve(t.Context(), clone.project(), old[:8], "")
	require.NoError(t, err, "a short id is refused")
	assert.Equal(t, old, got)
	clone.Run("update-ref", "refs/remotes/origin/"+old, feature)
	got, err = changes.Resolve(t.Context(), clone.project(), old, "")
	require.NoError(t, err)
	assert.Equal(t, old, got, "a branch that is called like a commit is deployed in its place")
	for _, bad := range []string{"none", "--all", ""} {
		_, err = changes.Resolve(t.Context(), r.project(), bad, "")
		require.Error(t, err, bad)
	}
}
