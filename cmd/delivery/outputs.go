package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/update"
)

func (c *command) outputsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "outputs -s <stack>", Short: "Read outputs of a stack", Args: cobra.NoArgs}
	stack := cli.StackFlag(cmd)
	require := cmd.Flags().StringSlice("require", nil, "the `names` of outputs that must be there; only these are written, and the optional ones")
	optional := cmd.Flags().StringSlice("optional", nil, "the `names` of outputs that may be there")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := c.stack(cmd, *stack)
		if err != nil {
			return err
		}
		found, err := s.Outputs(cmd.Context())
		if err != nil {
			return err
		}
		if err := update.Require(found, *require...); err != nil {
			return fmt.Errorf("stack %s: %w", *stack, err)
		}
		var pairs []string
		for _, name := range append(*require, *optional...) {
			pairs = append(pairs, name, found[name])
		}
		return c.set(cmd, pairs...)
	}
	return cmd
}
