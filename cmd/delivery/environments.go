package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"sentry/internal/delivery/settings"
)

func (c *command) environmentsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "environments",
		Short: "List the environments, which are the stack files, for the matrix of a workflow",
		Args:  cobra.NoArgs,
	}
	writes(cmd, "all", "unguarded")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := c.project()
		if err != nil {
			return err
		}
		all := p.Environments()
		unguarded := slices.DeleteFunc(slices.Clone(all), func(e string) bool { return settings.Guarded(p, e) })
		list, err := json.Marshal(all)
		if err != nil {
			return fmt.Errorf("list the environments: %w", err)
		}
		open, err := json.Marshal(unguarded)
		if err != nil {
			return fmt.Errorf("list the environments: %w", err)
		}
		return c.set(cmd, "all", string(list), "unguarded", string(open))
	}
	return cmd
}
