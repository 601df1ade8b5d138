package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sentry/internal/delivery/shipped"
)

func (c *command) shippedCommand() *cobra.Command {
	return group("shipped", "Note in the job's log what it shipped, for delivery promote to find", c.shippedImageCommand(), c.shippedSiteCommand())
}

func (c *command) shippedImageCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Note the image", Args: cobra.NoArgs}
	var i shipped.Image
	cmd.Flags().StringVar(&i.Application, "application", "", "the application's `repository@commit`")
	cmd.Flags().StringVar(&i.Platform, "platform", "", "the `platform` that it is for")
	cmd.Flags().StringVar(&i.Digest, "digest", "", "its `digest`")
	cmd.Flags().Int64Var(&i.Artifact, "artifact", 0, "the `id` of the artifact with its archive")
	cmd.Flags().Int64Var(&i.Run, "run", 0, "the `id` of the run with the artifact")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		fmt.Fprintln(cmd.OutOrStdout(), i.Notice())
		return nil
	}
	return cmd
}

func (c *command) shippedSiteCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "site", Short: "Note the site", Args: cobra.NoArgs}
	var s shipped.Site
	cmd.Flags().StringVar(&s.Application, "application", "", "the application's `repository@commit`")
	cmd.Flags().StringVar(&s.APIURL, "api-url", "", "the `address` that it calls")
	cmd.Flags().Int64Var(&s.Artifact, "artifact", 0, "the `id` of the artifact with its files")
	cmd.Flags().Int64Var(&s.Run, "run", 0, "the `id` of the run with the artifact")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		fmt.Fprintln(cmd.OutOrStdout(), s.Notice())
		return nil
	}
	return cmd
}
