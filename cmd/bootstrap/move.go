package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
)

// move copies the state from the folder into the bucket. The import is one write: a state in the bucket is
// whole or not there.
func (b *bootstrap) move(ctx context.Context, from auto.Stack, bucket string) error {
	state, err := from.Export(ctx)
	if err != nil {
		return cause(err)
	}
	to, err := b.stackIn(ctx, bucket)
	if err != nil {
		return err
	}
	if err := to.Import(ctx, state); err != nil {
		return cause(err)
	}
	want, err := decode(state)
	if err != nil {
		return err
	}
	got, err := export(ctx, to)
	if err != nil {
		return err
	}
	if !slices.Equal(urns(want), urns(got)) {
		return fmt.Errorf("read back %d resources of %d", len(got.Resources), len(want.Resources))
	}
	b.say("State: moved into bucket %s.", bucket)
	return nil
}

func urns(state apitype.DeploymentV3) []urn.URN {
	var found []urn.URN
	for _, r := range state.Resources {
		found = append(found, r.URN)
	}
	return found
}

func export(ctx context.Context, stack auto.Stack) (apitype.DeploymentV3, error) {
	untyped, err := stack.Export(ctx)
	if err != nil {
		return apitype.DeploymentV3{}, fmt.Errorf("read the state: %w", cause(err))
	}
	return decode(untyped)
}

func decode(untyped apitype.UntypedDeployment) (apitype.DeploymentV3, error) {
	var state apitype.DeploymentV3
	if len(untyped.Deployment) > 0 {
		if err := json.Unmarshal(untyped.Deployment, &state); err != nil {
			return apitype.DeploymentV3{}, fmt.Errorf("read the state: %w", err)
		}
	}
	return state, nil
}

func forgetPending(ctx context.Context, stack auto.Stack) error {
	untyped, err := stack.Export(ctx)
	if err != nil {
		return fmt.Errorf("read the state: %w", cause(err))
	}
	var state map[string]json.RawMessage
	if err := json.Unmarshal(untyped.Deployment, &state); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	delete(state, "pending_operations")
	if untyped.Deployment, err = json.Marshal(state); err != nil {
		return err
	}
	return stack.Import(ctx, untyped)
}
