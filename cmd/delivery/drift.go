package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/github"
	"sentry/internal/delivery/preview"
)

func (c *command) driftCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drift -s <stack>",
		Short: "Look for drift; open, update or close the stack's issue",
		Args:  cobra.NoArgs,
	}
	stack, backend := cli.StackFlag(cmd), backendFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.drift(cmd, *stack, *backend) }
	return cmd
}

func (c *command) drift(cmd *cobra.Command, name, backend string) error {
	client, err := github.New(c.getenv)
	if err != nil {
		return err
	}
	store, err := c.locks(cmd.Context(), name, backend)
	if err != nil {
		return err
	}
	locks, err := store.List(cmd.Context())
	if err != nil {
		return err
	}
	if len(locks) > 0 {
		// Half a deployment would be reported as drift.
		fmt.Fprintf(cmd.OutOrStdout(), "::notice::stack %s is being updated by %s: not looked at\n", name, locks[0].Holder())
		return nil
	}
	stack, err := c.stack(cmd, name)
	if err != nil {
		return err
	}
	seen, err := stack.Drift(cmd.Context())
	text := preview.Render(seen.Preview, preview.Options{
		Stack: name, RunURL: c.runURL(), Stderr: seen.Stderr, Failed: err != nil,
		Note: "What follows is how the environment differs from what was last deployed. An update takes it back to that.",
	})
	if err := errors.Join(err, c.summarize(cmd, text)); err != nil {
		return err
	}
	return reconcile(cmd, client, name, seen.Preview.HasChanges(), text)
}

// reconcile makes the stack's issue say what was found.
func reconcile(cmd *cobra.Command, client *github.Client, stack string, drifted bool, text string) error {
	marker := "<!-- sentry-drift:" + stack + " -->"
	if !drifted {
		n, err := client.CloseIssue(cmd.Context(), marker, "The environment is as it was last deployed again.")
		if err == nil && n > 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "closed issue #%d\n", n)
		}
		return err
	}
	n, err := client.UpsertIssue(cmd.Context(), marker, "Drift in "+stack, marker+"\n"+text)
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "::warning::stack %s has drifted: issue #%d\n", stack, n)
	}
	return err
}
