package cost

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// Report is what one stack costs a month.
type Report struct {
	Stack  string `json:"stack"`
	Region string `json:"region"`
	// PricesDate is when the prices were written down, PricesRegion is where they hold: another region when there
	// are none for the stack's.
	PricesDate   string `json:"pricesDate"`
	PricesRegion string `json:"pricesRegion"`
	// Total is in US dollars. WithFree is what is left of it in an account that has nothing else, whose always-free
	// allowances it gets.
	Total    float64 `json:"total"`
	WithFree float64 `json:"totalWithFreeAllowances"`
	Lines    []Line  `json:"lines"`
	// Free are the resource types that cost nothing, each with its reason.
	Free []FreeType `json:"free"`
	// Unpriced says what the total leaves out. A report with such lines is not a price.
	Unpriced []string `json:"unpriced"`
	// Usage are the assumptions that a line is made of.
	Usage []Assumption `json:"usage"`
}

// Line is one position.
type Line struct {
	// Component owns the resources.
	Component string `json:"component"`
	What      string `json:"what"`
	// Formula is how Quantity comes about, for people.
	Formula string `json:"formula"`
	// Quantity is in Unit; Price is for one Unit, Amount for the month, both in US dollars.
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Price    float64 `json:"price"`
	Amount   float64 `json:"amount"`
	Source   string  `json:"source"`
}

// FreeType is a resource type that costs nothing.
type FreeType struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// Region is where resources are: their AWS provider says it.
func Region(resources []sandbox.Resource) string {
	for _, r := range resources {
		if region, ok := text(r.Inputs["region"]); r.Type == aws.Provider && ok && region != "" {
			return region
		}
	}
	return BaseRegion
}

// Estimate prices the resources of one stack.
func Estimate(stack string, resources []sandbox.Resource, prices Prices, usage Usage) Report {
	e := &estimate{
		Report: Report{Stack: stack, Region: Region(resources), PricesDate: prices.Date, PricesRegion: prices.Region},
		all:    resources, prices: prices, usage: usage,
		used: map[string]bool{}, once: map[string]bool{}, billed: map[string]float64{},
	}
	for _, r := range resources {
		e.add(r)
	}
	for _, name := range slices.Sorted(maps.Keys(usage)) {
		if e.used[name] {
			e.Usage = append(e.Usage, usage[name])
		}
	}
	components := map[string]float64{}
	for _, line := range e.Lines {
		e.Total += line.Amount
		components[line.Component] += line.Amount
	}
	e.WithFree = e.Total
	for _, name := range slices.Sorted(maps.Keys(e.billed)) {
		price := prices.Prices[name]
		e.WithFree -= price.USD * min(price.Free, e.billed[name])
	}
	// What costs most stands first, the components as well as the lines of each.
	slices.SortStableFunc(e.Lines, func(a, b Line) int {
		return cmp.Or(
			cmp.Compare(components[b.Component], components[a.Component]),
			strings.Compare(a.Component, b.Component), cmp.Compare(b.Amount, a.Amount),
		)
	})
	return e.Report
}

type estimate struct {
	Report
	all    []sandbox.Resource
	prices Prices
	usage  Usage
	used   map[string]bool
	once   map[string]bool
	billed map[string]float64 // price → quantity
}

// rules price the types whose price depends on their inputs; the others have it in their entry of internal/aws.
var rules = map[string]func(*estimate, sandbox.Resource){
	aws.EC2VpcEndpoint:        (*estimate).endpoint,
	aws.LBLoadBalancer:        (*estimate).loadBalancer,
	aws.ECSCluster:            (*estimate).cluster,
	aws.ECSService:            (*estimate).service,
	aws.AutoScalingPolicy:     (*estimate).scalingPolicy,
	aws.SSMParameter:          (*estimate).parameter,
	aws.CloudWatchLogGroup:    (*estimate).logGroup,
	aws.CloudWatchMetricAlarm: (*estimate).alarm,
	aws.SNSTopicSubscription:  (*estimate).subscription,

	aws.RDSInstance:                 (*estimate).database,
	aws.ElastiCacheReplicationGroup: (*estimate).cache,
}

func (e *estimate) add(r sandbox.Resource) {
	if !r.InAWS() {
		return
	}
	entry, ok := aws.Lookup(r.Type)
	switch rule := rules[r.Type]; {
	case rule != nil:
		rule(e, r)
	case ok && entry.Free != "":
		e.free(r, entry.Free)
	case ok && len(entry.Costs) > 0:
		for _, cost := range entry.Costs {
			e.position(r, cost)
		}
	default:
		e.miss("%v", aws.Unknown(r.Type, "price (Free, Costs, or Priced and a rule in internal/cost)"))
	}
}

// position adds one position of a type's entry.
func (e *estimate) position(r sandbox.Resource, cost aws.Cost) {
	if cost.Once && !e.first(cost.Price) {
		return
	}
	what := strings.ReplaceAll(cost.What, "{purpose}", e.purpose(r))
	quantity, formula := max(1, cost.Quantity), "%g"
	if cost.Usage != "" {
		name := strings.ReplaceAll(cost.Usage, "{purpose}", e.purpose(r))
		quantity, formula = e.assume(r, name), "%g "+e.usage[name].Unit
	}
	formula = fmt.Sprintf(formula, quantity)
	if cost.Hourly {
		quantity *= hoursPerMonth
		formula += fmt.Sprintf(" × %d h", hoursPerMonth)
	}
	e.charge(r, what, cost.Price, quantity, "%s", formula)
}

func (e *estimate) miss(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(e.Unpriced, text) {
		e.Unpriced = append(e.Unpriced, text)
	}
}

// charge adds to a line, which the component and what have in common.
func (e *estimate) charge(r sandbox.Resource, what, priceName string, quantity float64, formula string, args ...any) {
	if quantity == 0 {
		return // nothing is used: the assumption says so
	}
	price, ok := e.prices.Prices[priceName]
	if !ok {
		e.miss("%s %s: %s has no price %s in internal/cost/prices/%s.yaml", r.Type, r.Name, what, priceName, e.prices.Region)
		return
	}
	e.billed[priceName] += quantity
	line := Line{
		Component: Component(r), What: what, Formula: fmt.Sprintf(formula, args...), Quantity: quantity,
		Unit: price.Per, Price: price.USD, Amount: quantity * price.USD, Source: price.Source,
	}
	i := slices.IndexFunc(e.Lines, func(l Line) bool { return l.Component == line.Component && l.What == what && l.Price == line.Price })
	if i < 0 {
		e.Lines = append(e.Lines, line)
		return
	}
	e.Lines[i].Quantity += line.Quantity
	e.Lines[i].Amount += line.Amount
	e.Lines[i].Formula += " + " + line.Formula
}

// assume looks an assumption up, and shows it with the result.
func (e *estimate) assume(r sandbox.Resource, name string) float64 {
	a, ok := e.usage[name]
	if !ok {
		e.miss("%s %s: usage.yaml has no %s", r.Type, r.Name, name)
		return 0
	}
	e.used[name] = true
	return a.Value
}

// first is true once for a name: what is assumed for the stack as a whole is charged once.
func (e *estimate) first(name string) bool {
	seen := e.once[name]
	e.once[name] = true
	return !seen
}

func (e *estimate) free(r sandbox.Resource, reason string) {
	i := slices.IndexFunc(e.Free, func(f FreeType) bool { return f.Type == r.Type && f.Reason == reason })
	if i < 0 {
		e.Free = append(e.Free, FreeType{Type: r.Type, Reason: reason})
		i = len(e.Free) - 1
	}
	e.Free[i].Count++
}

// hoursPerMonth is what AWS's calculator uses: 365 × 24 / 12.
const hoursPerMonth = 730

func (e *estimate) endpoint(r sandbox.Resource) {
	if kind, _ := text(r.Inputs["vpcEndpointType"]); kind != "Interface" {
		e.free(r, "a gateway endpoint, unlike an interface endpoint")
		return
	}
	zones := float64(max(1, len(list(r.Inputs["subnetIds"]))))
	e.charge(r, "Interface endpoints", "interface-endpoint", zones*hoursPerMonth, "%g zones × %d h", zones, hoursPerMonth)
	if e.first("endpoint-gb") {
		gb := e.assume(r, "endpoint-gb")
		e.charge(r, "Data through interface endpoints", "interface-endpoint-data", gb, "%g GB", gb)
	}
}

func (e *estimate) loadBalancer(r sandbox.Resource) {
	e.charge(r, "Load balancers", "load-balancer", hoursPerMonth, "1 load balancer × %d h", hoursPerMonth)
	lcu := e.assume(r, "load-balancer-lcu")
	e.charge(r, "Load balancers' use", "load-balancer-lcu", lcu*hoursPerMonth, "%g LCU × %d h", lcu, hoursPerMonth)
	if !flag(r.Inputs["internal"]) {
		zones := float64(max(len(list(r.Inputs["subnets"])), len(list(r.Inputs["subnetMappings"]))))
		e.charge(r, "Public IPv4 addresses of load balancers", "public-ipv4", zones*hoursPerMonth, "%g zones × %d h", zones, hoursPerMonth)
	}
}

// service prices the tasks that it runs: what their definition reserves, not what they use.
func (e *estimate) service(r sandbox.Resource) {
	tasks, ok := number(r.Inputs["desiredCount"])
	if !ok {
		tasks = 1 // ECS's default
	}
	if e.first("internet-out") {
		gb := e.assume(r, "internet-out-gb")
		e.charge(r, "Data to the internet", "internet-out", gb, "%g GB", gb)
		metrics := e.assume(r, "app-metrics")
		e.charge(r, "The backend's own metrics", "cloudwatch-metric", metrics, "%g metrics", metrics)
	}
	if tasks == 0 {
		e.free(r, "a service without tasks")
		return
	}
	hours := e.awakeHours(r)
	shown := math.Round(hours*10) / 10
	definition, ok := e.definition(r)
	if !ok {
		e.miss("%s %s: its task definition is not a part of the stack", r.Type, r.Name)
		return
	}
	cpu, okCPU := number(definition.Inputs["cpu"])
	memory, okMemory := number(definition.Inputs["memory"])
	if !okCPU || !okMemory {
		e.miss("%s %s: CPU and memory of %s are not numbers", r.Type, r.Name, definition.Name)
		return
	}
	architecture := "x86"
	if platform := object(definition.Inputs["runtimePlatform"]); platform != nil {
		if name, _ := text(platform["cpuArchitecture"]); name == "ARM64" {
			architecture = "arm64"
		}
		if family, _ := text(platform["operatingSystemFamily"]); family != "" && family != "LINUX" {
			e.miss("%s %s: tasks on %s have no price here", r.Type, r.Name, family)
			return
		}
	}
	onDemand, spot, ok := e.providers(r, tasks)
	if !ok {
		return
	}
	for _, share := range []struct {
		tasks        float64
		price, label string
	}{{onDemand, "fargate-" + architecture, architecture}, {spot, "fargate-spot-" + architecture, "spot, " + architecture}} {
		e.charge(r, "Fargate: CPU ("+share.label+")", share.price+"-vcpu", share.tasks*cpu/1024*hours, "%s × %g vCPU × %g h", count(share.tasks), cpu/1024, shown)
		e.charge(r, "Fargate: memory ("+share.label+")", share.price+"-memory", share.tasks*memory/1024*hours, "%s × %g GB × %g h", count(share.tasks), memory/1024, shown)
	}
	if gb, _ := number(object(definition.Inputs["ephemeralStorage"])["sizeInGib"]); gb > 20 { // 20 are included
		e.charge(r, "Fargate: storage", "fargate-storage", tasks*(gb-20)*hours, "%s × %g GB × %g h", count(tasks), gb-20, shown)
	}
	if flag(object(r.Inputs["networkConfiguration"])["assignPublicIp"]) {
		e.charge(r, "Public IPv4 addresses of tasks", "public-ipv4", tasks*hours, "%s × %g h", count(tasks), shown)
	}
}

func count(tasks float64) string {
	if tasks == 1 {
		return "1 task"
	}
	return fmt.Sprintf("%g tasks", tasks)
}

func (e *estimate) definition(service sandbox.Resource) (sandbox.Resource, bool) {
	wanted, _ := text(service.Inputs["taskDefinition"])
	i := slices.IndexFunc(e.all, func(r sandbox.Resource) bool {
		arn, _ := text(r.Outputs["arn"])
		return r.Type == aws.ECSTaskDefinition && arn == wanted
	})
	if i < 0 {
		return sandbox.Resource{}, false
	}
	return e.all[i], true
}

// providers shares the tasks out as ECS does: the base first, the rest by weight.
func (e *estimate) providers(r sandbox.Resource, tasks float64) (onDemand, spot float64, ok bool) {
	strategies := list(r.Inputs["capacityProviderStrategies"])
	if len(strategies) == 0 {
		if launch, _ := text(r.Inputs["launchType"]); launch != "FARGATE" {
			e.miss("%s %s: launch type %q has no price here; FARGATE has", r.Type, r.Name, launch)
			return 0, 0, false
		}
		return tasks, 0, true
	}
	shares := map[string]float64{}
	rest, weights := tasks, 0.0
	for _, strategy := range strategies {
		fields := object(strategy)
		name, _ := text(fields["capacityProvider"])
		base, _ := number(fields["base"])
		weight, _ := number(fields["weight"])
		base = min(base, rest)
		shares[name] += base
		rest -= base
		weights += weight
	}
	for _, strategy := range strategies {
		fields := object(strategy)
		name, _ := text(fields["capacityProvider"])
		weight, _ := number(fields["weight"])
		if weights > 0 {
			shares[name] += rest * weight / weights
		}
	}
	for name := range shares {
		if name != "FARGATE" && name != "FARGATE_SPOT" {
			e.miss("%s %s: capacity provider %q has no price here; FARGATE and FARGATE_SPOT have", r.Type, r.Name, name)
			return 0, 0, false
		}
	}
	return shares["FARGATE"], shares["FARGATE_SPOT"], true
}

// scalingPolicy prices the two alarms that target tracking makes by itself.
func (e *estimate) scalingPolicy(r sandbox.Resource) {
	if kind, _ := text(r.Inputs["policyType"]); kind != "TargetTrackingScaling" {
		e.free(r, "only what it starts has a price")
		return
	}
	e.charge(r, "Alarms of autoscaling", "cloudwatch-alarm", 2, "2 alarms")
}

func (e *estimate) parameter(r sandbox.Resource) {
	if tier, _ := text(r.Inputs["tier"]); tier == "Advanced" {
		e.charge(r, "Advanced parameters", "parameter-advanced", 1, "1 parameter")
		return
	}
	e.free(r, "a standard parameter")
}

func (e *estimate) logGroup(r sandbox.Resource) {
	gb := e.assume(r, e.purpose(r)+"-log-gb")
	e.charge(r, "Log lines taken in", "cloudwatch-logs", gb, "%g GB", gb)
	days, _ := number(r.Inputs["retentionInDays"])
	if days == 0 {
		e.miss("%s %s: keeps its lines for ever, so that its size has no end", r.Type, r.Name)
		return
	}
	kept := e.assume(r, "log-compression")
	e.charge(r, "Log lines kept", "cloudwatch-logs-storage", gb*kept*days*24/hoursPerMonth, "%g GB × %g × %g days", gb, kept, days)
}

func (e *estimate) alarm(r sandbox.Resource) {
	metrics := 0
	for _, query := range list(r.Inputs["metricQueries"]) {
		if object(query)["metric"].IsObject() {
			metrics++
		}
	}
	metrics = max(1, metrics)
	price := "cloudwatch-alarm"
	if period, ok := number(r.Inputs["period"]); ok && period < 60 {
		price = "cloudwatch-alarm-fast"
	}
	e.charge(r, "Alarms", price, float64(metrics), "%d", metrics)
}

func (e *estimate) subscription(r sandbox.Resource) {
	switch protocol, _ := text(r.Inputs["protocol"]); protocol {
	case "email", "email-json":
		thousands := e.assume(r, "notifications")
		e.charge(r, "Notifications by e-mail", "sns-email", thousands, "%g thousand", thousands)
	case "sqs", "lambda":
		e.free(r, "deliveries to "+protocol+" have no price")
	default:
		e.miss("%s %s: deliveries by %q have no price here", r.Type, r.Name, protocol)
	}
}

// purpose is what a logical name says after sentry-<stack>-.
func (e *estimate) purpose(r sandbox.Resource) string {
	if _, after, ok := strings.Cut(r.Name, "-"+e.Stack+"-"); ok {
		return after
	}
	return r.Name
}

// Component is the name of the component that owns a resource, from the types in its URN; Stack when none does.
func Component(r sandbox.Resource) string {
	for part := range strings.SplitSeq(string(resource.URN(r.URN).QualifiedType()), resource.URNTypeDelimiter) {
		if pieces := strings.Split(part, ":"); len(pieces) == 3 && pieces[1] == "infra" {
			return pieces[2]
		}
	}
	return "Stack"
}
