package main

import (
	"context"
	"fmt"

	"sentry/bootstrap/account"
	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// sandboxed is the sandbox's account.
type sandboxed struct{ cloud *sandbox.Cloud }

func (s sandboxed) Account(context.Context) (string, error) { return sandbox.AccountID, nil }

func (s sandboxed) Find(_ context.Context, e account.Existing) (string, error) {
	for _, o := range s.cloud.Objects() {
		if o.Type != e.Token {
			continue
		}
		for _, key := range []string{"bucket", "name", "url", "description"} {
			// Of several keys the first that is set is the name; a description only names what has no other.
			value, ok := o.Props[key].(string)
			if !ok || value == "" {
				continue
			}
			if value == e.Physical {
				return o.ID, nil
			}
			break
		}
	}
	return "", nil
}

func (s sandboxed) Provider(context.Context) (provider, error) {
	for _, o := range s.cloud.Objects() {
		if o.Type != account.OIDCProvider.Token || o.Props["url"] != account.OIDCProvider.Physical {
			continue
		}
		found := provider{arn: o.ID}
		audiences, _ := o.Props["clientIdLists"].([]any)
		for _, audience := range audiences {
			found.audiences = append(found.audiences, fmt.Sprint(audience))
		}
		tags, _ := o.Props["tagsAll"].(map[string]any)
		found.ours = tags["Project"] == account.ProjectTag
		return found, nil
	}
	return provider{}, nil
}

func (s sandboxed) Subnets(_ context.Context, e account.Environment) ([]string, error) {
	var found []string
	for _, o := range s.cloud.Objects() {
		tags, _ := o.Props["tagsAll"].(map[string]any)
		if o.Type == aws.EC2Subnet && tags["Project"] == account.ProjectTag && tags["Environment"] == e.Name {
			found = append(found, o.ID)
		}
	}
	return found, nil
}

func (s sandboxed) Lives(ctx context.Context, e account.Environment) (string, error) {
	for _, bucket := range account.Buckets(e, sandbox.AccountID) {
		if id, err := s.Find(ctx, account.Existing{Token: account.TokenBucket, Physical: bucket}); err != nil || id != "" {
			return "bucket " + bucket, err
		}
	}
	return "", nil
}

// Empty has nothing to do: the sandbox's buckets have no versions, and the state is removed before.
func (s sandboxed) Empty(context.Context, string) error { return nil }

// inSandbox leads a run to a sandbox, which the caller closes.
func inSandbox(sb *sandbox.Sandbox, b *bootstrap) {
	b.aws, b.pulumi, b.env, b.backend = sandboxed{sb.Cloud}, sb.Command(), sb.Environment(), sb.Backend
}
