// Command docs rewrites the generated parts of the documents: make docs. With --check it only says which are
// stale, and fails when one is.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sentry/infra"
	"sentry/internal/docs"
)

func main() {
	var dir string
	var check bool
	command := &cobra.Command{
		Use:          "docs",
		Short:        "Rewrite the generated parts of the documents",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			changed, err := docs.Update(infra.DeployIn, dir, check)
			for _, name := range changed {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			if err == nil && check && len(changed) > 0 {
				return fmt.Errorf("%d documents are stale: make docs", len(changed))
			}
			return err
		},
	}
	command.Flags().BoolVar(&check, "check", false, "write nothing; fail when something is stale")
	command.Flags().StringVarP(&dir, "dir", "C", ".", "the project's directory")
	if command.Execute() != nil {
		os.Exit(1)
	}
}
