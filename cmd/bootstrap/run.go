package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"sentry/bootstrap/account"
)

// bootstrap prepares one account. A run is made of steps that each leave something the next run recognises:
// the state is first in a folder, then also in the bucket, then only there.
type bootstrap struct {
	config account.Config
	// stateDir holds a folder per account, for as long as the account has no bucket with the state in it.
	stateDir string
	// scratch holds the files of the Pulumi processes; whoever makes a bootstrap removes it at the end.
	scratch string
	out     io.Writer

	aws    cloud
	pulumi auto.PulumiCommand
	// env is added to the environment of every Pulumi process.
	env map[string]string
	// backend is Pulumi's address of a bucket.
	backend func(bucket string) (string, error)
}

// result is what a run has to say.
type result struct {
	account, backendURL string
	// environments as they were prepared.
	environments []account.Environment
	// states are the stacks that the bucket has the state of, as <project>/<stack>.
	states []string
	// changes counts resources by what was done to them: create, update, same, import.
	changes map[string]int
}

func (b *bootstrap) say(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

func (b *bootstrap) run(ctx context.Context) (_ result, err error) {
	defer func() { err = interrupted(ctx, err) }()
	if err := b.config.Validate(); err != nil {
		return result{}, err
	}
	id, bucket, local, err := b.where(ctx)
	if err != nil {
		return result{}, err
	}

	stack, state, moved, err := b.open(ctx, bucket, local)
	if err != nil {
		return result{}, err
	}
	var states []string
	if moved {
		if states, err = statesBeside(ctx, stack); err != nil {
			return result{}, err
		}
	}
	if err := b.keepRoles(ctx, state, states); err != nil {
		return result{}, err
	}
	if b.config.Environments, err = b.pinned(ctx); err != nil {
		return result{}, err
	}
	outcome, err := b.up(ctx, stack, state, bucket)
	if err != nil {
		return result{}, err
	}
	if !moved {
		if err := b.move(ctx, stack, bucket); err != nil {
			return result{}, fmt.Errorf("move the state into %s (it is still in %s; run again): %w", bucket, local, err)
		}
	}
	// Only now: until here the folder is the one place that is known to have the state.
	if err := os.RemoveAll(local); err != nil {
		return result{}, fmt.Errorf("remove the local copy of the state: %w", err)
	}
	_ = os.Remove(b.stateDir) // when this was its last account
	outcome.account, outcome.environments, outcome.states = id, b.config.Environments, states
	return outcome, nil
}

// where is the account of the credentials, its state bucket, and the folder for its first state.
func (b *bootstrap) where(ctx context.Context) (id, bucket, local string, err error) {
	if id, err = b.aws.Account(ctx); err != nil {
		return "", "", "", fmt.Errorf("no usable AWS credentials (set AWS_PROFILE, or run `aws sso login`): %w", firstLine(err))
	}
	if want := b.config.AWSAccountID; want != "" && want != id {
		return "", "", "", fmt.Errorf("wrong account: the credentials are for %s, --account says %s; nothing was changed", id, want)
	}
	return id, account.BucketName(cmp.Or(b.config.BucketSuffix, id)), filepath.Join(b.stateDir, id), nil
}

// open finds the stack and its state: in the bucket, where it belongs, or in the folder if it has not got there
// yet.
func (b *bootstrap) open(ctx context.Context, bucket, local string) (
	stack auto.Stack, state apitype.DeploymentV3, moved bool, err error,
) {
	found, err := b.aws.Find(ctx, account.Existing{Token: account.TokenBucket, Physical: bucket})
	if errors.Is(err, errTaken) {
		err = fmt.Errorf("bucket %s exists in another AWS account (or these credentials may not see it): "+
			"choose another name with --bucket-suffix", bucket)
	}
	if err != nil {
		return stack, state, false, err
	}
	if found != "" {
		if stack, err = b.stackIn(ctx, bucket); err != nil {
			return stack, state, false, err
		}
		if state, err = export(ctx, stack); err != nil || len(state.Resources) > 0 {
			b.say("State: bucket %s.", bucket)
			return stack, state, true, err
		}
	}
	b.say("State: folder %s, until there is a bucket.", local)
	if stack, err = b.stackInFolder(ctx, local); err != nil {
		return stack, state, false, err
	}
	state, err = export(ctx, stack)
	return stack, state, false, err
}
