package cost

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// Saving is what one change would make of a stack's price.
type Saving struct {
	// What is done, and What it asks for in return.
	What, InReturn string
	// Amount is in US dollars a month. It means nothing where Unpriced says what has no price then.
	Amount   float64
	Unpriced []string
}

// officeHours is 12 hours on 5 days of each week, per month.
const officeHours = hoursPerMonth * 60.0 / 168

// Savings prices the same resources again with one property changed at a time.
func Savings(stack string, resources []sandbox.Resource, prices Prices, usage Usage) []Saving {
	total := Estimate(stack, resources, prices, usage).Total
	saving := func(what, inReturn string, changed []sandbox.Resource, changedUsage Usage) Saving {
		then := Estimate(stack, changed, prices, changedUsage)
		return Saving{what, inReturn, total - then.Total, then.Unpriced}
	}
	asleep := Usage{}
	for name, a := range usage {
		if name == "task-hours" {
			a.Value = min(a.Value, officeHours)
		}
		asleep[name] = a
	}
	return []Saving{
		saving("arm64 tasks", "an image that is built for arm64",
			with(resources, aws.ECSTaskDefinition, "runtimePlatform", map[string]any{
				"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX",
			}), usage),
		saving("spot tasks", "AWS may take a task back with two minutes' notice; prices move",
			with(resources, aws.ECSService, "capacityProviderStrategies", []any{
				map[string]any{"capacityProvider": "FARGATE_SPOT", "weight": 1},
			}), usage),
		saving("Container Insights off", "no metrics of single tasks; CPU and memory of the service stay",
			with(resources, aws.ECSCluster, "settings", []any{
				map[string]any{"name": "containerInsights", "value": "disabled"},
			}), usage),
		saving("asleep at night and at weekends", "tasks on 12 hours of 5 days a week: schedule in sentry:scaling", resources, asleep),
	}
}

// with copies resources, with one input of each of a type set.
func with(resources []sandbox.Resource, token, key string, value any) []sandbox.Resource {
	changed := make([]sandbox.Resource, len(resources))
	for i, r := range resources {
		if r.Type == token {
			r.Inputs = r.Inputs.Copy()
			r.Inputs[resource.PropertyKey(key)] = resource.NewPropertyValue(value)
		}
		changed[i] = r
	}
	return changed
}
