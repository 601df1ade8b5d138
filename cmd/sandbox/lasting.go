package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/spf13/cobra"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

func (c *command) previewCommand() *cobra.Command {
	var detail bool
	cmd := c.lasting("preview", "Show what up would do", true, func(ctx context.Context, s *sandbox.Stack) error {
		var opts []optpreview.Option
		if detail {
			opts = append(opts, optpreview.Diff())
		}
		r, err := s.Preview(ctx, opts...)
		c.explain(r)
		return err
	})
	cmd.Flags().BoolVar(&detail, "diff", false, "show the changed properties")
	return cmd
}

func (c *command) upCommand() *cobra.Command {
	return c.lasting("up", "Deploy a stack into the sandbox that .sandbox/ keeps", true, func(ctx context.Context, s *sandbox.Stack) error {
		r, err := s.Up(ctx)
		c.explain(r)
		return err
	})
}

// explain says what looks worse than it is: Pulumi shows each new revision of a task definition as the deletion of
// the one before.
func (c *command) explain(r sandbox.Result) {
	for _, e := range r.Events {
		if e.Type == aws.ECSTaskDefinition && e.Op == "replace" {
			fmt.Fprintf(c.out, "The replaced task definition is a new revision: tasks of the old one run until those of the new are healthy,\n"+
				"and AWS keeps the old one on record. Nothing is lost.\n")
		}
	}
}

func (c *command) destroyCommand() *cobra.Command {
	return c.lasting("destroy", "Delete what up has deployed", false, func(ctx context.Context, s *sandbox.Stack) error {
		_, err := s.Destroy(ctx)
		return err
	})
}

func (c *command) outputsCommand() *cobra.Command {
	return c.lasting("outputs", "Show a deployed stack's outputs", false, func(ctx context.Context, s *sandbox.Stack) error {
		outputs, err := s.Outputs(ctx)
		if err != nil {
			return err
		}
		if len(outputs) == 0 {
			return errors.New("nothing is deployed: run sandbox up first")
		}
		printOutputs(c.out, "", outputs)
		return nil
	})
}

func (c *command) recoverCommand() *cobra.Command {
	cmd := c.lasting("recover", "Put a stack in order after an update that was cut short", false, func(ctx context.Context, s *sandbox.Stack) error {
		report, err := s.Recover(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(c.out, report)
		return err
	})
	cmd.Long = "Puts a stack in order after an update that was cut short: breaks the lock of the process that is gone, takes into\n" +
		"the state what AWS has already, and forgets what it has not. `delivery recover` does the same on AWS."
	return cmd
}

func (c *command) cliCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cli",
		Short: "Find the Pulumi CLI, or build it, and print its path",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := c.project()
			if err != nil {
				return err
			}
			path, err := sandbox.CLI(cmd.Context(), p.Dir, c.log)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.out, path)
			return err
		},
	}
}
