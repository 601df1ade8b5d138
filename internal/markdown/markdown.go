// Package markdown writes tables.
package markdown

import "strings"

// Table is a table of rows, the first of which is its head. A column whose title ends with a
// colon, which is not shown, is aligned to the right.
func Table(rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	head, rule := make([]string, len(rows[0])), make([]string, len(rows[0]))
	for i, title := range rows[0] {
		head[i], rule[i] = strings.TrimSuffix(title, ":"), "---"
		if strings.HasSuffix(title, ":") {
			rule[i] = "---:"
		}
	}
	line(head)
	line(rule)
	for _, row := range rows[1:] {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		line(cells)
	}
	return b.String()
}
