// Command program is the Pulumi program of the example: pulumi up -C examples/database -s example.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/examples/database"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error { return database.DeployIn(ctx.RootDirectory())(ctx) })
}
