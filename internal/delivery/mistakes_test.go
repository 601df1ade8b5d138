package delivery_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// mistake is one that somebody could make in a workflow, on purpose or not.
type mistake struct {
	What   string `yaml:"what"`
	File   string `yaml:"file"`
	Before string `yaml:"before"`
	After  string `yaml:"after"`
	// Every says that the text is replaced wherever it stands.
	Every bool `yaml:"every"`
	// Found is part of a finding; the one of rights.txt where no rule knows the mistake.
	Found string `yaml:"found"`
}

// Each mistake is made in the real files, and must be found.
func TestMistakesAreFound(t *testing.T) {
	raw, err := os.ReadFile("testdata/mistakes.yaml")
	require.NoError(t, err)
	var mistakes []mistake
	require.NoError(t, yaml.Unmarshal(raw, &mistakes))
	require.NotEmpty(t, mistakes)
	seen := map[string]bool{}
	for _, m := range mistakes {
		t.Run(m.What, func(t *testing.T) {
			require.False(t, seen[m.What], "this is in the list twice")
			seen[m.What] = true
			all := files(t)
			require.True(t, strings.Contains(all[m.File], m.Before), "%s has no %q: the test no longer breaks anything", m.File, m.Before)
			n := 1
			if m.Every {
				n = -1
			}
			all[m.File] = strings.Replace(all[m.File], m.Before, m.After, n)
			assert.Contains(t, strings.Join(append(findings(t, all), rightsChanged(t, all)...), "\n"), m.Found)
		})
	}
}
