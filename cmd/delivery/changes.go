package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/changes"
	"sentry/internal/delivery/github"
	"sentry/internal/project"
)

// changesFlags say which commits are compared, or what is decided by hand.
type changesFlags struct {
	stack, head, on, deployedBy, mode string
	bases                             []string
}

func (c *command) changesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "changes -s <stack>",
		Short: "Find out whether commits change the infrastructure of an environment",
		Args:  cobra.NoArgs,
	}
	var f changesFlags
	writes(cmd, "infrastructure", "reason", "commit")
	stack := cli.StackFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.head, "head", "HEAD", "the `commit` to deploy")
	flags.StringArrayVar(&f.bases, "base", nil, "`id` of a commit to compare with, such as the push's before; repeatable; empty or zeros: none")
	flags.StringVar(&f.deployedBy, "deployed-by", "", "a workflow's `file` whose last successful run is compared with too (asks GitHub)")
	flags.StringVar(&f.mode, "mode", "detect", "`detect`, or yes or no to decide by hand")
	flags.StringVar(&f.on, "on", "", "the `branch` that the commit must be part of")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		f.stack = *stack
		return c.changes(cmd, f)
	}
	return cmd
}

func (c *command) changes(cmd *cobra.Command, f changesFlags) error {
	if !slices.Contains([]string{"detect", "yes", "no"}, f.mode) {
		return fmt.Errorf("--mode %q; allowed: detect, yes, no", f.mode)
	}
	p, err := c.checked(f.stack)
	if err != nil {
		return err
	}
	commit, err := changes.Resolve(cmd.Context(), p, f.head, f.on)
	if err != nil {
		return err
	}
	var result changes.Result
	switch f.mode {
	case "yes":
		result = changes.Result{Changed: true, Reason: "asked for by hand"}
	case "no":
		result = changes.Result{Reason: "left out by hand"}
	default:
		if result, err = c.detect(cmd.Context(), p, commit, f); err != nil {
			return err
		}
	}
	for _, path := range result.Paths {
		fmt.Fprintf(cmd.OutOrStdout(), "  %q\n", path)
	}
	for _, module := range result.Modules {
		fmt.Fprintf(cmd.OutOrStdout(), "  %q\n", module)
	}
	// Whoever approves sees this first, and then the preview if there is one.
	verdict := "not touched"
	if result.Changed {
		verdict = "deployed as previewed"
	}
	err = c.summarize(cmd, fmt.Sprintf("Commit `%s`. The application is deployed; the infrastructure is %s: %s.\n", commit, verdict, result.Reason))
	return errors.Join(err, c.set(cmd, "infrastructure", strconv.FormatBool(result.Changed), "reason", result.Reason, "commit", commit))
}

// detect compares with the push's bases and with what the workflow deployed last: a run that was cancelled, rejected
// or failed has deployed nothing, and its changes still wait.
func (c *command) detect(ctx context.Context, p project.Project, commit string, f changesFlags) (changes.Result, error) {
	if f.deployedBy == "" {
		return changes.Detect(ctx, p, f.stack, commit, f.bases...)
	}
	client, err := github.New(c.getenv)
	if err != nil {
		return changes.Result{}, err
	}
	last, err := client.LastDeployed(ctx, f.deployedBy)
	switch {
	case err != nil:
		return changes.Result{}, fmt.Errorf("ask for the last deployment: %w", err)
	case last == nil:
		return changes.Result{Changed: true, Reason: "never deployed before: taken as changed"}, nil
	case last.Event != "push":
		// GitHub knows the commit of such a run's workflow, not the one typed into its form.
		return changes.Result{Changed: true, Reason: "the last deployment was started by hand, perhaps of another commit: taken as changed"}, nil
	}
	return changes.Detect(ctx, p, f.stack, commit, append(f.bases, last.HeadSHA)...)
}
