package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/cost"
	"sentry/internal/project"
)

// totalsTable is the price of every stack, by component.
func totalsTable(stacks []Stack) string {
	sums := make([]map[string]float64, len(stacks))
	var names []string
	var b strings.Builder
	b.WriteString("| Dollars a month |")
	for i, stack := range stacks {
		fmt.Fprintf(&b, " %s |", stack.Name)
		sums[i] = map[string]float64{}
		for _, line := range stack.Cost.Lines {
			sums[i][line.Component] += line.Amount
			names = append(names, line.Component)
		}
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(stacks)) + "\n")
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		fmt.Fprintf(&b, "| %s |", name)
		for i := range stacks {
			fmt.Fprintf(&b, " %.2f |", sums[i][name])
		}
		b.WriteString("\n")
	}
	b.WriteString("| **Total** |")
	for _, stack := range stacks {
		fmt.Fprintf(&b, " **%.2f** |", stack.Cost.Total)
	}
	b.WriteString("\n")
	return b.String()
}

// costTable is the price of every stack, and what it rests on.
func costTable(stacks []Stack) string {
	var reports []cost.Report
	for _, stack := range stacks {
		reports = append(reports, stack.Cost)
	}
	var b strings.Builder
	b.WriteString(cost.Markdown(reports))
	fmt.Fprintf(&b, "\nAWS's list prices in %s of %s, after the first release, without free tiers and taxes.\n", reports[0].PricesRegion, reports[0].PricesDate)
	b.WriteString("\n<details><summary>What is assumed, per month</summary>\n\n| Assumed |")
	for _, r := range reports {
		fmt.Fprintf(&b, " %s |", r.Stack)
	}
	b.WriteString(" unit |\n|---|" + strings.Repeat("---:|", len(reports)) + "---|\n")
	for _, a := range reports[0].Usage {
		fmt.Fprintf(&b, "| %s |", a.Text)
		for _, r := range reports {
			value := "–"
			if at := slices.IndexFunc(r.Usage, func(x cost.Assumption) bool { return x.Name == a.Name }); at >= 0 {
				value = fmt.Sprintf("%g", r.Usage[at].Value)
			}
			fmt.Fprintf(&b, " %s |", value)
		}
		fmt.Fprintf(&b, " %s |\n", a.Unit)
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// regionKey stands here because aws:region belongs to the AWS provider's namespace, whose keys a project file does
// not describe.
var regionKey = project.Key{Name: "aws:region", Type: "string", Description: "Where everything runs, a region's code"}

// configurationTable has a row for each key, with the values that the stack files set.
func configurationTable(p project.Project) (string, error) {
	declared, err := p.Keys()
	if err != nil {
		return "", err
	}
	stacks := p.Environments()
	values := make([]map[string]any, len(stacks))
	for i, stack := range stacks {
		if values[i], err = p.Values(stack); err != nil {
			return "", err
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| Key | Type | Default | %s | What it is |\n|---|---|---|%s---|\n", strings.Join(stacks, " | "), strings.Repeat("---|", len(stacks)))
	for _, key := range append([]project.Key{regionKey}, declared...) {
		fallback := "–"
		if key.Default != nil {
			fallback = valueText(key.Default)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |", key.Name, key.Type, fallback)
		for i := range stacks {
			text := ""
			if value, set := values[i][key.Name]; set {
				text = valueText(value)
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		fmt.Fprintf(&b, " %s |\n", strings.ReplaceAll(key.Description, "<", "&lt;"))
	}
	return b.String(), nil
}

// valueText is a value in a table's cell: the elements of a list a line each.
func valueText(value any) string {
	if elements, isList := value.([]any); isList && len(elements) > 0 {
		lines := make([]string, len(elements))
		for i, element := range elements {
			lines[i] = valueText(element)
		}
		return strings.Join(lines, "<br>")
	}
	if value == "" {
		return "empty"
	}
	text, err := project.Text(value)
	if err != nil {
		text = fmt.Sprint(value) // YAML holds nothing that JSON cannot say, but for keys that are no text
	}
	return "`" + text + "`"
}

// outputsTable has a row for each output, with the value that the program makes, and the form of what AWS makes.
func outputsTable(stacks []Stack) string {
	var names []string
	for _, stack := range stacks {
		names = slices.AppendSeq(names, maps.Keys(stack.Running.Outputs))
	}
	slices.Sort(names)
	first := stacks[0]
	var b strings.Builder
	fmt.Fprintf(&b, "| Output | For example, in %s |\n|---|---|\n", first.Name)
	for _, name := range slices.Compact(names) {
		values := []string{first.output(name)}
		for _, stack := range stacks[1:] {
			if text := stack.output(name); text != strings.ReplaceAll(values[0], first.Name, stack.Name) {
				values = append(values, stack.Name+": "+text)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.Join(values, "<br>"))
	}
	return b.String()
}

// hexadecimal is what AWS, and the sandbox in its place, makes up.
var hexadecimal = regexp.MustCompile(`\b(0[0-9a-f]{16}|[0-9a-f]{64})\b`)

func (stack Stack) output(name string) string {
	value, ok := stack.Running.Outputs[name]
	if !ok {
		return "*absent*"
	}
	text, isText := value.(string)
	if !isText {
		encoded, err := json.Marshal(value)
		if err != nil {
			encoded = fmt.Append(nil, value)
		}
		text = string(encoded)
	}
	text = "`" + hexadecimal.ReplaceAllString(text, "…") + "`"
	if before, ok := stack.New.Outputs[name].(string); ok && name == "deployedImage" {
		text += ", `" + before + "` before the first release"
	}
	return text
}

// scalingTable is what one task costs a month, in the sizes that one grows through.
func scalingTable() (string, error) {
	prices, err := cost.ListPrices()
	if err != nil {
		return "", err
	}
	const hours = 730
	var b strings.Builder
	b.WriteString("| `sentry:taskCpu` | `sentry:taskMemory` | vCPU | GB | dollars a month |\n|---:|---:|---:|---:|---:|\n")
	for _, size := range []struct{ cpu, memory int }{
		{256, 512}, {256, 1024}, {512, 1024}, {512, 2048}, {1024, 2048}, {1024, 4096}, {2048, 4096}, {4096, 8192},
	} {
		amount := hours * (float64(size.cpu)/1024*prices.Prices["fargate-x86-vcpu"].USD +
			float64(size.memory)/1024*prices.Prices["fargate-x86-memory"].USD + prices.Prices["public-ipv4"].USD)
		fmt.Fprintf(&b, "| %d | %d | %g | %g | %.2f |\n", size.cpu, size.memory, float64(size.cpu)/1024, float64(size.memory)/1024, amount)
	}
	fmt.Fprintf(&b, "\nx86 list prices in %s of %s; `go run ./cmd/cost savings` says what arm64 and spot would save.\n", prices.Region, prices.Date)
	return b.String(), nil
}
