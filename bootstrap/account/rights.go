package account

import (
	"fmt"
	"slices"
	"strings"

	"sentry/internal/policy"
)

// deployPolicies are the ends of the names of the managed policies that [DeployRights] returns. Three, because
// one may have 6,144 characters.
var deployPolicies = []string{"network", "service", "storage"}

// previewPolicies is the same for [PreviewRights].
var previewPolicies = []string{"read"}

// DeployRights is what an environment's deploy role may do, by the end of the policy's name.
func DeployRights(environment Environment, place Place) (map[string]policy.Document, error) {
	n := names{place, environment}
	actions := slices.Concat(programCalls(), releaseCalls)

	files := map[string][]string{}
	for _, action := range unique(actions) {
		service, _, _ := strings.Cut(action, ":")
		file := "service"
		switch service {
		case "ec2":
			file = "network"
		case "s3":
			file = "storage"
		}
		files[file] = append(files[file], action)
	}
	documents := map[string]policy.Document{}
	for file, actions := range files {
		statements, err := grant(actions, n)
		if err != nil {
			return nil, err
		}
		documents[file] = policy.Document{Version: policy.Version, Statement: statements}
	}
	storage := documents["storage"]
	storage.Statement = append(append(storage.Statement, stateOf(n, true)...), privateObjects(n))
	documents["storage"] = storage
	return documents, nil
}

// PreviewRights is what an environment's preview role may do: the reads of the table.
func PreviewRights(environment Environment, place Place) (map[string]policy.Document, error) {
	n := names{place, environment}
	statements, err := grant(unique(programReads()), n)
	if err != nil {
		return nil, err
	}
	return map[string]policy.Document{
		"read": {Version: policy.Version, Statement: append(append(statements, stateOf(n, false)...), privateObjects(n))},
	}, nil
}

// privateObjects keeps the environment's data out of the workflows' reach, whatever policy a deployment writes for the
// buckets.
func privateObjects(n names) policy.Statement {
	return policy.Statement{
		Effect: "Deny",
		Action: policy.Strings{
			"s3:BypassGovernanceRetention", "s3:DeleteObject*", "s3:GetObject*", "s3:PutObject*", "s3:ReplicateObject", "s3:RestoreObject",
		},
		Resource: n.objects(artifacts, clips),
	}
}

// grant turns actions into as few statements as their limits allow.
func grant(actions []string, n names) ([]policy.Statement, error) {
	var statements []policy.Statement
	for _, action := range actions {
		found, err := limits(action, n)
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			statements = append(statements, policy.Statement{
				Effect: "Allow", Action: policy.Strings{action}, Resource: l.resources, Condition: l.condition,
			})
		}
	}
	return merge(statements), nil
}

// merge joins statements that differ in their actions only, and then those that differ in their resources
// only. Neither allows anything that was not allowed before.
func merge(statements []policy.Statement) []policy.Statement {
	join := func(key func(policy.Statement) string, add func(into *policy.Statement, s policy.Statement)) {
		var joined []policy.Statement
		at := map[string]int{}
		for _, s := range statements {
			k := key(s)
			if i, ok := at[k]; ok {
				add(&joined[i], s)
				continue
			}
			at[k] = len(joined)
			joined = append(joined, s)
		}
		statements = joined
	}
	join(func(s policy.Statement) string { return fmt.Sprint(s.Effect, s.Resource, s.Condition) },
		func(into *policy.Statement, s policy.Statement) {
			into.Action = unique(slices.Concat(into.Action, s.Action))
		})
	join(func(s policy.Statement) string { return fmt.Sprint(s.Effect, s.Action, s.Condition) },
		func(into *policy.Statement, s policy.Statement) {
			into.Resource = unique(slices.Concat(into.Resource, s.Resource))
		})
	return statements
}

func unique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
