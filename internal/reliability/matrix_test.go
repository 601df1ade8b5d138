package reliability

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sentry-staging-backend@sha256:"

var scenarios = []Scenario{
	{Name: "from nothing"},
	{
		Name:   "update",
		Before: map[string]string{"sentry:image": image + digest("1")},
		Change: map[string]string{"sentry:taskCpu": "512", "sentry:taskMemory": "1024", "sentry:desiredCount": "3", "sentry:logRetentionDays": "14", "sentry:ingressCidrs": `["10.9.0.0/16"]`, "sentry:image": ""},
	},
	{
		Name:   "update of the network, asleep",
		Before: map[string]string{"sentry:desiredCount": "0", "sentry:image": image + digest("1")},
		Change: map[string]string{"sentry:vpcCidr": "10.9.0.0/16", "sentry:image": ""},
	},
	{Name: "release", Before: map[string]string{"sentry:image": image + digest("1")}, Change: map[string]string{"sentry:image": image + digest("2")}},
	{Name: "destroy", Before: map[string]string{"sentry:image": image + digest("1")}, Destroy: true},
}

func digest(d string) string {
	text := ""
	for range 64 {
		text += d
	}
	return text
}

// A part of what `make reliability` does: each sixth operation.
func TestInterruptionsLoseNothing(t *testing.T) {
	t.Parallel()
	cases, err := Interrupt(t.Context(), func() *Stack { return newStack(t, "staging") }, scenarios, Faults, 6)
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, c := range cases {
		assert.Empty(t, c.Lost, "%s, operation %d, %s", c.Scenario, c.Operation, c.Fault)
	}
}
