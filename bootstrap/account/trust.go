package account

import (
	"slices"
	"strings"

	"sentry/internal/policy"
)

const (
	oidcHost     = "token.actions.githubusercontent.com"
	oidcAudience = "sts.amazonaws.com"
	// mainRef is the branch whose workflows deploy.
	mainRef = "refs/heads/main"
)

// Repository is the GitHub repository whose workflows take the roles.
type Repository struct {
	// Name is owner/name, in GitHub's own spelling.
	Name string
	// ID is GitHub's number of the repository, which a renamed one keeps, and one that takes its name has not.
	ID string
	// OwnerID is the owner's number where the tokens' subjects hold the two, as those of all repositories do that
	// were made, renamed or moved since July 15, 2026; empty where they do not.
	OwnerID string
}

// SubjectPrefix begins the subjects of the repository's tokens.
//
// https://docs.github.com/en/actions/reference/security/oidc#immutable-subject-claims
func (r Repository) SubjectPrefix() string {
	if r.OwnerID == "" {
		return "repo:" + r.Name
	}
	owner, name, _ := strings.Cut(r.Name, "/")
	return "repo:" + owner + "@" + r.OwnerID + "/" + name + "@" + r.ID
}

// DeployTrust lets the jobs of an environment take its deploy role, in workflows of main only, whatever GitHub's
// settings of the environment allow.
func DeployTrust(providerARN string, repository Repository, environment Environment) policy.Document {
	document := trust(providerARN, repository, ":environment:"+environment.Name)
	document.Statement[0].Condition["StringEquals"][oidcHost+":ref"] = policy.Strings{mainRef}
	return document
}

// PreviewTrust lets main and, unless the environment is guarded, pull requests take its preview role: whoever can open
// one could otherwise read the environment's state.
func PreviewTrust(providerARN string, repository Repository, environment Environment) policy.Document {
	if environment.Guarded {
		return trust(providerARN, repository, ":ref:"+mainRef)
	}
	return trust(providerARN, repository, ":pull_request", ":ref:"+mainRef)
}

// trust lets workflows of the repository that run as one of subjects take a role, with GitHub's own token for AWS and
// nothing else. The subjects are whole: no wildcard.
//
// https://docs.github.com/en/actions/concepts/security/openid-connect
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
func trust(providerARN string, repository Repository, subjects ...string) policy.Document {
	whole := make(policy.Strings, len(subjects))
	for i, subject := range slices.Sorted(slices.Values(subjects)) {
		whole[i] = repository.SubjectPrefix() + subject
	}
	return policy.Document{Version: policy.Version, Statement: policy.Statements{{
		Effect:    "Allow",
		Principal: policy.Principal{Federated: policy.Strings{providerARN}},
		Action:    policy.Strings{"sts:AssumeRoleWithWebIdentity"},
		Condition: policy.Condition{"StringEquals": {
			oidcHost + ":aud":           {oidcAudience},
			oidcHost + ":repository_id": {repository.ID},
			oidcHost + ":sub":           whole,
		}},
	}}}
}

// TasksTrust lets ECS take a role for tasks of this account and region only: without the conditions, another account's
// ECS could be made to use it (F10).
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
func TasksTrust(environment Environment, place Place) policy.Document {
	n := names{place, environment}
	return policy.Document{Version: policy.Version, Statement: policy.Statements{{
		Effect:    "Allow",
		Principal: policy.Principal{Service: policy.Strings{"ecs-tasks.amazonaws.com"}},
		Action:    policy.Strings{"sts:AssumeRole"},
		Condition: policy.Condition{
			"StringEquals": {"aws:SourceAccount": {n.Account}},
			"ArnLike":      {"aws:SourceArn": {n.arn("ecs", "*")}},
		},
	}}}
}
