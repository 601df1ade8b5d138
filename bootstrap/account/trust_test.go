package account

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
)

const providerARN = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"

// token is GitHub's, asking for a role.
func token(subject string) evaluate.Request {
	return evaluate.Request{
		Action: "sts:AssumeRoleWithWebIdentity", Resource: "*", Principal: providerARN,
		Context: map[string][]string{oidcHost + ":aud": {"sts.amazonaws.com"}, oidcHost + ":sub": {subject}},
	}
}

// trusts are the trust documents of all roles, by name.
func trusts() map[string]policy.Document {
	found := map[string]policy.Document{}
	for _, e := range environments {
		found[PreviewRole(e.Name)] = Trust(providerARN, previewSubjects(repository, e)...)
		found[DeployRole(e.Name)] = Trust(providerARN, deploySubjects(repository, e)...)
	}
	return found
}

func TestTrust(t *testing.T) {
	const of = "repo:octo-org/sentry:"
	subjects := map[string][]string{ // subject → the roles it may take
		of + "pull_request":                         {"sentry-preview-staging", "sentry-preview-staging-eu"},
		of + "ref:refs/heads/main":                  {"sentry-preview-staging", "sentry-preview-staging-eu", "sentry-preview-production"},
		of + "environment:staging":                  {"sentry-deploy-staging"},
		of + "environment:staging-eu":               {"sentry-deploy-staging-eu"},
		of + "environment:production":               {"sentry-deploy-production"},
		of + "environment:Production":               nil,
		of + "environment:production2":              nil,
		of + "environment:*":                        nil,
		of + "ref:refs/heads/main2":                 nil,
		of + "ref:refs/heads/feature":               nil,
		of + "ref:refs/tags/v1":                     nil,
		"repo:octo-org/sentry2:environment:staging": nil,
		"repo:other/sentry:environment:production":  nil,
		"repo:other/sentry:pull_request":            nil,
	}
	for role, document := range trusts() {
		trust := evaluated(t, policy.Trust, document)
		for subject, takers := range subjects {
			r := token(subject)
			assert.Equal(t, slices.Contains(takers, role), trust.Decide(r) == evaluate.Allowed, "%s takes %s", subject, role)
			r.Context[oidcHost+":aud"] = []string{"https://github.com/octo-org"}
			assert.NotEqual(t, evaluate.Allowed, trust.Decide(r), "a token for something else takes %s", role)
			delete(r.Context, oidcHost+":aud")
			assert.NotEqual(t, evaluate.Allowed, trust.Decide(r), "a token for nothing takes %s", role)
			r = token(subject)
			r.Principal = "arn:aws:iam::123456789012:oidc-provider/gitlab.com"
			assert.NotEqual(t, evaluate.Allowed, trust.Decide(r), "another provider's token takes %s", role)
		}
		text, err := document.JSON(policy.Trust)
		require.NoError(t, err)
		assert.NotContains(t, text, "*", "%s: a wildcard in the trust", role)
		assert.NotContains(t, text, "Like", "%s: a pattern in the trust", role)
		assert.Len(t, document.Statement, 1, "%s: a second way in", role)
	}
}
