package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/bootstrap/account"
	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// environment is a stack of infra/ in the rig's account, as its stack file is after bootstrap has written it.
func (r *rig) environment(name string) *sandbox.Stack {
	r.Helper()
	stack, err := r.sb.Stack(r.Context(), name)
	require.NoError(r, err)
	require.NoError(r, stack.SetConfig(map[string]string{"bootstrapped": "true"}))
	return stack
}

// rights are all policies of a name's beginning, as the account has them.
func (r *rig) rights(beginning string) string {
	var all strings.Builder
	for _, o := range r.sb.Cloud.Objects() {
		if name, _ := o.Props["name"].(string); o.Type == aws.IAMPolicy && strings.HasPrefix(name, beginning) {
			text, _ := o.Props["policy"].(string)
			all.WriteString(text)
		}
	}
	return all.String()
}

// Production in an account of its own, from nothing to a deployed environment and back: two clouds, each prepared for one.
func TestTwoAccounts(t *testing.T) {
	t.Parallel()
	for own, foreign := range map[string]string{"staging": "production", "production": "staging"} {
		t.Run(own, func(t *testing.T) {
			t.Parallel()
			newRig(t, nil).anAccountOf(own, foreign)
		})
	}
}

func (r *rig) anAccountOf(own, foreign string) {
	only := func(b *bootstrap) {
		b.config.Environments = slices.DeleteFunc(b.config.Environments, func(e account.Environment) bool { return e.Name != own })
	}
	r.mustRun(only)
	assert.NotContains(r, strings.Join(r.made(), "\n"), foreign, "%s's account is prepared for %s, too", own, foreign)
	_, err := r.environment(foreign).Preview(r.Context())
	require.ErrorContains(r, err, "role' does not exist", "%s can be deployed into %s's account", foreign, own)
	stack := r.environment(own)
	_, err = stack.Up(r.Context())
	require.NoError(r, err)
	assert.NotContains(r, r.rights("sentry-deploy-"+own), "ecs:subnet")

	// The next run keeps the service where it is.
	outcome := r.mustRun(only)
	require.Len(r, outcome.environments[0].Subnets, 2)
	for _, subnet := range outcome.environments[0].Subnets {
		assert.Contains(r, r.rights("sentry-deploy-"+own), subnet, "the service of %s can be put anywhere", own)
	}
	result, err := stack.Preview(r.Context())
	require.NoError(r, err)
	assert.Empty(r, result.Strings(), "bootstrap changes what is the environment's")

	// The environment's state is not in the account's bucket, and it is seen all the same.
	require.ErrorContains(r, r.prepare(only).undo(r.Context()), "environment "+own+" lives in this account (bucket sentry-"+own)
	_, err = stack.Destroy(r.Context())
	require.NoError(r, err)
	require.NoError(r, r.prepare(only).undo(r.Context()), r.shown.String())
	assert.Empty(r, r.made(), "something of bootstrap stays in the account")
}

// An environment that made its roles itself, before bootstrap did: nothing is deleted, replaced or left without rights.
func TestTheTasksRolesChangeHands(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	stack, err := r.sb.Stack(t.Context(), "staging")
	require.NoError(t, err)
	_, err = stack.Up(t.Context())
	require.NoError(t, err)
	id := func() any {
		for _, o := range r.sb.Cloud.Objects() {
			if o.Type == aws.IAMRole && o.ID == "sentry-staging-backend-task-role" {
				return o.Props["uniqueId"]
			}
		}
		return nil
	}
	before := id()
	require.NotNil(t, before)

	r.mustRun()
	assert.Contains(t, r.shown.String(), "Found from an earlier run, and taken over: 2 resources.")
	result, err := r.environment("staging").Up(t.Context())
	require.NoError(t, err)
	assert.Empty(t, result.Strings(), "what was the program's is deleted or replaced")
	assert.Equal(t, before, id(), "the role that running tasks have is made anew")
	for _, o := range r.sb.Cloud.Objects() {
		if o.Type == aws.IAMRole && strings.HasPrefix(o.ID, "sentry-staging-") {
			assert.Equal(t, "arn:aws:iam::123456789012:policy/sentry-staging-boundary", o.Props["permissionsBoundary"], o.ID)
		}
	}
	_, err = r.environment("staging").Destroy(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before, id(), "destroying the environment takes bootstrap's role along")
}
