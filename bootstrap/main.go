// Bootstrap is the Pulumi program that prepares an AWS account: see cmd/bootstrap, which runs it.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/bootstrap/account"
)

func main() {
	pulumi.Run(account.Deploy)
}
