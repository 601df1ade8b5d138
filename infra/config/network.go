package config

import (
	"net/netip"
	"slices"
	"strings"
)

// SubnetBits is the size of a subnet: a /24 holds 251 tasks.
const SubnetBits = 24

// Network shapes the VPC.
type Network struct {
	// CIDR is the VPC's block, a private /16 to /23; the public subnets are its first two /24.
	CIDR netip.Prefix
	// AvailabilityZones are the two zones of the public subnets, in this order.
	AvailabilityZones []string
	// IngressCIDRs may open connections to the tasks' port.
	IngressCIDRs []netip.Prefix
}

var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"),
}

// Subnets cuts some blocks from the VPC's, and leaves out the first ones.
func (n Network) Subnets(leaveOut, count int) []netip.Prefix {
	subnets := make([]netip.Prefix, count)
	for i := range subnets {
		address := n.CIDR.Addr().As4()
		address[2] += byte(leaveOut + i) // the third byte counts /24 blocks
		subnets[i] = netip.PrefixFrom(netip.AddrFrom4(address), SubnetBits)
	}
	return subnets
}

func readNetwork(s *section, region string, adopted Adopted) Network {
	network := Network{
		CIDR:              s.network("vpcCidr"),
		AvailabilityZones: s.list("availabilityZones"),
		IngressCIDRs:      s.networks("ingressCidrs"),
	}
	private := func(other netip.Prefix) bool {
		return other.Bits() <= network.CIDR.Bits() && other.Contains(network.CIDR.Addr())
	}
	switch block := network.CIDR; {
	case block.Bits() < 16 || block.Bits() > SubnetBits-1:
		s.refuse("vpcCidr", "%s does not fit; allowed: /16 (the largest that AWS takes) to /23 (the smallest that holds two /24 subnets)", block)
	case !slices.ContainsFunc(privateNetworks, private):
		s.refuse("vpcCidr", "%s is not private: hosts of the internet with these addresses could not be reached; allowed: a block in %s",
			block, list(privateNetworks))
	}

	switch zones := network.AvailabilityZones; {
	case len(zones) != 2:
		s.refuse("availabilityZones", "%s; allowed: two zones, one for each public subnet", show(zones))
	case zones[0] == zones[1]:
		s.refuse("availabilityZones", "%s twice; allowed: two zones, so that the loss of one leaves the other", zones[0])
	case region != "":
		for _, zone := range zones {
			if letter, ok := strings.CutPrefix(zone, region); !ok || len(letter) != 1 || letter[0] < 'a' || letter[0] > 'z' {
				s.refuse("availabilityZones", "%q is not a zone of %s; allowed: the region's code and a letter, such as %sa", zone, region, region)
			}
		}
	}

	if len(network.IngressCIDRs) == 0 && len(adopted.TargetGroups) == 0 {
		s.refuse("ingressCidrs", `empty: no request could reach the backend; allowed: IPv4 blocks, ["0.0.0.0/0"] for the whole internet`)
	}
	for i, source := range network.IngressCIDRs {
		if slices.Contains(network.IngressCIDRs[:i], source) {
			s.refuse("ingressCidrs", "%s twice; allowed: each block once", source)
		}
	}
	return network
}

// refuseOverlap reports another environment's network that this one overlaps: the two could never be connected.
func (n Network) refuseOverlap(s *section, environment string, block any) {
	text, _ := block.(string)
	other, err := netip.ParsePrefix(text)
	if err == nil && n.CIDR.IsValid() && n.CIDR.Overlaps(other) {
		s.refuse("vpcCidr", "%s overlaps %s of Pulumi.%s.yaml; allowed: a block of its own for each stack", n.CIDR, other, environment)
	}
}
