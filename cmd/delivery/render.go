package main

import (
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/preview"
)

func (c *command) renderCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render -s <stack>",
		Short: "Show a preview that was kept as JSON, as Markdown",
		Args:  cobra.NoArgs,
	}
	stack, attachments := cli.StackFlag(cmd), attachFlag(cmd)
	in := cmd.Flags().String("in", "-", "the `file` that delivery preview or sandbox diff wrote; - is standard input")
	out := cmd.Flags().String("out", "", "the `file` to write; empty is the run's summary, or standard output")
	options := preview.Options{}
	cmd.Flags().StringVar(&options.Note, "note", "", "a `sentence` under the heading")
	cmd.Flags().StringVar(&options.Commit, "commit", "", "the `commit` shown with the preview")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := c.checked(*stack); err != nil {
			return err
		}
		var err error
		if options.Sections, err = attachments(); err != nil {
			return err
		}
		raw, err := readFile(cmd, *in)
		if err != nil {
			return err
		}
		p, err := preview.Parse(bytes.NewReader(raw))
		if err != nil && !errors.Is(err, preview.ErrNoPreview) {
			return err
		}
		options.Stack, options.RunURL = *stack, c.runURL()
		text := preview.Render(p, options)
		if *out == "" {
			return c.summarize(cmd, text)
		}
		return os.WriteFile(*out, []byte(text), 0o644)
	}
	return cmd
}

func readFile(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(name)
}
