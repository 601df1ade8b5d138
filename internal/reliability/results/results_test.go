package results

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// E2: what docs/reliability.md tells is a run that lost nothing.
func TestTheLastRunLostNothing(t *testing.T) {
	last, err := Last()
	require.NoError(t, err)
	require.NotEmpty(t, last.Backend)
	for _, row := range last.Rows {
		assert.Zero(t, row.Lost, "%s, %s, %s", row.Stack, row.Scenario, row.Fault)
		assert.NotZero(t, row.Struck, "%s, %s, %s", row.Stack, row.Scenario, row.Fault)
	}
}
