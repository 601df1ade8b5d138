package cost

import (
	_ "embed"
	"fmt"
	"math"

	"go.yaml.in/yaml/v3"

	"sentry/internal/project"
	"sentry/internal/sandbox"
)

//go:embed usage.yaml
var usageFile []byte

// defaultUsage is the column of usage.yaml for a stack without a figure of its own.
const defaultUsage = "default"

// Assumption is how much of something a stack uses in a month.
type Assumption struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	Text string `json:"text"`
	// Value is the stack's; Given says that a flag set it.
	Value float64 `json:"value"`
	Given bool    `json:"given,omitempty"`
}

// Usage are the assumptions for one stack, by name.
type Usage map[string]Assumption

// UsageNames are all assumptions, in the file's order, with the text of their flag.
func UsageNames() ([]Assumption, error) {
	rows, err := usageRows()
	if err != nil {
		return nil, err
	}
	var names []Assumption
	for _, row := range rows {
		names = append(names, row.assumption(defaultUsage))
	}
	return names, nil
}

// UsageOf are the assumptions for a stack, with those given by name in their place.
func UsageOf(stack string, given map[string]float64) (Usage, error) {
	rows, err := usageRows()
	if err != nil {
		return nil, err
	}
	usage := Usage{}
	for _, row := range rows {
		a := row.assumption(stack)
		if value, ok := given[a.Name]; ok {
			if math.IsNaN(value) || math.IsInf(value, 1) {
				return nil, fmt.Errorf("--%s: %v is no amount; allowed: 0 and more", a.Name, value)
			}
			if value < 0 {
				return nil, fmt.Errorf("--%s: %v %s is negative; allowed: 0 and more", a.Name, value, a.Unit)
			}
			a.Value, a.Given = value, true
		}
		usage[a.Name] = a
	}
	for name := range given {
		if _, ok := usage[name]; !ok {
			return nil, fmt.Errorf("%q is not an assumption of usage.yaml", name)
		}
	}
	return usage, nil
}

type usageRow struct {
	Name, Unit, Text string
	Values           map[string]float64 `yaml:",inline"`
}

func (row usageRow) assumption(stack string) Assumption {
	value, ok := row.Values[stack]
	if !ok {
		value = row.Values[defaultUsage]
	}
	return Assumption{Name: row.Name, Unit: row.Unit, Text: row.Text, Value: value}
}

func usageRows() ([]usageRow, error) {
	var rows []usageRow
	if err := yaml.Unmarshal(usageFile, &rows); err != nil {
		return nil, fmt.Errorf("parse usage.yaml: %w", err)
	}
	for _, row := range rows {
		if _, ok := row.Values[defaultUsage]; !ok {
			return nil, fmt.Errorf("usage.yaml: %s has no value for %s", row.Name, defaultUsage)
		}
	}
	return rows, nil
}

// Stack prices one environment, with an image released; given are assumptions in place of usage.yaml's.
func Stack(program sandbox.Program, p project.Project, stack string, given map[string]float64) (Report, error) {
	recording, err := sandbox.RecordStack(program, p, stack, sandbox.StackOptions{Released: true})
	if err != nil {
		return Report{}, err
	}
	return PriceOf(stack, recording, given)
}

// PriceOf prices what the program registered for an environment.
func PriceOf(stack string, recording *sandbox.Recording, given map[string]float64) (Report, error) {
	prices, err := ListPrices(Region(recording.Resources))
	if err != nil {
		return Report{}, err
	}
	usage, err := UsageOf(stack, given)
	if err != nil {
		return Report{}, err
	}
	return Estimate(stack, recording.Resources, prices, usage), nil
}
