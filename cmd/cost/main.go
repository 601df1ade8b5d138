// Command cost says what the stacks cost a month: go run ./cmd/cost -s staging.
package main

import (
	"errors"
	"fmt"
	"os"

	"sentry/infra"
	"sentry/internal/cost"
)

func main() {
	command, err := cost.Command(infra.DeployIn)
	if err == nil {
		err = command.Execute() // prints its error itself
	} else {
		fmt.Fprintln(os.Stderr, "Error:", err)
	}
	if errors.Is(err, cost.ErrUnpriced) {
		os.Exit(cost.UnpricedExit)
	}
	if err != nil {
		os.Exit(1)
	}
}
