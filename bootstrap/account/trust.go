package account

import (
	"slices"

	"sentry/internal/policy"
)

const (
	oidcHost     = "token.actions.githubusercontent.com"
	oidcAudience = "sts.amazonaws.com"
)

// Trust lets workflows of the repository that run as one of subjects take a role, with GitHub's own token
// for AWS and nothing else. The subjects are whole: no wildcard.
//
// https://docs.github.com/en/actions/concepts/security/openid-connect
func Trust(providerARN string, subjects ...string) policy.Document {
	return policy.Document{Version: policy.Version, Statement: policy.Statements{{
		Effect:    "Allow",
		Principal: policy.Principal{Federated: policy.Strings{providerARN}},
		Action:    policy.Strings{"sts:AssumeRoleWithWebIdentity"},
		Condition: policy.Condition{"StringEquals": {
			oidcHost + ":aud": {oidcAudience},
			oidcHost + ":sub": slices.Sorted(slices.Values(subjects)),
		}},
	}}}
}

func deploySubjects(repository string, environment Environment) []string {
	return []string{"repo:" + repository + ":environment:" + environment.Name}
}

// previewSubjects of a guarded environment are main's alone: whoever can open a pull request could otherwise read
// its state.
func previewSubjects(repository string, environment Environment) []string {
	subjects := []string{"repo:" + repository + ":ref:refs/heads/main"}
	if !environment.Guarded {
		subjects = append(subjects, "repo:"+repository+":pull_request")
	}
	return subjects
}
