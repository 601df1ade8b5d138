package delivery_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/settings"
)

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
		assert.NotRegexp(t, `\bvars\.`, workflow, "%s reads a variable that is not the environment's own where it has one", file)
	}
	assert.Contains(t, doc, "`deploy-<environment>.yml`")
}
