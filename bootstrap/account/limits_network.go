package account

import (
	"maps"
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

// taggable are the kinds of EC2 resources that the program makes.
var taggable = []string{
	"internet-gateway", "network-acl", "route-table", "security-group", "security-group-rule", "subnet", "vpc", "vpc-endpoint", "vpc-flow-log",
}

// created are the EC2 actions that make a new resource, by its kind, and what else of the environment's they
// touch. The new resource must be born with the environment's tag.
var created = map[string]struct {
	kind    string
	touches []string
}{
	"ec2:CreateFlowLogs":        {"vpc-flow-log", []string{"vpc"}},
	"ec2:CreateInternetGateway": {"internet-gateway", nil},
	"ec2:CreateRouteTable":      {"route-table", []string{"vpc"}},
	"ec2:CreateSecurityGroup":   {"security-group", []string{"vpc"}},
	"ec2:CreateSubnet":          {"subnet", []string{"vpc"}},
	"ec2:CreateVpc":             {"vpc", nil},
	"ec2:CreateVpcEndpoint":     {"vpc-endpoint", []string{"vpc", "route-table"}},
}

func limitsEC2(action string, n names) []limit {
	if c, ok := created[action]; ok {
		found := []limit{{n.ec2(c.kind), n.born()}}
		if c.touches != nil {
			found = append(found, limit{n.ec2(c.touches...), n.mine()})
		}
		return found
	}
	switch {
	case action == "ec2:DescribeVpcAttribute":
		return only(n.ec2("vpc")...)
	case strings.HasPrefix(action, "ec2:Describe"):
		return inRegion("ec2", n)
	case action == "ec2:GetManagedPrefixListEntries":
		return only(n.managedPrefixLists())
	case action == "ec2:CreateTags":
		return limitsCreateTags(n)
	case action == "ec2:AuthorizeSecurityGroupEgress", action == "ec2:AuthorizeSecurityGroupIngress":
		return []limit{
			{n.ec2(taggable...), n.mine()},
			// The new rule; the group it goes into is guarded by the line above.
			{n.ec2("security-group-rule"), policy.Condition{"StringEqualsIfExists": {requestTag: {n.Name}}}},
		}
	}
	return []limit{{n.ec2(taggable...), n.mine()}}
}

func limitsCreateTags(n names) []limit {
	births := policy.Strings{"AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"}
	for _, action := range slices.Sorted(maps.Keys(created)) {
		births = append(births, strings.TrimPrefix(action, "ec2:"))
	}
	return []limit{
		// While a resource is being made, which needs the right to make it.
		{n.ec2(taggable...), policy.Condition{"StringEquals": {requestTag: {n.Name}, "ec2:CreateAction": births}}},
		// What the environment has already; it cannot be handed to another one.
		{n.ec2(taggable...), policy.Condition{
			"StringEquals":         {resourceTag: {n.Name}},
			"StringEqualsIfExists": {requestTag: {n.Name}},
		}},
		// New rules are tagged after they were made; the groups that they are in guard them. The VPC's default
		// group is born without a tag, too, and its network ACL, but so is every group that is somebody else's: the first deployment of
		// a network is an administrator's.
		{n.ec2("security-group-rule"), policy.Condition{
			"StringEquals": {requestTag: {n.Name}},
			"Null":         {resourceTag: {"true"}},
		}},
	}
}

// limitsLoadBalancer keeps the load balancer to the environment's subnets, once there are some.
func limitsLoadBalancer(action string, n names) []limit {
	switch action {
	case "elasticloadbalancing:CreateListener":
		return only(n.owned(aws.LBLoadBalancer)...) // the listener has no ARN yet
	case "elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:SetSubnets":
		return []limit{{n.owned(aws.LBLoadBalancer), n.inSubnets("elasticloadbalancing:Subnet")}}
	}
	return nil
}

// inSubnets is empty while the environment has none. ForAllValues, because an update names only what it changes.
func (n names) inSubnets(key string) policy.Condition {
	if len(n.Subnets) == 0 {
		return nil
	}
	return policy.Condition{"ForAllValues:StringEquals": {key: n.Subnets}}
}
