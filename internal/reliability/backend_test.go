package reliability

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

func TestMisfortunesOfTheState(t *testing.T) {
	t.Parallel()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	var tried []string
	err = Misfortunes(t.Context(), sandbox.Options{Project: p, Program: infra.DeployIn}, "staging", func(c BackendCase, lost error) {
		assert.NoError(t, lost, c.Name)
		tried = append(tried, c.Name)
	})
	require.NoError(t, err)
	assert.Len(t, tried, len(BackendCases))
}
