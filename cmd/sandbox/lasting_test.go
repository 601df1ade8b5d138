package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// The first preview that a newcomer is shown replaces a task definition: "delete original", in red.
func TestANewRevisionIsExplained(t *testing.T) {
	for token, explained := range map[string]bool{aws.ECSTaskDefinition: true, aws.EC2Vpc: false} {
		var out strings.Builder
		c := &command{out: &out}
		c.explain(sandbox.Result{Events: []sandbox.Event{{Op: "replace", Type: token}}})
		assert.Equal(t, explained, strings.Contains(out.String(), "is a new revision"), token)
	}
}
