package infra_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/golden"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// hardened switches on whatever has to do with who may do, see or lose what.
var hardened = []fixture.Setting{
	{Key: "https", Field: "domain", Value: "app.example.com"},
	{Key: "https", Field: "zoneId", Value: "Z0123456789"},
	{Key: "https", Field: "deletionProtection", Value: true},
	{Key: "container", Field: "readOnlyRootFilesystem", Value: true},
	{Key: "container", Field: "user", Value: "1000"},
	{Key: "monitoring", Field: "alarmEmail", Value: "ops@example.com"},
	{Key: "monitoring", Field: "flowLogs", Value: "example-logs"},
	{Key: "monitoring", Field: "accessLogs", Value: "example-logs"},
	{Key: "logRetentionDays", Value: 365},
	{Key: "protect", Value: true},
	{Key: "exec", Value: true},
	{Key: "kmsKeyArn", Value: "arn:aws:kms:us-east-1:123456789012:key/0123abcd"},
	{Key: "permissionsBoundary", Value: "sentry-staging-boundary"},
	{Key: "secrets", Value: map[string]any{"TOKEN": "arn:aws:ssm:us-east-1:123456789012:parameter/sentry/staging/token"}},
}

// Everything that is registered, with all inputs: of section A, and of an environment that is closed as far as the keys go.
func TestInputs(t *testing.T) {
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	for name, config := range map[string]map[string]string{"plain": nil, "hardened": fixture.Configuration(hardened...)} {
		t.Run(name, func(t *testing.T) {
			recording, err := sandbox.RecordStack(infra.DeployIn, p, "staging", sandbox.StackOptions{Released: true, Config: maps.Clone(config)})
			require.NoError(t, err)
			golden.Inputs(t, "testdata/inputs/"+name+".yaml", recording, "each line is what AWS is told: an input that was added may open what the others close")
		})
	}
}
