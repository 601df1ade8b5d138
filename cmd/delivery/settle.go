package main

import (
	"time"

	"github.com/spf13/cobra"

	"sentry/internal/delivery/rollout"
	"sentry/internal/delivery/update"
)

func (c *command) settleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "settle -s <stack>",
		Short: "After a release that failed: make the record and the task definition name what runs",
		Args:  cobra.NoArgs,
	}
	otherwise := cmd.Flags().String("otherwise", "", "the `image` to go back to when nothing runs, or none")
	return c.watched(cmd, func(cmd *cobra.Command, s update.Stack, v rollout.Verifier) error {
		now, err := s.Released(cmd.Context())
		if err != nil {
			return err
		}
		v.Timeout = min(v.Timeout, 5*time.Minute) // a deployment that is still under way then has not succeeded
		image, _, err := v.Running(cmd.Context(), now.Cluster, now.Service)
		if err != nil {
			return err
		}
		return s.Settle(cmd.Context(), image, *otherwise)
	})
}
