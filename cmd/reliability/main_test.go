package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/reliability"
)

// Whatever is left out is left out of the examples, and never the loss that hides most.
func TestParts(t *testing.T) {
	p, err := project.Open(fixture.Root(t))
	require.NoError(t, err)
	for _, one := range parts(p, 1, 12) {
		switch {
		case one.Example == "":
			assert.Equal(t, 1, one.Every, "%+v", one)
		case one.Scenario == reliability.FromNothing && one.Fault == reliability.LostAfterwards.Name:
			assert.Equal(t, 1, one.Every, "%+v", one)
		default:
			assert.Equal(t, 12, one.Every, "%+v", one)
		}
	}
	all := parts(p, 1, 1)
	faults := len(reliability.Scenarios)*len(reliability.Faults) - len(reliability.Faults) + 1 // drift knows none
	for _, of := range []string{p.Environments()[0], "worker"} {
		count := len(slices.DeleteFunc(slices.Clone(all), func(one part) bool { return one.subject() != of }))
		assert.Equal(t, faults, count, "something of %s is not tried, or twice", of)
	}
}
