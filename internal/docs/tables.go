package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"sentry/internal/cost"
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

// key is a key of configuration as Pulumi.yaml declares it.
type key struct {
	Type        string    `yaml:"type"`
	Description string    `yaml:"description"`
	Default     yaml.Node `yaml:"default"`
}

// regionDescription stands here because aws:region belongs to the AWS provider's namespace, whose keys a project
// file does not describe.
const regionDescription = "Where everything runs, a region's code"

// configurationTable has a row for each key, with the values that the stack files set.
func configurationTable(dir string, stacks []string) (string, error) {
	var project struct {
		Name   string    `yaml:"name"`
		Config yaml.Node `yaml:"config"`
	}
	if err := readYAML(filepath.Join(dir, "Pulumi.yaml"), &project); err != nil {
		return "", err
	}
	values := make([]map[string]yaml.Node, len(stacks))
	for i, stack := range stacks {
		var file struct {
			Config map[string]yaml.Node `yaml:"config"`
		}
		if err := readYAML(filepath.Join(dir, "Pulumi."+stack+".yaml"), &file); err != nil {
			return "", err
		}
		values[i] = file.Config
	}

	var b strings.Builder
	fmt.Fprintf(&b, "| Key | Type | Default | %s | What it is |\n|---|---|---|%s---|\n", strings.Join(stacks, " | "), strings.Repeat("---|", len(stacks)))
	row := func(name string, declared key) error {
		fallback := "–"
		if declared.Default.Kind != 0 {
			text, err := valueText(&declared.Default)
			if err != nil {
				return fmt.Errorf("default of %s: %w", name, err)
			}
			fallback = text
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |", name, declared.Type, fallback)
		for i := range stacks {
			text := ""
			if node, ok := values[i][name]; ok {
				var err error
				if text, err = valueText(&node); err != nil {
					return fmt.Errorf("%s of %s: %w", name, stacks[i], err)
				}
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		fmt.Fprintf(&b, " %s |\n", strings.ReplaceAll(declared.Description, "<", "&lt;"))
		return nil
	}
	if err := row("aws:region", key{Type: "string", Description: regionDescription}); err != nil {
		return "", err
	}
	for i := 0; i+1 < len(project.Config.Content); i += 2 {
		var declared key
		if err := project.Config.Content[i+1].Decode(&declared); err != nil {
			return "", fmt.Errorf("read key %s of Pulumi.yaml: %w", project.Config.Content[i].Value, err)
		}
		name := project.Config.Content[i].Value
		if !strings.Contains(name, ":") {
			name = project.Name + ":" + name
		}
		if err := row(name, declared); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func readYAML(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the project: %w", err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("parse %s: %w", filepath.Base(path), err)
	}
	return nil
}

// valueText is a value in a table's cell: lists and maps by their elements, a line each.
func valueText(node *yaml.Node) (string, error) {
	if node.Kind == yaml.SequenceNode && len(node.Content) > 0 {
		var lines []string
		for _, element := range node.Content {
			text, err := valueText(element)
			if err != nil {
				return "", err
			}
			lines = append(lines, text)
		}
		return strings.Join(lines, "<br>"), nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return "", err
	}
	if value == "" {
		return "empty", nil
	}
	if text, ok := value.(string); ok {
		return "`" + text + "`", nil
	}
	text, err := json.Marshal(value)
	return "`" + string(text) + "`", err
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
