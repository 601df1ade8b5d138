package delivery_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/settings"
)

// What somebody sees must be found in the table by its words.
func TestFailuresAreDocumentedByTheirWords(t *testing.T) {
	text, err := os.ReadFile("../../docs/delivery.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "\n## When it fails\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	var all strings.Builder
	for _, workflow := range files(t) {
		all.WriteString(workflow)
	}
	for _, folder := range []string{".", "../../cmd/delivery"} {
		require.NoError(t, filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			all.WriteString(strings.ReplaceAll(string(source), "\"+\n\t\t\t\"", ""))
			return err
		}))
	}
	foreign := map[string]bool{"Not authorized to perform sts:AssumeRoleWithWebIdentity": true, "the stack is currently locked": true}
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1)
	require.NotEmpty(t, rows)
	for _, row := range rows {
		for _, words := range strings.Split(row[1], "…") {
			if words = strings.TrimSpace(words); !foreign[words] {
				assert.True(t, strings.Contains(all.String(), words), "docs/delivery.md explains %q, and nothing says %q", row[1], words)
			}
		}
	}
}

// docs/delivery.md is where a team reads what to set.
func TestEveryVariableIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/delivery.md")
	require.NoError(t, err)
	doc := string(text)
	known := map[string]string{}
	for _, v := range settings.Variables {
		known[v.Name] = v.Default
		assert.True(t, strings.Contains(doc, "\n| `"+v.Name+"` |"), "the repository's variable %s is read, and nobody is told", v.Name)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| (.*?) \\|").FindAllStringSubmatch(doc, -1) {
		standard, read := known[m[1]]
		if assert.True(t, read, "docs/delivery.md explains %s, which nothing reads", m[1]) && standard != "" {
			assert.Equal(t, "`"+standard+"`", m[2], "docs/delivery.md names another default of %s", m[1])
		}
	}
	for file, workflow := range files(t) {
		if !strings.HasPrefix(file, "deploy-") {
			assert.True(t, strings.Contains(doc, "`"+file+"`"), "nobody is told about %s", file)
		}
		for _, m := range regexp.MustCompile(`\bsecrets\.([A-Z_]+)`).FindAllStringSubmatch(workflow, -1) {
			assert.True(t, strings.Contains(doc, "`"+m[1]+"`"), "%s reads the secret %s, and nobody is told", file, m[1])
		}
		rest := strings.ReplaceAll(workflow, "vars.DEPLOY_UNREVIEWED != 'by-hand'", "") // a caller has nothing to ask
		assert.NotRegexp(t, `\bvars\.`, rest, "%s reads a variable that is not the environment's own where it has one", file)
	}
	assert.Contains(t, doc, "`deploy-<environment>.yml`")
}
