package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
)

// Each defect can still be made: its text is in its file, once. That the tests notice it, `make mutations` says.
func TestTheListFitsTheCode(t *testing.T) {
	t.Parallel()
	all, err := mutations()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	root := fixture.Root(t)
	for _, m := range all {
		text, err := m.changed(root)
		if assert.NoError(t, err, m.File) {
			assert.Contains(t, string(text), m.To)
		}
		assert.NotEmpty(t, m.Tests, "%s: %s", m.File, m.From)
		assert.NotEmpty(t, m.Why, "%s: %s", m.File, m.From)
	}
}
