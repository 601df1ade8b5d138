package main

import (
	"errors"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/rollout"
	"sentry/internal/delivery/update"
)

func (c *command) applyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply -s <stack>",
		Short: "Update a stack, provided that it does what was approved",
		Args:  cobra.NoArgs,
	}
	writes(cmd, "failure")
	stack, watch := cli.StackFlag(cmd), watchFlags(cmd)
	approved := cmd.Flags().String("approved", "", "the `digest` that delivery preview gave")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := c.stack(cmd, *stack)
		if err != nil {
			return err
		}
		v, err := watch(cmd)
		if err != nil {
			return err
		}
		err = s.Apply(cmd.Context(), *approved)
		if err == nil || errors.Is(err, update.ErrNotWhatWasShown) || cmd.Context().Err() != nil {
			return err
		}
		return errors.Join(err, c.failing(cmd, c.explain(cmd, s, v)))
	}
	return cmd
}

// explain says why the service does not run what was registered, when that is why an update failed.
func (c *command) explain(cmd *cobra.Command, s update.Stack, v rollout.Verifier) error {
	now, err := s.Released(cmd.Context())
	if err != nil {
		return nil //nolint:nilerr // the update has not got as far as the service
	}
	v.Timeout = 0
	err = v.Verify(cmd.Context(), rollout.Target{Cluster: now.Cluster, Service: now.Service, TaskDefinition: now.TaskDefinition, DesiredCount: now.DesiredCount})
	var failure *rollout.Failure
	if errors.As(err, &failure) {
		return failure
	}
	return nil
}
