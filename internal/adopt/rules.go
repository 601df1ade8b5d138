package adopt

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// The Terraform types of single rules, which are also what an inline rule becomes here.
const (
	ingressRule = "aws_vpc_security_group_ingress_rule"
	egressRule  = "aws_vpc_security_group_egress_rule"
)

// Rule is a rule of a security group in AWS. Ports are -1 where the protocol, -1 for all of them, has none.
type Rule struct {
	ID       string
	Egress   bool
	Protocol string
	From, To int
	// CIDR is the IPv4 block of the other side; empty where that is something else.
	CIDR string
}

// Rules asks AWS for the rules of a security group. A state knows inline rules by what they say; they are imported by
// their ids, which only AWS knows. To create them again would fail: AWS refuses a rule that is there already.
type Rules func(ctx context.Context, group string) ([]Rule, error)

// rulesOf are the rules of a group that the state holds, each as a resource of its own: those inside of the group, by the
// block of the other side, and those that are resources in Terraform, too.
func (s State) rulesOf(group Resource) []Resource {
	id := group.text("id")
	found := inlineRules(group, id)
	for _, r := range s.Resources {
		if (r.Type == ingressRule || r.Type == egressRule) && r.text("security_group_id") == id {
			found = append(found, r)
		}
		if r.Type == "aws_security_group_rule" && r.text("security_group_id") == id {
			found = append(found, singleRules(r)...)
		}
	}
	return found
}

func inlineRules(group Resource, id string) []Resource {
	var found []Resource
	for _, direction := range []string{"ingress", "egress"} {
		blocks, _ := group.Attributes[direction].([]any)
		for _, value := range blocks {
			for _, rule := range split(direction, block(value), id) {
				rule.Address = group.Address + " " + rule.Address
				found = append(found, rule)
			}
		}
	}
	return found
}

// singleRules are the rules that an aws_security_group_rule stands for. The state has the id where there is one.
func singleRules(r Resource) []Resource {
	found := split(r.text("type"), r.Attributes, r.text("security_group_id"))
	for i := range found {
		if len(found) == 1 {
			found[i].Attributes["id"] = r.text("security_group_rule_id")
			found[i].Address = r.Address
		} else {
			found[i].Address = r.Address + " " + found[i].Address
		}
	}
	return found
}

// split makes one rule for each other side of a rule that names several.
func split(direction string, rule map[string]any, group string) []Resource {
	protocol, _ := rule["protocol"].(string)
	typ := ingressRule
	if direction == "egress" {
		typ = egressRule
	}
	var found []Resource
	add := func(attribute, side string) {
		attributes := map[string]any{
			"security_group_id": group, "ip_protocol": protocol, "description": rule["description"], attribute: side,
		}
		ports := ""
		if protocol != "-1" {
			attributes["from_port"], attributes["to_port"] = rule["from_port"], rule["to_port"]
			ports = fmt.Sprintf(" %v", rule["from_port"])
			if rule["from_port"] != rule["to_port"] {
				ports += fmt.Sprintf("-%v", rule["to_port"])
			}
		}
		name := protocol
		if protocol == "-1" {
			name = "all"
		}
		found = append(found, Resource{Address: fmt.Sprintf("%s %s%s %s", direction, name, ports, side), Type: typ, Attributes: attributes})
	}
	for _, block := range texts(rule["cidr_blocks"]) {
		add("cidr_ipv4", block)
	}
	for _, block := range texts(rule["ipv6_cidr_blocks"]) {
		add("cidr_ipv6", block)
	}
	for _, list := range texts(rule["prefix_list_ids"]) {
		add("prefix_list_id", list)
	}
	others := texts(rule["security_groups"])
	if source, isText := rule["source_security_group_id"].(string); isText && source != "" {
		others = append(others, source)
	}
	if rule["self"] == true {
		others = append(others, group)
	}
	for _, other := range others {
		add("referenced_security_group_id", other)
	}
	return found
}

// opens: the rule lets TCP connections to a port in.
func (r Resource) opens(port int) bool {
	return r.text("ip_protocol") == "tcp" && r.port("from_port") == port && r.port("to_port") == port
}

// named gives rules the ids that AWS has for them. A rule that AWS does not have keeps none.
func named(rules []Resource, there []Rule) {
	for _, r := range rules {
		if r.text("id") != "" {
			continue
		}
		i := slices.IndexFunc(there, func(rule Rule) bool {
			return rule.Egress == (r.Type == egressRule) && rule.CIDR != "" && rule.CIDR == r.text("cidr_ipv4") &&
				rule.Protocol == r.text("ip_protocol") && (rule.Protocol == "-1" || rule.From == r.port("from_port") && rule.To == r.port("to_port"))
		})
		if i >= 0 {
			r.Attributes["id"] = there[i].ID
		}
	}
}

func (r Resource) port(attribute string) int {
	port, _ := r.Attributes[attribute].(float64)
	return int(port)
}

// query is the AWS CLI's word for a rule's id. Its expression stands between double quotes, where a shell would run what is
// between bare backticks.
func (r Resource) query(region string) string {
	egress := strconv.FormatBool(r.Type == egressRule)
	condition := fmt.Sprintf("IsEgress==\\`%s\\` && IpProtocol=='%s' && CidrIpv4=='%s'", egress, r.text("ip_protocol"), r.text("cidr_ipv4"))
	if r.text("ip_protocol") != "-1" {
		condition += fmt.Sprintf(" && FromPort==\\`%d\\` && ToPort==\\`%d\\`", r.port("from_port"), r.port("to_port"))
	}
	return fmt.Sprintf("aws ec2 describe-security-group-rules --region %s --filters Name=group-id,Values=%s "+
		"--query \"SecurityGroupRules[?%s].SecurityGroupRuleId\" --output text", region, r.text("security_group_id"), condition)
}
