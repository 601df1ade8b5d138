package adopt

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sentry/internal/project"
)

// Print writes what becomes of each resource, and what the stack file will say. Of the configuration's values only
// names and sizes are shown: variables of the container may be anything.
func (p *Plan) Print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range p.Rows {
		what := row.Why
		switch {
		case row.Moved:
			what = short(row.Token) + " " + row.Name + ", once it leads to its subnet's new route table"
		case row.Verdict == Imported:
			what = short(row.Token) + " " + row.Name
		}
		address := row.Address
		if row.Part {
			address = "  " + address[strings.Index(address, " ")+1:] // below its group
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", address, row.Verdict, what)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	counts := map[Verdict]int{}
	for _, row := range p.Rows {
		if !row.Part {
			counts[row.Verdict]++
		}
	}
	fmt.Fprintf(out, "\n%d resources: %d imported, %d superseded, %d refused.\n",
		counts[Imported]+counts[Superseded]+counts[Refused], counts[Imported], counts[Superseded], counts[Refused])
	p.printChanges(out)
	if len(p.New) > 0 {
		fmt.Fprintf(out, "\nThe first update creates:\n  %s\n", strings.Join(p.New, "\n  "))
	}
	for _, note := range p.Notes {
		fmt.Fprintf(out, "\n%s\n", note)
	}
	return nil
}

func (p *Plan) printChanges(out io.Writer) {
	if len(p.Changes) == 0 {
		fmt.Fprintf(out, "\nPulumi.%s.yaml says already what there is.\n", p.Environment)
		return
	}
	fmt.Fprintf(out, "\nPulumi.%s.yaml gets:\n", p.Environment)
	for _, change := range p.Changes {
		fmt.Fprintf(out, "  %s\n", change)
	}
}

func (c Change) String() string {
	if strings.HasSuffix(c.Key, ":environment") || strings.HasSuffix(c.Key, ":secrets") {
		fields, _ := c.Value.(map[string]any)
		return c.Key + ": values of " + strings.Join(sortedKeys(fields), ", ")
	}
	value, err := project.Text(c.Value)
	if err != nil {
		value = err.Error()
	}
	if c.Before == nil {
		return c.Key + ": " + value
	}
	before, err := project.Text(c.Before)
	if err != nil {
		before = err.Error()
	}
	return fmt.Sprintf("%s: %s (now %s)", c.Key, value, before)
}

// PrintSteps writes the steps, each with what undoes it.
func PrintSteps(out io.Writer, steps []Step) {
	for i, step := range steps {
		fmt.Fprintf(out, "\n# %d. %s.\n%s\n", i+1, step.Title, strings.Join(step.Commands, "\n"))
		if len(step.Undo) > 0 {
			fmt.Fprintf(out, "# Undo:\n#   %s\n", strings.ReplaceAll(strings.Join(step.Undo, "\n"), "\n", "\n#   "))
		}
	}
}
