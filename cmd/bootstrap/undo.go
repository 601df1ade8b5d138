package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optremove"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"sentry/bootstrap/account"
)

// undo removes what run made. The state moves back into the folder first: it cannot describe the removal of the
// bucket that it is in. Interrupted, it is run again.
func (b *bootstrap) undo(ctx context.Context) (err error) {
	defer func() { err = interrupted(ctx, err) }()
	if err := b.config.Validate(); err != nil {
		return err
	}
	_, bucket, local, err := b.where(ctx)
	if err != nil {
		return err
	}
	stack, state, moved, err := b.open(ctx, bucket, local)
	if err != nil {
		return err
	}
	// Whose state is in the bucket is seen below; one that is kept elsewhere, here.
	for _, e := range append(b.recordedEnvironments(state), b.config.Environments...) {
		what, err := b.aws.Lives(ctx, e)
		if err != nil {
			return err
		}
		if what != "" {
			return fmt.Errorf("environment %s lives in this account (%s): destroy it first, where its state is; nothing was removed", e.Name, what)
		}
	}
	if moved {
		if stack, err = b.moveBack(ctx, stack, local); err != nil {
			return err
		}
	}
	if err := b.aws.Empty(ctx, bucket); err != nil {
		return fmt.Errorf("empty bucket %s: %w", bucket, err)
	}
	err = b.unlocked(ctx, stack, func() error {
		_, err := stack.Destroy(ctx, optdestroy.ProgressStreams(b.out), optdestroy.SuppressProgress(), optdestroy.SuppressOutputs(),
			optdestroy.Color("never"))
		return err
	})
	if err != nil {
		return fmt.Errorf("remove what bootstrap made (run again): %w", cause(err))
	}
	if err := os.RemoveAll(local); err != nil {
		return fmt.Errorf("remove the local copy of the state: %w", err)
	}
	_ = os.Remove(b.stateDir) // when this was its last account
	return nil
}

// moveBack copies the state into the folder, its protection taken off, and removes it from the bucket. It
// refuses while the bucket holds another stack's state.
func (b *bootstrap) moveBack(ctx context.Context, from auto.Stack, local string) (auto.Stack, error) {
	others, err := statesBeside(ctx, from)
	if err != nil {
		return auto.Stack{}, err
	}
	if len(others) > 0 {
		return auto.Stack{}, fmt.Errorf("the bucket still has the state of %s: destroy them (`pulumi destroy`) and remove them "+
			"(`pulumi stack rm`) first; nothing was removed", strings.Join(others, ", "))
	}
	untyped, err := from.Export(ctx)
	if err != nil {
		return auto.Stack{}, fmt.Errorf("read the state: %w", cause(err))
	}
	if untyped.Deployment, err = unprotected(untyped); err != nil {
		return auto.Stack{}, err
	}
	to, err := b.stackInFolder(ctx, local)
	if err != nil {
		return auto.Stack{}, err
	}
	if err := b.unlocked(ctx, to, func() error { return to.Import(ctx, untyped) }); err != nil {
		return auto.Stack{}, fmt.Errorf("move the state into %s: %w", local, cause(err))
	}
	if err := from.Workspace().RemoveStack(ctx, account.Stack, optremove.Force()); err != nil {
		return auto.Stack{}, fmt.Errorf("remove the state from the bucket: %w", cause(err))
	}
	b.say("State: moved into folder %s.", local)
	return to, nil
}

func unprotected(untyped apitype.UntypedDeployment) (json.RawMessage, error) {
	var state map[string]any
	if err := json.Unmarshal(untyped.Deployment, &state); err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	resources, _ := state["resources"].([]any)
	for _, r := range resources {
		if resource, ok := r.(map[string]any); ok {
			delete(resource, "protect")
		}
	}
	return json.Marshal(state)
}
