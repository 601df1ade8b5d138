package aws

// Tokens of the types.
const (
	EC2Vpc                      = "aws:ec2/vpc:Vpc"
	EC2Subnet                   = "aws:ec2/subnet:Subnet"
	EC2InternetGateway          = "aws:ec2/internetGateway:InternetGateway"
	EC2RouteTable               = "aws:ec2/routeTable:RouteTable"
	EC2Route                    = "aws:ec2/route:Route"
	EC2RouteTableAssociation    = "aws:ec2/routeTableAssociation:RouteTableAssociation"
	EC2VpcEndpoint              = "aws:ec2/vpcEndpoint:VpcEndpoint"
	EC2DefaultSecurityGroup     = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
	EC2SecurityGroup            = "aws:ec2/securityGroup:SecurityGroup"
	EC2SecurityGroupIngressRule = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	EC2SecurityGroupEgressRule  = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	EC2DefaultNetworkACL        = "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl"
	EC2FlowLog                  = "aws:ec2/flowLog:FlowLog"
	EC2NatGateway               = "aws:ec2/natGateway:NatGateway"
	EC2Eip                      = "aws:ec2/eip:Eip"
)

var ec2 = []Type{
	// The read of a VPC looks up its main route table, default network ACL and default security group.
	{
		Token: EC2Vpc, Noun: "EC2 VPC", ID: "vpc-0{hex16}",
		Outputs: "arn=arn:aws:ec2:{region}:{account}:vpc/{id} ownerId={account} defaultNetworkAclId=acl-0{hex16} " +
			"defaultRouteTableId=rtb-0{hex16} mainRouteTableId={defaultRouteTableId} " +
			"defaultSecurityGroupId=sg-0{hex16} dhcpOptionsId=dopt-0{hex16} enableDnsHostnames=false " +
			"enableNetworkAddressUsageMetrics=false assignGeneratedIpv6CidrBlock=false",
		Missing: "InvalidVpcID.NotFound: The vpc ID '%s' does not exist",
		InUse:   "DependencyViolation: The vpc '%s' has dependencies and cannot be deleted.",
		Owned:   []string{"vpc/*"},
		Calls: Calls{
			Create: "ec2:CreateVpc ec2:ModifyVpcAttribute ec2:CreateTags",
			Read: "ec2:DescribeVpcs ec2:DescribeVpcAttribute ec2:DescribeNetworkAcls ec2:DescribeRouteTables " +
				"ec2:DescribeSecurityGroups",
			Update: "ec2:ModifyVpcAttribute ec2:CreateTags ec2:DeleteTags",
			Delete: "ec2:DeleteVpc",
		},
		Free:  "what runs in it has a price, the VPC has none",
		Drawn: "VPC",
		Shows: "{cidrBlock}",
	},
	// Before it deletes a subnet or a security group the provider looks for network interfaces that linger.
	{
		Token: EC2Subnet, Noun: "EC2 Subnet", ID: "subnet-0{hex16}",
		Outputs: "arn=arn:aws:ec2:{region}:{account}:subnet/{id} ownerId={account} availabilityZoneId={zoneID} " +
			"privateDnsHostnameTypeOnLaunch=ip-name",
		Missing: "InvalidSubnetID.NotFound: The subnet ID '%s' does not exist",
		InUse:   "DependencyViolation: The subnet '%s' has dependencies and cannot be deleted.",
		Refs:    []Ref{{Path: "vpcId", To: EC2Vpc}},
		Owned:   []string{"subnet/*"},
		Calls: Calls{
			Create: "ec2:CreateSubnet ec2:ModifySubnetAttribute ec2:CreateTags",
			Read:   "ec2:DescribeSubnets",
			Update: "ec2:ModifySubnetAttribute ec2:CreateTags ec2:DeleteTags",
			Delete: "ec2:DescribeNetworkInterfaces ec2:DeleteSubnet",
		},
		Free:  "a part of the VPC",
		Into:  EC2Vpc,
		Shows: "in {availabilityZone}",
	},
	{
		Token: EC2InternetGateway, Noun: "EC2 Internet Gateway", ID: "igw-0{hex16}",
		Outputs: "arn=arn:aws:ec2:{region}:{account}:internet-gateway/{id} ownerId={account}",
		Missing: "InvalidInternetGatewayID.NotFound: The gateway ID '%s' does not exist",
		Refs:    []Ref{{Path: "vpcId", To: EC2Vpc}},
		Owned:   []string{"internet-gateway/*"},
		Calls: Calls{
			Create: "ec2:CreateInternetGateway ec2:AttachInternetGateway ec2:CreateTags",
			Read:   "ec2:DescribeInternetGateways",
			Update: "ec2:AttachInternetGateway ec2:DetachInternetGateway ec2:CreateTags ec2:DeleteTags",
			Delete: "ec2:DetachInternetGateway ec2:DeleteInternetGateway",
		},
		Free: "only the data that leaves through it has a price",
		Into: EC2Vpc,
	},
	{
		Token: EC2RouteTable, Noun: "EC2 Route Table", ID: "rtb-0{hex16}",
		Outputs: "arn=arn:aws:ec2:{region}:{account}:route-table/{id} ownerId={account}",
		Missing: "InvalidRouteTableID.NotFound: The routeTable ID '%s' does not exist",
		InUse:   "DependencyViolation: The routeTable '%s' has dependencies and cannot be deleted.",
		Refs:    []Ref{{Path: "vpcId", To: EC2Vpc}},
		Owned:   []string{"route-table/*"},
		Calls: Calls{
			Create: "ec2:CreateRouteTable ec2:CreateTags",
			Read:   "ec2:DescribeRouteTables",
			Update: "ec2:CreateTags ec2:DeleteTags",
			Delete: "ec2:DisassociateRouteTable ec2:DeleteRouteTable",
		},
		Free: "a part of the VPC",
		Into: EC2Vpc,
	},
	{
		Token: EC2Route, Noun: "EC2 Route", Import: "{routeTableId}_{destinationCidrBlock}", ID: "r-{routeTableId}{hex10}",
		Outputs: "origin=CreateRoute state=active instanceId=empty instanceOwnerId=empty",
		Refs: []Ref{
			{Path: "routeTableId", To: EC2RouteTable, Part: true},
			{Path: "gatewayId", To: EC2InternetGateway, Part: true},
		},
		Calls: Calls{
			Create: "ec2:CreateRoute",
			Read:   "ec2:DescribeRouteTables",
			Update: "ec2:ReplaceRoute",
			Delete: "ec2:DeleteRoute",
		},
		Free: "a part of the VPC",
		Into: EC2Vpc,
	},
	{
		Token: EC2RouteTableAssociation, Noun: "EC2 Route Table Association", Import: "{subnetId}/{routeTableId}", ID: "rtbassoc-0{hex16}",
		// The provider ends a table's associations before it deletes the table.
		Refs: []Ref{{Path: "routeTableId", To: EC2RouteTable, Part: true}, {Path: "subnetId", To: EC2Subnet, Part: true}},
		Calls: Calls{
			Create: "ec2:AssociateRouteTable",
			Read:   "ec2:DescribeRouteTables",
			Update: "ec2:ReplaceRouteTableAssociation",
			Delete: "ec2:DisassociateRouteTable",
		},
		Free: "a part of the VPC",
		Into: EC2Vpc,
	},
	{
		Token: EC2VpcEndpoint, Noun: "EC2 VPC Endpoint", ID: "vpce-0{hex16}",
		Outputs: "arn=arn:aws:ec2:{region}:{account}:vpc-endpoint/{id} ownerId={account} prefixListId=pl-{hex8} " +
			"state=available requesterManaged=false cidrBlocks=[] dnsEntries=[] networkInterfaceIds=[] " +
			"privateDnsEnabled=false",
		Refs: []Ref{
			{Path: "vpcId", To: EC2Vpc},
			{Path: "routeTableIds", To: EC2RouteTable, Part: true},
			{Path: "subnetIds", To: EC2Subnet},
		},
		Owned: []string{"vpc-endpoint/*"},
		Calls: Calls{
			Create: "ec2:CreateVpcEndpoint ec2:CreateTags",
			Read:   "ec2:DescribeVpcEndpoints ec2:DescribePrefixLists",
			Update: "ec2:ModifyVpcEndpoint ec2:CreateTags ec2:DeleteTags",
			Delete: "ec2:DeleteVpcEndpoints",
		},
		Priced: true,
		Into:   EC2Vpc,
	},
	// AWS makes the default group with the VPC; the provider finds it, tags it and removes its rules.
	{
		Token: EC2DefaultSecurityGroup, Noun: "EC2 Default Security Group", ID: "{defaultGroup}",
		Outputs: "arn=arn:aws:ec2:{region}:{account}:security-group/{id} ownerId={account} name=default " +
			"namePrefix=empty egress=[] ingress=[]",
		Refs: []Ref{{Path: "vpcId", To: EC2Vpc, Part: true}},
		Calls: Calls{
			Create: "ec2:CreateTags ec2:DescribeSecurityGroupRules ec2:RevokeSecurityGroupIngress " +
				"ec2:RevokeSecurityGroupEgress",
			Read:   "ec2:DescribeSecurityGroups",
			Update: "ec2:RevokeSecurityGroupIngress ec2:RevokeSecurityGroupEgress ec2:CreateTags ec2:DeleteTags",
		},
		Free: "a part of the VPC",
		Into: EC2Vpc,
	},
	// A new group comes with an egress rule of AWS's, which the provider removes.
	{
		Token: EC2SecurityGroup, Noun: "EC2 Security Group", ID: "sg-0{hex16}", Name: "name",
		Outputs: "arn=arn:aws:ec2:{region}:{account}:security-group/{id} ownerId={account} namePrefix=empty",
		Missing: "InvalidGroup.NotFound: The security group '%s' does not exist",
		InUse:   "DependencyViolation: resource %s has a dependent object",
		Refs:    []Ref{{Path: "vpcId", To: EC2Vpc}},
		Owned:   []string{"security-group/*"},
		Calls: Calls{
			Create: "ec2:CreateSecurityGroup ec2:RevokeSecurityGroupEgress ec2:CreateTags",
			Read:   "ec2:DescribeSecurityGroups",
			Update: "ec2:CreateTags ec2:DeleteTags",
			Delete: "ec2:DescribeNetworkInterfaces ec2:DeleteSecurityGroup",
		},
		Free: "a part of the VPC",
		Into: ItsUser,
	},
	securityGroupRule(EC2SecurityGroupIngressRule, "Ingress"),
	securityGroupRule(EC2SecurityGroupEgressRule, "Egress"),
	// The default network ACL is AWS's, made with the VPC; the provider replaces its rules.
	{
		Token: EC2DefaultNetworkACL, Noun: "EC2 Default Network ACL", ID: "{defaultNetworkAclId}",
		Outputs: "arn=arn:aws:ec2:{region}:{account}:network-acl/{id} ownerId={account}",
		Owned:   []string{"network-acl/*"},
		Calls: Calls{
			Create: "ec2:CreateTags ec2:CreateNetworkAclEntry ec2:DeleteNetworkAclEntry",
			Read:   "ec2:DescribeNetworkAcls",
			Update: "ec2:CreateNetworkAclEntry ec2:DeleteNetworkAclEntry ec2:CreateTags ec2:DeleteTags",
		},
		Free: "a part of the VPC",
		Into: EC2Vpc,
	},
	{
		Token: EC2FlowLog, Noun: "EC2 Flow Log", ID: "fl-0{hex16}",
		Outputs:  "arn=arn:aws:ec2:{region}:{account}:vpc-flow-log/{id}",
		Refs:     []Ref{{Path: "vpcId", To: EC2Vpc, Part: true}},
		Owned:    []string{"vpc-flow-log/*"},
		Anywhere: "logs:CreateLogDelivery logs:DeleteLogDelivery",
		Calls: Calls{
			Create: "ec2:CreateFlowLogs ec2:CreateTags logs:CreateLogDelivery",
			Read:   "ec2:DescribeFlowLogs",
			Update: "ec2:CreateTags ec2:DeleteTags",
			Delete: "ec2:DeleteFlowLogs logs:DeleteLogDelivery",
		},
		Costs: []Cost{{What: "Flow logs delivered to S3", Price: "flow-logs", Usage: "flow-logs-gb"}},
		Into:  EC2Vpc,
	},
	{
		Token: EC2NatGateway,
		Costs: []Cost{
			{What: "NAT gateways", Price: "nat-gateway", Hourly: true},
			{What: "Data through NAT gateways", Price: "nat-gateway-data", Usage: "nat-gb", Once: true},
		},
	},
	{
		Token: EC2Eip,
		Costs: []Cost{{What: "Public IPv4 addresses, reserved", Price: "public-ipv4", Hourly: true}},
	},
}

// securityGroupRule is a rule for one direction.
func securityGroupRule(token, direction string) Type {
	return Type{
		Token: token, Noun: "VPC Security Group " + direction + " Rule", ID: "sgr-0{hex16}",
		Outputs: "arn=arn:aws:ec2:{region}:{account}:security-group-rule/{id} securityGroupRuleId={id}",
		Refs: []Ref{
			{Path: "securityGroupId", To: EC2SecurityGroup, Part: true},
			{Path: "referencedSecurityGroupId", To: EC2SecurityGroup},
		},
		Owned: []string{"security-group-rule/*"},
		Calls: Calls{
			Create: "ec2:AuthorizeSecurityGroup" + direction + " ec2:CreateTags",
			Read:   "ec2:DescribeSecurityGroupRules",
			Update: "ec2:ModifySecurityGroupRules ec2:CreateTags ec2:DeleteTags",
			Delete: "ec2:RevokeSecurityGroup" + direction,
		},
		Free: "a part of the VPC",
		Into: EC2SecurityGroup,
	}
}
