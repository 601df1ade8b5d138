package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"sentry/bootstrap/account"
	"sentry/internal/sandbox"
)

// up runs the program, importing first what an interrupted run created and did not record.
func (b *bootstrap) up(ctx context.Context, stack auto.Stack, state apitype.DeploymentV3, bucket string) (_ result, err error) {
	if len(state.PendingOperations) > 0 {
		// Half-done operations are looked for by name below; Pulumi would warn of them at every update.
		if err := b.unlocked(ctx, stack, func() error { return forgetPending(ctx, stack) }); err != nil {
			return result{}, fmt.Errorf("clean the state of the interrupted run: %w", firstLine(err))
		}
	}
	c := b.config
	if c.Imports, err = b.unrecorded(ctx, state, bucket); err != nil {
		return result{}, err
	}
	if c.OIDCProviderARN, err = b.adopt(ctx, state, c.Imports); err != nil {
		return result{}, err
	}
	if len(c.Imports) > 0 {
		b.say("Found from an earlier run, and taken over: %d resources.", len(c.Imports))
		taken, err := b.update(ctx, stack, c)
		if err != nil {
			return result{}, err
		}
		c.Imports = nil
		outcome, err := b.update(ctx, stack, c)
		for op, count := range taken.changes {
			if outcome.changes != nil && op != "same" {
				outcome.changes[op] += count
			}
		}
		return outcome, err
	}
	return b.update(ctx, stack, c)
}

// adopt returns the ARN of GitHub's provider when the account has one that this stack did not make. One that
// it did make, and did not record, is added to the imports.
func (b *bootstrap) adopt(ctx context.Context, state apitype.DeploymentV3, imports map[string]string) (string, error) {
	if recorded(state, account.OIDCProvider) {
		return "", nil
	}
	found, err := b.aws.Provider(ctx)
	if err != nil || found.arn == "" {
		return "", err
	}
	if found.ours {
		imports[account.OIDCProvider.ImportKey()] = found.arn
		return "", nil
	}
	if !slices.Contains(found.audiences, account.OIDCAudience) {
		return "", fmt.Errorf("the account's OIDC provider of GitHub does not accept tokens for %s: run "+
			"`aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn %s --client-id %s`, and this again",
			account.OIDCAudience, found.arn, account.OIDCAudience)
	}
	b.say("GitHub's OIDC provider is there already; it is used and left as it is.")
	return found.arn, nil
}

func (b *bootstrap) unrecorded(ctx context.Context, state apitype.DeploymentV3, bucket string) (map[string]string, error) {
	imports := map[string]string{}
	for _, e := range account.Named(bucket, b.config.Environments) {
		if recorded(state, e) {
			continue
		}
		id, err := b.aws.Find(ctx, e)
		if err != nil {
			return nil, err
		}
		if id != "" {
			imports[e.ImportKey()] = id
		}
	}
	return imports, nil
}

func recorded(state apitype.DeploymentV3, e account.Existing) bool {
	return slices.ContainsFunc(state.Resources, func(r apitype.ResourceV3) bool {
		return string(r.URN.Type()) == e.Token && r.URN.Name() == e.Name && !r.Delete
	})
}

func (b *bootstrap) update(ctx context.Context, stack auto.Stack, c account.Config) (result, error) {
	settings, err := c.Settings()
	if err != nil {
		return result{}, err
	}
	if err := configure(ctx, stack.Workspace(), settings); err != nil {
		return result{}, fmt.Errorf("write the configuration: %w", err)
	}
	var outcome auto.UpResult
	var problems []string
	err = b.unlocked(ctx, stack, func() (err error) {
		outcome, problems, err = b.runUp(ctx, stack)
		return err
	})
	if err != nil {
		return result{}, explain(err, problems)
	}
	r := result{changes: map[string]int{}}
	if outcome.Summary.ResourceChanges != nil {
		r.changes = *outcome.Summary.ResourceChanges
	}
	r.backendURL, _ = outcome.Outputs["backendUrl"].Value.(string)
	return r, nil
}

// runUp also returns what Pulumi and AWS complained of.
func (b *bootstrap) runUp(ctx context.Context, stack auto.Stack) (auto.UpResult, []string, error) {
	var problems []string
	var outcome auto.UpResult
	err := sandbox.Watch(func(stream chan events.EngineEvent) (err error) {
		outcome, err = stack.Up(ctx, optup.ProgressStreams(b.out), optup.EventStreams(stream), optup.SuppressOutputs(),
			optup.SuppressProgress(), optup.Color("never"))
		return err
	}, func(e events.EngineEvent) {
		if d := e.DiagnosticEvent; d != nil && d.Severity == "error" {
			problems = append(problems, colors.ReplaceAllString(d.Message, ""))
		}
	})
	return outcome, problems, err
}
