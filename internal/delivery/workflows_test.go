// Package delivery_test holds the workflows of this repository to what their security and their truth depend on: line
// by line where a line can be said to be right or wrong, and the rest of what has rights as a whole, in a golden file.
// cmd/delivery runs their scripts.
package delivery_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const directory = "../../.github/workflows"

// The newest release of a minor version, which go.mod, where dependencies want a patch too, cannot name.
func TestTheWorkflowsTakeTheGoOfTheModule(t *testing.T) {
	want, err := os.ReadFile("../../.go-version")
	require.NoError(t, err)
	module, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^go `+regexp.QuoteMeta(strings.TrimSpace(string(want)))+`(\.\d+)?$`, string(module), ".go-version and go.mod name different versions of Go")
}

type (
	workflow struct {
		Name        string            `yaml:"name"`
		RunName     string            `yaml:"run-name"`
		On          yaml.Node         `yaml:"on"`
		Permissions yaml.Node         `yaml:"permissions"`
		Concurrency *concurrency      `yaml:"concurrency"`
		Env         map[string]string `yaml:"env"`
		Defaults    struct {
			Run struct {
				Shell string `yaml:"shell"`
			} `yaml:"run"`
		} `yaml:"defaults"`
		Jobs map[string]job `yaml:"jobs"`
	}
	concurrency struct {
		Group  string `yaml:"group"`
		Cancel string `yaml:"cancel-in-progress"`
	}
	job struct {
		Name        string            `yaml:"name"`
		Needs       []string          `yaml:"needs"`
		If          string            `yaml:"if"`
		RunsOn      string            `yaml:"runs-on"`
		Timeout     int               `yaml:"timeout-minutes"`
		Environment yaml.Node         `yaml:"environment"`
		Permissions map[string]string `yaml:"permissions"`
		Concurrency *concurrency      `yaml:"concurrency"`
		Container   yaml.Node         `yaml:"container"`
		Services    yaml.Node         `yaml:"services"`
		Strategy    yaml.Node         `yaml:"strategy"`
		Defaults    yaml.Node         `yaml:"defaults"`
		Continue    string            `yaml:"continue-on-error"`
		Env         map[string]string `yaml:"env"`
		Outputs     map[string]string `yaml:"outputs"`
		Uses        string            `yaml:"uses"`
		With        map[string]string `yaml:"with"`
		Secrets     yaml.Node         `yaml:"secrets"`
		Steps       []step            `yaml:"steps"`
	}
	step struct {
		ID       string            `yaml:"id"`
		Name     string            `yaml:"name"`
		If       string            `yaml:"if"`
		Uses     string            `yaml:"uses"`
		Run      string            `yaml:"run"`
		Shell    string            `yaml:"shell"`
		Dir      string            `yaml:"working-directory"`
		Continue string            `yaml:"continue-on-error"`
		Env      map[string]string `yaml:"env"`
		With     map[string]string `yaml:"with"`
	}
)

// environment is the GitHub environment that a job names, empty for none.
func (j job) environment() string {
	if j.Environment.Kind != yaml.MappingNode {
		return j.Environment.Value
	}
	for i := 0; i+1 < len(j.Environment.Content); i += 2 {
		if j.Environment.Content[i].Value == "name" {
			return j.Environment.Content[i+1].Value
		}
	}
	return ""
}

// files are the workflows by file name.
func files(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	out := map[string]string{}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(directory, e.Name()))
		require.NoError(t, err)
		out[e.Name()] = string(raw)
	}
	return out
}

func parse(t *testing.T, text string) workflow {
	t.Helper()
	var w workflow
	require.NoError(t, yaml.Unmarshal([]byte(text), &w))
	return w
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
