package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sentry/internal/cost"
	"sentry/internal/project"
)

func (c *command) diffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff --base <ref>",
		Short: "What the changes since a commit cost a month, as Markdown",
		Long: `What the changes since a commit cost a month, as Markdown. The base is priced by its own program and its own
prices, in a worktree of its own.`,
		Args: cobra.NoArgs,
	}
	base := cmd.Flags().String("base", "", "the `commit` to compare with, such as origin/main")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.diff(cmd, *base) }
	return cmd
}

func (c *command) diff(cmd *cobra.Command, base string) error {
	if base == "" {
		return errors.New("--base is not set; allowed: a commit, branch or tag, such as main")
	}
	after, err := c.reports(cmd)
	if err != nil {
		return err
	}
	before, err := c.reportsOf(cmd, base)
	switch {
	case errors.Is(err, errNoCommand):
		fmt.Fprintf(cmd.OutOrStdout(), "`%s` has %v; so this is the whole price.\n\n%s", base, err, cost.Markdown(after))
	case err != nil:
		return err
	default:
		fmt.Fprint(cmd.OutOrStdout(), cost.Difference("`"+base+"`", before, after))
	}
	return unpriced(after)
}

// errNoCommand says that a commit is older than this command.
var errNoCommand = errors.New("no cmd/cost to price it with")

// reportsOf runs the base's own code in a worktree of its own.
func (c *command) reportsOf(cmd *cobra.Command, base string) ([]cost.Report, error) {
	p, err := c.project()
	if err != nil {
		return nil, err
	}
	dir, remove, err := p.At(cmd.Context(), base)
	if err != nil {
		return nil, fmt.Errorf("--base: %w", err)
	}
	defer func() { _ = remove() }() // what stays of it is in the system's folder for temporary files
	if _, err := os.Stat(filepath.Join(dir, "cmd", "cost", "main.go")); err != nil {
		return nil, errNoCommand
	}

	args := []string{"run", "./cmd/cost", "--json"}
	if c.stack != "" {
		args = append(args, "--stack", c.stack)
	}
	for name, value := range c.given(cmd.Flags()) {
		args = append(args, "--"+name+"="+strconv.FormatFloat(value, 'f', -1, 64))
	}
	run := exec.CommandContext(cmd.Context(), "go", args...)
	run.Dir, run.Env = dir, project.WithoutRepository(os.Environ())
	var stderr bytes.Buffer
	run.Stderr = &stderr
	output, runErr := run.Output()
	var reports []cost.Report
	// A base with something unpriced ends with an error, but has written its report.
	if err := json.Unmarshal(output, &reports); err != nil {
		return nil, fmt.Errorf("price %s with its own program: %w: %s", base, errors.Join(runErr, err), strings.TrimSpace(stderr.String()))
	}
	return reports, nil
}
