package reliability

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/fixture"
	"sentry/internal/sandbox"
)

// E2: of each type whose id is an ARN that AWS makes up, one resource is made, and its maker lost before he could write that down. It is
// found again, and neither made twice nor left behind.
func TestWhatAWSNamesIsFoundAgain(t *testing.T) {
	t.Parallel()
	start := func() *Stack {
		s := newStack(t, "staging")
		s.Configure(fixture.Configuration(slices.Concat(covering(fixture.Settings())[0]...)...))
		s.Configure(map[string]string{"sentry:image": sandbox.ReleasedImage("us-east-1", "sentry-staging-backend")})
		return s
	}
	b, err := prepare(start(), Scenario{Name: FromNothing})
	require.NoError(t, err)
	struck := map[string]bool{}
	require.NotEmpty(t, b.operations)
	for n, operation := range b.operations {
		entry, known := aws.Lookup(operation.Type)
		if !known || struck[operation.Type] || !strings.HasPrefix(entry.ID, "arn:") || !aws.MadeUp(entry.ID) {
			continue
		}
		struck[operation.Type] = true
		t.Run(operation.Type, func(t *testing.T) {
			assert.NoError(t, b.interrupt(t.Context(), start(), lostAfterwards, n))
		})
	}
}
