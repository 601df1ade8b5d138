package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/preview"
)

func (c *command) previewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "preview -s <stack>",
		Short: "Preview a stack, and keep what was seen as JSON and Markdown",
		Args:  cobra.NoArgs,
	}
	writes(cmd, "digest", "changes")
	stack, attachments := cli.StackFlag(cmd), attachFlag(cmd)
	out := cmd.Flags().String("out", "", "a `folder` for <stack>.json and <stack>.md")
	commit := cmd.Flags().String("commit", "", "the `commit` shown with the preview")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		sections, err := attachments()
		if err != nil {
			return err
		}
		return c.preview(cmd, *stack, *out, preview.Options{Commit: *commit, Sections: sections})
	}
	return cmd
}

func (c *command) preview(cmd *cobra.Command, name, out string, options preview.Options) error {
	stack, err := c.stack(cmd, name)
	if err != nil {
		return err
	}
	seen, failure := stack.Preview(cmd.Context())
	options.Stack, options.RunURL, options.Stderr, options.Failed = name, c.runURL(), seen.Stderr, failure != nil
	text := preview.Render(seen.Preview, options)
	// Whatever came of it is shown, above all a failure.
	if err := c.summarize(cmd, text); err != nil {
		return errors.Join(failure, err)
	}
	if out != "" {
		if err := errors.Join(os.MkdirAll(out, 0o755), os.WriteFile(filepath.Join(out, name+".json"), seen.Raw, 0o644),
			os.WriteFile(filepath.Join(out, name+".md"), []byte(text), 0o644)); err != nil {
			return errors.Join(failure, err)
		}
	}
	if failure != nil {
		return failure
	}
	return c.set(cmd, "digest", seen.Preview.Digest(), "changes", seen.Preview.Counts())
}
