// Command adopt takes a running Terraform environment over: go run ./cmd/adopt -s staging --state terraform.tfstate.
package main

import (
	"os"

	"sentry/internal/adopt"
	"sentry/internal/cli"
)

func main() { cli.Main(newCommand(os.Stdout, os.Stderr, adopt.RulesInAWS)) }
