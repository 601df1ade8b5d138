package project_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
	"sentry/internal/project"
)

func TestFind(t *testing.T) {
	dir := fixture.Project(t)
	p, err := project.Find(dir)
	require.NoError(t, err)
	assert.Equal(t, "sentry", p.Name)
	assert.Equal(t, []string{"production", "staging"}, p.Environments())

	below := filepath.Join(dir, "infra", "testdata")
	require.NoError(t, os.MkdirAll(below, 0o755))
	t.Chdir(below)
	p, err = project.Find("")
	require.NoError(t, err)
	assert.Equal(t, dir, p.Dir)

	// A project without stack files, such as bootstrap/, is passed over on the way up, and refused by name.
	require.NoError(t, os.WriteFile(filepath.Join(below, "Pulumi.yaml"), []byte("name: other\nruntime: go\n"), 0o600))
	p, err = project.Find("")
	require.NoError(t, err)
	assert.Equal(t, dir, p.Dir)
	_, err = project.Find(below)
	require.EqualError(t, err, "-C "+below+": no Pulumi.yaml with stack files (Pulumi.<environment>.yaml) there")

	t.Chdir(t.TempDir())
	_, err = project.Find("")
	require.ErrorContains(t, err, "or name it with -C")
}

func TestFindSaysWhatIsWrongWithTheFile(t *testing.T) {
	dir := fixture.Project(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte("name: [\n"), 0o600))
	t.Chdir(dir)
	_, err := project.Find("")
	require.ErrorContains(t, err, "parse "+filepath.Join(dir, "Pulumi.yaml"), "a broken project file must not be passed over")
}

func TestCheck(t *testing.T) {
	dir := fixture.Project(t)
	p, err := project.Open(dir)
	require.NoError(t, err)
	require.NoError(t, p.Check("staging"))
	require.EqualError(t, p.Check(""), "--stack is not set; allowed: production, staging")
	require.EqualError(t, p.Check("stagin"), `--stack "stagin": `+dir+` has no file Pulumi.stagin.yaml; allowed: production, staging`)
}

func TestConfig(t *testing.T) {
	dir := fixture.Project(t)
	p, err := project.Open(dir)
	require.NoError(t, err)
	config, err := p.Config("staging")
	require.NoError(t, err)
	assert.Equal(t, "256", config["sentry:taskCpu"])
	assert.Equal(t, `["us-east-1a","us-east-1b"]`, config["sentry:availabilityZones"])
	assert.Empty(t, config["sentry:image"])
	assert.Contains(t, config, "sentry:image", "the default of Pulumi.yaml is lost")

	fixture.Replace(t, p.StackFile("staging"), "sentry:taskCpu: 256", "sentry:taskCpu: {secure: v1:abc}")
	_, err = p.Config("staging")
	require.ErrorContains(t, err, "sentry:taskCpu in "+p.StackFile("staging")+" is encrypted")
}

// Pulumi would refuse a value of another type alone, before the program names all problems.
func TestNoKeyHasATypeOfPulumis(t *testing.T) {
	p, err := project.Open(fixture.Root(t))
	require.NoError(t, err)
	keys, err := p.Keys()
	require.NoError(t, err)
	for _, key := range keys {
		assert.Empty(t, key.Type, key.Name)
	}
}

func TestSetBackend(t *testing.T) {
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	for _, url := range []string{"s3://first?region=us-east-1", "s3://second?region=us-east-1"} {
		require.NoError(t, p.SetBackend(url))
		p, err = project.Open(p.Dir)
		require.NoError(t, err)
		assert.Equal(t, url, p.Backend)
	}
	keys, err := p.Keys()
	require.NoError(t, err)
	assert.Equal(t, "sentry:vpcCidr", keys[0].Name)
}

func TestUseBinary(t *testing.T) {
	dir := fixture.Project(t)
	p, err := project.Open(dir)
	require.NoError(t, err)
	require.ErrorContains(t, p.UseBinary("bin/sentry"), "the program is not there")
	program := filepath.Join(dir, "bin", "sentry")
	require.NoError(t, os.MkdirAll(filepath.Dir(program), 0o755))
	require.NoError(t, os.WriteFile(program, nil, 0o600))
	require.EqualError(t, p.UseBinary("bin/sentry"), program+" is not an executable file")
	require.NoError(t, os.Chmod(program, 0o700))
	require.NoError(t, p.UseBinary("bin/sentry"))
	text, err := os.ReadFile(filepath.Join(dir, "Pulumi.yaml"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "binary: "+program)
	assert.NotContains(t, string(text), "buildTarget", "Pulumi refuses a program that is both compiled and to be compiled")
	_, err = project.Open(dir)
	require.NoError(t, err)
}

func TestAt(t *testing.T) {
	dir := fixture.Project(t)
	git := fixture.NewGit(t, dir)
	git.Commit("base")
	p, err := project.Open(dir)
	require.NoError(t, err)
	fixture.Replace(t, p.StackFile("staging"), "taskCpu: 256", "taskCpu: 512")

	base, remove, err := p.At(t.Context(), "main")
	require.NoError(t, err)
	then, err := project.Open(base)
	require.NoError(t, err)
	values, err := then.Values("staging")
	require.NoError(t, err)
	assert.Equal(t, 256, values["sentry:taskCpu"])
	require.NoError(t, remove())
	assert.NotContains(t, git.Run("worktree", "list"), "sentry-base-", "a worktree is left behind")

	for _, ref := range []string{"", "no-such-thing", "--help"} {
		_, _, err := p.At(t.Context(), ref)
		require.EqualError(t, err, `no commit "`+ref+`" in `+dir+`: fetch it first (a shallow clone has the newest commit only)`)
	}
}

// A hook of git's runs its programs with GIT_DIR set, which wins over -C: what this package does with git would
// be done to the user's own repository.
func TestGitSaysWhatIsWrong(t *testing.T) {
	_, err := project.Git(t.Context(), t.TempDir(), "log")
	require.ErrorContains(t, err, "not a git repository")
}

func TestGitIsNotLedAstray(t *testing.T) {
	hook := fixture.NewGit(t, t.TempDir())
	hook.Commit("the user's")
	t.Setenv("GIT_DIR", filepath.Join(hook.Dir, ".git"))
	t.Setenv("GIT_INDEX_FILE", filepath.Join(hook.Dir, ".git", "index"))

	dir := t.TempDir()
	git := fixture.NewGit(t, dir)
	commit := git.Commit("mine")
	found, err := project.Git(t.Context(), dir, "rev-parse", "HEAD")
	require.NoError(t, err)
	assert.Equal(t, commit, found)
	assert.Equal(t, "1", hook.Run("rev-list", "--count", "HEAD"), "a test has committed into the repository whose hook runs it")
}

func TestSetConfig(t *testing.T) {
	set := map[string]any{"sentry:bootstrapped": "true", "sentry:awsAccountId": "123456789012"}
	const added = "  sentry:bootstrapped: \"true\"\n  sentry:awsAccountId: \"123456789012\"\n"
	for before, want := range map[string]string{
		"config:\n  a:b: c # why\n":             "config:\n" + added + "  a:b: c # why\n",
		"config:\n    a:b: c\n":                 "config:\n    sentry:bootstrapped: \"true\"\n    sentry:awsAccountId: \"123456789012\"\n    a:b: c\n",
		"config: {}\n":                          "config:\n" + added,
		"# nothing yet\n":                       "# nothing yet\nconfig:\n" + added,
		"encryptionsalt: x\nconfig:\n  a:b: c":  "encryptionsalt: x\nconfig:\n" + added + "  a:b: c",
		"config:\n  # first\n  a:b:\n    - c\n": "config:\n" + added + "  # first\n  a:b:\n    - c\n",
		"config:\n  a:b: c\n  sentry:bootstrapped: false # not yet\n  d:e: f\n": "config:\n  sentry:awsAccountId: \"123456789012\"\n  a:b: c\n" +
			"  sentry:bootstrapped: \"true\"\n  d:e: f\n",
		"config:\n\nother:\n    sentry:bootstrapped: x\n": "config:\n" + added + "\nother:\n    sentry:bootstrapped: x\n",
		"config:\n  a:b: c\n# note\n  sentry:bootstrapped: false\n": "config:\n  sentry:awsAccountId: \"123456789012\"\n  a:b: c\n# note\n" +
			"  sentry:bootstrapped: \"true\"\n",
		"config:\n  sentry:bootstrapped: false": "config:\n  sentry:awsAccountId: \"123456789012\"\n  sentry:bootstrapped: \"true\"",
	} {
		p, err := project.Open(fixture.Project(t))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(p.StackFile("staging"), []byte(before), 0o600))
		for range 2 { // twice is the same as once
			require.NoError(t, p.SetConfig("staging", set))
			got, err := os.ReadFile(p.StackFile("staging"))
			require.NoError(t, err)
			assert.Equal(t, want, string(got), before)
		}
	}
}

func TestSetConfigWithListsAndObjects(t *testing.T) {
	set := map[string]any{
		"sentry:availabilityZones": []string{"us-east-1b", "us-east-1c"},
		"sentry:adopted":           map[string]any{"bucketNames": map[string]any{"clips": "sentry-clips"}, "subnetCidrs": []string{"10.0.1.0/24"}},
	}
	const object = "  sentry:adopted:\n    bucketNames:\n      clips: sentry-clips\n    subnetCidrs:\n      - 10.0.1.0/24\n"
	const zones = "  sentry:availabilityZones:\n    - us-east-1b\n    - us-east-1c\n"
	for before, want := range map[string]string{
		"config:\n  a:b: c\n  sentry:availabilityZones:\n    - us-east-1a\n    - us-east-1b\n  # Why.\n  d:e: f\n": "config:\n" + object +
			"  a:b: c\n" + zones + "  # Why.\n  d:e: f\n",
		"config:\n  sentry:availabilityZones:\n  - us-east-1a\n  d:e: f\n":                    "config:\n" + object + zones + "  d:e: f\n",
		"config:\n  sentry:adopted: {}\n  sentry:availabilityZones: [x]\nencryptionsalt: y\n": "config:\n" + object + zones + "encryptionsalt: y\n",
	} {
		p, err := project.Open(fixture.Project(t))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(p.StackFile("staging"), []byte(before), 0o600))
		for range 2 {
			require.NoError(t, p.SetConfig("staging", set))
			got, err := os.ReadFile(p.StackFile("staging"))
			require.NoError(t, err)
			assert.Equal(t, want, string(got), before)
		}
	}
}

func TestSetSecretsProvider(t *testing.T) {
	const url = "awskms://alias/sentry-pulumi?region=us-east-1&context_stack=staging"
	for before, want := range map[string]struct {
		text string
		ok   bool
	}{
		"config:\n  a:b: c\n": {"secretsprovider: " + url + "\nconfig:\n  a:b: c\n", true},
		"secretsprovider: " + url + "\nencryptedkey: x\nconfig: {}\n": {"secretsprovider: " + url + "\nencryptedkey: x\nconfig: {}\n", true},
		"secretsprovider: awskms://alias/other\nencryptedkey: x\n":    {"secretsprovider: awskms://alias/other\nencryptedkey: x\n", false},
		"encryptionsalt: v1:x\nconfig:\n  a:b:\n    secure: v1:y\n":   {"encryptionsalt: v1:x\nconfig:\n  a:b:\n    secure: v1:y\n", false},
	} {
		p, err := project.Open(fixture.Project(t))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(p.StackFile("staging"), []byte(before), 0o600))
		for range 2 {
			ok, err := p.SetSecretsProvider("staging", url)
			require.NoError(t, err)
			assert.Equal(t, want.ok, ok, before)
			got, err := os.ReadFile(p.StackFile("staging"))
			require.NoError(t, err)
			assert.Equal(t, want.text, string(got), "secrets that were encrypted by something else become unreadable")
		}
	}
}
