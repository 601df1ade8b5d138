package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sentry/bootstrap/account"
	"sentry/internal/delivery/settings"
	"sentry/internal/project"
)

// next is what has to be done after a run: some of it in the project's files, the rest by a person.
type next struct {
	account.Config
	result
	// some of the environments only: the others are in another account, which has a state of its own.
	some bool
	// byHand are environments whose secrets are encrypted by something else.
	byHand []string
}

func newNext(config account.Config, r result, some bool) next {
	return next{Config: config, result: r, some: some}
}

// write writes into the project's files what the run found out, and returns the environments whose secrets have to be
// encrypted anew.
func (n next) write(p project.Project) (byHand []string, err error) {
	if !n.some {
		if err := p.SetBackend(n.backendURL); err != nil {
			return nil, err
		}
	}
	for _, e := range n.environments {
		if err := p.SetConfig(e.Name, n.keys()); err != nil {
			return nil, err
		}
		ok, err := p.SetSecretsProvider(e.Name, n.secretsProvider(e))
		if err != nil {
			return nil, err
		}
		if !ok {
			byHand = append(byHand, e.Name)
		}
	}
	return byHand, nil
}

// keys are what each environment's stack file has to say.
func (n next) keys() map[string]any {
	keys := map[string]any{account.ProjectTag + ":bootstrapped": "true"}
	if n.AWSAccountID != "" {
		keys[account.ProjectTag+":awsAccountId"] = n.AWSAccountID
	}
	return keys
}

func (n next) secretsProvider(e account.Environment) string {
	return account.SecretsProvider(n.Region, e.Name)
}

// text says what a run did and what is left to do, as commands to copy.
func (n next) text(written bool) string {
	var text strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	say("Account %s is ready (%s).", n.account, summary(n.changes))
	for _, e := range n.environments {
		if len(e.Subnets) > 0 {
			say("The service of %s runs in %s only.", e.Name, strings.Join(e.Subnets, ", "))
		}
	}
	steps := 0
	for _, step := range []func() []string{
		func() []string { return n.files(written) }, n.stacks, n.firstDeployments, n.gitHub,
	} {
		if lines := step(); lines != nil {
			steps++
			say("\n%d. %s", steps, strings.Join(lines, "\n"))
		}
	}
	return text.String()
}

// files is the first step: what must be committed.
func (n next) files(written bool) []string {
	switch {
	case written && n.some:
		return []string{
			"The stack files say what the environments need now: commit them. The state is in a bucket of this account's",
			"   own; on your machine, and in the workflows by the variables below, Pulumi is told so:",
			"",
			fmt.Sprintf("export PULUMI_BACKEND_URL=%q", n.backendURL),
		}
	case written:
		return []string{"Pulumi.yaml names the state bucket, and the stack files say what the environments need: commit them."}
	}
	lines := []string{
		"Not written: run this without --sandbox, or without --write=false. Into Pulumi.yaml:",
		"",
		"backend:",
		"  url: " + n.backendURL,
		"",
		"   and into the configuration of each environment:",
		"",
	}
	for _, key := range slices.Sorted(maps.Keys(n.keys())) {
		lines = append(lines, fmt.Sprintf("  %s: %q", key, n.keys()[key]))
	}
	return lines
}

// stacks is the step for stacks that are not in the bucket, or whose secrets something else encrypts.
func (n next) stacks() []string {
	lines := []string{"Have the stacks' secrets encrypted by the account's key, and commit the stack files again:", ""}
	for _, e := range n.environments {
		switch {
		case slices.Contains(n.byHand, e.Name):
			lines = append(lines, fmt.Sprintf("pulumi stack change-secrets-provider %q --stack %s", n.secretsProvider(e), e.Name))
		case !slices.Contains(n.states, account.ProjectTag+"/"+e.Name):
			lines = append(lines, fmt.Sprintf("pulumi stack init %s --secrets-provider=%q", e.Name, n.secretsProvider(e)))
		}
	}
	if len(lines) == 2 {
		return nil
	}
	return lines
}

// firstDeployments is the step for environments without a network.
func (n next) firstDeployments() []string {
	lines := []string{
		"Deploy these yourself once, and run this again: a network's default security group is born without a tag, so the",
		"   workflows may not touch it, and their service is kept to the subnets that are there.",
		"",
	}
	for _, e := range n.environments {
		if len(e.Subnets) == 0 {
			lines = append(lines, "pulumi up --stack "+e.Name)
		}
	}
	if len(lines) == 3 {
		return nil
	}
	return lines
}

// gitHub is the last step.
func (n next) gitHub() []string {
	repository := n.Repository.Name
	lines := []string{
		"Tell GitHub (gh is https://cli.github.com). Only main deploys, so main takes reviewed changes only. A guarded",
		"   environment waits for your approval: add other reviewers, and then -F prevent_self_review=true.",
		"",
	}
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, e := range n.environments {
		suffix := ""
		if n.some {
			suffix = "_" + settings.Suffix(e.Name)
			say("gh variable set PULUMI_BACKEND_URL%s --repo %s --body %q", suffix, repository, n.backendURL)
		}
		say("gh variable set AWS_ACCOUNT_ID%s --repo %s --body %s", suffix, repository, n.account)
		if !n.some {
			break // one account for all
		}
	}
	say("gh api --method PUT repos/%s/branches/main/protection -F 'required_pull_request_reviews[required_approving_review_count]=1' "+
		"-F 'required_pull_request_reviews[require_code_owner_reviews]=true' -F enforce_admins=false -F required_status_checks=null "+
		"-F restrictions=null", repository)
	for _, e := range n.environments {
		reviewers := ""
		if e.Guarded {
			reviewers = " -F 'reviewers[][type]=User' -F \"reviewers[][id]=$(gh api user --jq .id)\""
		}
		say("gh api --method PUT repos/%s/environments/%s%s -F 'deployment_branch_policy[protected_branches]=false' "+
			"-F 'deployment_branch_policy[custom_branch_policies]=true'", repository, e.Name, reviewers)
		say("gh api --method POST repos/%s/environments/%s/deployment-branch-policies -f name=main", repository, e.Name)
	}
	return lines
}

func summary(changes map[string]int) string {
	var parts []string
	for _, op := range slices.Sorted(maps.Keys(changes)) {
		if op != "same" && changes[op] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", changes[op], op))
		}
	}
	if parts == nil {
		return "nothing to change"
	}
	return strings.Join(parts, ", ")
}
