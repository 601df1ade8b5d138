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

// busy switches on what the others leave off: whatever has to do with load, cost and other tools.
var busy = []fixture.Setting{
	{Key: "https", Field: "keepApiPrefix", Value: true},
	{Key: "container", Field: "cpuArchitecture", Value: "arm64"},
	{Key: "container", Field: "stopTimeout", Value: 45},
	{Key: "container", Field: "logMode", Value: "blocking"},
	{Key: "scaling", Field: "maxCount", Value: 6},
	{Key: "scaling", Field: "requestsTarget", Value: 600},
	{Key: "scaling", Field: "scaleInCooldown", Value: 120},
	{Key: "scaling", Field: "scaleOutCooldown", Value: 30},
	{Key: "scaling", Field: "minimumHealthyPercent", Value: 50},
	{Key: "scaling", Field: "spot", Value: map[string]any{"base": 1}},
	{Key: "scaling", Field: "schedule", Value: map[string]any{"awake": "MON-FRI 07:00-19:30", "timezone": "Europe/Berlin"}},
	{Key: "monitoring", Field: "alarmEmail", Value: "ops@example.com"},
	{Key: "monitoring", Field: "dashboard", Value: true},
	{Key: "monitoring", Field: "monthlyBudget", Value: 80},
	{Key: "monitoring", Field: "containerInsights", Value: "enhanced"},
	{Key: "desiredCount", Value: 2},
	{Key: "awsAccountId", Value: "123456789012"},
	{Key: "bucketSuffix", Value: "blue"},
	{Key: "corsOrigins", Value: []string{"https://app.example.com"}},
	{Key: "objectRoles", Value: []string{"arn:aws:iam::123456789012:role/backup"}},
	{Key: "environment", Value: map[string]any{"LOG_LEVEL": "debug"}},
	{Key: "secrets", Value: map[string]any{"DB": "arn:aws:secretsmanager:us-east-1:123456789012:secret:sentry/staging/db-AbCdEf"}},
}

// Everything that is registered, with all inputs and waits: of section A, of an environment that is closed as far as the keys
// go, and of one with the other keys.
func TestInputs(t *testing.T) {
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	for name, config := range map[string]map[string]string{
		"plain": nil, "hardened": fixture.Configuration(hardened...), "busy": fixture.Configuration(busy...),
	} {
		t.Run(name, func(t *testing.T) {
			recording, err := sandbox.RecordStack(infra.DeployIn, p, "staging", sandbox.StackOptions{Released: true, Config: maps.Clone(config)})
			require.NoError(t, err)
			golden.Inputs(t, "testdata/inputs/"+name+".yaml", recording, "each line is what AWS is told: an input that was added may open what the others close")
			golden.Order(t, "testdata/order/"+name+".yaml", recording)
		})
	}
}
