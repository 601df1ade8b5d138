package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
	"sentry/internal/project"
)

// Secrets in a state that a whole account can read are protected by a key.
func TestAPassphraseInS3IsWarnedOf(t *testing.T) {
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	const bucket = "s3://sentry-pulumi-state-123456789012?region=us-east-1"
	assert.Contains(t, passphraseWarning(p, bucket, "staging"), "Pulumi.staging.yaml names no KMS key for the stack's secrets")
	assert.Empty(t, passphraseWarning(p, "file://~", "staging"), "a state on the own machine")
	assert.Empty(t, passphraseWarning(p, bucket, "elsewhere"), "a stack file that is not there")

	set, err := p.SetSecretsProvider("staging", "awskms://alias/sentry-pulumi?region=us-east-1&context_stack=staging")
	require.NoError(t, err)
	require.True(t, set)
	assert.Empty(t, passphraseWarning(p, bucket, "staging"))
}
