// Command delivery does the work of the delivery workflows. Every step of a workflow is
// one of its subcommands, and every subcommand runs on a laptop too: it takes flags, says
// what it does on standard output, and writes to GitHub's files only when they are there.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sentry/internal/delivery/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command.New(os.Getenv).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
