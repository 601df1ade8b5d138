// Command sentry is the Pulumi program: pulumi up -s staging.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra"
)

func main() {
	pulumi.Run(infra.Deploy)
}
