// Command bootstrap prepares an AWS account for the environments: the bucket with their states, the key for the
// secrets in them, and the roles that GitHub's workflows may take. It can be run again at any time, and after any
// interruption. With --sandbox it does all of it offline.
package main

import (
	"os"

	"sentry/internal/cli"
)

func main() { cli.Main(newCommand(os.Stdout, os.Stderr)) }
