package cost

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sentry/internal/markdown"
)

// headline is what a stack costs, and where and when.
func (r Report) headline() string {
	at := "AWS's list prices of " + r.PricesDate
	if r.Region != r.PricesRegion {
		at = fmt.Sprintf("%s's list prices of %s, because there are none for %s yet (cost prices --region %s)",
			r.PricesRegion, r.PricesDate, r.Region, r.Region)
	}
	return fmt.Sprintf("%s, %s: $%.2f a month at %s", r.Stack, r.Region, r.Total, at)
}

// Your bill will rather be the second total.
const freeAllowances = "after what every account has free each month\n(100 GB to the internet, 5 GB of logs, 10 metrics, 10 alarms and more)"

// Print writes one stack's report for a terminal.
func (r Report) Print(w io.Writer) error {
	out := &writer{w: w}
	out.printf("%s.\nYour bill will rather be $%.2f, %s.\n\n", r.headline(), r.WithFree, freeAllowances)
	lines := [][]string{{"COMPONENT", "WHAT", "HOW MUCH", "PRICE", ">USD"}}
	for _, line := range r.Lines {
		lines = append(lines, []string{line.Component, line.What, line.Formula, decimals(line.Price) + "/" + line.Unit, cents(line.Amount)})
	}
	out.table("", append(lines, []string{"", "", "", "", fmt.Sprintf("%.2f", r.Total)}))
	out.printf("\nAssumed, with an image released (each is a flag):\n")
	var assumed [][]string
	for _, a := range r.Usage {
		given := ""
		if a.Given {
			given = "as given: "
		}
		assumed = append(assumed, []string{"--" + a.Name + " " + decimals(a.Value), a.Unit, given + a.Text})
	}
	out.table("  ", assumed)
	free := 0
	for _, f := range r.Free {
		free += f.Count
	}
	out.printf("\n%d resources are free (--json lists them). Without discounts, support and taxes. The prices' sources are in\n"+
		"internal/cost/prices.yaml.\n", free)
	out.unpriced(r)
	return out.err
}

// PrintAll writes a table with a column for each stack.
func PrintAll(w io.Writer, reports []Report) error {
	out := &writer{w: w}
	table := allStacks(reports, "", "with free allowances", "COMPONENT", "USD A MONTH")
	for i, r := range reports {
		table[0][i+2] = ">" + strings.ToUpper(r.Stack)
	}
	for _, r := range reports {
		out.printf("%s.\n", r.headline())
	}
	out.printf("\n")
	out.table("", table)
	out.printf("\nYour bill will rather be the last line, %s.\n`cost -s <stack>` shows the formulas and assumptions.\n", freeAllowances)
	for _, r := range reports {
		out.unpriced(r)
	}
	return out.err
}

// Markdown is the table of all stacks.
func Markdown(reports []Report) string {
	table := allStacks(reports, "**", "with an account's free allowances", "Component", "Dollars a month")
	return markdown.Table(table) + notPriced(reports)
}

// allStacks has a column for each stack, the totals between marks, and the bill of an account of its own at the end.
func allStacks(reports []Report, mark, free string, head ...string) [][]string {
	total, withFree := []string{"", mark + "Total" + mark}, []string{"", free}
	for _, r := range reports {
		head = append(head, r.Stack+":")
		total = append(total, fmt.Sprintf("%s%.2f%s", mark, r.Total, mark))
		withFree = append(withFree, fmt.Sprintf("%.2f", r.WithFree))
	}
	table := [][]string{head}
	for _, row := range rows(reports) {
		cells := []string{row.component, row.what}
		for _, amount := range row.amounts {
			cells = append(cells, cents(amount))
		}
		table = append(table, cells)
	}
	return append(table, total, withFree)
}

// notPriced says what the totals leave out.
func notPriced(reports []Report) string {
	var b strings.Builder
	for _, r := range reports {
		if r.Region != r.PricesRegion {
			fmt.Fprintf(&b, "\n%s: the amounts are %s's, because there are no prices for %s yet.\n", r.Stack, r.PricesRegion, r.Region)
		}
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
	// Each report has its dearest component first; a position of a later report goes to its component.
	var components []string
	for _, row := range found {
		components = append(components, row.component)
	}
	slices.SortStableFunc(found, func(a, b row) int {
		return slices.Index(components, a.component) - slices.Index(components, b.component)
	})
	return found
}

// Difference writes, as Markdown, what separates the present reports from those of a base.
func Difference(base string, before, after []Report) string {
	table := [][]string{{"Dollars a month, at list price", base + ":", "now:", "difference:"}}
	head := len(table)
	var notes strings.Builder
	for _, stack := range stacksOf(before, after) {
		old, now := find(before, stack), find(after, stack)
		table = append(table, []string{
			"**" + stack + "**", fmt.Sprintf("%.2f", old.Total), fmt.Sprintf("%.2f", now.Total), "**" + signed(now.Total-old.Total) + "**",
		})
		head++
		for _, row := range rows([]Report{old, now}) {
			if delta := row.amounts[1] - row.amounts[0]; math.Abs(delta) >= 0.005 {
				table = append(table, []string{row.component + ": " + row.what, cents(row.amounts[0]), cents(row.amounts[1]), signed(delta)})
			}
		}
	}
	if len(table) == head {
		notes.WriteString("\nThe price stays the same.\n")
	}
	for _, r := range after {
		old := find(before, r.Stack)
		if old.PricesDate != "" && old.PricesDate != r.PricesDate {
			fmt.Fprintf(&notes, "\nA part of the difference may be AWS's: %s was computed with prices of %s, now of %s.\n", base, old.PricesDate, r.PricesDate)
			break
		}
	}
	return markdown.Table(table) + notes.String() + notPriced(after)
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

// decimals writes a number as short as it is.
func decimals(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// rounded is a number with at most so many digits after the point.
func rounded(v float64, digits int) float64 {
	factor := math.Pow10(digits)
	return math.Round(v*factor) / factor
}

// Rounded is a report for machines: amounts to the hundredth of a cent, without what computing leaves behind.
func (r Report) Rounded() Report {
	r.Total, r.WithFree = rounded(r.Total, 4), rounded(r.WithFree, 4)
	r.Lines = slices.Clone(r.Lines)
	for i := range r.Lines {
		r.Lines[i].Quantity, r.Lines[i].Amount = rounded(r.Lines[i].Quantity, 4), rounded(r.Lines[i].Amount, 4)
	}
	return r
}

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

func (w *writer) table(indent string, rows [][]string) { w.printf("%s", Columns(indent, rows)) }

// Columns are rows for a terminal, each column as wide as its widest cell; one whose first cell begins with ">",
// which is not shown, is aligned to the right.
func Columns(indent string, rows [][]string) string {
	var widths []int
	right := map[int]bool{}
	for i, row := range rows {
		for column, cell := range row {
			if text, ok := strings.CutPrefix(cell, ">"); i == 0 && ok {
				right[column], rows[0][column], cell = true, text, text
			}
			if column == len(widths) {
				widths = append(widths, 0)
			}
			widths[column] = max(widths[column], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		line.WriteString(indent)
		for column, cell := range row {
			space := strings.Repeat(" ", widths[column]-utf8.RuneCountInString(cell))
			if right[column] {
				cell, space = space+cell, ""
			}
			line.WriteString(cell + space + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func (w *writer) unpriced(r Report) {
	for _, text := range r.Unpriced {
		w.printf("NOT PRICED, %s: %s\n", r.Stack, text)
	}
}
