package main

import (
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/github"
	"sentry/internal/delivery/report"
	"sentry/internal/delivery/shipped"
)

func (c *command) promoteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "promote -s <stack>",
		Short: "Find the image and the site that an environment ran of the same commits, to ship these instead of new ones",
		Args:  cobra.NoArgs,
	}
	writes(cmd, "image", "image-artifact", "image-run", "site-artifact", "site-run")
	stack := cli.StackFlag(cmd)
	var want shipped.Wanted
	cmd.Flags().StringVar(&want.Commit, "commit", "", "the `commit` that is deployed")
	cmd.Flags().StringVar(&want.Application, "application", "", "the application's `repository@commit`")
	cmd.Flags().StringVar(&want.Platform, "platform", "", "the `platform` that the image must be for")
	cmd.Flags().StringVar(&want.APIURL, "api-url", "", "the `address` that the site must call")
	rebuild := cmd.Flags().Bool("rebuild", false, "find nothing, so that both are built anew")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *rebuild {
			return nil
		}
		want.BackendJob, want.FrontendJob = report.Backend, report.Frontend
		return c.promote(cmd, *stack, want)
	}
	return cmd
}

func (c *command) promote(cmd *cobra.Command, stack string, want shipped.Wanted) error {
	p, err := c.checked(stack)
	if err != nil {
		return err
	}
	client, err := github.New(c.getenv)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(p.Environments(), func(e string) bool { return e == stack })
	image, site, err := shipped.Find(cmd.Context(), client, want, append([]string{stack}, others...)...)
	if err != nil {
		return err
	}
	id := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	if image != nil {
		if err := c.set(cmd, "image", image.Digest, "image-artifact", id(image.Artifact), "image-run", id(image.Run)); err != nil {
			return err
		}
	}
	if site != nil {
		return c.set(cmd, "site-artifact", id(site.Artifact), "site-run", id(site.Run))
	}
	return nil
}
