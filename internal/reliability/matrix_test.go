package reliability

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/project"
)

// A part of what `make reliability` does: each ninth operation.
func TestInterruptionsLoseNothing(t *testing.T) {
	t.Parallel()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	cases, err := Run(t.Context(), infra.DeployIn, p, Part{Environment: "staging", Every: 9})
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, c := range cases {
		assert.Empty(t, c.Lost, "%s, %s, %s", c.Scenario, c.Operation, c.Fault)
	}
}
