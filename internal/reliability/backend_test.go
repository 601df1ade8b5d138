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
	for _, c := range BackendCases {
		t.Run(c.Name, func(t *testing.T) {
			assert.NoError(t, c.Run(t.Context(), sandbox.Options{Project: p, Program: infra.DeployIn}, "staging"))
		})
	}
}
