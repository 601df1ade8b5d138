package config

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Adopted is what an environment keeps of the tool that made it before this program took it over: changing it would
// replace what serves or holds something. It is empty where this program has made everything.
type Adopted struct {
	// BucketNames are those of the buckets, by purpose, that are not called as [BucketName] says.
	BucketNames map[string]string
	// SecurityGroupName and SecurityGroupDescription are those of the tasks' group.
	SecurityGroupName, SecurityGroupDescription string
	// Rules are the descriptions of that group's rules, by direction and other side, such as "ingress 0.0.0.0/0". An empty
	// one stands for none.
	Rules map[string]string
	// SubnetCIDRs are the blocks of the public subnets, one for each zone.
	SubnetCIDRs []netip.Prefix
	// ExecutionPolicies and TaskPolicies are the names of inline policies, and the ARNs of attached ones, that the roles
	// keep besides their own.
	ExecutionPolicies, TaskPolicies []string
	// Image is what the tasks run before the first release by this program: without it there would be none.
	Image string
	// TargetGroups are the ARNs of groups of load balancers that others manage, and that the tasks stay in.
	TargetGroups []string
	// Distributions are the ARNs of distributions that others manage, and that go on reading the frontend bucket.
	Distributions []string
}

// Purposes are what there are buckets for.
var Purposes = []string{"frontend", "artifacts", "clips"}

var (
	groupForm        = regexp.MustCompile(`^[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}$`)
	ruleForm         = regexp.MustCompile(`^(ingress|egress) [0-9.]+/[0-9]+$`)
	targetGroupForm  = regexp.MustCompile(`^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/[A-Za-z0-9-]+/[0-9a-z]+$`)
	distributionForm = regexp.MustCompile(`^arn:aws[a-z-]*:cloudfront:[0-9:]*[0-9]{12}:distribution/[A-Z0-9]+$`)
)

func readAdopted(s *section) Adopted {
	fields := s.object("adopted")
	group, policies := fields.object("securityGroup"), fields.object("policies")
	adopted := Adopted{
		BucketNames:              fields.pairs("bucketNames"),
		SecurityGroupName:        group.text("name"),
		SecurityGroupDescription: group.text("description"),
		Rules:                    group.pairs("rules"),
		SubnetCIDRs:              fields.networks("subnetCidrs"),
		ExecutionPolicies:        policies.list("execution"),
		TaskPolicies:             policies.list("task"),
		Image:                    fields.text("image"),
		TargetGroups:             fields.list("targetGroups"),
		Distributions:            fields.list("distributions"),
	}
	for _, purpose := range sortedKeys(adopted.BucketNames) {
		if name := adopted.BucketNames[purpose]; !slices.Contains(Purposes, purpose) {
			fields.refuse("bucketNames", "there is no bucket %q; allowed: %s", purpose, strings.Join(Purposes, ", "))
		} else if !bucketForm.MatchString(name) {
			fields.refuse("bucketNames", "%q cannot be a bucket's name; allowed: 3 to %d lower-case letters, digits, dots and hyphens", name, maxBucketName)
		}
	}
	for field, text := range map[string]string{"name": adopted.SecurityGroupName, "description": adopted.SecurityGroupDescription} {
		if fields.value("securityGroup") != nil && !groupForm.MatchString(text) {
			group.refuse(field, "%q; allowed: 1 to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*", text)
		}
	}
	for _, rule := range sortedKeys(adopted.Rules) {
		if text := adopted.Rules[rule]; !ruleForm.MatchString(rule) {
			group.refuse("rules", "%q is no rule; allowed: ingress <block> and egress <block>", rule)
		} else if text != "" && !groupForm.MatchString(text) {
			group.refuse("rules", "%q; allowed: at most 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*", text)
		}
	}
	for _, arn := range adopted.TargetGroups {
		if !targetGroupForm.MatchString(arn) {
			fields.refuse("targetGroups", "%q is not the ARN of a target group; allowed: arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>", arn)
		}
	}
	for _, arn := range adopted.Distributions {
		if !distributionForm.MatchString(arn) {
			fields.refuse("distributions", "%q is not the ARN of a distribution; allowed: arn:aws:cloudfront::<account>:distribution/<id>", arn)
		}
	}
	group.refuseRest()
	policies.refuseRest()
	fields.refuseRest()
	return adopted
}

// refuseSubnets reports subnets that the network has no place for.
func (a Adopted) refuseSubnets(s *section, network Network, https *HTTPS) {
	if len(a.SubnetCIDRs) == 0 {
		return
	}
	if len(a.SubnetCIDRs) != len(network.AvailabilityZones) {
		s.refuse("adopted.subnetCidrs", "%s; allowed: one block for each of %savailabilityZones", list(a.SubnetCIDRs), s.path)
	}
	for _, block := range a.SubnetCIDRs {
		if block.IsValid() && network.CIDR.IsValid() && (block.Bits() < network.CIDR.Bits() || !network.CIDR.Contains(block.Addr())) {
			s.refuse("adopted.subnetCidrs", "%s is not inside of %svpcCidr, %s; allowed: blocks in it", block, s.path, network.CIDR)
		}
		if https != nil && block.IsValid() && network.CIDR.IsValid() {
			for _, taken := range network.Subnets(2, 2) {
				if block.Overlaps(taken) {
					s.refuse("adopted.subnetCidrs", "%s is where %shttps puts its load balancer; allowed: without https", taken, s.path)
				}
			}
		}
	}
}

// RuleDescription is the description of a rule of the tasks' group, which is ours where nothing was adopted.
func (a Adopted) RuleDescription(direction, other, ours string) string {
	if theirs, isAdopted := a.Rules[direction+" "+other]; isAdopted {
		return theirs
	}
	return ours
}
