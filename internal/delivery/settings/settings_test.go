package settings_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/settings"
	"sentry/internal/fixture"
	"sentry/internal/project"
)

func open(t *testing.T) project.Project {
	t.Helper()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	return p
}

// Production in an account of its own is what teams do.
func TestAnEnvironmentsOwnValueGoesFirst(t *testing.T) {
	p := open(t)
	fixture.Copy(t, p.StackFile("staging"), p.StackFile("staging-eu"))
	fixture.Replace(t, p.StackFile("staging-eu"), "aws:region: us-east-1", "aws:region: eu-west-1")
	variables := `{"AWS_ACCOUNT_ID":"111122223333","AWS_ACCOUNT_ID_PRODUCTION":"444455556666","BACKEND_DIRECTORY_STAGING_EU":"api",
		"PULUMI_BACKEND_URL_PRODUCTION":"s3://production?region=us-east-1","OTHER":"x"}`
	for environment, want := range map[string][]string{
		"staging":    {"111122223333", "", "backend", "us-east-1"},
		"production": {"444455556666", "s3://production?region=us-east-1", "backend", "us-east-1"},
		"staging-eu": {"111122223333", "", "api", "eu-west-1"},
	} {
		got, err := settings.Read(p, environment, variables)
		require.NoError(t, err)
		assert.Equal(t, want, []string{got["account"], got["backend"], got["backend-directory"], got["region"]}, environment)
		assert.Equal(t, "24", got["node-version"])
	}
}

func TestEveryWrongValueIsToldAtOnceAndEarly(t *testing.T) {
	_, err := settings.Read(open(t), "staging", `{"AWS_ACCOUNT_ID":"12","BACKEND_DIRECTORY":"../x","API_URL":"javascript:alert(1)","APPLICATION_REF":"--upload-pack=x",
		"SHOW_LOGS":"perhaps","PULUMI_BACKEND_URL_STAGING":"file:///tmp"}`)
	for _, want := range []string{
		`variable AWS_ACCOUNT_ID "12": allowed: the 12 digits`, `variable BACKEND_DIRECTORY "../x": allowed: a folder inside of the repository`,
		`variable API_URL "javascript:alert(1)"`, `variable APPLICATION_REF`, `variable SHOW_LOGS "perhaps": allowed: private, always, never`,
		`variable PULUMI_BACKEND_URL_STAGING "file:///tmp"`,
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = settings.Read(open(t), "staging", `{}`)
	require.ErrorContains(t, err, `variable AWS_ACCOUNT_ID ""`, "every job would ask for a role of no account")
	_, err = settings.Read(open(t), "staging", "")
	require.Error(t, err)
}

func TestTheStackFilesAccountIsNotContradicted(t *testing.T) {
	p := open(t)
	fixture.Replace(t, p.StackFile("staging"), "config:\n", "config:\n  sentry:awsAccountId: \"123456789012\"\n")
	_, err := settings.Read(p, "staging", `{"AWS_ACCOUNT_ID":"123456789012"}`)
	require.NoError(t, err)
	_, err = settings.Read(p, "staging", `{"AWS_ACCOUNT_ID":"210987654321"}`)
	require.ErrorContains(t, err, "its stack file allows account 123456789012 only")
}

func TestGuarded(t *testing.T) {
	p := open(t)
	assert.False(t, settings.Guarded(p, "staging"))
	for value, want := range map[string]bool{"true": true, `"true"`: true, "false": false, `"false"`: false, "{secure: x}": true} {
		text, err := os.ReadFile(p.StackFile("staging"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(p.StackFile("dev"), append(text, []byte("  sentry:protect: "+value+"\n")...), 0o600))
		assert.Equal(t, want, settings.Guarded(p, "dev"), value)
	}
	assert.True(t, settings.Guarded(p, "none"), "an environment that cannot be read is open to every branch")
}
