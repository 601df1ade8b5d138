package main

import (
	"time"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
)

func (c *command) settleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "settle -s <stack>",
		Short: "After a release that failed: make the record and the task definition name what runs",
		Args:  cobra.NoArgs,
	}
	stack, watch := cli.StackFlag(cmd), watchFlags(cmd)
	otherwise := cmd.Flags().String("otherwise", "", "the `image` to go back to when nothing runs, or none")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := c.stack(cmd, *stack)
		if err != nil {
			return err
		}
		v, err := watch(cmd)
		if err != nil {
			return err
		}
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
	}
	return cmd
}
