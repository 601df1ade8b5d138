package docs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sentry/internal/cost"
	"sentry/internal/markdown"
	"sentry/internal/project"
	"sentry/internal/reliability/results"
)

// titles is a table's head: its own columns around one for each environment.
func titles(stacks []Stack, before, after []string) [][]string {
	head := slices.Clone(before)
	for _, stack := range stacks {
		head = append(head, stack.Name+":")
	}
	return [][]string{append(head, after...)}
}

// totalsTable is the price of every stack, by component.
func totalsTable(stacks []Stack) string {
	total, withFree := []string{"**Total**"}, []string{"with an account's free allowances"}
	sums := map[string][]float64{} // by component, for each stack
	for i, stack := range stacks {
		total = append(total, fmt.Sprintf("**%.2f**", stack.Cost.Total))
		withFree = append(withFree, fmt.Sprintf("%.2f", stack.Cost.WithFree))
		for _, line := range stack.Cost.Lines {
			if sums[line.Component] == nil {
				sums[line.Component] = make([]float64, len(stacks))
			}
			sums[line.Component][i] += line.Amount
		}
	}
	rows := titles(stacks, []string{"Dollars a month"}, nil)
	for _, component := range slices.Sorted(maps.Keys(sums)) {
		row := []string{component}
		for _, sum := range sums[component] {
			row = append(row, fmt.Sprintf("%.2f", sum))
		}
		rows = append(rows, row)
	}
	return markdown.Table(append(rows, total, withFree))
}

// costTable is the price of every stack, and what it rests on.
func costTable(stacks []Stack) string {
	var reports []cost.Report
	assumed := titles(stacks, []string{"Assumed"}, []string{"unit"})
	texts := map[string]bool{}
	for _, stack := range stacks {
		reports = append(reports, stack.Cost)
		for _, a := range stack.Cost.Usage {
			if texts[a.Text] {
				continue
			}
			texts[a.Text] = true
			row := []string{a.Text}
			for _, other := range stacks {
				row = append(row, assumption(other.Cost, a.Name))
			}
			assumed = append(assumed, append(row, a.Unit))
		}
	}
	return cost.Markdown(reports) + fmt.Sprintf(`
AWS's list prices in %s of %s, after the first release, without taxes. Each account has some of it free in every month
(100 GB to the internet, 5 GB of logs, 10 metrics, 10 alarms and more): the last line is what is left where the
environment has the account for itself.

<details><summary>What is assumed, per month</summary>

%s
</details>
`, reports[0].PricesRegion, reports[0].PricesDate, markdown.Table(assumed))
}

func assumption(r cost.Report, name string) string {
	i := slices.IndexFunc(r.Usage, func(a cost.Assumption) bool { return a.Name == name })
	if i < 0 {
		return "–"
	}
	return strconv.FormatFloat(r.Usage[i].Value, 'f', -1, 64)
}

// regionKey stands here because aws:region belongs to the AWS provider's namespace, whose keys a project file does
// not describe.
var regionKey = project.Key{Name: "aws:region", Description: "Where everything runs, a region's code"}

// configurationTable has a row for each key, with the values that the stack files set, or the default.
func configurationTable(p project.Project, stacks []Stack) (string, error) {
	declared, err := p.Keys()
	if err != nil {
		return "", err
	}
	rows := [][]string{{"Key"}}
	for _, stack := range stacks {
		rows[0] = append(rows[0], stack.Name)
	}
	for _, key := range append([]project.Key{regionKey}, declared...) {
		row := []string{fmt.Sprintf("`%s`<br>%s", key.Name, strings.ReplaceAll(key.Description, "<", "&lt;"))}
		for _, stack := range stacks {
			values, err := p.Values(stack.Name)
			if err != nil {
				return "", err
			}
			text := ""
			if value, set := values[key.Name]; set {
				text = valueText(value)
			} else if key.Default != nil {
				text = valueText(key.Default)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return markdown.Table(rows), nil
}

// valueText is a value in a table's cell: the elements of a list a line each, and nothing for what is empty.
func valueText(value any) string {
	if elements, isList := value.([]any); isList {
		lines := make([]string, len(elements))
		for i, element := range elements {
			lines[i] = valueText(element)
		}
		return strings.Join(lines, "<br>")
	}
	text, err := project.Text(value)
	if err != nil {
		text = fmt.Sprint(value) // YAML holds nothing that JSON cannot say, but for keys that are no text
	}
	if text == "" || text == "{}" {
		return ""
	}
	return "`" + text + "`"
}

// outputsTable has a row for each output, with the value that the program makes, and the form of what AWS makes.
func outputsTable(stacks []Stack) string {
	rows := [][]string{{"Output", "For example"}}
	names := map[string]bool{}
	for _, stack := range stacks {
		for name := range stack.Running.Outputs {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		var values []string
		for _, stack := range stacks {
			if text := stack.output(name); text != "" && !slices.Contains(values, text) {
				values = append(values, text)
			}
		}
		rows = append(rows, []string{"`" + name + "`", strings.Join(values, "<br>")})
	}
	return markdown.Table(rows)
}

// hexadecimal is what AWS, and the sandbox in its place, makes up.
var hexadecimal = regexp.MustCompile(`\b(0[0-9a-f]{16}|[0-9a-f]{64})\b`)

// output is an output's value, with <environment> in place of the stack's name; empty when the stack lacks it.
func (stack Stack) output(name string) string {
	value, ok := stack.Running.Outputs[name]
	if !ok {
		return ""
	}
	text, err := project.Text(value)
	if err != nil {
		text = fmt.Sprint(value)
	}
	text = strings.ReplaceAll(hexadecimal.ReplaceAllString(text, "…"), stack.Name, "<environment>")
	return "`" + text + "`"
}

// scalingTable is what one task costs a month, in the sizes that one grows through.
func scalingTable(region string) (string, error) {
	prices, err := cost.ListPrices(region)
	if err != nil {
		return "", err
	}
	const hours = 730
	rows := [][]string{{"`sentry:taskCpu`:", "`sentry:taskMemory`:", "vCPU:", "GB:", "dollars a month:"}}
	for _, size := range []struct{ cpu, memory int }{
		{256, 512}, {256, 1024}, {512, 1024}, {512, 2048}, {1024, 2048}, {1024, 4096}, {2048, 4096}, {4096, 8192},
	} {
		vcpu, gb := float64(size.cpu)/1024, float64(size.memory)/1024
		amount := hours * (vcpu*prices.Prices["fargate-x86-vcpu"].USD +
			gb*prices.Prices["fargate-x86-memory"].USD + prices.Prices["public-ipv4"].USD)
		rows = append(rows, []string{
			strconv.Itoa(size.cpu), strconv.Itoa(size.memory), fmt.Sprint(vcpu), fmt.Sprint(gb), fmt.Sprintf("%.2f", amount),
		})
	}
	return markdown.Table(rows) + fmt.Sprintf("\nx86 list prices in %s of %s; `go run ./cmd/cost savings` says what arm64 and "+
		"spot would save.\n", prices.Region, prices.Date), nil
}

// deploymentsTable has the deployments that were interrupted, and says where the program is another one by now.
func deploymentsTable(stacks []Stack, last results.Results) string {
	var text strings.Builder
	text.WriteString(markdown.Table(last.Scenarios()))
	for _, stack := range stacks {
		creates := 0
		for _, r := range stack.Running.Resources {
			if r.InAWS() {
				creates++
			}
		}
		if tried := last.Operations(stack.Name); tried != creates {
			fmt.Fprintf(&text, "\n**Not tried yet**: a new `%s` takes %d operations now, and took %d in the last run of `make reliability`.\n", stack.Name, creates, tried)
		}
	}
	return text.String()
}
