package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/github"
	"sentry/internal/delivery/report"
)

func (c *command) reportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report -s <stack>",
		Short: "Write what a deployment did (the variable NEEDS holds toJSON(needs))",
		Args:  cobra.NoArgs,
	}
	stack := cli.StackFlag(cmd)
	var d report.Deployment
	cmd.Flags().StringVar(&d.Ref, "ref", "", "the `branch`, tag or commit as it was asked for")
	cmd.Flags().StringVar(&d.Source, "application", "", "the application's `repository@commit`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d.Environment = *stack
		return c.report(cmd, d)
	}
	return cmd
}

func (c *command) report(cmd *cobra.Command, d report.Deployment) error {
	if _, err := c.checked(d.Environment); err != nil {
		return err
	}
	needs, err := report.ParseNeeds(c.getenv("NEEDS"))
	if err != nil {
		return err
	}
	d.Needs, d.Actor, d.RunURL, d.Now = needs, c.getenv("GITHUB_ACTOR"), c.runURL(), time.Now()
	d.Commit = needs[report.Build].Outputs["commit"]
	// Times and failed steps are worth having, but their lack is no reason not to report.
	if err := c.addJobs(cmd.Context(), &d); err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "without times:", err)
	}
	return c.summarize(cmd, report.Render(d))
}

func (c *command) addJobs(ctx context.Context, d *report.Deployment) error {
	client, err := github.New(c.getenv)
	if err != nil {
		return err
	}
	run, err := strconv.ParseInt(c.getenv("GITHUB_RUN_ID"), 10, 64)
	if err != nil {
		return err
	}
	if d.Jobs, err = client.Jobs(ctx, run); err != nil {
		return err
	}
	for _, j := range d.Jobs {
		if j.StartedAt != nil && (d.Started.IsZero() || j.StartedAt.Before(d.Started)) {
			d.Started = *j.StartedAt
		}
	}
	return nil
}
