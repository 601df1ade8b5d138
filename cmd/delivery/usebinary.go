package main

import "github.com/spf13/cobra"

func (c *command) useBinaryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "use-binary",
		Short: "Make the project run a compiled program, on this machine only",
		Args:  cobra.NoArgs,
	}
	binary := cmd.Flags().String("binary", "bin/sentry", "the compiled `program`, seen from the project")
	cmd.RunE = func(*cobra.Command, []string) error {
		p, err := c.project()
		if err != nil {
			return err
		}
		return p.UseBinary(*binary)
	}
	return cmd
}
