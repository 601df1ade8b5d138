package settings_test

import (
	"encoding/json"
	"maps"
	"slices"
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

// The workflows read the outputs by these names; a default is what a repository without the variable gets.
func TestTheOutputsOfARepositoryThatSetsNothingElse(t *testing.T) {
	p := open(t)
	fixture.Replace(t, p.StackFile("production"), "config:\n", "config:\n  sentry:protect: true\n")
	for environment, guarded := range map[string]string{"staging": "false", "production": "true"} {
		got, err := settings.Read(p, environment, `{"AWS_ACCOUNT_ID":"123456789012"}`)
		require.NoError(t, err)
		assert.Equal(t, settings.Settings{
			"account": "123456789012", "backend": "", "application-repository": "", "application-ref": "", "backend-directory": "backend",
			"frontend-directory": "frontend", "build-directory": "dist", "immutable-directory": "assets", "node-version": "24", "api-url": "",
			"show-logs": "private", "accepted": "", "unreviewed": "no", "region": "us-east-1", "guarded": guarded,
		}, got)
		assert.Equal(t, settings.Names(), slices.Sorted(maps.Keys(got)))
		pairs := got.Pairs()
		assert.Equal(t, []string{"accepted", "", "account", "123456789012"}, pairs[:4])
		assert.Len(t, pairs, 2*len(got))
	}
}

// One good and one bad value of each form.
func TestForms(t *testing.T) {
	for name, values := range map[string][2]string{
		"APPLICATION_REPOSITORY":       {"octo-org/app", "octo-org"},
		"APPLICATION_REF":              {"feature/x", "a b"},
		"FRONTEND_DIRECTORY":           {"web/app", "/etc"},
		"FRONTEND_BUILD_DIRECTORY":     {"build", "a\nb"},
		"FRONTEND_IMMUTABLE_DIRECTORY": {"static", "a\rb"},
		"NODE_VERSION":                 {"lts/iron", "latest; x"},
		"API_URL":                      {"none", "https://x/\"y"},
		"SHOW_LOGS":                    {"never", "yes"},
		"ACCEPTED_VULNERABILITIES":     {"CVE-2026-1, CVE-2026-2", "a;b"},
		"DEPLOY_UNREVIEWED":            {"by-hand", "maybe"},
		"DEPLOY_UNREVIEWED_STAGING":    {"yes", "true"},
		"PULUMI_BACKEND_URL":           {"s3://state?region=us-east-1", "s3:// x"},
	} {
		for i, value := range values {
			text, err := json.Marshal(map[string]string{"AWS_ACCOUNT_ID": "123456789012", name: value})
			require.NoError(t, err)
			_, err = settings.Read(open(t), "staging", string(text))
			if i == 0 {
				require.NoError(t, err, name)
			} else {
				require.ErrorContains(t, err, "variable "+name+" ", "%q reaches a script", value)
			}
		}
	}
}

func TestTheStackFilesAccountIsNotContradicted(t *testing.T) {
	p := open(t)
	fixture.Replace(t, p.StackFile("staging"), "config:\n", "config:\n  sentry:awsAccountId: \"123456789012\"\n")
	_, err := settings.Read(p, "staging", `{"AWS_ACCOUNT_ID":"123456789012"}`)
	require.NoError(t, err)
	_, err = settings.Read(p, "staging", `{"AWS_ACCOUNT_ID":"210987654321"}`)
	require.ErrorContains(t, err, "its stack file allows account 123456789012 only")
	fixture.Replace(t, p.StackFile("staging"), "aws:region: us-east-1", "aws:region: \"\"")
	_, err = settings.Read(p, "staging", `{"AWS_ACCOUNT_ID":"123456789012"}`)
	require.ErrorContains(t, err, "does not say aws:region")
	fixture.Replace(t, p.StackFile("production"), "config:\n", "config:\n  sentry:awsAccountId: \"\"\n")
	_, err = settings.Read(p, "production", `{"AWS_ACCOUNT_ID":"123456789012"}`)
	require.NoError(t, err, "an account that is left open contradicts nothing")
}
