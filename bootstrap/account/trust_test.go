package account

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
	"sentry/internal/sandbox"
)

const providerARN = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"

// token is GitHub's, for a job of the repository, asking for a role.
func token(subject, ref string) evaluate.Request {
	return evaluate.Request{
		Action: "sts:AssumeRoleWithWebIdentity", Resource: "*", Principal: providerARN,
		Context: map[string][]string{
			oidcHost + ":aud": {"sts.amazonaws.com"}, oidcHost + ":sub": {subject},
			oidcHost + ":repository_id": {repository.ID}, oidcHost + ":ref": {ref},
		},
	}
}

// trusts are the trust documents of the roles that workflows take, by name.
func trusts(repository Repository) map[string]policy.Document {
	found := map[string]policy.Document{}
	for _, e := range environments {
		found[PreviewRole(e.Name)] = PreviewTrust(providerARN, repository, e)
		found[DeployRole(e.Name)] = DeployTrust(providerARN, repository, e)
	}
	return found
}

// TestTrust for both forms of GitHub's subjects.
func TestTrust(t *testing.T) {
	const main, branch = "refs/heads/main", "refs/heads/feature"
	previews := []string{"sentry-preview-staging", "sentry-preview-staging-eu"}
	older := repository
	older.OwnerID = ""
	for of, repository := range map[string]Repository{"repo:octo-org@123456/sentry@456789": repository, "repo:octo-org/sentry": older} {
		tokens := map[string]struct {
			request evaluate.Request
			takes   []string
		}{
			"a pull request":              {token(of+":pull_request", "refs/pull/7/merge"), previews},
			"main":                        {token(of+":ref:refs/heads/main", main), append(previews, "sentry-preview-production")},
			"a job of staging":            {token(of+":environment:staging", main), []string{"sentry-deploy-staging"}},
			"a job of staging-eu":         {token(of+":environment:staging-eu", main), []string{"sentry-deploy-staging-eu"}},
			"a job of production":         {token(of+":environment:production", main), []string{"sentry-deploy-production"}},
			"a job of it, of a branch":    {token(of+":environment:production", branch), nil},
			"an environment in capitals":  {token(of+":environment:Production", main), nil},
			"a longer environment":        {token(of+":environment:production2", main), nil},
			"an environment of that name": {token(of+":environment:*", main), nil},
			"a longer branch":             {token(of+":ref:refs/heads/main2", "refs/heads/main2"), nil},
			"a branch":                    {token(of+":ref:refs/heads/feature", branch), nil},
			"a tag":                       {token(of+":ref:refs/tags/v1", "refs/tags/v1"), nil},
			"a merge queue":               {token(of+":ref:refs/heads/gh-readonly-queue/main/pr-7", "refs/heads/gh-readonly-queue/main/pr-7"), nil},
			"a longer repository":         {token(of+"2:environment:staging", main), nil},
			"another owner":               {token("repo:other/sentry:environment:production", main), nil},
			"another owner's ids":         {token("repo:octo-org@1/sentry@456789:pull_request", main), nil},
		}
		for role, document := range trusts(repository) {
			trust := evaluated(t, policy.Trust, document)
			for what, c := range tokens {
				assert.Equal(t, slices.Contains(c.takes, role), trust.Decide(c.request) == evaluate.Allowed, "%s takes %s", what, role)
				for _, claim := range []string{"aud", "repository_id"} {
					r := c.request
					for wrong, values := range map[string][]string{"another": {"99"}, "no": nil} {
						r.Context = maps.Clone(c.request.Context)
						if r.Context[oidcHost+":"+claim] = values; values == nil {
							delete(r.Context, oidcHost+":"+claim)
						}
						assert.NotEqual(t, evaluate.Allowed, trust.Decide(r), "%s with %s %s takes %s", what, wrong, claim, role)
					}
				}
				r := c.request
				r.Principal = "arn:aws:iam::123456789012:oidc-provider/gitlab.com"
				assert.NotEqual(t, evaluate.Allowed, trust.Decide(r), "another provider's token takes %s", role)
			}
		}
	}
}

// A role that another account's ECS, or anything but ECS, can use hands it the environment's data.
func TestTrustOfTheTasks(t *testing.T) {
	trust := evaluated(t, policy.Trust, TasksTrust(environments[0], place))
	of := func(principal, account, source string) evaluate.Decision {
		return trust.Decide(evaluate.Request{Action: "sts:AssumeRole", Principal: principal, Resource: "*", Context: map[string][]string{
			"aws:SourceAccount": {account}, "aws:SourceArn": {source},
		}})
	}
	const ecs, task = "ecs-tasks.amazonaws.com", "arn:aws:ecs:us-east-1:123456789012:task/sentry-staging-cluster/1"
	assert.Equal(t, evaluate.Allowed, of(ecs, sandbox.AccountID, task), "no task starts")
	assert.Equal(t, evaluate.NotMentioned, of(ecs, "210987654321", task))
	assert.Equal(t, evaluate.NotMentioned, of(ecs, sandbox.AccountID, "arn:aws:ecs:us-east-1:210987654321:task/x/1"))
	assert.Equal(t, evaluate.NotMentioned, of("ec2.amazonaws.com", sandbox.AccountID, task))
	assert.Equal(t, evaluate.NotMentioned, of("arn:aws:sts::210987654321:assumed-role/x/y", sandbox.AccountID, task))
}
