package infra_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVPC(t *testing.T) { // A1
	each(t, func(t *testing.T, d deployed) {
		vpc := d.the(t, tVpc, d.name("-vpc"))
		assert.Equal(t, d.vpc, vpc["cidrBlock"], "the environment gets another address range: everything in it is replaced")
		assert.Equal(t, true, vpc["enableDnsSupport"], "tasks cannot resolve the names of ECR and S3")
		assert.Equal(t, true, vpc["enableDnsHostnames"], "public addresses have no names")
	})
}

func TestSubnets(t *testing.T) { // A2
	each(t, func(t *testing.T, d deployed) {
		var blocks, zones []string
		for _, r := range d.ByType(tSubnet) {
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
		require.Len(t, d.ByType(tGateway), 1, "no way in or out of the VPC")
		gateway := d.ByType(tGateway)[0].ID
		routes := d.ByType(tRoute)
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
		endpoint := d.the(t, tEndpoint, d.name("-s3"))
		assert.Equal(t, "com.amazonaws.us-east-1.s3", endpoint["serviceName"])
		assert.Equal(t, "Gateway", endpoint["vpcEndpointType"], "an interface endpoint costs money; the gateway is free")
		assert.Len(t, endpoint["routeTableIds"], len(d.subnets), "a subnet reaches S3 over the internet")
	})
}

func TestDefaultSecurityGroupIsEmpty(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		group := d.the(t, tDefaultGroup, d.name("-default"))
		assert.Empty(t, group["ingress"], "what is put into the default group by accident can be reached")
		assert.Empty(t, group["egress"], "what is put into the default group by accident can talk")
	})
}

func TestTasksSecurityGroup(t *testing.T) { // A3
	each(t, func(t *testing.T, d deployed) {
		group := d.resource(t, tSecurityGroup, d.name("-tasks"))
		assert.Empty(t, group.Inputs.Mappable()["ingress"], "inline rules and rule resources undo each other")
		assert.Empty(t, group.Inputs.Mappable()["egress"], "inline rules and rule resources undo each other")

		require.Len(t, d.ByType(tIngress), 1, "more than the backend's port is open")
		in := d.ByType(tIngress)[0].Inputs.Mappable()
		assert.Equal(t, "tcp", in["ipProtocol"])
		assert.EqualValues(t, 8080, in["fromPort"], "nobody reaches the backend")
		assert.EqualValues(t, 8080, in["toPort"], "more ports are open than the backend's")
		assert.Equal(t, "0.0.0.0/0", in["cidrIpv4"], "browsers cannot reach the backend")
		assert.Equal(t, "Requests to the backend from 0.0.0.0/0", in["description"], "a rule that nobody can explain is a rule that nobody dares to remove")

		require.Len(t, d.ByType(tEgress), 1)
		out := d.ByType(tEgress)[0].Inputs.Mappable()
		assert.Equal(t, "-1", out["ipProtocol"], "the tasks cannot call what they need")
		assert.Equal(t, "0.0.0.0/0", out["cidrIpv4"], "the tasks cannot call what they need")
		assert.NotEmpty(t, out["description"], "a rule that nobody can explain is a rule that nobody dares to remove")

		for _, rule := range slices.Concat(d.ByType(tIngress), d.ByType(tEgress)) {
			assert.Equal(t, group.ID, rule.Inputs.Mappable()["securityGroupId"], "%s belongs to another group", rule.Name)
		}
	})
}

func TestIngressCanBeClosed(t *testing.T) {
	recording, err := run(t, "staging", false, map[string]string{"sentry:ingressCidrs": `["198.51.100.0/24","203.0.113.7/32"]`})
	require.NoError(t, err)
	var open []any
	for _, rule := range recording.ByType(tIngress) {
		open = append(open, rule.Inputs.Mappable()["cidrIpv4"])
	}
	assert.ElementsMatch(t, []any{"198.51.100.0/24", "203.0.113.7/32"}, open, "the backend is open to others than configured")
}

func TestNothingIsShared(t *testing.T) { // A3
	recordings, err := released()
	require.NoError(t, err)
	names := map[any]string{}
	for _, e := range environments {
		for _, r := range recordings[e.stack].Resources {
			for _, key := range []string{"name", "bucket", "family"} {
				name := r.Inputs.Mappable()[key]
				if !r.Custom || name == nil || r.Type != tBucket && key == "bucket" || r.Type == tRolePolicy {
					continue
				}
				id := r.Type + " " + name.(string)
				assert.Empty(t, names[id], "%s has both a stack %s and a stack %s: the second deployment fails, or takes over", id, names[id], e.stack)
				names[id] = e.stack
			}
		}
	}
	assert.GreaterOrEqual(t, len(names), 20, "the test has lost sight of the names")
}
