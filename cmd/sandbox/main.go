// Command sandbox runs the environments on the real Pulumi engine, offline: AWS and the state backend live
// in this process. Without a verb it shows a tour of all stacks.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand(os.Stdout, os.Stderr).ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted; what was begun is finished and recorded, the same call goes on from there")
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox: "+err.Error())
		os.Exit(1)
	}
}
