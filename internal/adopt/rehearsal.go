package adopt

import (
	"context"
	"fmt"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// superseded are the types of what is not imported, but is there all the same.
var superseded = map[string]string{
	"aws_route_table":                aws.EC2RouteTable,
	"aws_ecs_task_definition":        aws.ECSTaskDefinition,
	"aws_iam_role_policy_attachment": aws.IAMRolePolicyAttachment,
	"aws_lb":                         aws.LBLoadBalancer,
	"aws_lb_target_group":            aws.LBTargetGroup,
	"aws_lb_listener":                aws.LBListener,
}

// Fill makes a state's resources in the sandbox, as Terraform has made them in AWS: what follows can be rehearsed there.
func (s State) Fill(cloud *sandbox.Cloud) {
	for _, r := range s.Resources {
		token := kinds[r.Type].token
		if token == "" {
			token = superseded[r.Type]
		}
		if token == "" {
			continue
		}
		cloud.Put(token, r.text("id"), properties(r, token))
		switch r.Type {
		case "aws_route_table":
			fillRoutes(cloud, r)
		case "aws_security_group":
			fillRules(cloud, r)
		case "aws_vpc":
			for _, part := range s.madeWith(r) {
				fillDefaults(cloud, part)
			}
		}
	}
}

func fillRoutes(cloud *sandbox.Cloud, table Resource) {
	routes, _ := table.Attributes["route"].([]any)
	for i, route := range routes {
		fields := block(route)
		cloud.Put(aws.EC2Route, fmt.Sprintf("r-%s%d", table.text("id"), i), map[string]any{
			"routeTableId": table.text("id"), "destinationCidrBlock": fields["cidr_block"], "gatewayId": fields["gateway_id"],
		})
	}
}

// fillDefaults makes what AWS makes with a network: an ACL that lets all traffic through, and a group whose members may
// talk to each other.
func fillDefaults(cloud *sandbox.Cloud, r Resource) {
	token := kinds[r.Type].token
	found := properties(r, token)
	if token == aws.EC2DefaultNetworkACL {
		all := map[string]any{"ruleNo": 100.0, "action": "allow", "protocol": "-1", "cidrBlock": "0.0.0.0/0", "fromPort": 0.0, "toPort": 0.0}
		found["ingress"], found["egress"] = []any{all}, []any{all}
	} else {
		found["ingress"] = []any{map[string]any{"protocol": "-1", "self": true, "fromPort": 0.0, "toPort": 0.0}}
		found["egress"] = []any{map[string]any{"protocol": "-1", "cidrBlocks": []any{"0.0.0.0/0"}, "fromPort": 0.0, "toPort": 0.0}}
	}
	cloud.Put(token, r.text("id"), found)
}

func fillRules(cloud *sandbox.Cloud, group Resource) {
	for i, rule := range inlineRules(group, group.text("id")) {
		rule.Attributes["id"] = fmt.Sprintf("sgr-%s-%d", group.text("id"), i)
		token := kinds[rule.Type].token
		cloud.Put(token, rule.text("id"), properties(rule, token))
	}
}

// RulesIn asks the sandbox's AWS for the rules of a group.
func RulesIn(cloud *sandbox.Cloud) Rules {
	return func(_ context.Context, group string) ([]Rule, error) {
		var found []Rule
		for _, o := range cloud.Objects() {
			if (o.Type != aws.EC2SecurityGroupIngressRule && o.Type != aws.EC2SecurityGroupEgressRule) || o.Props["securityGroupId"] != group {
				continue
			}
			rule := Rule{ID: o.ID, Egress: o.Type == aws.EC2SecurityGroupEgressRule, From: -1, To: -1}
			rule.Protocol, _ = o.Props["ipProtocol"].(string)
			rule.CIDR, _ = o.Props["cidrIpv4"].(string)
			if from, ok := o.Props["fromPort"].(float64); ok {
				to, _ := o.Props["toPort"].(float64)
				rule.From, rule.To = int(from), int(to)
			}
			found = append(found, rule)
		}
		return found, nil
	}
}
