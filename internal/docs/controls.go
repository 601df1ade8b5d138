package docs

import (
	"fmt"
	"strings"

	"sentry/internal/controls"
	"sentry/internal/markdown"
)

// controlsTables are the security controls, a table for each chapter.
func controlsTables() string {
	var out strings.Builder
	counts := map[string]int{}
	for _, section := range controls.Table() {
		rows := [][]string{{"Control", "It demands", "Status", "How, or why not"}}
		for _, c := range section.Controls {
			counts[c.Status.String()]++
			ids := strings.ReplaceAll(strings.Join(strings.Fields(c.IDs), ", "), "CIS-", "CIS ")
			if c.IDs == "own" {
				ids = "–"
			}
			status := c.Status.String()
			if c.Key != "" {
				status += ": " + c.Key
			}
			rows = append(rows, []string{ids, c.Demands, status, c.Why})
		}
		fmt.Fprintf(&out, "## %s\n\n%s\n", section.Title, markdown.Table(rows))
	}
	return fmt.Sprintf("%d controls are met, %d are met by a key, %d are accepted as they are, and %d are the account's.\n\n%s",
		counts["met"], counts["met by key"], counts["accepted"], counts["the account's"], out.String())
}
