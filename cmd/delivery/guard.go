package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/github"
	"sentry/internal/project"
)

func (c *command) guardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "guard -s <stack>",
		Short: "Refuse to go on when nobody has to approve what is deployed to a guarded environment",
		Args:  cobra.NoArgs,
	}
	stack := cli.StackFlag(cmd)
	unreviewed := cmd.Flags().String("unreviewed", "no", "whether to deploy without an approval: `no`, yes, or by-hand, in a run that was started by hand for a commit named by hand")
	ref := cmd.Flags().String("ref", "", "the `ref` that was named when the run was started")
	guarded := cmd.Flags().Bool("guarded", false, "the environment is guarded, whatever the stack file here says: it may be an older one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.guard(cmd, *stack, *unreviewed, *ref, *guarded) }
	return cmd
}

func (c *command) guard(cmd *cobra.Command, stack, unreviewed, ref string, guarded bool) error {
	p, err := c.checked(stack)
	if err != nil {
		return err
	}
	guarded = guarded || p.Guarded(stack)
	client, err := github.New(c.getenv)
	if err != nil {
		return err
	}
	protection, err := client.Protection(cmd.Context(), stack)
	if err != nil {
		return fmt.Errorf("ask how the environment %s is protected: %w", stack, err)
	}
	problem := ""
	switch {
	case !protection.Exists:
		problem = "does not exist in the repository's settings: its first deployment would create it, open to every branch and without reviewers"
	case !protection.Restricted:
		problem = "does not restrict its branches by name: restrict it to main, or whoever can push a branch gets its deploy role"
	case !protection.Reviewed && guarded:
		problem = "has no required reviewers: nobody would be asked. On private repositories GitHub has them with Enterprise only"
	default:
		return nil
	}
	byHand := unreviewed == "by-hand" && ref != "" && c.getenv("GITHUB_EVENT_NAME") == "workflow_dispatch"
	if guarded && unreviewed != "yes" && !byHand {
		return fmt.Errorf("environment %s is guarded (%s:%s in its stack file), and %s. Mend that, or set the variable DEPLOY_UNREVIEWED "+
			"to by-hand, start the deployment by hand and name its commit (docs/delivery.md)", stack, p.Name, project.Guard, problem)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "::warning::environment %s %s\n", stack, problem)
	return nil
}
