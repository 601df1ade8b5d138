package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sentry/infra"
	"sentry/internal/adopt"
	"sentry/internal/cli"
	"sentry/internal/project"
)

// errStopped is returned after the table and the problems have been written.
var errStopped = &cli.ExitError{Code: 3, Err: errors.New("nothing was written: the lines above say what would be replaced, doubled or cut off")}

// command is what the flags say.
type command struct {
	project func() (project.Project, error)
	stack   *string
	// state is where Terraform's is, image what the tasks run, file where the import file goes.
	state, image, file string
	dryRun             bool
	rules              func(region string) adopt.Rules
	out, log           io.Writer
}

// newCommand asks rules for what only AWS knows.
func newCommand(out, log io.Writer, rules func(region string) adopt.Rules) *cobra.Command {
	c := &command{rules: rules, out: out, log: log}
	root := &cobra.Command{
		Use:   "adopt -s <stack> --state <location>",
		Short: "Take a running Terraform environment over, replacing nothing",
		Long: `Take a running Terraform environment over, replacing nothing: reads its state, says of each resource what becomes of
it, and writes a file for pulumi import and the keys of the stack file that describe what there is. Then it prints the
steps that lead from there to the first update, each with the way back. AWS and both states stay as they are.

AWS is asked for one thing, the ids of the security group's rules; where it cannot be asked, the steps do it. Exit code 3
of the compiled command (go run knows only 1): this state cannot be taken over as it is.`,
		Example: `  adopt -s staging --state terraform.tfstate --dry-run
                            say what would become of it
  adopt -s staging --state s3://terraform-state/staging/terraform.tfstate
  terraform show -json | adopt -s staging --state -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	c.project = cli.ProjectFlag(root)
	c.stack = cli.StackFlag(root)
	flags := root.Flags()
	flags.StringVar(&c.state, "state", "", "Terraform's state: a `file`, s3://<bucket>/<key>, or - for the standard input; as terraform state pull or terraform show -json prints it")
	flags.StringVar(&c.image, "image", "", "the `image` that the tasks run, <repository>@sha256:<digest> (default: what Terraform's task definition names)")
	flags.StringVar(&c.file, "file", "", "where the import `file` is written (default: adopt-<stack>.json in the project's folder)")
	flags.BoolVar(&c.dryRun, "dry-run", false, "write nothing")
	return root
}

func (c *command) run(ctx context.Context) error {
	p, err := c.project()
	if err != nil {
		return err
	}
	if err := p.Check(*c.stack); err != nil {
		return err
	}
	if c.state == "" {
		return errors.New("--state is not set; allowed: a file, s3://<bucket>/<key>, or - for the standard input")
	}
	state, err := adopt.Load(ctx, c.state)
	if err != nil {
		return err
	}
	options := adopt.Options{Project: p, Environment: *c.stack, Program: infra.DeployIn, State: state, Image: c.image, Rules: c.rules(state.Region())}
	plan, err := adopt.Make(ctx, options)
	if errors.Is(err, adopt.ErrUnreachable) {
		fmt.Fprintf(c.log, "%v: the steps below ask it themselves.\n", err)
		options.Rules = nil
		plan, err = adopt.Make(ctx, options)
	}
	if err != nil {
		return err
	}
	if err := plan.Print(c.out); err != nil {
		return err
	}
	if len(plan.Problems) > 0 {
		fmt.Fprintf(c.out, "\nNot so, as:\n  %s\n", strings.Join(plan.Problems, "\n  "))
		return errStopped
	}
	if c.dryRun {
		fmt.Fprintf(c.out, "\nNothing was written: run this again without --dry-run.\n")
		return nil
	}
	return c.write(p, plan)
}

func (c *command) write(p project.Project, plan *adopt.Plan) error {
	file := c.file
	if file == "" {
		file = filepath.Join(p.Dir, "adopt-"+plan.Environment+".json")
	}
	text, err := plan.ImportFile().JSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	if err := p.SetConfig(plan.Environment, plan.Values()); err != nil {
		return err
	}
	shown := file
	if here, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(here, file); err == nil && !strings.HasPrefix(relative, "..") {
			shown = relative
		}
	}
	fmt.Fprintf(c.out, "\nWritten: %s and Pulumi.%s.yaml.\nAWS and both states are as before. The way from here; to go back from a step, undo it, and then\n"+
		"those before it, the latest first (docs/migrating.md):\n", shown, plan.Environment)
	adopt.PrintSteps(c.out, plan.Steps(shown))
	return nil
}
