package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/emulated"
	"sentry/internal/fixture"
)

const (
	stagingAccount, productionAccount = "111111111111", "222222222222"
	stagingState, productionState     = "s3://staging-state?region=us-east-1", "s3://production-state?region=us-east-1"
)

// twoAccounts are the workflows of this repository with production in an account of its own. Their scripts are not run,
// but for the one that reads the variables.
type twoAccounts struct {
	*emulated.Pipeline
	backends map[string]bool // that the steps were given since the last run
}

func newTwoAccounts(t *testing.T) twoAccounts {
	t.Helper()
	p := twoAccounts{emulated.NewPipeline(t, fixture.Root(t), emulated.NewHub()), map[string]bool{}}
	maps.Copy(p.Vars, map[string]string{
		"AWS_ACCOUNT_ID_STAGING": stagingAccount, "AWS_ACCOUNT_ID_PRODUCTION": productionAccount,
		"PULUMI_BACKEND_URL_STAGING": stagingState, "PULUMI_BACKEND_URL_PRODUCTION": productionState,
	})
	p.Trusts = func(role, subject string) bool {
		environment := map[string]string{stagingAccount: "staging", productionAccount: "production"}[strings.Split(role, ":")[4]]
		return environment != "" && trustsIn(role, subject, environment)
	}
	r := newRunner(t)
	r.guard("production")
	p.Instead = func(id string, env map[string]string) map[string]any {
		if backend := env["PULUMI_BACKEND_URL"]; backend != "" {
			p.backends[backend] = true
		}
		switch id {
		case "settings":
			r.env["VARS"], r.env["GITHUB_OUTPUT"] = env["VARS"], env["GITHUB_OUTPUT"]
			require.NoError(t, r.run("settings", "--stack", env["STACK"]))
			return anyOf(r.outputs())
		case "list":
			r.env["GITHUB_OUTPUT"] = env["GITHUB_OUTPUT"]
			require.NoError(t, r.run("environments"))
			return anyOf(r.outputs())
		case "changes":
			return map[string]any{"infrastructure": "true"}
		}
		return nil
	}
	return p
}

func anyOf(texts map[string]string) map[string]any {
	values := map[string]any{}
	for name, text := range texts {
		values[name] = text
	}
	return values
}

// D6: which role each job asks for, in which account, and as whom.
func TestWhichRoleIsAskedForWhere(t *testing.T) {
	p := newTwoAccounts(t)
	main := func(name string, inputs map[string]any) emulated.Event {
		return emulated.Event{Name: name, Ref: "refs/heads/main", Inputs: inputs, Payload: map[string]any{"repository": map[string]any{"private": true}}}
	}
	const staging, production = "arn:aws:iam::" + stagingAccount + ":role/sentry-", "arn:aws:iam::" + productionAccount + ":role/sentry-"
	pullRequest := main("pull_request", nil)
	pullRequest.Ref = "refs/pull/1/merge"
	pullRequest.Payload["pull_request"] = map[string]any{"number": 1.0, "head": map[string]any{"repo": map[string]any{"full_name": emulated.Repository}}}
	for _, c := range []struct {
		file     string
		event    emulated.Event
		backends []string
		roles    []string
	}{
		{"deploy-staging.yml", main("workflow_dispatch", map[string]any{"ref": "feature/x", "infrastructure": true}), []string{stagingState}, []string{
			"deploy / preview: " + staging + "deploy-staging as environment:staging",
			"deploy / deploy-infrastructure: " + staging + "deploy-staging as environment:staging",
			"deploy / deploy-backend: " + staging + "deploy-staging as environment:staging",
			"deploy / deploy-frontend: " + staging + "deploy-staging as environment:staging",
		}},
		{"deploy-production.yml", main("push", nil), []string{productionState}, []string{
			"deploy / preview: " + production + "preview-production as ref:refs/heads/main",
			"deploy / deploy-infrastructure: " + production + "deploy-production as environment:production",
			"deploy / deploy-backend: " + production + "deploy-production as environment:production",
			"deploy / deploy-frontend: " + production + "deploy-production as environment:production",
		}},
		{"pull-request.yml", pullRequest, []string{stagingState}, []string{
			"preview (staging): " + staging + "preview-staging as pull_request",
		}},
		{"drift.yml", main("schedule", nil), []string{productionState, stagingState}, []string{
			"drift (production): " + production + "preview-production as ref:refs/heads/main",
			"drift (staging): " + staging + "preview-staging as ref:refs/heads/main",
		}},
		{"unlock.yml", main("workflow_dispatch", map[string]any{"environment": "production", "lock": "abc"}), []string{productionState}, []string{
			"show: " + production + "preview-production as ref:refs/heads/main",
			"remove: " + production + "deploy-production as environment:production",
		}},
		{"unlock.yml", main("workflow_dispatch", map[string]any{"environment": "staging", "lock": ""}), []string{stagingState}, []string{
			"show: " + staging + "preview-staging as ref:refs/heads/main",
		}},
	} {
		p.Roles = nil
		clear(p.backends)
		run := p.Run(c.file, c.event)
		for _, j := range run.Jobs {
			require.NotEqual(t, "failure", j.Result, "%s: %s:\n%s", c.file, j.Name, j.Log)
		}
		assert.Equal(t, c.roles, p.Roles, c.file)
		assert.Equal(t, c.backends, slices.Sorted(maps.Keys(p.backends)), "%s: reads or writes the state of another environment", c.file)
	}
}

// A variable that is for one environment only must not be another's by default.
func TestAnEnvironmentWithoutItsAccountIsRefused(t *testing.T) {
	r := newRunner(t)
	vars, err := json.Marshal(map[string]string{"AWS_ACCOUNT_ID_PRODUCTION": productionAccount})
	require.NoError(t, err)
	r.env["VARS"] = string(vars)
	require.NoError(t, r.run("settings", "--stack", "production"))
	require.ErrorContains(t, r.run("settings", "--stack", "staging"), `variable AWS_ACCOUNT_ID ""`)
}
