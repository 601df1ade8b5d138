package controls

import (
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// none are the types that no control is about, and why.
var none = map[string]string{
	aws.AutoScalingPolicy:           "numbers only",
	aws.AutoScalingScheduledAction:  "numbers only",
	aws.AutoScalingTarget:           "numbers only",
	aws.BudgetsBudget:               "tells costs to the team's own address",
	aws.CloudFrontFunction:          "code of this repository, without rights",
	aws.CloudWatchDashboard:         "shows what its reader may see anyway",
	aws.CloudWatchEventRule:         "matches events of the own service",
	aws.CloudWatchLogMetricFilter:   "counts lines",
	aws.ECSClusterCapacityProviders: "Fargate's own",
	aws.EC2RouteTableAssociation:    "which subnet uses which table; the routes are asserted",
	aws.S3BucketCORSConfiguration:   "opens nothing that a signed address does not open",
}

// All are the controls without their sections.
func All() []Control {
	var all []Control
	for _, s := range Table() {
		all = append(all, s.Controls...)
	}
	return all
}

// Broken are the names of the resources, among those that a program registered, that a control does not hold for. seen says
// whether it is about any of them.
func (c Control) Broken(resources []sandbox.Resource) (broken []string, seen bool) {
	if c.Holds == nil {
		return nil, false
	}
	for _, r := range resources {
		if !slices.Contains(c.Types, r.Type) || c.Only != "" && !ends(r.Name, c.Only) || ends(r.Name, c.Not) {
			continue
		}
		seen = true
		if !c.Holds(look{r, r.Inputs.Mappable(), resources}) {
			broken = append(broken, r.Type+"::"+r.Name)
		}
	}
	return broken, seen
}

func ends(name, with string) bool {
	return slices.ContainsFunc(strings.Fields(with), func(end string) bool { return strings.HasSuffix(name, end) })
}

// Unknown are the types among the resources that the table says nothing of.
func Unknown(resources []sandbox.Resource) []string {
	var unknown []string
	for _, r := range resources {
		known := none[r.Type] != "" || !r.Custom || slices.ContainsFunc(All(), func(c Control) bool { return slices.Contains(c.Types, r.Type) })
		if !known && !slices.Contains(unknown, r.Type) {
			unknown = append(unknown, r.Type)
		}
	}
	return unknown
}
