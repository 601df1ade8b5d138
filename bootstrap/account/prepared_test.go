package account

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/aws"
	"sentry/internal/fixture"
	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// In an account that bootstrap has prepared, the program makes no role: its deploy role may not.
func TestTheProgramUsesTheRolesThatAreThere(t *testing.T) {
	cloud := sandbox.NewCloud()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	options := sandbox.StackOptions{Config: map[string]string{"sentry:bootstrapped": "true"}, Cloud: cloud}
	_, err = sandbox.RecordStack(infra.DeployIn, p, "staging", options)
	require.ErrorContains(t, err, "role' does not exist", "the program goes on without the roles")

	options.Cloud = sandbox.NewCloud()
	prepared, err := recordIn(options.Cloud, nil)
	require.NoError(t, err)
	recording, err := sandbox.RecordStack(infra.DeployIn, p, "staging", options)
	require.NoError(t, err)
	assert.Empty(t, recording.ByType(TokenRole), "the deployment stops at a role that the deploy role may not make")

	roles := map[string]bool{}
	for _, r := range prepared.ByType(TokenRole) {
		roles[r.Outputs["arn"].StringValue()] = true
	}
	definition := recording.ByType(aws.ECSTaskDefinition)
	require.Len(t, definition, 1)
	for _, key := range []resource.PropertyKey{"executionRoleArn", "taskRoleArn"} {
		assert.True(t, roles[definition[0].Inputs[key].StringValue()], "%s is not one of bootstrap's roles", key)
	}
	deploy := rightsOf(t, DeployRights, environments[0])
	policies := recording.ByType(aws.IAMRolePolicy)
	require.NotEmpty(t, policies)
	for _, r := range policies {
		role := ofIAM + "role/" + r.Inputs["role"].StringValue()
		assert.True(t, roles[role], "%s gives rights to %s", r.Name, role)
		put := request("iam:PutRolePolicy", role, "iam:PermissionsBoundary", ofIAM+"policy/"+BoundaryName("staging"))
		assert.Equal(t, evaluate.Allowed, deploy.Decide(put), "the deploy role may not give %s its rights", role)
	}
}

// What bootstrap takes over from a program that has made its roles itself must not change whom they trust.
func TestBothMakeTheSameRoles(t *testing.T) {
	made := map[string]policy.Document{}
	trust := func(r sandbox.Resource) policy.Document {
		document, err := policy.Parse(policy.Trust, r.Inputs["assumeRolePolicy"].StringValue())
		require.NoError(t, err)
		return document
	}
	for _, r := range recordProgram(t, "staging", nil).ByType(TokenRole) {
		made[r.Inputs["name"].StringValue()] = trust(r)
	}
	require.NotEmpty(t, made)
	for _, r := range mustRecord(t, nil).ByType(TokenRole) {
		name := r.Inputs["name"].StringValue()
		if before, ok := made[name]; ok {
			assert.Equal(t, before, trust(r), name)
			delete(made, name)
		}
	}
	assert.Empty(t, made, "roles that the program makes and bootstrap does not")
}
