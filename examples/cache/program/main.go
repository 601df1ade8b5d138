// Command program is the Pulumi program of the example: pulumi up -C examples/cache -s example.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/examples/cache"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error { return cache.DeployIn(ctx.RootDirectory())(ctx) })
}
