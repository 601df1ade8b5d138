package main

import (
	"fmt"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/github"
	"sentry/internal/delivery/preview"
)

func (c *command) commentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "comment -s <stack>",
		Short: "Keep a stack's comment on a pull request up to date",
		Args:  cobra.NoArgs,
	}
	stack := cli.StackFlag(cmd)
	body := cmd.Flags().String("body", "", "the `file` of Markdown that delivery preview or render wrote")
	number := cmd.Flags().Int("pull-request", 0, "the `number` of the pull request")
	head := cmd.Flags().String("head", "", "instead: `owner:branch@commit`, the head of an open pull request")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.comment(cmd, *stack, *body, *number, *head) }
	return cmd
}

var pullRequestHead = regexp.MustCompile(`^([^:]+):(.+)@([0-9a-f]{40})$`)

func (c *command) comment(cmd *cobra.Command, stack, body string, number int, head string) error {
	if _, err := c.checked(stack); err != nil {
		return err
	}
	text, err := os.ReadFile(body)
	if err != nil {
		return err
	}
	client, err := github.New(c.getenv)
	if err != nil {
		return err
	}
	if number == 0 {
		m := pullRequestHead.FindStringSubmatch(head)
		if m == nil {
			return fmt.Errorf("--pull-request %d, --head %q; allowed: one of them, the latter as owner:branch@commit", number, head)
		}
		if number, err = client.PullRequestOf(cmd.Context(), m[1], m[2], m[3]); err != nil {
			return err
		}
		if number == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "no open pull request has this head any more: nothing to comment on")
			return nil
		}
	}
	return client.UpsertComment(cmd.Context(), number, preview.Marker(stack), string(text))
}
