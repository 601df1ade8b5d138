package infra

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	ec2x "github.com/pulumi/pulumi-awsx/sdk/v2/go/awsx/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
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
	// CIDR is the VPC's block, /16 to /23.
	CIDR netip.Prefix
	// AvailabilityZones are the two zones of the subnets.
	AvailabilityZones []string
	// Port is where the tasks listen, TCP.
	Port int
	// IngressCIDRs may connect to Port.
	IngressCIDRs []netip.Prefix
}

func (args *NetworkArgs) validate() error {
	if args == nil {
		return errors.New("network: no arguments")
	}
	var errs []error
	if args.Region == "" {
		errs = append(errs, errors.New("network: Region is empty"))
	}
	if !args.CIDR.Addr().Is4() || args.CIDR.Bits() > subnetBits-1 {
		errs = append(errs, fmt.Errorf("network: CIDR %s does not hold two IPv4 /%d subnets", args.CIDR, subnetBits))
	}
	if len(args.AvailabilityZones) != 2 {
		errs = append(errs, fmt.Errorf("network: %d AvailabilityZones, want 2", len(args.AvailabilityZones)))
	}
	if args.Port < 1 || args.Port > 65535 {
		errs = append(errs, fmt.Errorf("network: Port %d, want 1 to 65535", args.Port))
	}
	if len(args.IngressCIDRs) == 0 {
		errs = append(errs, errors.New("network: IngressCIDRs is empty"))
	}
	return errors.Join(errs...)
}

// NewNetwork registers the network of one environment.
func NewNetwork(ctx *pulumi.Context, name string, args *NetworkArgs, opts ...pulumi.ResourceOption) (*Network, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	network := &Network{}
	if err := ctx.RegisterComponentResource("sentry:infra:Network", name, network, opts...); err != nil {
		return nil, fmt.Errorf("register the network %q: %w", name, err)
	}

	// awsx's defaults are three zones, a NAT gateway in each and a layout of private subnets: about $100 a
	// month that nobody asked for. So everything is said.
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
	}, pulumi.Parent(network))
	if err != nil {
		return nil, fmt.Errorf("create the VPC: %w", err)
	}

	// Free, and keeps the tasks' traffic with S3 off the internet.
	if _, err := ec2.NewVpcEndpoint(ctx, name+"-s3", &ec2.VpcEndpointArgs{
		VpcId:           cloud.VpcId,
		ServiceName:     pulumi.Sprintf("com.amazonaws.%s.s3", args.Region),
		VpcEndpointType: pulumi.String("Gateway"),
		RouteTableIds:   routeTableIDs(cloud),
		Tags:            pulumi.StringMap{"Name": pulumi.String(name + "-s3")},
	}, pulumi.Parent(network)); err != nil {
		return nil, fmt.Errorf("create the S3 endpoint: %w", err)
	}

	// AWS gives every VPC a group that lets its members talk to each other. Without rules, what is put into
	// it by accident can talk to nobody.
	if _, err := ec2.NewDefaultSecurityGroup(ctx, name+"-default", &ec2.DefaultSecurityGroupArgs{
		VpcId: cloud.VpcId,
		Tags:  pulumi.StringMap{"Name": pulumi.String(name + "-default")},
	}, pulumi.Parent(network)); err != nil {
		return nil, fmt.Errorf("empty the default security group: %w", err)
	}

	if err := network.addTasksSecurityGroup(ctx, name, cloud.VpcId, args); err != nil {
		return nil, err
	}
	network.VPCID = cloud.VpcId
	network.PublicSubnetIDs = cloud.PublicSubnetIds

	if err := ctx.RegisterResourceOutputs(network, pulumi.Map{
		"vpcId":                network.VPCID,
		"publicSubnetIds":      network.PublicSubnetIDs,
		"tasksSecurityGroupId": network.TasksSecurityGroupID,
	}); err != nil {
		return nil, fmt.Errorf("register the network's outputs: %w", err)
	}
	return network, nil
}

// addTasksSecurityGroup makes the tasks' group, with one resource for each rule: a rule can then change
// without touching the others.
//
// Tasks are public by default (F8): the mission asks for a backend that browsers reach directly. The closed
// variant is sentry:ingressCidrs, for example an office's addresses.
func (network *Network) addTasksSecurityGroup(ctx *pulumi.Context, name string, vpcID pulumi.StringInput, args *NetworkArgs) error {
	group, err := ec2.NewSecurityGroup(ctx, name+"-tasks", &ec2.SecurityGroupArgs{
		VpcId:       vpcID,
		Description: pulumi.String("Tasks of the backend"),
		Tags:        pulumi.StringMap{"Name": pulumi.String(name + "-tasks")},
	}, pulumi.Parent(network))
	if err != nil {
		return fmt.Errorf("create the tasks' security group: %w", err)
	}
	var rules []pulumi.Resource
	for _, source := range args.IngressCIDRs {
		ruleName := name + "-tasks-from-" + strings.ReplaceAll(source.String(), "/", "-")
		rule, err := vpc.NewSecurityGroupIngressRule(ctx, ruleName, &vpc.SecurityGroupIngressRuleArgs{
			SecurityGroupId: group.ID(),
			Description:     pulumi.String("Requests to the backend from " + source.String()),
			IpProtocol:      pulumi.String("tcp"),
			FromPort:        pulumi.Int(args.Port),
			ToPort:          pulumi.Int(args.Port),
			CidrIpv4:        pulumi.String(source.String()),
			Tags:            pulumi.StringMap{"Name": pulumi.String(ruleName)}, // tells the rules apart when one is looked for
		}, pulumi.Parent(network))
		if err != nil {
			return fmt.Errorf("let %s reach the tasks: %w", source, err)
		}
		rules = append(rules, rule)
	}
	egress, err := vpc.NewSecurityGroupEgressRule(ctx, name+"-tasks-to-anywhere", &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: group.ID(),
		Description:     pulumi.String("Images, logs, secrets and whatever the backend calls"),
		IpProtocol:      pulumi.String("-1"),
		CidrIpv4:        pulumi.String("0.0.0.0/0"),
		Tags:            pulumi.StringMap{"Name": pulumi.String(name + "-tasks-to-anywhere")},
	}, pulumi.Parent(network))
	if err != nil {
		return fmt.Errorf("let the tasks out: %w", err)
	}
	ready := pulumi.OutputWithDependencies(ctx.Context(), group.ID().ToStringOutput(), append(rules, egress)...)
	network.TasksSecurityGroupID = ready.(pulumi.StringOutput)
	return nil
}

// firstSubnets cuts the first count subnets from block.
func firstSubnets(block netip.Prefix, count int) []string {
	subnets := make([]string, count)
	for i := range subnets {
		address := block.Addr().As4()
		address[2] += byte(i) // the third byte counts /24 blocks
		subnets[i] = netip.PrefixFrom(netip.AddrFrom4(address), subnetBits).String()
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
