package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/internal/aws"
)

// vpcInputs are the inputs of awsx's component: its own vocabulary, none of which it passes on as it is.
var vpcInputs = func() map[string]*aws.Property {
	inputs := map[string]*aws.Property{}
	for name := range strings.FieldsSeq("assignGeneratedIpv6CidrBlock availabilityZoneCidrMask availabilityZoneNames cidrBlock " +
		"enableDnsHostnames enableDnsSupport enableNetworkAddressUsageMetrics instanceTenancy ipv4IpamPoolId ipv4NetmaskLength " +
		"ipv6CidrBlock ipv6CidrBlockNetworkBorderGroup ipv6IpamPoolId ipv6NetmaskLength natGateways numberOfAvailabilityZones " +
		"subnetSpecs subnetStrategy tags vpcEndpointSpecs") {
		inputs[name] = &aws.Property{Type: "any"}
	}
	return inputs
}()

// vpcComponent is awsx:ec2:Vpc as awsx 2.22 builds it; the part of it that needs neither NAT gateways
// nor the legacy layout.
type vpcComponent struct {
	pulumi.ResourceState
	outputs pulumi.Map
}

// awsResource is any resource of the AWS provider, known by its id alone.
type awsResource struct{ pulumi.CustomResourceState }

// constructVpc registers awsx's component and its children: the same types, names, parents and inputs,
// so that the state is the one that the real awsx would leave.
func constructVpc(ctx *pulumi.Context, name string, in attrs, region string, opts ...pulumi.ResourceOption) (*vpcComponent, error) {
	zoneNames := in.strings("availabilityZoneNames")
	if n, ok := in.num("numberOfAvailabilityZones"); ok && len(zoneNames) > 0 {
		return nil, errors.New("Only one of [availabilityZoneNames] and [numberOfAvailabilityZones] can be specified")
	} else if len(zoneNames) == 0 {
		if !ok {
			n = 3
		}
		if int(n) > len(zones(region)) {
			return nil, fmt.Errorf("The configured region for this provider does not have at least %d Availability Zones.", int(n))
		}
		zoneNames = zones(region)[:int(n)]
	}
	layout, err := subnetLayout(name, in, zoneNames)
	if err != nil {
		return nil, err
	}

	component := &vpcComponent{}
	if err := ctx.RegisterComponentResource(aws.VpcComponent, name, component, opts...); err != nil {
		return nil, err
	}
	shared := map[string]any{"Name": name}
	for k, v := range in.tags("tags") {
		shared[k] = v
	}
	register := func(typ, name string, props pulumi.Map, parent pulumi.Resource) (*awsResource, error) {
		r := &awsResource{}
		opts := []pulumi.ResourceOption{pulumi.Parent(parent)}
		if parent != pulumi.Resource(component) {
			opts = append(opts, pulumi.DependsOn([]pulumi.Resource{parent}))
		}
		return r, ctx.RegisterResource(typ, name, props, r, opts...)
	}

	vpcProps := pulumi.Map{"cidrBlock": pulumi.String(in.str("cidrBlock")), "tags": pulumi.ToMap(shared)}
	for _, key := range []string{"assignGeneratedIpv6CidrBlock", "enableDnsHostnames", "enableDnsSupport", "enableNetworkAddressUsageMetrics", "instanceTenancy"} {
		if in.has(key) {
			vpcProps[key] = pulumi.Any(in[key])
		}
	}
	vpc, err := register(aws.EC2Vpc, name, vpcProps, component)
	if err != nil {
		return nil, err
	}
	gateway, err := register(aws.EC2InternetGateway, name, pulumi.Map{"vpcId": vpc.ID(), "tags": pulumi.ToMap(shared)}, vpc)
	if err != nil {
		return nil, err
	}
	lists := map[string]pulumi.Array{}
	for _, s := range layout {
		tags := map[string]any{}
		for k, v := range shared {
			tags[k] = v
		}
		tags["Name"], tags["SubnetType"] = s.name, s.kind
		tableTags := pulumi.ToMap(tags)
		for k, v := range s.tags {
			tags[k] = v
		}
		subnet, err := register(aws.EC2Subnet, s.name, pulumi.Map{
			"vpcId": vpc.ID(), "availabilityZone": pulumi.String(s.zone), "cidrBlock": pulumi.String(s.block.String()),
			"mapPublicIpOnLaunch": pulumi.Bool(s.kind == "Public"), "tags": pulumi.ToMap(tags),
		}, vpc)
		if err != nil {
			return nil, err
		}
		table, err := register(aws.EC2RouteTable, s.name, pulumi.Map{"vpcId": vpc.ID(), "tags": tableTags}, subnet)
		if err != nil {
			return nil, err
		}
		association, err := register(aws.EC2RouteTableAssociation, s.name,
			pulumi.Map{"routeTableId": table.ID(), "subnetId": subnet.ID()}, table)
		if err != nil {
			return nil, err
		}
		if s.kind == "Public" {
			route, err := register(aws.EC2Route, s.name, pulumi.Map{
				"routeTableId": table.ID(), "gatewayId": gateway.ID(), "destinationCidrBlock": pulumi.String("0.0.0.0/0"),
			}, table)
			if err != nil {
				return nil, err
			}
			lists["routes"] = append(lists["routes"], pulumi.NewResourceInput(route))
		}
		ids := strings.ToLower(s.kind) + "SubnetIds"
		lists[ids] = append(lists[ids], subnet.ID())
		lists["subnets"] = append(lists["subnets"], pulumi.NewResourceInput(subnet))
		lists["routeTables"] = append(lists["routeTables"], pulumi.NewResourceInput(table))
		lists["routeTableAssociations"] = append(lists["routeTableAssociations"], pulumi.NewResourceInput(association))
	}
	component.outputs = pulumi.Map{
		"vpc": pulumi.NewResourceInput(vpc), "vpcId": vpc.ID(), "internetGateway": pulumi.NewResourceInput(gateway),
	}
	for _, key := range []string{
		"eips", "natGateways", "vpcEndpoints", "routes", "routeTables", "routeTableAssociations", "subnets",
		"publicSubnetIds", "privateSubnetIds", "isolatedSubnetIds",
	} {
		component.outputs[key] = append(pulumi.Array{}, lists[key]...)
	}
	return component, ctx.RegisterResourceOutputs(component, component.outputs)
}

type subnetPlan struct {
	name, kind, zone string
	block            netip.Prefix
	tags             map[string]any
}

// subnetLayout cuts the VPC's block as awsx's "Auto" strategy does: an equal share (or
// availabilityZoneCidrMask) per zone, in it one subnet per spec, each aligned to its own size; or, with
// cidrBlocks in the specs, exactly those.
func subnetLayout(name string, in attrs, zoneNames []string) ([]subnetPlan, error) {
	block := in.str("cidrBlock")
	if block == "" {
		block = "10.0.0.0/16"
		in["cidrBlock"] = block
	}
	vpc, err := netip.ParsePrefix(block)
	if err != nil {
		return nil, fmt.Errorf("cidrBlock %q of %s: %w", block, name, err)
	}
	specs, _ := in["subnetSpecs"].([]any)
	if in.str("subnetStrategy") != "Auto" || len(specs) == 0 || !strings.EqualFold(in.str("natGateways.strategy"), "None") ||
		len(in.strings("vpcEndpointSpecs")) > 0 {
		return nil, fmt.Errorf("the sandbox's awsx:ec2:Vpc knows the layout with subnetStrategy Auto, explicit subnetSpecs and NAT gateway "+
			"strategy None; for %s it would have to guess: extend internal/sandbox/vpc.go", name)
	}
	zoneBits := vpc.Bits() + bits.Len(uint(len(zoneNames)-1))
	if n, ok := in.num("availabilityZoneCidrMask"); ok {
		zoneBits = int(n)
	}
	var out []subnetPlan
	for i, zone := range zoneNames {
		next := address(vpc.Addr()) + uint64(i)<<(32-zoneBits)
		end := next + 1<<(32-zoneBits)
		for j, v := range specs {
			m, _ := v.(map[string]any)
			spec := attrs(m)
			kind := spec.str("type")
			label := spec.str("name")
			if label == "" {
				label = strings.ToLower(kind)
			}
			plan := subnetPlan{name: fmt.Sprintf("%s-%s-%d", name, label, i+1), kind: kind, zone: zone, tags: spec.tags("tags")}
			if blocks := spec.strings("cidrBlocks"); len(blocks) > 0 {
				if len(blocks) != len(zoneNames) {
					return nil, fmt.Errorf("Invalid subnet specifications:\n - The number of CIDR blocks in subnetSpecs[%d] must match the number of "+
						"availability zones (%d).", j, len(zoneNames))
				}
				if plan.block, err = netip.ParsePrefix(blocks[i]); err != nil {
					return nil, fmt.Errorf("cidrBlocks[%d] of subnetSpecs[%d]: %w", i, j, err)
				}
			} else {
				size := zoneBits + bits.Len(uint(len(specs)-1))
				if n, ok := spec.num("cidrMask"); ok {
					size = int(n)
				} else if n, ok := spec.num("size"); ok {
					size = 32 - bits.TrailingZeros64(uint64(n))
				}
				step := uint64(1) << (32 - size)
				next = (next + step - 1) / step * step
				if next+step > end {
					return nil, fmt.Errorf("Subnets are too large for VPC: subnetSpecs[%d] does not fit into the /%d of a zone", j, zoneBits)
				}
				var four [4]byte
				binary.BigEndian.PutUint32(four[:], uint32(next))
				plan.block = netip.PrefixFrom(netip.AddrFrom4(four), size)
				next += step
			}
			if kind != "Unused" {
				out = append(out, plan)
			}
		}
	}
	order := map[string]int{"Public": 0, "Private": 1, "Isolated": 2}
	slices.SortStableFunc(out, func(a, b subnetPlan) int {
		if a.zone != b.zone {
			return slices.Index(zoneNames, a.zone) - slices.Index(zoneNames, b.zone)
		}
		return order[a.kind] - order[b.kind]
	})
	for i, a := range out {
		for _, b := range out[:i] {
			if a.block.Overlaps(b.block) {
				return nil, fmt.Errorf("The following subnets overlap with at least one other subnet. Make the CIDR for the VPC larger, reduce the "+
					"size of the subnets per AZ, or use less Availability Zones:\n\n1. %s: %s\n2. %s: %s", b.name, b.block, a.name, a.block)
			}
		}
	}
	return out, nil
}

func address(a netip.Addr) uint64 {
	four := a.As4()
	return uint64(binary.BigEndian.Uint32(four[:]))
}

// awaitedResource is a resource's URN and id once they are known; id is "" in a preview.
func awaitedResource(ctx context.Context, r pulumi.Resource) (urn, id string, err error) {
	result, err := await(ctx, r.URN())
	if err != nil {
		return "", "", err
	}
	urn = fmt.Sprint(result)
	if custom, ok := r.(pulumi.CustomResource); ok {
		result, err := await(ctx, custom.ID())
		if err != nil {
			return "", "", err
		}
		if known, ok := result.(pulumi.ID); ok {
			id = string(known)
		}
	}
	return urn, id, nil
}
