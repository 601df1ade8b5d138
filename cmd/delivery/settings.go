package main

import (
	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/settings"
)

func (c *command) settingsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "settings -s <stack>",
		Short: "Read the repository's variables for an environment (VARS holds toJSON(vars)), and check them",
		Args:  cobra.NoArgs,
	}
	writes(cmd, append(settings.Names(), "application-other")...)
	stack := cli.StackFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.settings(cmd, *stack) }
	return cmd
}

func (c *command) settings(cmd *cobra.Command, stack string) error {
	p, err := c.checked(stack)
	if err != nil {
		return err
	}
	read, err := settings.Read(p, stack, c.getenv("VARS"))
	if err != nil {
		return err
	}
	this := c.getenv("GITHUB_REPOSITORY")
	if read["application-repository"] == "" || read["application-repository"] == this {
		read["application-repository"], read["application-other"] = this, "false"
	} else {
		read["application-other"] = "true"
	}
	// What a run prints, everybody reads who may read the repository.
	if read["show-logs"] == "always" || read["show-logs"] == "private" && c.getenv("REPOSITORY_PRIVATE") == "true" {
		read["show-logs"] = "true"
	} else {
		read["show-logs"] = "false"
	}
	return c.set(cmd, read.Pairs()...)
}
