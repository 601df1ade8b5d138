package infra_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
)

func TestVPC(t *testing.T) { // A1
	each(t, func(t *testing.T, d deployed) {
		vpc := d.inputs(t, aws.EC2Vpc, d.name("-vpc"))
		assert.Equal(t, d.vpc, vpc["cidrBlock"], "the environment gets another address range: everything in it is replaced")
		assert.Equal(t, true, vpc["enableDnsSupport"], "tasks cannot resolve the names of ECR and S3")
		assert.Equal(t, true, vpc["enableDnsHostnames"], "public addresses have no names")
	})
}

func TestSubnets(t *testing.T) { // A2
	each(t, func(t *testing.T, d deployed) {
		var blocks, zones []string
		for _, r := range d.ByType(aws.EC2Subnet) {
			subnet := r.Inputs.Mappable()
			blocks = append(blocks, subnet["cidrBlock"].(string))
			zones = append(zones, subnet["availabilityZone"].(string))
			assert.Equal(t, true, subnet["mapPublicIpOnLaunch"], "%s: what starts here has no way to the internet", r.Name)
		}
		assert.Equal(t, d.subnets, blocks, "the subnets are not the first two /24 of the VPC")
		assert.Equal(t, []string{"us-east-1a", "us-east-1b"}, zones, "the loss of one zone takes the environment down")
	})
}

func TestRouteToTheInternet(t *testing.T) { // A2
	each(t, func(t *testing.T, d deployed) {
		require.Len(t, d.ByType(aws.EC2InternetGateway), 1, "no way in or out of the VPC")
		gateway := d.ByType(aws.EC2InternetGateway)[0].ID
		routes := d.ByType(aws.EC2Route)
		require.Len(t, routes, len(d.subnets), "a subnet has no default route: its tasks cannot pull their image")
		for _, r := range routes {
			assert.Equal(t, "0.0.0.0/0", r.Inputs.Mappable()["destinationCidrBlock"])
			assert.Equal(t, gateway, r.Inputs.Mappable()["gatewayId"], "%s leads elsewhere", r.Name)
		}
	})
}

func TestNoNATGateway(t *testing.T) { // A19
	each(t, func(t *testing.T, d deployed) {
		assert.Empty(t, d.ByType("aws:ec2/natGateway:NatGateway"), "a NAT gateway costs $32 a month that nobody asked for")
		assert.Empty(t, d.ByType("aws:ec2/eip:Eip"), "an unused address costs $3.65 a month")
	})
}

func TestS3Endpoint(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		endpoint := d.inputs(t, aws.EC2VpcEndpoint, d.name("-s3"))
		assert.Equal(t, "com.amazonaws.us-east-1.s3", endpoint["serviceName"])
		assert.Equal(t, "Gateway", endpoint["vpcEndpointType"], "an interface endpoint costs money; the gateway is free")
		assert.Len(t, endpoint["routeTableIds"], len(d.subnets), "a subnet reaches S3 over the internet")

		rights := parse[policy](t, endpoint["policy"])
		require.Len(t, rights.Statement, 2)
		assert.Equal(t, map[string]map[string]string{"StringEquals": {"aws:ResourceAccount": "123456789012"}}, rights.Statement[0].Condition,
			"a task that was taken over can carry data into a stranger's bucket")
		assert.Equal(t, []string{"s3:GetObject"}, rights.Statement[1].Action)
		assert.Equal(t, []string{"arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"}, rights.Statement[1].Resource, "tasks cannot pull their image")
	})
}

func TestDefaultSecurityGroupIsEmpty(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		group := d.inputs(t, aws.EC2DefaultSecurityGroup, d.name("-default"))
		assert.Equal(t, []any{}, group["ingress"], "what is put into the default group by accident can be reached, or a rule added by hand stays unseen")
		assert.Equal(t, []any{}, group["egress"], "what is put into the default group by accident can talk, or a rule added by hand stays unseen")
	})
}

func TestDefaultNetworkACL(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		acl := d.inputs(t, aws.EC2DefaultNetworkACL, d.name("-default"))
		assert.Equal(t, d.resource(t, aws.EC2Vpc, d.name("-vpc")).Outputs.Mappable()["defaultNetworkAclId"], acl["defaultNetworkAclId"])
		var rules []string
		for _, v := range acl["ingress"].([]any) {
			rule := v.(map[string]any)
			rules = append(rules, fmt.Sprint(rule["ruleNo"], " ", rule["action"], " ", rule["cidrBlock"], " ", rule["fromPort"]))
		}
		assert.Equal(t, []string{
			"80 allow " + d.vpc + " 0", "90 deny 0.0.0.0/0 22", "91 deny 0.0.0.0/0 3389", "100 allow 0.0.0.0/0 0",
		}, rules, "SSH or RDP is open wherever a security group is, or the load balancer loses answers on port 3389")
		assert.Equal(t, []string{"subnetIds"}, d.resource(t, aws.EC2DefaultNetworkACL, d.name("-default")).IgnoreChanges,
			"each preview takes the ACL from the subnets that AWS gave it")
	})
}

func TestTasksSecurityGroup(t *testing.T) { // A3
	each(t, func(t *testing.T, d deployed) {
		group := d.resource(t, aws.EC2SecurityGroup, d.name("-tasks"))
		assert.Empty(t, group.Inputs.Mappable()["ingress"], "inline rules and rule resources undo each other")
		assert.Empty(t, group.Inputs.Mappable()["egress"], "inline rules and rule resources undo each other")

		require.Len(t, d.ByType(aws.EC2SecurityGroupIngressRule), 1, "more than the backend's port is open")
		in := d.ByType(aws.EC2SecurityGroupIngressRule)[0].Inputs.Mappable()
		assert.Equal(t, "tcp", in["ipProtocol"])
		assert.EqualValues(t, 8080, in["fromPort"], "nobody reaches the backend")
		assert.EqualValues(t, 8080, in["toPort"], "more ports are open than the backend's")
		assert.Equal(t, "0.0.0.0/0", in["cidrIpv4"], "browsers cannot reach the backend")
		assert.Equal(t, "Requests to the backend from 0.0.0.0/0", in["description"], "a rule that nobody can explain is a rule that nobody dares to remove")

		require.Len(t, d.ByType(aws.EC2SecurityGroupEgressRule), 1)
		out := d.ByType(aws.EC2SecurityGroupEgressRule)[0].Inputs.Mappable()
		assert.Equal(t, "-1", out["ipProtocol"], "the tasks cannot call what they need")
		assert.Equal(t, "0.0.0.0/0", out["cidrIpv4"], "the tasks cannot call what they need")
		assert.NotEmpty(t, out["description"], "a rule that nobody can explain is a rule that nobody dares to remove")

		for _, rule := range slices.Concat(d.ByType(aws.EC2SecurityGroupIngressRule), d.ByType(aws.EC2SecurityGroupEgressRule)) {
			assert.Equal(t, group.ID, rule.Inputs.Mappable()["securityGroupId"], "%s belongs to another group", rule.Name)
		}
	})
}

func TestIngressCanBeClosed(t *testing.T) {
	d := with(t, map[string]string{"sentry:ingressCidrs": `["198.51.100.0/24","203.0.113.7/32"]`})
	var open []any
	for _, rule := range d.ByType(aws.EC2SecurityGroupIngressRule) {
		open = append(open, rule.Inputs.Mappable()["cidrIpv4"])
	}
	assert.ElementsMatch(t, []any{"198.51.100.0/24", "203.0.113.7/32"}, open, "the backend is open to others than configured")
}

// In one account and region, two resources of a type cannot have one name; and what both environments name alike, the
// second one would take over.
func TestNothingIsShared(t *testing.T) { // A3
	ids := map[string][]string{} // type and id in AWS, by environment
	each(t, func(t *testing.T, d deployed) {
		for _, r := range d.Resources {
			if r.Custom && r.Type != aws.Provider {
				assert.NotEmpty(t, r.ID, "%s %s", r.Type, r.Name)
				ids[d.stack] = append(ids[d.stack], r.Type+" "+r.ID)
			}
		}
	})
	for _, id := range ids["staging"] {
		assert.NotContains(t, ids["production"], id, "both environments have it: the second deployment fails, or takes it over")
	}
}

// E4: another name or description replaces the group, and other blocks the subnets.
func TestAdoptedNetwork(t *testing.T) {
	d := with(t, map[string]string{
		"sentry:adopted": `{"securityGroup":{"name":"tasks","description":"Tasks of old","rules":{"ingress 0.0.0.0/0":"Requests of old","egress 0.0.0.0/0":""}},
			"subnetCidrs":["10.0.10.0/24","10.0.20.0/24"]}`,
	})
	assert.Equal(t, "Requests of old", d.inputs(t, aws.EC2SecurityGroupIngressRule, "sentry-staging-tasks-from-0.0.0.0-0")["description"])
	assert.NotContains(t, d.inputs(t, aws.EC2SecurityGroupEgressRule, "sentry-staging-tasks-to-anywhere"), "description",
		"a rule without a description gets one")
	group := d.inputs(t, aws.EC2SecurityGroup, "sentry-staging-tasks")
	assert.Equal(t, "tasks", group["name"])
	assert.Equal(t, "Tasks of old", group["description"])
	var blocks []any
	for _, subnet := range d.ByType(aws.EC2Subnet) {
		blocks = append(blocks, subnet.Inputs.Mappable()["cidrBlock"])
	}
	assert.Equal(t, []any{"10.0.10.0/24", "10.0.20.0/24"}, blocks)
}
