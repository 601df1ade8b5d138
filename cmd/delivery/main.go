// Command delivery does the work of the delivery workflows. Every step of a workflow is one of its verbs, and every
// verb runs on a laptop too: it takes flags, says what it does on standard output, and writes to GitHub's files only
// when they are there.
package main

import (
	"os"

	"sentry/internal/cli"
)

func main() { cli.Main(newCommand(os.Getenv)) }
