package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/spf13/cobra"

	"sentry/infra"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

func (c *command) diffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff --base <ref>",
		Short: "Show what the working tree changes against a commit, for every stack",
		Args:  cobra.NoArgs,
	}
	base := cmd.Flags().String("base", "", "the `commit`, branch or tag to compare with")
	folder := cmd.Flags().String("out", "", "a `folder` for the engine's events, <stack>.json, one event a line")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return explained(cmd.Context(), c.diff(cmd.Context(), *base, *folder))
	}
	return cmd
}

// diff shows what the working tree changes against a commit (E3): the commit's own program deploys every stack
// into a new sandbox, and the working tree's program is previewed on top. folder, when set, gets the engine's
// events of each preview as <stack>.json, one a line.
func (c *command) diff(ctx context.Context, base, folder string) (err error) {
	p, err := c.project()
	if err != nil {
		return err
	}
	if base == "" {
		return errors.New("--base is not set; allowed: a commit, branch or tag, such as main")
	}
	if folder != "" {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("make the folder for the previews: %w", err)
		}
	}
	tree, remove, err := p.At(ctx, base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if err := c.deployBase(ctx, tree, base); err != nil {
		return err
	}

	sb, err := sandbox.New(ctx, sandbox.Options{
		Dir: filepath.Join(tree, ".sandbox"), Project: p, Program: infra.DeployIn, Log: c.log, Display: c.out, Color: color(c.out),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	var errs []error
	for _, name := range p.Environments() {
		fmt.Fprintf(c.out, "\n%s: what the working tree changes against %s\n\n", name, base)
		errs = append(errs, c.previewHead(ctx, sb, name, folder))
	}
	return errors.Join(errs...)
}

// previewHead writes the events also of a preview that fails.
func (c *command) previewHead(ctx context.Context, sb *sandbox.Sandbox, name, folder string) error {
	s, err := sb.Stack(ctx, name)
	if err != nil {
		return err
	}
	r, err := s.Preview(ctx, optpreview.Diff())
	c.explain(r)
	if err != nil {
		err = fmt.Errorf("preview of %s: %w", name, err)
	}
	if folder == "" {
		return err
	}
	file, fileErr := os.Create(filepath.Join(folder, name+".json"))
	if fileErr != nil {
		return errors.Join(err, fmt.Errorf("write the preview of %s: %w", name, fileErr))
	}
	encoder := json.NewEncoder(file)
	for _, event := range r.EngineEvents {
		if fileErr = encoder.Encode(event); fileErr != nil {
			break
		}
	}
	if fileErr = errors.Join(fileErr, file.Close()); fileErr != nil {
		err = errors.Join(err, fmt.Errorf("write the preview of %s: %w", name, fileErr))
	}
	return err
}

// deployBase runs the base's own sandbox command, so that its stacks are deployed by its own program.
func (c *command) deployBase(ctx context.Context, tree, base string) error {
	before, err := project.Open(tree)
	if err != nil {
		return fmt.Errorf("%s: %w", base, err)
	}
	if _, err := os.Stat(filepath.Join(tree, "cmd", "sandbox")); err != nil {
		return fmt.Errorf("%s has no cmd/sandbox to deploy it with: compare with a newer commit", base)
	}
	run := func(name string, args ...string) error {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir, cmd.Env = tree, project.WithoutRepository(os.Environ())
		// As the Makefile builds, so that what both commits share is compiled once.
		if flags := os.Getenv("GOFLAGS"); !slices.Contains(strings.Fields(flags), "-trimpath") {
			cmd.Env = append(cmd.Env, "GOFLAGS=-trimpath "+flags)
		}
		text, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, strings.TrimSpace(string(text)))
		}
		return nil
	}
	binary := filepath.Join(tree, ".sandbox-base")
	fmt.Fprintf(c.log, "Compiling %s…\n", base)
	if err := run("go", "build", "-o", binary, "./cmd/sandbox"); err != nil {
		return fmt.Errorf("compile %s: %w", base, err)
	}
	for _, stack := range before.Environments() {
		fmt.Fprintf(c.log, "Deploying %s as of %s…\n", stack, base)
		values, err := before.Values(stack)
		if err != nil {
			return err
		}
		region, _ := values["aws:region"].(string)
		// An image runs in the base, and so in the head: without one there are no tasks, and a changed number of them
		// would not show.
		image := sandbox.ReleasedImage(region, before.Name+"-"+stack+"-backend")
		if err := run(binary, "up", "-s", stack, "--config", before.Name+":image="+image); err != nil {
			return fmt.Errorf("deploy %s as of %s: %w", stack, base, err)
		}
	}
	return nil
}
