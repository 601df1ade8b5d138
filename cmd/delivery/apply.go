package main

import (
	"errors"

	"github.com/spf13/cobra"

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
	approved := cmd.Flags().String("approved", "", "the `digest` that delivery preview gave")
	return c.watched(cmd, func(cmd *cobra.Command, s update.Stack, v rollout.Verifier) error {
		err := s.Apply(cmd.Context(), *approved)
		if err == nil || errors.Is(err, update.ErrNotWhatWasShown) || cmd.Context().Err() != nil {
			return err
		}
		return errors.Join(err, c.failing(cmd, c.explain(cmd, s, v)))
	})
}

// explain says why the service does not run what was registered, when that is why an update failed.
func (c *command) explain(cmd *cobra.Command, s update.Stack, v rollout.Verifier) error {
	now, err := s.Released(cmd.Context())
	if err != nil {
		return nil //nolint:nilerr // the update has not got as far as the service
	}
	v.Timeout = 0
	err = v.Verify(cmd.Context(), targetOf(now))
	var failure *rollout.Failure
	if errors.As(err, &failure) {
		return failure
	}
	return nil
}
