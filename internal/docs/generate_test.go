package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/docs"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// The only test that looks at the live stack files: a valid edit of theirs makes this one fail, until make docs.
func TestGeneratedPartsAreFresh(t *testing.T) {
	t.Parallel()
	p, err := project.Open(root)
	require.NoError(t, err)
	stale, err := docs.Update(infra.DeployIn, p, true)
	require.NoError(t, err)
	assert.Empty(t, stale, "these documents tell of another program, or of other stack files, than those that are here: make docs")
}

func TestEveryPartIsShown(t *testing.T) {
	t.Parallel()
	all := strings.Builder{}
	for _, text := range documents(t) {
		all.WriteString(text)
	}
	dir := fixture.Project(t)
	fixture.Copy(t, filepath.Join(root, "examples"), filepath.Join(dir, "examples"))
	for name := range parts(t, dir) {
		assert.Contains(t, all.String(), "<!-- begin generated: "+name+" -->", "no document shows this part")
	}
}

func parts(t *testing.T, dir string) map[string]string {
	t.Helper()
	p, err := project.Open(dir)
	require.NoError(t, err)
	parts, err := docs.Parts(infra.DeployIn, p)
	require.NoError(t, err)
	return parts
}

func TestRewrite(t *testing.T) {
	t.Parallel()
	made := map[string]string{"a": "new a\n", "b": "new b"}
	const begin, end = "<!-- begin generated: a -->", "<!-- end generated: a -->"
	for name, test := range map[string]struct{ text, want, err string }{
		"an empty part":        {"x\n" + begin + "\n" + end + "\ny\n", "x\n" + begin + "\nnew a\n" + end + "\ny\n", ""},
		"an old part":          {begin + "\nold\n\nold\n" + end, begin + "\nnew a\n" + end, ""},
		"no part":              {"nothing", "nothing", ""},
		"an unknown part":      {"<!-- begin generated: c -->", "", `no generated part is called "c"`},
		"a part without end":   {begin, "", `generated part "a" has no end`},
		"an end alone":         {end, "", `generated part "a" ends without having begun`},
		"a part inside a part": {begin + "<!-- begin generated: b -->", "", `generated part "b" begins inside of "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := docs.Rewrite(test.text, made)
			if test.err != "" {
				require.EqualError(t, err, test.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
			again, err := docs.Rewrite(got, made)
			require.NoError(t, err)
			assert.Equal(t, got, again, "a second run changes what the first has written")
		})
	}
}

// F12: a cost table that stayed while the machines grew.
func TestF12StackFilesChangeTheTables(t *testing.T) {
	t.Parallel()
	dir := fixture.Project(t)
	before := parts(t, dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "docs"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README.md"),
		[]byte("<!-- begin generated: costs -->\n"+before["costs"]+"<!-- end generated: costs -->\n"), 0o600))
	fixture.Replace(t, filepath.Join(dir, "Pulumi.staging.yaml"), "taskCpu: 256", "taskCpu: 512")
	fixture.Replace(t, filepath.Join(dir, "Pulumi.staging.yaml"), "taskMemory: 512", "taskMemory: 1024")

	p, err := project.Open(dir)
	require.NoError(t, err)
	changed, err := docs.Update(infra.DeployIn, p, true)
	require.NoError(t, err)
	assert.Equal(t, []string{"README.md"}, changed)
	after := parts(t, dir)
	assert.Contains(t, before["costs"], "| Service | Fargate: CPU (x86) | 29.55 | 7.39 |")
	assert.Contains(t, after["costs"], "| Service | Fargate: CPU (x86) | 29.55 | 14.78 |")
	assert.Regexp(t, "`sentry:taskCpu`<br>[^|]+ \\| `512` \\| `512` \\|", after["configuration"])
	assert.Contains(t, after["diagram"], "512 CPU units and 1024 MiB each", "both environments have the same tasks now")
}

// Another environment needs nothing but its stack file.
func TestAThirdEnvironmentIsShown(t *testing.T) {
	t.Parallel()
	dir := fixture.Project(t)
	text, err := os.ReadFile(filepath.Join(dir, "Pulumi.staging.yaml"))
	require.NoError(t, err)
	other := strings.ReplaceAll(string(text), "10.0.0.0/16", "10.2.0.0/16")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Pulumi.dev.yaml"), []byte(other), 0o600))
	parts := parts(t, dir)
	assert.Contains(t, parts["totals"], "| Dollars a month | dev | production | staging |")
	assert.Contains(t, parts["configuration"], "| Key | dev | production | staging |")
	assert.Contains(t, parts["diagram"], "10.2.0.0/16 / 10.1.0.0/16 / 10.0.0.0/16")
	assert.Regexp(t, "\n\n\\*\\*Not tried yet\\*\\*: a new `dev` takes [0-9]+ operations now, and took 0 in the last run", parts["deployments"])
}

func TestOutputsAreThereForEachEnvironment(t *testing.T) {
	t.Parallel()
	made := parts(t, fixture.Project(t))["outputs"]
	for name := range theProduct(t).outputs["staging"] {
		assert.Contains(t, made, "| `"+name+"` | `", "an output without an example")
	}
	assert.Contains(t, made, "| `clusterName` | `sentry-<environment>-cluster` |")
	assert.Contains(t, made, "| `vpcId` | `vpc-…` |", "what AWS makes up looks like something to copy")
}

func TestDiagram(t *testing.T) {
	t.Parallel()
	diagram := parts(t, fixture.Project(t))["diagram"]
	for what, line := range map[string]string{
		"the tasks of both environments": `ECS_service_backend["<b>ECS service</b> backend<br>2 / 1 tasks<br>512 / 256 CPU units and 1024 / 512 MiB each<br><i>Service</i>"]`,
		"the private buckets in one box": `bucket_artifacts["<b>bucket</b> artifacts, clips<br><i>Buckets</i>"]`,
		"who reaches the backend":        `clients -->|tcp 8080<br>from 0.0.0.0/0| ECS_service_backend`,
		"who reaches the website":        `clients -->|http| bucket_frontend`,
		"what the backend uses":          `ECS_service_backend -->|reads, writes| bucket_artifacts`,
		"which value is whose":           "Where the environments differ: production / staging.",
	} {
		assert.Contains(t, diagram, line, "the diagram lacks %s", what)
	}
}

// A type that the drawing has no word for appears all the same, and many of it in one box.
func TestDiagramOfUnknownTypes(t *testing.T) {
	t.Parallel()
	registered := func(stack, token, name string) sandbox.Resource {
		return sandbox.Resource{
			Type: token, Name: "sentry-" + stack + "-" + name, Custom: true,
			URN: "urn:pulumi:" + stack + "::sentry::sentry:infra:Tables$" + token + "::sentry-" + stack + "-" + name,
		}
	}
	recording := func(stack string, tables ...string) *sandbox.Recording {
		var r sandbox.Recording
		for _, name := range tables {
			r.Resources = append(r.Resources, registered(stack, "aws:dynamodb/globalTable:GlobalTable", name))
		}
		return &r
	}
	drawn := docs.Diagram([]docs.Stack{
		{Name: "a", Running: recording("a", "cameras", "clips")},
		{Name: "b", Running: recording("b", "clips")},
	})
	assert.Contains(t, drawn, `global_table_cameras["<b>global table</b> cameras (a only), clips<br><i>Tables</i>"]`)
}
