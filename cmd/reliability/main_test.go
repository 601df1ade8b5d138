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

// Whatever is left out is left out of the examples, or leaves what another fault leaves.
func TestParts(t *testing.T) {
	p, err := project.Open(fixture.Root(t))
	require.NoError(t, err)
	for _, one := range parts(p, false) {
		assert.Equal(t, everyByAlike, one.Alike, "%+v", one)
		if one.Example == "" {
			assert.Zero(t, one.Every, "%+v", one)
		} else {
			assert.Equal(t, everyOfExamples, one.Every, "%+v", one)
		}
	}
	for _, one := range parts(p, true) {
		assert.Zero(t, one.Every+one.Alike, "%+v", one)
	}
	of := func(subject string, whole bool) int {
		return len(slices.DeleteFunc(parts(p, whole), func(one part) bool { return one.subject() != subject }))
	}
	long := len(reliability.Scenarios) - len(reliability.Short)
	all := len(reliability.Short) + long*len(reliability.Faults)
	assert.Equal(t, all, of(p.Environments()[0], false), "something of it is not tried, or twice")
	assert.Equal(t, all, of("worker", true), "something of it is not tried, or twice")
	assert.Equal(t, len(reliability.Scenarios), of("worker", false), "something of it is not tried, or twice")
}
