package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sentry/internal/delivery/github"
)

func (c *command) waitCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "wait", Short: "Wait for other jobs of this run", Args: cobra.NoArgs}
	writes(cmd, "blocked")
	jobs := cmd.Flags().StringArray("job", nil, "the `job` to wait for; repeatable")
	timeout := cmd.Flags().Duration("timeout", time.Hour, "longest wait")
	interval := cmd.Flags().Duration("interval", 15*time.Second, "pause between two questions")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.wait(cmd, *jobs, *interval, *timeout) }
	return cmd
}

func (c *command) wait(cmd *cobra.Command, jobs []string, interval, timeout time.Duration) error {
	client, err := github.New(c.getenv)
	if err != nil {
		return err
	}
	run, err := strconv.ParseInt(c.getenv("GITHUB_RUN_ID"), 10, 64)
	if err != nil || len(jobs) == 0 {
		return fmt.Errorf("GITHUB_RUN_ID %q, --job %q; allowed: a run and at least one job", c.getenv("GITHUB_RUN_ID"), jobs)
	}
	err = client.Wait(cmd.Context(), cmd.OutOrStdout(), interval, timeout, run, jobs...)
	if errors.Is(err, github.ErrBlocked) {
		return errors.Join(err, c.set(cmd, "blocked", "true"))
	}
	return err
}
