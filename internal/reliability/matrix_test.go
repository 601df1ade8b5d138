package reliability

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/reliability/results"
)

// A part of what `make reliability` does: each ninth operation.
func TestInterruptionsLoseNothing(t *testing.T) {
	t.Parallel()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	cases, err := Run(t.Context(), infra.DeployIn, p, Part{Environment: "staging"}, 9)
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, c := range cases {
		assert.Empty(t, c.Lost, "%s, %s, %s", c.Scenario, c.Operation, c.Fault)
	}
}

// The numbers in docs/reliability.md are of these deployments: `make reliability` writes them anew.
func TestTheNumbersAreOfTheseDeployments(t *testing.T) {
	t.Parallel()
	kept, err := results.Last()
	require.NoError(t, err)
	p, err := project.Open(fixture.Root(t))
	require.NoError(t, err)
	operations := map[string]int{}
	for _, row := range kept.Rows {
		assert.Zero(t, row.Lost)
		if row.Scenario != results.Drift {
			operations[row.Stack+", "+row.Scenario] = row.Operations
		}
	}
	now := map[string]int{}
	for _, environment := range p.Environments() {
		start, scenarios, err := deployments(infra.DeployIn, p, environment, "")
		require.NoError(t, err)
		for _, scenario := range scenarios {
			if scenario.ByHand {
				continue
			}
			b, err := prepare(start(), scenario)
			require.NoError(t, err)
			now[environment+", "+scenario.Name] = len(b.operations)
		}
	}
	assert.Equal(t, now, operations, "run make reliability, and make docs")
}
