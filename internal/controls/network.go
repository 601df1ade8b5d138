package controls

import (
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

const world = "0.0.0.0/0"

var (
	groups = []string{aws.EC2SecurityGroup}
	rules  = []string{aws.EC2SecurityGroupIngressRule}
	cloud  = []string{aws.EC2Vpc}
)

func fromTheWorld(l look) bool { return l.is("cidrIpv4", world) || l.at("cidrIpv6") != nil }

// denies reports whether a network ACL shuts a port to the world before anything else about the world.
func denies(l look, port float64) bool {
	list, _ := l.at("ingress").([]any)
	slices.SortFunc(list, func(a, b any) int {
		x, _ := at(a, "ruleNo").(float64)
		y, _ := at(b, "ruleNo").(float64)
		return int(x - y)
	})
	for _, rule := range list {
		from, _ := at(rule, "fromPort").(float64)
		to, _ := at(rule, "toPort").(float64)
		if at(rule, "cidrBlock") != world || at(rule, "protocol") != "-1" && (port < from || port > to) {
			continue
		}
		return at(rule, "action") == "deny"
	}
	return true
}

// used: something is in the group.
func used(l look) bool {
	id := l.r.ID
	in := func(token string, path ...any) bool { // a list of groups
		return l.has(token, func(o look) bool {
			list, _ := o.at(path...).([]any)
			return slices.Contains(list, any(id))
		})
	}
	return in(aws.ECSService, "networkConfiguration", "securityGroups") || in(aws.LBLoadBalancer, "securityGroups") ||
		in(aws.RDSInstance, "vpcSecurityGroupIds") || in(aws.ElastiCacheReplicationGroup, "securityGroupIds")
}

// ownOnly: an endpoint leads to the account's own buckets, and to where ECR keeps the layers of images.
func ownOnly(l look) bool {
	statements, ok := withResource(l.text("policy"))
	return ok && !slices.ContainsFunc(statements, func(s policy.Statement) bool {
		layers := slices.Equal(s.Action, policy.Strings{"s3:GetObject"}) && len(s.Resource) == 1 && strings.HasSuffix(s.Resource[0], "-starport-layer-bucket/*")
		return s.Effect == "Allow" && condition(s, "StringEquals", "aws:ResourceAccount") == nil && !layers
	})
}

var network = []Control{
	{
		IDs: "EC2.2 CIS-5.4 CKV2_AWS_12 AVD-AWS-0173", Demands: "the default security group is empty", Types: []string{aws.EC2Vpc, aws.EC2DefaultSecurityGroup},
		Why: "adopted, and emptied",
		Holds: func(l look) bool {
			return l.has(aws.EC2DefaultSecurityGroup, func(o look) bool {
				in, _ := o.at("ingress").([]any)
				out, _ := o.at("egress").([]any)
				return in != nil && out != nil && len(in)+len(out) == 0
			})
		},
	},
	{
		IDs: "EC2.6 CIS-3.7 CKV2_AWS_11 AVD-AWS-0178", Demands: "connections are recorded", Types: []string{aws.EC2Vpc, aws.EC2FlowLog}, Status: ByKey,
		Why: "off by default: $0.25 for each GB of records", Key: "`sentry:monitoring.flowLogs`",
		With: map[string]string{"sentry:monitoring": `{"flowLogs":"example-logs"}`},
		Holds: func(l look) bool {
			return l.has(aws.EC2FlowLog, func(o look) bool { return o.is("trafficType", "ALL") && o.text("logDestination") != "" })
		},
	},
	{
		IDs: "EC2.10 EC2.55 EC2.56 EC2.57 EC2.58 EC2.60", Demands: "AWS's services are reached through endpoints", Types: cloud, Status: Accepted,
		Why: "$7.30 a month for each in each zone, $58.40 for these (docs/decisions/public-tasks.md); S3's, which is free, is there",
		Holds: func(l look) bool {
			return l.has(aws.EC2VpcEndpoint, func(o look) bool { return o.is("vpcEndpointType", "Interface") })
		},
	},
	{
		IDs: "own", Demands: "the endpoint of S3 leads to the account's own buckets", Types: []string{aws.EC2VpcEndpoint},
		Why: "its policy: data cannot be carried into a stranger's bucket through it", Holds: ownOnly,
	},
	{
		IDs:     "EC2.13 EC2.14 EC2.53 EC2.54 CIS-5.2 CIS-5.3 CKV_AWS_24 CKV_AWS_25 CKV_AWS_260 CKV_AWS_277 AVD-AWS-0107",
		Demands: "no remote administration, no port 80 and not all ports for the world", Types: rules, Why: "the backend's port only (A3)",
		Holds: func(l look) bool {
			return !fromTheWorld(l) || l.is("fromPort", 8080.0, "toPort", 8080.0, "ipProtocol", "tcp")
		},
	},
	{
		IDs: "EC2.18 EC2.19", Demands: "the world gets to ports 80 and 443 at most", Types: []string{aws.EC2SecurityGroupIngressRule}, Status: ByKey,
		Why: "A3 opens 8080; HTTPS is about $17 a month more", Key: "`sentry:https`, or `sentry:ingressCidrs` with blocks of one's own",
		With: map[string]string{"sentry:https": "true"}, Holds: func(l look) bool { return !fromTheWorld(l) },
	},
	{
		IDs: "EC2.21 CIS-5.1 CKV_AWS_231 CKV_AWS_232", Demands: "the network ACL shuts SSH and RDP", Types: []string{aws.EC2DefaultNetworkACL},
		Why: "before what it allows", Holds: func(l look) bool { return denies(l, 22) && denies(l, 3389) },
	},
	{
		IDs:     "CKV_AWS_229 CKV_AWS_230 CKV_AWS_352 AVD-AWS-0102 AVD-AWS-0105",
		Demands: "… and all that is not needed", Types: []string{aws.EC2DefaultNetworkACL}, Status: Accepted,
		Why:   "an ACL knows no connections: answers come to any port above 1023. The security groups do know them, and are the list of what is open",
		Holds: func(l look) bool { return denies(l, 20) && denies(l, 21) },
	},
	{
		IDs: "EC2.16 CKV2_AWS_1", Demands: "no network ACL without a subnet", Types: []string{aws.EC2DefaultNetworkACL}, Why: "there is no other",
		Holds: func(l look) bool { return len(l.others(aws.EC2DefaultNetworkACL)) == 1 },
	},
	{
		IDs: "EC2.15 CKV_AWS_130 AVD-AWS-0164", Demands: "subnets give out no public addresses", Types: []string{aws.EC2Subnet}, Status: Accepted,
		Why:   "A2; the subnets of the load balancer (`sentry:https`) give out none",
		Holds: func(l look) bool { return l.at("mapPublicIpOnLaunch") != true },
	},
	{
		IDs: "EC2.172", Demands: "the VPC blocks traffic with the internet", Types: cloud, Status: Accepted,
		Why: "tasks call the internet, and clients the tasks (A2, A3); it is a setting of the whole region", Holds: never,
	},
	{
		IDs: "EC2.22 CKV2_AWS_5", Demands: "no security group without a member", Types: groups, Why: "one for the tasks, one for the load balancer, one for each store", Holds: used,
	},
	{
		IDs: "CKV_AWS_23 AVD-AWS-0099 AVD-AWS-0124", Demands: "groups and rules say what they are for",
		Types: []string{aws.EC2SecurityGroup, aws.EC2SecurityGroupIngressRule, aws.EC2SecurityGroupEgressRule}, Why: "each has a description",
		Holds: func(l look) bool { return l.text("description") != "" },
	},
	{
		IDs: "own", Demands: "rules stand as resources of their own", Types: groups, Why: "so that each is in the table",
		Holds: absent("ingress", "egress"),
	},
	{
		IDs: "CKV_AWS_382 AVD-AWS-0104", Demands: "tasks cannot call everywhere", Types: []string{aws.EC2SecurityGroupEgressRule}, Status: Accepted,
		Why:   "A3; AWS's services have no list of addresses to narrow it to, and a firewall that knows names is $288 a month",
		Holds: func(l look) bool { return !fromTheWorld(l) },
	},
	{
		IDs: "CKV2_AWS_35 CKV2_AWS_44 AVD-AWS-0101", Demands: "routes lead to the internet gateway, and to no other network", Types: []string{aws.EC2Route},
		Why:   "no peering, no default VPC; NAT is not needed (docs/decisions/public-tasks.md)",
		Holds: func(l look) bool { return l.is("destinationCidrBlock", world) && l.text("gatewayId") != "" },
	},
	{
		IDs: "own", Demands: "networks are apart", Types: []string{aws.EC2Vpc, aws.EC2InternetGateway, aws.EC2RouteTable}, Why: "one VPC for each environment",
		Holds: func(l look) bool {
			return len(l.others(aws.EC2Vpc)) == 1 && absent("routes", "assignGeneratedIpv6CidrBlock")(l)
		},
	},
}
