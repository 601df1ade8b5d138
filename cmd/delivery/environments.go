package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func (c *command) environmentsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "environments",
		Short: "List the environments, which are the stack files, for the matrix of a workflow",
		Args:  cobra.NoArgs,
	}
	writes(cmd, "environments")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := c.project()
		if err != nil {
			return err
		}
		list, err := json.Marshal(p.Environments())
		if err != nil {
			return fmt.Errorf("list the environments: %w", err)
		}
		return c.set(cmd, "environments", string(list))
	}
	return cmd
}
