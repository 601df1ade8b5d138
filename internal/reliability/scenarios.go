package reliability

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sentry/internal/project"
	"sentry/internal/reliability/results"
	"sentry/internal/sandbox"
)

// The deployments that can be interrupted, and Drift, which is none.
const (
	FromNothing = results.FromNothing
	sizes       = "size and count"
	network     = "another network, asleep"
	release     = "release"
	destroy     = "destroy"
	Drift       = results.Drift
)

// Scenarios are their names, and Short those with a handful of operations, or without one.
var (
	Scenarios = []string{FromNothing, sizes, network, release, destroy, Drift}
	Short     = []string{sizes, release, Drift}
)

// scenariosOf are the deployments of a stack that can be interrupted, made from its own configuration.
func scenariosOf(name, stack string, settings map[string]string) []Scenario {
	key := func(short string) string { return name + ":" + short }
	image := func(digit string) string {
		repository, _, _ := strings.Cut(sandbox.ReleasedImage(settings["aws:region"], name+"-"+stack+"-backend"), "@")
		return repository + "@sha256:" + strings.Repeat(digit, 64)
	}
	released := map[string]string{key("image"): image("1")}
	with := func(more map[string]string) map[string]string {
		all := map[string]string{key("image"): image("1")}
		for short, value := range more {
			all[key(short)] = value
		}
		return all
	}
	kept := func(more map[string]string) map[string]string {
		all := map[string]string{key("image"): ""} // what was released stays
		for short, value := range more {
			all[key(short)] = value
		}
		return all
	}
	size := map[string]string{"taskCpu": "1024", "taskMemory": "2048"}
	if settings[key("taskCpu")] == size["taskCpu"] {
		size = map[string]string{"taskCpu": "2048", "taskMemory": "4096"}
	}
	size["logRetentionDays"] = cmp.Or(map[string]string{"60": "90"}[settings[key("logRetentionDays")]], "60")
	if count, err := strconv.Atoi(settings[key("desiredCount")]); err == nil {
		size["desiredCount"] = strconv.Itoa(count + 1)
	}
	asleep := with(map[string]string{"https": "", "scaling": ""})
	for name := range settings {
		if strings.HasSuffix(name, ":desiredCount") { // of each service
			asleep[name] = "0"
		}
	}
	unguarded := with(map[string]string{
		"protect": "", "https": strings.ReplaceAll(settings[key("https")], `"deletionProtection":true`, `"deletionProtection":false`),
	})
	return []Scenario{
		{Name: FromNothing},
		{Name: sizes, Before: released, Change: kept(size)},
		// A load balancer cannot move to another VPC, and tasks with public addresses hold the gateway.
		{
			Name: network, Before: asleep,
			Change: kept(map[string]string{"vpcCidr": "172.31.0.0/16"}),
		},
		{Name: release, Before: released, Change: map[string]string{key("image"): image("2")}},
		{Name: destroy, Before: unguarded, Destroy: true}, // the documented way: docs/operations.md
		{Name: Drift, Before: released, ByHand: true},
	}
}

// Rows sums cases up.
func Rows(cases []Case) []results.Row {
	var rows []results.Row
	for _, c := range cases {
		i := slices.IndexFunc(rows, func(r results.Row) bool { return r.Stack == c.Stack && r.Scenario == c.Scenario && r.Fault == c.Fault })
		if i < 0 {
			rows = append(rows, results.Row{Stack: c.Stack, Scenario: c.Scenario, Fault: c.Fault, After: c.After})
			i = len(rows) - 1
		}
		rows[i].Struck++
		rows[i].Operations = max(rows[i].Operations, c.Of)
		if c.Lost != "" {
			rows[i].Lost++
		}
	}
	return rows
}

// Part is a part of all that is tried; what it leaves empty is all of that.
type Part struct {
	Environment, Scenario, Fault string
	// Every strikes each nth operation only, another one by each fault.
	Every int
	// Alike strikes by an Alike fault each nth of those only.
	Alike int
}

// step is from one operation that is struck to the next.
func (p Part) step(alike bool) int {
	if alike {
		return max(1, p.Every) * max(1, p.Alike)
	}
	return max(1, p.Every)
}

// Run interrupts a part of the deployments of a project.
func Run(ctx context.Context, program sandbox.Program, p project.Project, part Part) ([]Case, error) {
	start, scenarios, err := deployments(program, p, part.Environment, part.Scenario)
	if err != nil {
		return nil, err
	}
	return interrupt(ctx, start, scenarios, part)
}

// deployments are what can be interrupted of an environment.
func deployments(program sandbox.Program, p project.Project, environment, scenario string) (start func() *Stack, scenarios []Scenario, err error) {
	settings, err := p.Config(environment)
	if err != nil {
		return nil, nil, fmt.Errorf("read the configuration of %s: %w", environment, err)
	}
	delete(settings, p.Name+":awsAccountId") // the sandbox is an account of its own
	scenarios = slices.DeleteFunc(scenariosOf(p.Name, environment, settings), func(s Scenario) bool {
		return scenario != "" && s.Name != scenario
	})
	if len(scenarios) == 0 {
		return nil, nil, fmt.Errorf("no scenario %q; allowed: %s", scenario, strings.Join(Scenarios, ", "))
	}
	return func() *Stack { return NewStack(p.Name, environment, program(p.Dir), settings) }, scenarios, nil
}
