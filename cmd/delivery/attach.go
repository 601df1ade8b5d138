package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sentry/internal/delivery/preview"
)

// attachFlag gives a verb --attach and returns a reader of the sections. A file that is not there or empty is left
// out, so that a workflow may name what another step may have written.
func attachFlag(cmd *cobra.Command) func() ([]preview.Section, error) {
	attach := cmd.Flags().StringArray("attach", nil, "`title=file` of Markdown to show with the changes, such as their price; repeatable")
	return func() ([]preview.Section, error) {
		var sections []preview.Section
		for _, a := range *attach {
			title, file, ok := strings.Cut(a, "=")
			if !ok || title == "" || file == "" {
				return nil, fmt.Errorf("--attach %q; allowed: <title>=<file>", a)
			}
			raw, err := os.ReadFile(file)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			sections = append(sections, preview.Section{Title: title, Markdown: string(raw)})
		}
		return sections, nil
	}
}
