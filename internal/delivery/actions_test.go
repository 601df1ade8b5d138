package delivery_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestActionlint(t *testing.T) {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	project, err := actionlint.NewProject(root)
	require.NoError(t, err)
	for name := range files(t) {
		problems, err := linter.LintFile(filepath.Join(root, ".github/workflows", name), project)
		require.NoError(t, err)
		for _, p := range problems {
			t.Errorf("%s:%d:%d: %s [%s]", name, p.Line, p.Column, p.Message, p.Kind)
		}
	}
}

// What actionlint itself catches in the same files, so that the linter is known to be on.
func TestActionlintIsOn(t *testing.T) {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	require.NoError(t, err)
	text := files(t)["deploy.yml"]
	for before, after := range map[string]string{
		"steps.stack.outputs.ecrRepositoryUrl": "steps.stak.outputs.ecrRepositoryUrl",
		"needs: [build]":                       "needs: [biuld]",
		"timeout-minutes: 60":                  "timeout-minuts: 60",
	} {
		require.True(t, strings.Contains(text, before), before)
		problems, err := linter.Lint("deploy.yml", []byte(strings.Replace(text, before, after, 1)), nil)
		require.NoError(t, err)
		assert.NotEmpty(t, problems, after)
	}
}

var (
	pinned  = regexp.MustCompile(`^([\w.-]+/[\w.-]+)(/[\w./-]+)?@([0-9a-f]{40})$`)
	exactly = regexp.MustCompile(`^# (v\d+\.\d+\.\d+)\b`)
)

// trusted are the actions that the workflows may use. Each is somebody else's code in our jobs.
var trusted = []string{
	"actions/checkout", "actions/download-artifact", "actions/setup-go", "actions/setup-node", "actions/upload-artifact",
	"aws-actions/configure-aws-credentials", "pulumi/actions",
}

// checkPins: every action by full commit, with its exact version beside it, and the same commit everywhere.
func checkPins(n *yaml.Node, pins map[string]string, say func(string, ...any)) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Value != "uses" || value.Kind != yaml.ScalarNode || strings.HasPrefix(value.Value, "./.github/workflows/") {
				continue
			}
			m := pinned.FindStringSubmatch(value.Value)
			version := exactly.FindStringSubmatch(value.LineComment)
			if m == nil || version == nil {
				say("line %d: %s %s: not pinned by a full commit with its exact version (# vX.Y.Z) behind it", value.Line, value.Value, value.LineComment)
				continue
			}
			if !slices.Contains(trusted, m[1]) {
				say("line %d: %s is none of the actions that are trusted here", value.Line, m[1])
			}
			if before, ok := pins[m[1]]; ok && before != m[3]+version[1] {
				say("line %d: %s is pinned to another commit or version elsewhere", value.Line, m[1])
			}
			pins[m[1]] = m[3] + version[1]
			checkInputs(m[1], version[1], with(n), func(format string, args ...any) { say("line %d: "+format, append([]any{value.Line}, args...)...) })
		}
	}
	for _, c := range n.Content {
		checkPins(c, pins, say)
	}
}

func with(step *yaml.Node) []string {
	var keys []string
	for i := 0; i+1 < len(step.Content); i += 2 {
		if step.Content[i].Value == "with" {
			for j := 0; j < len(step.Content[i+1].Content); j += 2 {
				keys = append(keys, step.Content[i+1].Content[j].Value)
			}
		}
	}
	return keys
}

// newer are inputs that came after the versions that actionlint knows, with the documentation that says so.
var newer = map[string][]string{
	// https://github.com/actions/download-artifact#inputs
	"actions/download-artifact": {"artifact-ids"},
	// https://github.com/actions/setup-node#usage
	"actions/setup-node": {"package-manager-cache"},
}

// checkInputs: actionlint knows the inputs of actions by tag, not by commit; the newest version it knows that is not
// above ours stands in.
func checkInputs(action, version string, inputs []string, say func(string, ...any)) {
	major, err := strconv.Atoi(strings.Split(strings.TrimPrefix(version, "v"), ".")[0])
	for ; err == nil && major > 0; major-- {
		meta, ok := actionlint.PopularActions[fmt.Sprintf("%s@v%d", action, major)]
		if !ok {
			continue
		}
		for _, in := range inputs {
			if _, known := meta.Inputs[strings.ToLower(in)]; !known && !slices.Contains(newer[action], in) {
				say("%s has no input %q", action, in)
			}
		}
		return
	}
}

// The workflows' Pulumi is the one that everything was tested with.
func TestPulumiIsTheOneOfTheTests(t *testing.T) {
	mod, err := os.ReadFile("../../tools/go.mod")
	require.NoError(t, err)
	pin := regexp.MustCompile(`github\.com/pulumi/pulumi/pkg/v3 v(\S+)`).FindSubmatch(mod)
	require.NotNil(t, pin)
	found := 0
	for file, text := range files(t) {
		for _, version := range regexp.MustCompile(`pulumi-version: (\S+)`).FindAllStringSubmatch(text, -1) {
			found++
			assert.Equal(t, string(pin[1]), version[1], "%s installs another Pulumi than tools/go.mod pins", file)
		}
	}
	assert.NotZero(t, found)
}
