package main

import (
	"slices"
	"strings"
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
		switch {
		case one.Example != "":
			assert.Equal(t, everyOfExamples, one.Every, "%+v", one)
		case strings.HasPrefix(one.Fault, "Ctrl-C"), strings.HasPrefix(one.Fault, "throttled"), strings.HasPrefix(one.Fault, "IAM"):
			assert.Equal(t, everyByAlike, one.Every, "%+v", one)
		default:
			assert.Equal(t, 1, one.Every, "%+v", one)
		}
	}
	for _, one := range parts(p, true) {
		assert.Equal(t, 1, one.Every, "%+v", one)
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
