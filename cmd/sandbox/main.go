// Command sandbox runs the environments on the real Pulumi engine, offline: AWS and the state backend live
// in this process. Without a verb it shows a tour of all stacks.
package main

import (
	"os"

	"sentry/internal/cli"
)

func main() { cli.Main(newCommand(os.Stdout, os.Stderr)) }
