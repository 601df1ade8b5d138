package main

import (
	"github.com/spf13/cobra"

	"sentry/internal/cli"
)

func (c *command) applyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply -s <stack>",
		Short: "Update a stack, provided that it does what was approved",
		Args:  cobra.NoArgs,
	}
	stack := cli.StackFlag(cmd)
	approved := cmd.Flags().String("approved", "", "the `digest` that delivery preview gave")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := c.stack(cmd, *stack)
		if err != nil {
			return err
		}
		return s.Apply(cmd.Context(), *approved)
	}
	return cmd
}
