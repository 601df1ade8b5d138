package aws

// Tokens of the types.
const (
	LBLoadBalancer = "aws:lb/loadBalancer:LoadBalancer"
	LBTargetGroup  = "aws:lb/targetGroup:TargetGroup"
	LBListener     = "aws:lb/listener:Listener"
	LBListenerRule = "aws:lb/listenerRule:ListenerRule"
)

var lb = []Type{
	// The account's first load balancer makes Elastic Load Balancing create the role it works with. Deleting waits for
	// the network interfaces.
	{
		Token: LBLoadBalancer, Noun: "ELBv2 Load Balancer", Name: "name",
		ID: "arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}/{hex16}",
		Outputs: "arn={id} arnSuffix={arnEnd} dnsName=internal-{name}-{hex10}.{region}.elb.amazonaws.com " +
			"zoneId=Z35SXDOTRQ7X7K vpcId={vpcOfSubnets} ipAddressType=ipv4",
		Taken:   "DuplicateLoadBalancerName: A load balancer with the same name '{name}' exists, but with different settings",
		Missing: "LoadBalancerNotFound: Load balancer '%s' not found",
		InUse:   "ResourceInUse: Load balancer '%s' cannot be deleted because it is currently associated with another service",
		Refs: []Ref{
			{Path: "subnets", To: EC2Subnet},
			{Path: "securityGroups", To: EC2SecurityGroup},
		},
		Owned: []string{"loadbalancer/app/{prefix}/*"},
		Calls: Calls{
			Create: "elasticloadbalancing:CreateLoadBalancer elasticloadbalancing:AddTags " +
				"elasticloadbalancing:ModifyLoadBalancerAttributes iam:CreateServiceLinkedRole",
			Read: "elasticloadbalancing:DescribeLoadBalancers elasticloadbalancing:DescribeLoadBalancerAttributes " +
				"elasticloadbalancing:DescribeTags elasticloadbalancing:DescribeCapacityReservation",
			Update: "elasticloadbalancing:ModifyLoadBalancerAttributes elasticloadbalancing:SetSecurityGroups " +
				"elasticloadbalancing:SetSubnets elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags",
			Delete: "elasticloadbalancing:DeleteLoadBalancer ec2:DescribeNetworkInterfaces",
		},
		Priced: true,
		Drawn:  "load balancer",
	},
	{
		Token: LBTargetGroup, Noun: "ELBv2 Target Group", Name: "name",
		ID:      "arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/{hex16}",
		Outputs: "arn={id} arnSuffix={arnEnd} loadBalancerArns=[] protocolVersion=HTTP1 loadBalancingAlgorithmType=round_robin",
		Taken:   "DuplicateTargetGroupName: A target group with the same name '{name}' exists, but with different settings",
		Missing: "TargetGroupNotFound: One or more target groups not found (%s)",
		InUse:   "ResourceInUse: Target group '%s' is currently in use by a listener or a rule",
		Refs:    []Ref{{Path: "vpcId", To: EC2Vpc}},
		Owned:   []string{"targetgroup/{prefix}/*"},
		Calls: Calls{
			Create: "elasticloadbalancing:CreateTargetGroup elasticloadbalancing:AddTags " +
				"elasticloadbalancing:ModifyTargetGroupAttributes",
			Read: "elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetGroupAttributes " +
				"elasticloadbalancing:DescribeTags",
			Update: "elasticloadbalancing:ModifyTargetGroup elasticloadbalancing:ModifyTargetGroupAttributes " +
				"elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags",
			Delete: "elasticloadbalancing:DeleteTargetGroup",
		},
		Free: "a part of the load balancer",
		Into: LBLoadBalancer,
	},
	{
		Token: LBListener, Noun: "ELBv2 Listener",
		ID:      "arn:aws:elasticloadbalancing:{region}:{account}:listener/app/{hex16}/{hex16}",
		Outputs: "arn={id}",
		Missing: "ListenerNotFound: One or more listeners not found (%s)",
		Refs: []Ref{
			{Path: "loadBalancerArn", To: LBLoadBalancer, Part: true},
			{Path: "defaultActions.targetGroupArn", To: LBTargetGroup},
		},
		Owned: []string{"listener/app/{prefix}/*"},
		Calls: Calls{
			Create: "elasticloadbalancing:CreateListener elasticloadbalancing:AddTags",
			Read: "elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeListenerAttributes " +
				"elasticloadbalancing:DescribeTags",
			Update: "elasticloadbalancing:ModifyListener elasticloadbalancing:ModifyListenerAttributes " +
				"elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags",
			Delete: "elasticloadbalancing:DeleteListener",
		},
		Free: "a part of the load balancer",
		Into: LBLoadBalancer,
	},
	{
		Token: LBListenerRule,
		Free:  "a part of the load balancer",
		Into:  LBLoadBalancer,
	},
}
