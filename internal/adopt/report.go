package adopt

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The table's columns: a verdict, an address as Terraform writes it, and what becomes of it.
const (
	pageWidth    = 100
	verdictWidth = 12
	addressWidth = 46
)

// Print writes what becomes of each resource, and what the stack file will say. Of the container's variables only the
// names are shown: their values may be anything.
func (p *Plan) Print(out io.Writer) error {
	counts := map[Verdict]int{}
	var reasons []string
	for _, row := range p.Rows {
		if !row.Part {
			counts[row.Verdict]++
		}
		if row.Why != "" && !slices.Contains(reasons, row.Why) {
			reasons = append(reasons, row.Why)
		}
		fmt.Fprint(out, row.line(slices.Index(reasons, row.Why)+1))
	}
	for i, reason := range reasons {
		if i == 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "[%d] %s\n", i+1, wrapped(reason, "    "))
	}
	fmt.Fprintf(out, "\n%d resources: %d imported, %d superseded, %d refused.\n",
		counts[Imported]+counts[Superseded]+counts[Refused], counts[Imported], counts[Superseded], counts[Refused])
	if err := p.printChanges(out); err != nil {
		return err
	}
	if len(p.New) > 0 {
		fmt.Fprintf(out, "\nThe first update creates:\n  %s\n", strings.Join(p.New, "\n  "))
	}
	for _, note := range p.Notes {
		text, commands, _ := strings.Cut(note, "\n")
		fmt.Fprintf(out, "\n%s\n", wrapped(text, ""))
		for command := range strings.SplitSeq(commands, "\n") {
			if command != "" {
				fmt.Fprintln(out, folded(command))
			}
		}
	}
	return nil
}

// line is the row's part of the table: one line, or where that is too long two. The reason stands below the table.
func (r Row) line(reason int) string {
	var what []string
	if r.Verdict == Imported {
		what = append(what, short(r.Token)+" "+r.Name)
	}
	if reason > 0 {
		what = append(what, fmt.Sprintf("[%d]", reason))
	}
	address := r.Address
	if r.Part {
		address = "  " + address[strings.Index(address, " ")+1:] // below what it is a part of
	}
	start := fmt.Sprintf("%-*s%-*s", verdictWidth, r.Verdict, addressWidth, address)
	end := strings.Join(what, " ")
	if len(address) >= addressWidth {
		start += "  "
	}
	if len(start)+len(end) <= pageWidth {
		return start + end + "\n"
	}
	return strings.TrimRight(start, " ") + "\n" + strings.Repeat(" ", verdictWidth+4) + end + "\n"
}

// wrapped breaks a text between words; the lines after the first begin with indent.
func wrapped(text, indent string) string {
	var b strings.Builder
	column := len(indent)
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > pageWidth:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// folded breaks a long command before its flags.
func folded(command string) string {
	words := strings.Split(command, " --")
	var b strings.Builder
	column := 0
	for i, word := range words {
		switch {
		case i == 0:
		case column+3+len(word)+len(" \\") > pageWidth:
			b.WriteString(" \\\n    --")
			column = len("    --")
		default:
			b.WriteString(" --")
			column += 3
		}
		b.WriteString(word)
		column += len(word) - strings.LastIndex(word, "\n") - 1
	}
	return b.String()
}

func (p *Plan) printChanges(out io.Writer) error {
	if len(p.Changes) == 0 {
		fmt.Fprintf(out, "\nPulumi.%s.yaml says already what there is.\n", p.Environment)
		return nil
	}
	fmt.Fprintf(out, "\nPulumi.%s.yaml gets:\n", p.Environment)
	for _, change := range p.Changes {
		text, err := change.text()
		if err != nil {
			return fmt.Errorf("show %s: %w", change.Key, err)
		}
		fmt.Fprintf(out, "  %s\n", strings.ReplaceAll(text, "\n", "\n  "))
	}
	return nil
}

// text is the change as the stack file has it.
func (c Change) text() (string, error) {
	if strings.HasSuffix(c.Key, ":environment") || strings.HasSuffix(c.Key, ":secrets") {
		fields, _ := c.Value.(map[string]any)
		return c.Key + ": values of " + strings.Join(slices.Sorted(maps.Keys(fields)), ", "), nil
	}
	var b strings.Builder
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(map[string]any{c.Key: c.Value}); err != nil {
		return "", err
	}
	text := strings.TrimSpace(b.String())
	if c.Before == nil {
		return text, nil
	}
	before, err := yaml.Marshal(c.Before)
	if err != nil {
		return "", err
	}
	key, rest, _ := strings.Cut(text, "\n")
	if was := strings.TrimSpace(string(before)); !strings.Contains(was, "\n") {
		key += " # now " + was
	}
	return strings.TrimSpace(key + "\n" + rest), nil
}

// PrintSteps writes the steps, each with what undoes it.
func PrintSteps(out io.Writer, steps []Step) {
	for i, step := range steps {
		fmt.Fprintf(out, "\n# %s\n", wrapped(fmt.Sprintf("%d. %s.", i+1, step.Title), "# "))
		for _, command := range step.Commands {
			fmt.Fprintln(out, folded(command))
		}
		if len(step.Undo) > 0 {
			fmt.Fprintln(out, "# Undo:")
		}
		for _, command := range step.Undo {
			fmt.Fprintln(out, "#   "+strings.ReplaceAll(folded(command), "\n", "\n#   "))
		}
	}
}
