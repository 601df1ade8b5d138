package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var (
	called   = regexp.MustCompile(`(?:\S*bin/delivery|go run \./cmd/delivery) ([^\n|;&>]+)`)
	words    = regexp.MustCompile(`(?:[^\s'"]|'[^']*'|"[^"]*")+`)
	variable = regexp.MustCompile(`^"?\$\{?\w+\}?"?$`)
)

// calls are the delivery commands of a script, each as its arguments. A variable becomes 1, which is a text, a
// number and yes.
func calls(script string) [][]string {
	var out [][]string
	for _, m := range called.FindAllStringSubmatch(strings.ReplaceAll(script, "\\\n", " "), -1) {
		if strings.HasPrefix(m[1], "./") { // go build -o bin/delivery ./cmd/delivery
			continue
		}
		args := words.FindAllString(m[1], -1)
		for i, word := range args {
			flag, value, assigned := strings.Cut(word, "=")
			switch {
			case variable.MatchString(word):
				args[i] = "1"
			case assigned && variable.MatchString(value):
				args[i] = flag + "=1"
			}
		}
		out = append(out, args)
	}
	return out
}

// problems says what a workflow asks of this command that it does not have.
func problems(text string) (problems []string) {
	var workflow struct {
		Jobs map[string]yaml.Node `yaml:"jobs"`
	}
	if err := yaml.Unmarshal([]byte(text), &workflow); err != nil {
		return []string{err.Error()}
	}
	for job, node := range workflow.Jobs {
		var content struct {
			Steps []struct {
				ID  string `yaml:"id"`
				Run string `yaml:"run"`
			} `yaml:"steps"`
		}
		own, err := yaml.Marshal(&node)
		if err := errors.Join(err, node.Decode(&content)); err != nil {
			return []string{err.Error()}
		}
		for _, s := range content.Steps {
			var written []string
			for _, args := range calls(s.Run) {
				names, err := understand(args)
				if err != nil {
					problems = append(problems, fmt.Sprintf("job %s: delivery %s: %v", job, strings.Join(args, " "), err))
				}
				written = append(written, names...)
			}
			if s.ID != "" && len(calls(s.Run)) > 0 {
				problems = append(problems, unwritten(job, string(own), s.ID, s.Run, written)...)
			}
		}
	}
	return problems
}

// understand parses a call, and returns the outputs that it writes.
func understand(args []string) ([]string, error) {
	cmd, rest, err := newCommand(os.Getenv).Find(args)
	if err != nil {
		return nil, err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return nil, err
	}
	if cmd.HasSubCommands() || cmd.Flags().NArg() > 0 {
		return nil, errors.New("a word that is no verb, no flag and no value")
	}
	if stack := cmd.Flags().Lookup("stack"); stack != nil && stack.Value.String() == "" {
		return nil, errors.New("no --stack")
	}
	if cmd.Flags().Lookup("require") != nil {
		required, err := cmd.Flags().GetStringSlice("require")
		if err != nil {
			return nil, err
		}
		optional, err := cmd.Flags().GetStringSlice("optional")
		return append(required, optional...), err
	}
	return strings.Fields(cmd.Annotations[outputs]), nil
}

// unwritten are the outputs that a job reads of one of its steps, which calls this command, and that it does not
// write.
func unwritten(job, text, id, script string, written []string) (problems []string) {
	for _, use := range regexp.MustCompile(`steps\.`+regexp.QuoteMeta(id)+`\.outputs\.([\w-]+)`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(written, use[1]) && !strings.Contains(script, `echo "`+use[1]+`=`) {
			problems = append(problems, fmt.Sprintf("job %s: step %s does not write the output %s", job, id, use[1]))
		}
	}
	return problems
}

func workflows(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		texts[filepath.Base(file)] = string(text)
	}
	return texts
}

// The workflows call verbs, flags and outputs of this command by name.
func TestTheWorkflowsCallWhatThereIs(t *testing.T) {
	for file, text := range workflows(t) {
		assert.Empty(t, problems(text), file)
	}
}

func TestCallsOfWhatIsNotThereAreFound(t *testing.T) {
	text := workflows(t)["deploy.yml"]
	for before, after := range map[string]string{
		"release --stack \"$STACK\" --image":      "release --image",
		"changes --stack":                         "changes --dir target --stack",
		"apply --stack":                           "applyy --stack",
		"shipped image --application":             "shipped img --application",
		"steps.changes.outputs.commit":            "steps.changes.outputs.comit",
		"--require ecrRepositoryUrl":              "--require ecrRepository",
		"steps.release.outputs.previous":          "steps.release.outputs.before",
		`delivery report --stack "$STACK"`:        `delivery report "$STACK"`,
		`publish --dir site --bucket `:            `publish --dir site --buckets `,
		"steps.wait.outputs.blocked":              "steps.wait.outputs.block",
		"steps.preview.outputs.digest":            "steps.preview.outputs.fingerprint",
		"--optional frontendUrl,distributionId":   "--optional frontendUrl",
		"steps.settings.outputs.application-ref ": "steps.settings.outputs.application-branch ",
	} {
		require.True(t, strings.Contains(text, before), before)
		assert.NotEmpty(t, problems(strings.Replace(text, before, after, 1)), "%s is not seen to be wrong", after)
	}
}
