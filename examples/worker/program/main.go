// Command program is the Pulumi program of the example: pulumi up -C examples/worker -s example.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/examples/worker"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error { return worker.DeployIn(ctx.RootDirectory())(ctx) })
}
