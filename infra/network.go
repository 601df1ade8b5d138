package infra

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	ec2x "github.com/pulumi/pulumi-awsx/sdk/v2/go/awsx/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// Network is the VPC of one environment: two public subnets, the internet gateway, the S3 endpoint and the
// security groups (A1–A3). Nothing of it is shared with another environment.
type Network struct {
	pulumi.ResourceState

	// VPCID is known once the whole VPC stands.
	VPCID pulumi.StringOutput
	// PublicSubnetIDs are known once their routes to the internet stand.
	PublicSubnetIDs pulumi.StringArrayOutput
	// TasksSecurityGroupID is known once the group's rules stand.
	TasksSecurityGroupID pulumi.StringOutput
}

// NetworkArgs shape the network. All are required.
type NetworkArgs struct {
	// Region is the region's code.
	Region string
	config.Network
	// Port is where the tasks listen, TCP.
	Port int
}

// NewNetwork registers the network of one environment.
func NewNetwork(ctx *pulumi.Context, name string, args *NetworkArgs, opts ...pulumi.ResourceOption) (*Network, error) {
	n := &Network{}
	if err := ctx.RegisterComponentResource("sentry:infra:Network", name, n, opts...); err != nil {
		return nil, fmt.Errorf("register the network %q: %w", name, err)
	}
	child := pulumi.Parent(n)

	cloud, err := newVPC(ctx, name, args, child)
	if err != nil {
		return nil, err
	}
	// Free, and keeps the tasks' traffic with S3 off the internet.
	if _, err := ec2.NewVpcEndpoint(ctx, name+"-s3", &ec2.VpcEndpointArgs{
		VpcId:           cloud.VpcId,
		ServiceName:     pulumi.Sprintf("com.amazonaws.%s.s3", args.Region),
		VpcEndpointType: pulumi.String("Gateway"),
		RouteTableIds:   routeTableIDs(cloud),
		Tags:            pulumi.StringMap{"Name": pulumi.String(name + "-s3")},
	}, child); err != nil {
		return nil, fmt.Errorf("create the S3 endpoint: %w", err)
	}
	// AWS gives every VPC a group that lets its members talk to each other. Without rules, what is put into
	// it by accident can talk to nothing.
	if _, err := ec2.NewDefaultSecurityGroup(ctx, name+"-default", &ec2.DefaultSecurityGroupArgs{
		VpcId: cloud.VpcId,
		Tags:  pulumi.StringMap{"Name": pulumi.String(name + "-default")},
	}, child); err != nil {
		return nil, fmt.Errorf("empty the default security group: %w", err)
	}
	if n.TasksSecurityGroupID, err = newTasksSecurityGroup(ctx, name, cloud.VpcId, args, child); err != nil {
		return nil, err
	}
	n.VPCID = cloud.VpcId
	n.PublicSubnetIDs = cloud.PublicSubnetIds

	if err := ctx.RegisterResourceOutputs(n, pulumi.Map{
		"vpcId":                n.VPCID,
		"publicSubnetIds":      n.PublicSubnetIDs,
		"tasksSecurityGroupId": n.TasksSecurityGroupID,
	}); err != nil {
		return nil, fmt.Errorf("register the network's outputs: %w", err)
	}
	return n, nil
}

// newVPC leaves nothing to awsx's defaults: those are three zones, a NAT gateway in each and a layout of private
// subnets, about $100 a month that section A does not ask for.
func newVPC(ctx *pulumi.Context, name string, args *NetworkArgs, child pulumi.ResourceOption) (*ec2x.Vpc, error) {
	cloud, err := ec2x.NewVpc(ctx, name+"-vpc", &ec2x.VpcArgs{
		CidrBlock:             pulumi.StringRef(args.CIDR.String()),
		AvailabilityZoneNames: args.AvailabilityZones,
		EnableDnsSupport:      pulumi.Bool(true),
		EnableDnsHostnames:    pulumi.Bool(true),
		NatGateways:           &ec2x.NatGatewayConfigurationArgs{Strategy: ec2x.NatGatewayStrategyNone},
		SubnetStrategy:        new(ec2x.SubnetAllocationStrategyAuto),
		SubnetSpecs: []ec2x.SubnetSpecArgs{{
			Type:       ec2x.SubnetTypePublic,
			CidrBlocks: firstSubnets(args.CIDR, len(args.AvailabilityZones)),
		}},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("create the VPC: %w", err)
	}
	return cloud, nil
}

// newTasksSecurityGroup makes the tasks' group, with one resource for each rule: a rule can then change without
// touching the others. It returns the group's id, which is known once the rules stand.
//
// Tasks are public by default (F8): browsers reach the backend directly. The closed variant is
// sentry:ingressCidrs, for example an office's addresses.
func newTasksSecurityGroup(
	ctx *pulumi.Context, name string, vpcID pulumi.StringInput, args *NetworkArgs, child pulumi.ResourceOption,
) (pulumi.StringOutput, error) {
	group, err := ec2.NewSecurityGroup(ctx, name+"-tasks", &ec2.SecurityGroupArgs{
		VpcId:       vpcID,
		Description: pulumi.String("Tasks of the backend"),
		Tags:        pulumi.StringMap{"Name": pulumi.String(name + "-tasks")},
	}, child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("create the tasks' security group: %w", err)
	}
	var rules []pulumi.Resource
	for _, source := range args.IngressCIDRs {
		logical := name + "-tasks-from-" + strings.ReplaceAll(source.String(), "/", "-")
		rule, err := vpc.NewSecurityGroupIngressRule(ctx, logical, &vpc.SecurityGroupIngressRuleArgs{
			SecurityGroupId: group.ID(),
			Description:     pulumi.String("Requests to the backend from " + source.String()),
			IpProtocol:      pulumi.String("tcp"),
			FromPort:        pulumi.Int(args.Port),
			ToPort:          pulumi.Int(args.Port),
			CidrIpv4:        pulumi.String(source.String()),
			Tags:            pulumi.StringMap{"Name": pulumi.String(logical)}, // tells the rules apart when one is looked for
		}, child)
		if err != nil {
			return pulumi.StringOutput{}, fmt.Errorf("let %s reach the tasks: %w", source, err)
		}
		rules = append(rules, rule)
	}
	egress, err := vpc.NewSecurityGroupEgressRule(ctx, name+"-tasks-to-anywhere", &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: group.ID(),
		Description:     pulumi.String("Images, logs, secrets and whatever the backend calls"),
		IpProtocol:      pulumi.String("-1"),
		CidrIpv4:        pulumi.String("0.0.0.0/0"),
		Tags:            pulumi.StringMap{"Name": pulumi.String(name + "-tasks-to-anywhere")},
	}, child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("let the tasks out: %w", err)
	}
	return after(ctx, group.ID().ToStringOutput(), append(rules, egress)...), nil
}

// after is an output that is known once other resources stand, too.
func after(ctx *pulumi.Context, output pulumi.StringOutput, resources ...pulumi.Resource) pulumi.StringOutput {
	return pulumi.OutputWithDependencies(ctx.Context(), output, resources...).(pulumi.StringOutput)
}

// firstSubnets cuts the first count subnets from block.
func firstSubnets(block netip.Prefix, count int) []string {
	subnets := make([]string, count)
	for i := range subnets {
		address := block.Addr().As4()
		address[2] += byte(i) // the third byte counts /24 blocks
		subnets[i] = netip.PrefixFrom(netip.AddrFrom4(address), config.SubnetBits).String()
	}
	return subnets
}

func routeTableIDs(cloud *ec2x.Vpc) pulumi.StringArrayOutput {
	return cloud.RouteTables.ApplyT(func(tables []*ec2.RouteTable) pulumi.StringArrayOutput {
		ids := make(pulumi.StringArray, len(tables))
		for i, table := range tables {
			ids[i] = table.ID()
		}
		return ids.ToStringArrayOutput()
	}).(pulumi.StringArrayOutput)
}
