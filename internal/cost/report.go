package cost

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

func sortedNames[V any](values map[string]V) []string { return slices.Sorted(maps.Keys(values)) }

// Print writes one stack's report for a terminal.
func (r Report) Print(w io.Writer) error {
	out := &writer{w: w}
	out.printf("%s, %s: %s a month at AWS's list prices of %s\n\n", r.Stack, r.Region, dollars(r.Total), r.PricesDate)
	out.table(func(t io.Writer) {
		fmt.Fprintln(t, "COMPONENT\tWHAT\tHOW MUCH\tPRICE\tUSD\t")
		for _, line := range r.Lines {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s/%s\t%s\t\n", line.Component, line.What, line.Formula, decimals(line.Price), line.Unit, cents(line.Amount))
		}
		fmt.Fprintf(t, "\t\t\t\t%.2f\t\n", r.Total)
	})
	out.printf("\nFree:\n")
	out.table(func(t io.Writer) {
		for _, free := range r.Free {
			fmt.Fprintf(t, "  %d ×\t%s\t%s\t\n", free.Count, free.Type, free.Reason)
		}
	})
	out.printf("\nAssumed, with an image released (each is a flag):\n")
	out.table(func(t io.Writer) {
		for _, a := range r.Usage {
			given := ""
			if a.Given {
				given = "as given: "
			}
			fmt.Fprintf(t, "  --%s %s\t%s\t%s%s\t\n", a.Name, decimals(a.Value), a.Unit, given, a.Text)
		}
	})
	out.printf("\nWithout free tiers, discounts, support and taxes. The prices' sources are in internal/cost/prices.yaml.\n")
	out.unpriced(r)
	return out.err
}

// PrintAll writes a table with a column for each stack.
func PrintAll(w io.Writer, reports []Report) error {
	out := &writer{w: w}
	out.table(func(t io.Writer) {
		fmt.Fprint(t, "COMPONENT\tUSD A MONTH\t")
		for _, r := range reports {
			fmt.Fprintf(t, "%s\t", strings.ToUpper(r.Stack))
		}
		fmt.Fprintln(t)
		for _, row := range rows(reports) {
			fmt.Fprintf(t, "%s\t%s\t", row.component, row.what)
			for _, amount := range row.amounts {
				fmt.Fprintf(t, "%s\t", cents(amount))
			}
			fmt.Fprintln(t)
		}
		fmt.Fprint(t, "\tTotal\t")
		for _, r := range reports {
			fmt.Fprintf(t, "%.2f\t", r.Total)
		}
		fmt.Fprintln(t)
	})
	out.printf("\nAWS's list prices of %s, %s; `cost -s <stack>` shows the formulas and assumptions.\n", reports[0].PricesRegion, reports[0].PricesDate)
	for _, r := range reports {
		out.unpriced(r)
	}
	return out.err
}

// Markdown is the table of all stacks.
func Markdown(reports []Report) string {
	var b strings.Builder
	b.WriteString("| Component | Dollars a month |")
	for _, r := range reports {
		fmt.Fprintf(&b, " %s |", r.Stack)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---:|", len(reports)) + "\n")
	for _, row := range rows(reports) {
		fmt.Fprintf(&b, "| %s | %s |", row.component, row.what)
		for _, amount := range row.amounts {
			fmt.Fprintf(&b, " %s |", cents(amount))
		}
		b.WriteString("\n")
	}
	b.WriteString("| | **Total** |")
	for _, r := range reports {
		fmt.Fprintf(&b, " **%.2f** |", r.Total)
	}
	b.WriteString("\n")
	for _, r := range reports {
		for _, text := range r.Unpriced {
			fmt.Fprintf(&b, "\n**Not priced, %s:** %s\n", r.Stack, text)
		}
	}
	return b.String()
}

// row is a position of several reports; amounts has one value for each.
type row struct {
	component, what string
	amounts         []float64
}

func rows(reports []Report) []row {
	var found []row
	for i, r := range reports {
		for _, line := range r.Lines {
			j := slices.IndexFunc(found, func(x row) bool { return x.component == line.Component && x.what == line.What })
			if j < 0 {
				found = append(found, row{line.Component, line.What, make([]float64, len(reports))})
				j = len(found) - 1
			}
			found[j].amounts[i] += line.Amount
		}
	}
	slices.SortStableFunc(found, func(a, b row) int { return rank(a.component) - rank(b.component) })
	return found
}

// Difference writes, as Markdown, what separates the present reports from those of a base.
func Difference(base string, before, after []Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| Dollars a month, at list price | %s | now | difference |\n|---|---:|---:|---:|\n", base)
	changed := false
	for _, stack := range stacksOf(before, after) {
		old, now := find(before, stack), find(after, stack)
		fmt.Fprintf(&b, "| **%s** | %.2f | %.2f | **%s** |\n", stack, old.Total, now.Total, signed(now.Total-old.Total))
		for _, row := range rows([]Report{old, now}) {
			if delta := row.amounts[1] - row.amounts[0]; math.Abs(delta) >= 0.005 {
				changed = true
				fmt.Fprintf(&b, "| %s: %s | %s | %s | %s |\n", row.component, row.what, cents(row.amounts[0]), cents(row.amounts[1]), signed(delta))
			}
		}
	}
	if !changed {
		b.WriteString("\nThe price stays the same.\n")
	}
	for _, r := range after {
		old := find(before, r.Stack)
		if old.PricesDate != "" && old.PricesDate != r.PricesDate {
			fmt.Fprintf(&b, "\nA part of the difference may be AWS's: %s was computed with prices of %s, now of %s.\n", base, old.PricesDate, r.PricesDate)
			break
		}
	}
	for _, r := range after {
		for _, text := range r.Unpriced {
			fmt.Fprintf(&b, "\n**Not priced, %s:** %s\n", r.Stack, text)
		}
	}
	return b.String()
}

func stacksOf(lists ...[]Report) []string {
	var stacks []string
	for _, reports := range lists {
		for _, r := range reports {
			if !slices.Contains(stacks, r.Stack) {
				stacks = append(stacks, r.Stack)
			}
		}
	}
	return stacks
}

func find(reports []Report, stack string) Report {
	if i := slices.IndexFunc(reports, func(r Report) bool { return r.Stack == stack }); i >= 0 {
		return reports[i]
	}
	return Report{Stack: stack}
}

func signed(amount float64) string {
	if math.Abs(amount) < 0.005 {
		return "±0.00"
	}
	return fmt.Sprintf("%+.2f", amount)
}

// cents does not round what costs something down to nothing.
func cents(amount float64) string {
	switch {
	case amount == 0:
		return "–"
	case amount < 0.005:
		return "<0.01"
	}
	return fmt.Sprintf("%.2f", amount)
}

func dollars(amount float64) string { return fmt.Sprintf("$%.2f", amount) }

// decimals writes a number as short as it is.
func decimals(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// writer keeps the first error, so that a report is written without asking after each line.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) printf(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.w, format, args...)
	}
}

func (w *writer) table(fill func(io.Writer)) {
	t := tabwriter.NewWriter(w.w, 0, 0, 2, ' ', 0)
	fill(t)
	if err := t.Flush(); w.err == nil {
		w.err = err
	}
}

func (w *writer) unpriced(r Report) {
	for _, text := range r.Unpriced {
		w.printf("NOT PRICED, %s: %s\n", r.Stack, text)
	}
}
