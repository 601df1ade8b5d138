// Command delivery does the work of the delivery workflows. Every step of a workflow is
// one of its subcommands, and every subcommand runs on a laptop too: it takes flags, says
// what it does on standard output, and writes to GitHub's files only when they are there.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"sentry/internal/delivery/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command.New(os.Getenv)
	root.SetArgs(os.Args[1:])
	if err := root.ExecuteContext(ctx); err != nil {
		report(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func report(w io.Writer, err error) {
	fmt.Fprintln(w, "error:", err)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "interrupted")
	}
}
