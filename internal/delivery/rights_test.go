package delivery_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sentry/internal/golden"
)

const rightsFile = "testdata/rights.txt"

// What starts each job, what it may do, as whom, under which condition, what it takes from where, and what it runs. The
// rules name what would be wrong; this shows what nobody thought of.
func TestRights(t *testing.T) {
	golden.Equal(t, rightsFile, rightsOf(t, files(t)), "what a job of the workflows may do, or what it takes from where, has changed")
}

func rightsOf(t *testing.T, all map[string]string) string {
	t.Helper()
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-12s %s\n", key, strings.TrimSpace(strings.ReplaceAll(value, "\n", " ")))
		}
	}
	tree := func(key string, n yaml.Node) {
		for _, leaf := range leaves("", &n) {
			line(key, leaf)
		}
	}
	for _, file := range sorted(all) {
		w := parse(t, all[file])
		fmt.Fprintf(&b, "%s, on %s\n", file, strings.Join(triggers(w), ", "))
		tree("on", w.On)
		line("run-name", w.RunName)
		if w.Concurrency != nil {
			line("one of", w.Concurrency.Group+", cancelled: "+w.Concurrency.Cancel)
		}
		for _, id := range sorted(w.Jobs) {
			j := w.Jobs[id]
			fmt.Fprintf(&b, "\n%s: %s\n", file, id)
			line("after", strings.Join(j.Needs, ", "))
			line("if", j.If)
			line("on", j.RunsOn)
			if j.Timeout > 0 {
				line("minutes", strconv.Itoa(j.Timeout))
			}
			tree("as", j.Environment)
			tree("each", j.Strategy)
			line("calls", j.Uses)
			tree("secrets", j.Secrets)
			may := "nothing"
			for i, scope := range sorted(j.Permissions) {
				if may = strings.TrimPrefix(may, "nothing"); i > 0 {
					may += ", "
				}
				may += scope + ": " + j.Permissions[scope]
			}
			line("may", may)
			for _, kind := range []struct {
				name   string
				values map[string]string
			}{{"with", j.With}, {"env", j.Env}, {"output", j.Outputs}} {
				for _, key := range sorted(kind.values) {
					line(kind.name, key+" = "+kind.values[key])
				}
			}
			for _, s := range j.Steps {
				action, _, _ := strings.Cut(s.Uses, "@")
				if action == "" {
					action = "run"
				}
				line("-", action+" "+s.ID)
				line("  if", s.If)
				line("  in", s.Dir)
				line("  may fail", s.Continue)
				for _, key := range sorted(s.With) {
					line("  with", key+" = "+s.With[key])
				}
				for _, key := range sorted(s.Env) {
					line("  env", key+" = "+s.Env[key])
				}
				for command := range strings.Lines(s.Run) {
					line("  |", command)
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// leaves are the values of a tree with their paths.
func leaves(path string, n *yaml.Node) (all []string) {
	for i, c := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode:
			all = append(all, leaves(path, c)...)
		case i%2 == 1 && n.Content[i-1].Value != "description":
			all = append(all, leaves(strings.TrimPrefix(path+"."+n.Content[i-1].Value, "."), c)...)
		}
	}
	switch {
	case n.Kind != yaml.ScalarNode:
		return all
	case path == "":
		return []string{n.Value}
	}
	return []string{path + " = " + n.Value}
}

// rightsChanged is the finding of a changed table, when the golden file is as it should be.
func rightsChanged(t *testing.T, all map[string]string) []string {
	t.Helper()
	want, err := os.ReadFile(rightsFile)
	require.NoError(t, err)
	if got := rightsOf(t, all); got != string(want) {
		return []string{"rights.txt: what a job may do, or what it takes from where, has changed"}
	}
	return nil
}
