package account

import (
	"fmt"
	"strings"

	"sentry/internal/policy"
)

// limit is one way AWS lets an action be narrowed: resources (ARNs), and conditions on top.
type limit struct {
	resources []string
	condition policy.Condition
}

// byService says how far the actions of a service can be narrowed for one environment, where that is by more than
// the names in internal/aws; nil leaves an action to those, and an empty list takes it away. Several limits are
// alternatives, or apply to the several resources of one call; each becomes part of a statement.
var byService = map[string]func(action string, n names) []limit{
	"acm":                     limitsACM,
	"application-autoscaling": limitsScaling,
	"cloudfront":              limitsCloudFront,
	"cloudwatch":              limitsCloudWatch,
	"ec2":                     limitsEC2,
	"ecs":                     limitsECS,
	"elasticloadbalancing":    limitsLoadBalancer,
	"events":                  limitsEvents,
	"iam":                     limitsIAM,
	"route53":                 limitsRoute53,
	"s3":                      limitsS3,
	// AWS answers it to everybody; it is here to say that it is called.
	"sts": func(string, names) []limit { return only("*") },
}

func limits(action string, n names) ([]limit, error) {
	service, _, _ := strings.Cut(action, ":")
	if of := byService[service]; of != nil {
		if found := of(action, n); found != nil {
			return found, nil
		}
	}
	if anywhere(action) {
		return inRegion(service, n), nil
	}
	owned := n.ownedBy(action)
	if len(owned) == 0 {
		return nil, fmt.Errorf("action %s: no type in internal/aws says in Owned what it may be used on", action)
	}
	return only(owned...), nil
}

// only is the limit by name alone.
func only(resources ...string) []limit { return []limit{{resources: resources}} }

// inRegion is for actions that AWS ties to no resource; the region is all that can be said.
func inRegion(service string, n names) []limit {
	return []limit{{[]string{"*"}, policy.Condition{"StringEquals": {"aws:RequestedRegion": {n.regionOf(service)}}}}}
}

const (
	resourceTag = "aws:ResourceTag/Environment"
	requestTag  = "aws:RequestTag/Environment"
)

// Ids of AWS's tell no environments apart, but the tag does that the provider puts on everything.

// mine: the resource has the environment's tag.
func (n names) mine() policy.Condition {
	return policy.Condition{"StringEquals": {resourceTag: {n.Name}}}
}

// born: the new resource gets it.
func (n names) born() policy.Condition {
	return policy.Condition{"StringEquals": {requestTag: {n.Name}}}
}

// tagging is for services that do not say whether a resource is new: it gets the environment's tag, unless it has
// another environment's.
func (n names) tagging() policy.Condition {
	return policy.Condition{
		"StringEquals":         {requestTag: {n.Name}},
		"StringEqualsIfExists": {resourceTag: {n.Name}},
	}
}
