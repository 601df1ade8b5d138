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
	"sentry/internal/delivery/settings"
	"sentry/internal/delivery/shipped"
	"sentry/internal/project"
)

// changesFlags say which commits are compared, or what is decided by hand.
type changesFlags struct {
	stack, head, trunk, mode string
	bases                    []string
}

func (c *command) changesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "changes -s <stack>",
		Short: "Find out whether commits change the infrastructure of an environment",
		Args:  cobra.NoArgs,
	}
	var f changesFlags
	writes(cmd, "infrastructure", "reason", "commit", "base")
	stack := cli.StackFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.head, "head", "HEAD", "the `commit` to deploy; a branch of origin, a tag or an id")
	flags.StringArrayVar(&f.bases, "base", nil, "`id` of a commit to compare with; repeatable; empty or zeros: none; without it the commit deployed last (asks GitHub)")
	flags.StringVar(&f.mode, "mode", "detect", "`detect`, or yes or no to decide by hand")
	flags.StringVar(&f.trunk, "trunk", "", "the `branch` that what goes to a guarded environment must be part of")
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
	if !settings.Guarded(p, f.stack) {
		f.trunk = "" // staging takes any branch
	}
	commit, err := changes.Resolve(cmd.Context(), p, f.head, f.trunk)
	if err != nil {
		return err
	}
	var result changes.Result
	base := ""
	if f.mode == "no" {
		result.Reason = "left out by hand"
	} else if result, base, err = c.detect(cmd.Context(), p, commit, f); err != nil {
		return err
	}
	if f.mode == "yes" {
		result.Changed, result.Reason = true, "asked for by hand"
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
	return errors.Join(err, c.set(cmd, "infrastructure", strconv.FormatBool(result.Changed), "reason", result.Reason,
		"commit", commit, "base", base))
}

// detect compares with what was deployed last, unless told otherwise: a run that was cancelled, rejected or failed has
// deployed nothing, and its changes still wait. base is what the price of the change is compared with; empty when that
// is not known.
func (c *command) detect(ctx context.Context, p project.Project, commit string, f changesFlags) (result changes.Result, base string, err error) {
	if len(f.bases) == 0 {
		client, err := github.New(c.getenv)
		if err != nil {
			return changes.Result{}, "", err
		}
		last, deployed, err := shipped.Last(ctx, client, f.stack)
		switch {
		case err != nil:
			return changes.Result{}, "", fmt.Errorf("ask for the last deployment: %w", err)
		case !deployed:
			return changes.Result{Changed: true, Reason: "never deployed before: taken as changed"}, "", nil
		case last == "":
			return changes.Result{Changed: true, Reason: "the last deployment was of a branch, of which nobody knows the commit: taken as changed"}, "", nil
		}
		f.bases = []string{last}
	}
	result, err = changes.Detect(ctx, p, f.stack, commit, f.bases...)
	if len(result.Compared) > 0 {
		base = result.Compared[0]
	}
	return result, base, err
}
