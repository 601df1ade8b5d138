package project_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
	"sentry/internal/project"
)

func TestGuarded(t *testing.T) {
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	assert.False(t, p.Guarded("staging"))
	for value, want := range map[string]bool{"true": true, `"true"`: true, "false": false, `"false"`: false, "{secure: x}": true} {
		text, err := os.ReadFile(p.StackFile("staging"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(p.StackFile("dev"), append(text, []byte("  sentry:protect: "+value+"\n")...), 0o600))
		assert.Equal(t, want, p.Guarded("dev"), value)
	}
	assert.True(t, p.Guarded("none"), "an environment that cannot be read is open to every branch")
}
