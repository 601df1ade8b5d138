package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sentry/infra"
	"sentry/internal/cli"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// command is what the verbs share.
type command struct {
	project func() (project.Project, error)
	// out gets results, log what a user has to know meanwhile.
	out, log io.Writer
}

func newCommand(out, log io.Writer) *cobra.Command {
	c := &command{out: out, log: log}
	root := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the environments on the real Pulumi engine, offline",
		Long: "Run the environments on the real Pulumi engine, without an AWS account: AWS and the state backend live in\n" +
			"this process. Without a verb, the tour: every stack is previewed, deployed, previewed again (nothing may be\n" +
			"left to do) and destroyed.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return explained(cmd.Context(), c.tour(cmd.Context())) },
	}
	c.project = cli.ProjectFlag(root)
	root.AddCommand(c.previewCommand(), c.upCommand(), c.destroyCommand(), c.outputsCommand(), c.recoverCommand(), c.diffCommand(), c.cliCommand())
	return root
}

// explained says what an interrupt leaves behind.
func explained(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted; the same call goes on from there, and should it not: sandbox recover -s <stack>")
	}
	return err
}

// lasting makes a verb that runs on the sandbox which .sandbox/ keeps between calls; one that runs the program
// takes --config.
func (c *command) lasting(verb, short string, runsProgram bool, run func(context.Context, *sandbox.Stack) error) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " -s <stack>", Short: short, Args: cobra.NoArgs}
	stack := cli.StackFlag(cmd)
	settings := func() (map[string]string, error) { return nil, nil }
	if runsProgram {
		settings = configFlag(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return explained(cmd.Context(), c.onStack(cmd.Context(), verb, *stack, settings, run))
	}
	return cmd
}

func (c *command) onStack(ctx context.Context, verb, stack string, settings func() (map[string]string, error),
	run func(context.Context, *sandbox.Stack) error,
) (err error) {
	p, err := c.project()
	if err != nil {
		return err
	}
	if err := p.Check(stack); err != nil {
		return err
	}
	set, err := settings()
	if err != nil {
		return err
	}
	options := sandbox.Options{Dir: filepath.Join(p.Dir, ".sandbox"), Project: p, Program: infra.DeployIn, Log: c.log}
	if verb != "outputs" && verb != "recover" {
		options.Display, options.Color = c.out, color(c.out)
	}
	sb, err := sandbox.New(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	s, err := sb.Stack(ctx, stack)
	if err != nil {
		return err
	}
	if err := s.SetConfig(set); err != nil {
		return err
	}
	err = run(ctx, s)
	switch {
	case err != nil && strings.Contains(err.Error(), "currently locked by"):
		// One process at a time uses this sandbox, so whoever took the lock is gone.
		return fmt.Errorf("%s of %s: a process was lost in the middle of an update; run: sandbox recover -s %s", verb, stack, stack)
	case err != nil:
		return fmt.Errorf("%s of %s: %w", verb, stack, err)
	}
	return nil
}

// configFlag gives a verb --config and returns its reader.
func configFlag(cmd *cobra.Command) func() (map[string]string, error) {
	values := cmd.Flags().StringArray("config", nil, "`key=value` to set for this call, over the stack's file; repeatable")
	return func() (map[string]string, error) {
		settings := map[string]string{}
		for _, text := range *values {
			key, value, ok := strings.Cut(text, "=")
			if !ok || key == "" {
				return nil, fmt.Errorf("--config %q: allowed: key=value, such as taskCpu=512", text)
			}
			settings[key] = value
		}
		return settings, nil
	}
}

// color is always for a terminal, else never; https://no-color.org.
func color(w io.Writer) string {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return "never"
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return "never"
	}
	return "always"
}

func printOutputs(w io.Writer, indent string, outputs map[string]any) {
	width := 0
	for key := range outputs {
		width = max(width, len(key))
	}
	for _, key := range slices.Sorted(maps.Keys(outputs)) {
		text, err := project.Text(outputs[key])
		if err != nil {
			text = fmt.Sprint(outputs[key])
		}
		fmt.Fprintf(w, "%s%-*s  %s\n", indent, width, key, text)
	}
}
