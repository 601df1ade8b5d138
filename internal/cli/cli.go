// Package cli is what the commands have in common: how they end, and how they find the project.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"sentry/internal/project"
)

// Main runs a command and ends the process. An interrupt cancels the command's context.
func Main(root *cobra.Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Run(ctx, root, os.Stderr)
	stop()
	os.Exit(code)
}

// Run runs a command, prints its error as "<command>: <error>", and returns its exit code: 0, the code of an
// [ExitError], or 1.
func Run(ctx context.Context, root *cobra.Command, stderr io.Writer) int {
	root.SilenceUsage, root.SilenceErrors = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %v\n", root.Name(), err)
	var exit *ExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	return 1
}

// ExitError is an error with an exit code of its own, for scripts to tell it from others.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string { return e.Err.Error() }

// Unwrap is the error without its code.
func (e *ExitError) Unwrap() error { return e.Err }

// ProjectFlag gives a command and those below it -C, and returns what finds the project.
func ProjectFlag(cmd *cobra.Command) func() (project.Project, error) {
	dir := cmd.PersistentFlags().StringP("directory", "C", "", "the project's `folder` (default: the working directory or the one above it with Pulumi.yaml)")
	return func() (project.Project, error) { return project.Find(*dir) }
}

// StackFlag gives a command -s.
func StackFlag(cmd *cobra.Command) *string {
	return cmd.Flags().StringP("stack", "s", "", "the `stack`: the name of a file Pulumi.<stack>.yaml")
}
