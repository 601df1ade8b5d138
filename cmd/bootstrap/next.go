package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sentry/bootstrap/account"
)

// next says what a run did and what is left for a person to do, as commands to copy.
func next(config account.Config, r result, written bool) string {
	var text strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }

	say("Account %s is ready (%s).", r.account, summary(r.changes))
	say("")
	if written {
		say("Pulumi.yaml names the state bucket now: commit it.")
	} else {
		say("1. Name the state bucket in Pulumi.yaml (or run this again with --write):")
		say("")
		say("backend:")
		say("  url: %s", r.backendURL)
	}
	say("")
	say("2. Create the stacks, their secrets encrypted by the account's key; their roles stay within the boundary that")
	say("   the deploy roles require. Commit the two stack files.")
	say("")
	for _, e := range config.Environments {
		say("pulumi stack init %s --secrets-provider=%q", e.Name, r.secretsProvider)
		say("pulumi config set permissionsBoundary %s --stack %s", account.BoundaryName(e.Name), e.Name)
	}
	say("")
	say("3. Tell GitHub (gh is https://cli.github.com). Without the two branch policies, any branch of the repository could")
	say("   deploy. A guarded environment waits for your approval; add other reviewers in the repository's settings.")
	say("")
	repository := config.Repository
	say("gh variable set AWS_ACCOUNT_ID --repo %s --body %s", repository, r.account)
	say("gh variable set AWS_REGION --repo %s --body %s", repository, config.Region)
	for _, e := range config.Environments {
		reviewers := ""
		if e.Guarded {
			reviewers = " -F 'reviewers[][type]=User' -F \"reviewers[][id]=$(gh api user --jq .id)\""
		}
		say("gh api --method PUT repos/%s/environments/%s%s -F 'deployment_branch_policy[protected_branches]=false' "+
			"-F 'deployment_branch_policy[custom_branch_policies]=true'", repository, e.Name, reviewers)
		say("gh api --method POST repos/%s/environments/%s/deployment-branch-policies -f name=main", repository, e.Name)
	}
	return text.String()
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
