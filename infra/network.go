package infra

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
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
	// PublicSubnetIDs are known once their routes to the internet stand. IsolatedSubnetIDs have no such route;
	// there are none without a load balancer.
	PublicSubnetIDs, IsolatedSubnetIDs pulumi.StringArrayOutput
	// TasksSecurityGroupID and LoadBalancerSecurityGroupID are known once the groups' rules stand.
	TasksSecurityGroupID, LoadBalancerSecurityGroupID pulumi.StringOutput
}

// NetworkArgs shape the network. All but the last three are required.
type NetworkArgs struct {
	// Account is where the network is.
	Account Account
	config.Network
	// Port is where the tasks listen, TCP.
	Port int
	// LoadBalanced closes the tasks to all but a load balancer, which gets isolated subnets.
	LoadBalanced bool
	// FlowLogs is the name of the bucket that the records of all connections go to; none when empty.
	FlowLogs string
	// Adopted is what stays of the tool that made the network before.
	Adopted config.Adopted
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
	if err := newS3Endpoint(ctx, name+"-s3", cloud, args, child); err != nil {
		return nil, err
	}
	if err := newNetworkACL(ctx, name+"-default", cloud, args, child); err != nil {
		return nil, err
	}
	if err := newFlowLog(ctx, name+"-flow", cloud, args, child); err != nil {
		return nil, err
	}
	groups, err := newSecurityGroups(ctx, name, cloud.VpcId, args, child)
	if err != nil {
		return nil, err
	}

	n.VPCID = cloud.VpcId
	n.PublicSubnetIDs = cloud.PublicSubnetIds
	n.IsolatedSubnetIDs = cloud.IsolatedSubnetIds
	n.TasksSecurityGroupID = groups.tasks
	n.LoadBalancerSecurityGroupID = groups.loadBalancer
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
	zones := len(args.AvailabilityZones)
	public := args.Subnets(0, zones)
	if len(args.Adopted.SubnetCIDRs) > 0 {
		public = args.Adopted.SubnetCIDRs
	}
	specs := []ec2x.SubnetSpecArgs{{Type: ec2x.SubnetTypePublic, CidrBlocks: texts(public)}}
	if args.LoadBalanced {
		specs = append(specs, ec2x.SubnetSpecArgs{Type: ec2x.SubnetTypeIsolated, CidrBlocks: texts(args.Subnets(zones, zones))})
	}
	cloud, err := ec2x.NewVpc(ctx, name+"-vpc", &ec2x.VpcArgs{
		CidrBlock:             pulumi.StringRef(args.CIDR.String()),
		AvailabilityZoneNames: args.AvailabilityZones,
		EnableDnsSupport:      pulumi.Bool(true),
		EnableDnsHostnames:    pulumi.Bool(true),
		NatGateways:           &ec2x.NatGatewayConfigurationArgs{Strategy: ec2x.NatGatewayStrategyNone},
		SubnetStrategy:        new(ec2x.SubnetAllocationStrategyAuto),
		SubnetSpecs:           specs,
	}, child)
	if err != nil {
		return nil, fmt.Errorf("create the VPC: %w", err)
	}
	return cloud, nil
}

func texts(blocks []netip.Prefix) []string {
	texts := make([]string, len(blocks))
	for i, block := range blocks {
		texts[i] = block.String()
	}
	return texts
}

// newS3Endpoint is free, and keeps the tasks' traffic with S3 off the internet.
func newS3Endpoint(ctx *pulumi.Context, name string, cloud *ec2x.Vpc, args *NetworkArgs, child pulumi.ResourceOption) error {
	policy, err := endpointPolicy(args.Account).json()
	if err != nil {
		return err
	}
	if _, err := ec2.NewVpcEndpoint(ctx, name, &ec2.VpcEndpointArgs{
		VpcId:           cloud.VpcId,
		ServiceName:     pulumi.Sprintf("com.amazonaws.%s.s3", args.Account.Region),
		VpcEndpointType: pulumi.String("Gateway"),
		RouteTableIds:   routeTableIDs(cloud),
		Policy:          pulumi.String(policy),
		Tags:            pulumi.StringMap{"Name": pulumi.String(name)},
	}, child); err != nil {
		return fmt.Errorf("create the S3 endpoint: %w", err)
	}
	return nil
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

// newNetworkACL keeps the ports of remote administration shut, whatever a security group is opened to by mistake. All
// else is the security groups' to decide; inside of the VPC the ports are needed, for answers to the load balancer.
func newNetworkACL(ctx *pulumi.Context, name string, cloud *ec2x.Vpc, args *NetworkArgs, child pulumi.ResourceOption) error {
	const everywhere = "0.0.0.0/0"
	rule := func(number int, action, protocol, from string, port int) ec2.DefaultNetworkAclIngressArgs {
		return ec2.DefaultNetworkAclIngressArgs{
			RuleNo: pulumi.Int(number), Action: pulumi.String(action), Protocol: pulumi.String(protocol),
			CidrBlock: pulumi.String(from), FromPort: pulumi.Int(port), ToPort: pulumi.Int(port),
		}
	}
	if _, err := ec2.NewDefaultNetworkAcl(ctx, name, &ec2.DefaultNetworkAclArgs{
		DefaultNetworkAclId: cloud.Vpc.DefaultNetworkAclId(),
		Ingress: ec2.DefaultNetworkAclIngressArray{
			rule(80, "allow", "-1", args.CIDR.String(), 0),
			rule(90, "deny", "6", everywhere, 22),   // SSH
			rule(91, "deny", "6", everywhere, 3389), // RDP
			rule(100, "allow", "-1", everywhere, 0),
		},
		Egress: ec2.DefaultNetworkAclEgressArray{ec2.DefaultNetworkAclEgressArgs{
			RuleNo: pulumi.Int(100), Action: pulumi.String("allow"), Protocol: pulumi.String("-1"),
			CidrBlock: pulumi.String(everywhere), FromPort: pulumi.Int(0), ToPort: pulumi.Int(0),
		}},
		Tags: pulumi.StringMap{"Name": pulumi.String(name)},
		// Which subnets use it follows from there being no other.
	}, child, pulumi.IgnoreChanges([]string{"subnetIds"})); err != nil {
		return fmt.Errorf("set the default network ACL: %w", err)
	}
	return nil
}

// newFlowLog records the connections in the VPC, those that were refused as well.
func newFlowLog(ctx *pulumi.Context, name string, cloud *ec2x.Vpc, args *NetworkArgs, child pulumi.ResourceOption) error {
	if args.FlowLogs == "" {
		return nil
	}
	if _, err := ec2.NewFlowLog(ctx, name, &ec2.FlowLogArgs{
		VpcId:              cloud.VpcId,
		TrafficType:        pulumi.String("ALL"),
		LogDestinationType: pulumi.String("s3"),
		LogDestination:     pulumi.String(args.Account.bucketARN(args.FlowLogs) + "/" + name),
		Tags:               pulumi.StringMap{"Name": pulumi.String(name)},
	}, child); err != nil {
		return fmt.Errorf("log the network's connections: %w", err)
	}
	return nil
}
