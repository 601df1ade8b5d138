package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/cost"
	"sentry/internal/docs"
	"sentry/internal/sandbox"
)

const root = "../.."

var parts = sync.OnceValues(func() (map[string]string, error) { return docs.Parts(infra.DeployIn, root) })

func TestGeneratedPartsAreFresh(t *testing.T) {
	t.Parallel()
	parts, err := parts()
	require.NoError(t, err)
	files, err := docs.Files(root)
	require.NoError(t, err)
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		fresh, err := docs.Rewrite(string(text), parts)
		require.NoError(t, err, file)
		if fresh != string(text) {
			t.Errorf("%s tells of another program than the one that is here, first in this line: make docs\n%s", file, firstDifference(fresh, string(text)))
		}
		for name := range parts {
			found[name] = found[name] || strings.Contains(string(text), "<!-- begin generated: "+name+" -->")
		}
	}
	for name := range parts {
		assert.True(t, found[name], "no document shows the generated part %s", name)
	}
}

func firstDifference(want, got string) string {
	old := strings.Split(got, "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(old) || old[i] != line {
			return fmt.Sprintf("%d: %s", i+1, line)
		}
	}
	return "the end"
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
	before, err := parts()
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{"Pulumi.yaml", "Pulumi.staging.yaml", "Pulumi.production.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		changed := strings.NewReplacer("taskCpu: 256", "taskCpu: 512", "taskMemory: 512", "taskMemory: 1024").Replace(string(text))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "docs"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README.md"), []byte("<!-- begin generated: costs -->\n"+before["costs"]+"<!-- end generated: costs -->\n"), 0o600))

	changed, err := docs.Update(infra.DeployIn, dir, true)
	require.NoError(t, err)
	assert.Equal(t, []string{"README.md"}, changed)
	after, err := docs.Parts(infra.DeployIn, dir)
	require.NoError(t, err)
	for _, name := range []string{"costs", "configuration", "diagram"} {
		assert.NotEqual(t, before[name], after[name], "%s does not see that staging's tasks have doubled", name)
	}
	assert.Contains(t, after["costs"], "| Service | Fargate: CPU (x86) | 14.78 | 29.55 |")
	assert.Contains(t, after["configuration"], "| `sentry:taskCpu` | integer | – | `512` | `512` |")
}

func TestDiagramShowsWhatThereIs(t *testing.T) {
	t.Parallel()
	parts, err := parts()
	require.NoError(t, err)
	diagram := parts["diagram"]
	for _, stack := range []string{"staging", "production"} {
		recording, err := cost.Record(infra.DeployIn, root, stack)
		require.NoError(t, err)
		for _, output := range []string{"clusterName", "serviceName", "frontendBucketName", "artifactsBucketName", "clipsBucketName", "logGroupName"} {
			assert.Contains(t, diagram, recording.Outputs[output], "%s of %s", output, stack)
		}
		for _, component := range []string{"Network", "Service", "Buckets", "Observability"} {
			assert.Contains(t, diagram, "subgraph "+stack+"-"+component)
		}
	}
	assert.Less(t, strings.Index(diagram, "subgraph staging "), strings.Index(diagram, "subgraph production "), "Mermaid draws the first group on the left")

	// A type that the drawing has no word for appears all the same, and many of it in one node.
	alarm := func(name string) sandbox.Resource {
		return sandbox.Resource{
			Type: "aws:cloudwatch/metricAlarm:MetricAlarm", Name: name, Custom: true,
			URN: "urn:pulumi:staging::sentry::sentry:infra:Observability$aws:cloudwatch/metricAlarm:MetricAlarm::" + name,
		}
	}
	drawn := docs.Diagram([]docs.Stack{{Name: "staging", Running: &sandbox.Recording{Resources: []sandbox.Resource{alarm("cpu"), alarm("memory")}}}})
	assert.Contains(t, drawn, `["<b>metric alarm</b><br>cpu<br>memory"]`)
	assert.Contains(t, drawn, "subgraph staging-Observability")
}
