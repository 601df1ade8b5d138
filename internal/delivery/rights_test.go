package delivery_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sentry/internal/golden"
)

const rightsFile = "testdata/rights.txt"

// What each job may do, as whom, under which condition, and what it takes from where. The rules name what would be
// wrong; this shows what nobody thought of.
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
	for _, file := range sorted(all) {
		w := parse(t, all[file])
		fmt.Fprintf(&b, "%s, on %s\n", file, strings.Join(triggers(w), ", "))
		line("run-name", w.RunName)
		for _, id := range sorted(w.Jobs) {
			j := w.Jobs[id]
			fmt.Fprintf(&b, "\n%s: %s\n", file, id)
			line("if", j.If)
			line("on", j.RunsOn)
			line("as", j.environment())
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
				for _, key := range sorted(s.With) {
					line("  with", key+" = "+s.With[key])
				}
				for _, key := range sorted(s.Env) {
					line("  env", key+" = "+s.Env[key])
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String()
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
