// Command docs rewrites the generated parts of the documents: make docs. With --check it only says which are
// stale, and fails when one is.
package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sentry/infra"
	"sentry/internal/cli"
	"sentry/internal/docs"
)

func main() { cli.Main(newCommand()) }

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "docs",
		Short: "Rewrite the generated parts of the documents",
		Args:  cobra.NoArgs,
	}
	find := cli.ProjectFlag(root)
	check := root.Flags().Bool("check", false, "write nothing; fail when something is stale")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := find()
		if err != nil {
			return err
		}
		changed, err := docs.Update(infra.DeployIn, p, *check)
		for _, name := range changed {
			fmt.Fprintln(cmd.OutOrStdout(), name)
		}
		if err == nil && *check && len(changed) > 0 {
			return fmt.Errorf("%d documents are stale: make docs", len(changed))
		}
		return err
	}
	return root
}
