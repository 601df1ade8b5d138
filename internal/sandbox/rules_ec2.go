package sandbox

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sentry/internal/aws"
)

func checkVpc(c *call) error {
	block := c.in.str("cidrBlock")
	if block == "" {
		return nil
	}
	prefix, err := netip.ParsePrefix(block)
	if err != nil || prefix.Masked() != prefix {
		return fmt.Errorf("InvalidParameterValue: Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", block)
	}
	if prefix.Bits() < 16 || prefix.Bits() > 28 {
		return fmt.Errorf("InvalidVpc.Range: The CIDR '%s' is invalid.", block)
	}
	return nil
}

func applySubnet(c *call) error {
	block := c.in.str("cidrBlock")
	prefix, err := netip.ParsePrefix(block)
	if err != nil || prefix.Masked() != prefix {
		return fmt.Errorf("InvalidParameterValue: Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", block)
	}
	vpc, err := netip.ParsePrefix(c.find(aws.EC2Vpc, c.in.str("vpcId")).Props.str("cidrBlock"))
	if err != nil || prefix.Bits() > 28 || prefix.Bits() < vpc.Bits() || !vpc.Contains(prefix.Addr()) {
		return fmt.Errorf("InvalidSubnet.Range: The CIDR '%s' is invalid.", block)
	}
	for _, o := range c.cloud.objects {
		if o.Type != aws.EC2Subnet || o == c.self || o.Props.str("vpcId") != c.in.str("vpcId") {
			continue
		}
		if other, err := netip.ParsePrefix(o.Props.str("cidrBlock")); err == nil && other.Overlaps(prefix) {
			return fmt.Errorf("InvalidSubnet.Conflict: The CIDR '%s' conflicts with another subnet", block)
		}
	}
	if zone := c.in.str("availabilityZone"); zone == "" {
		c.out["availabilityZone"] = c.settings.region + "a"
	} else if !slices.Contains(zones(c.settings.region), zone) {
		return fmt.Errorf("InvalidParameterValue: Value (%s) for parameter availabilityZone is invalid. "+
			"Subnets can currently only be created in the following availability zones: %s.", zone, strings.Join(zones(c.settings.region), ", "))
	}
	return nil
}

// zones are the availability zones of a region, as many as any program here asks for.
func zones(region string) []string {
	return []string{region + "a", region + "b", region + "c", region + "d"}
}

// zoneID is the id of a zone, which means the same in each account, where the letter does not: use1-az1. In the sandbox
// the letters are in their order.
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html
func zoneID(zone string) string {
	parts := strings.Split(zone, "-") // us-east-1a
	if len(parts) < 3 {
		return ""
	}
	end := parts[len(parts)-1] // 1a
	short := parts[0]
	for _, direction := range parts[1 : len(parts)-1] {
		for _, word := range []string{"north", "south", "east", "west", "central", "gov"} {
			if rest, ok := strings.CutPrefix(direction, word); ok {
				short, direction = short+word[:1], rest
			}
		}
	}
	return fmt.Sprintf("%s%s-az%d", short, end[:len(end)-1], end[len(end)-1]-'a'+1)
}

// unmapped refuses to detach the gateway of a network in which tasks have public addresses. The provider asks again for
// 20 minutes, and then says so.
// https://github.com/hashicorp/terraform-provider-aws/blob/v5.100.0/internal/service/ec2/vpc_internet_gateway.go
func (c *call) unmapped(vpc string) error {
	for _, o := range c.cloud.objects {
		if o.Type != aws.ECSService || !o.Props.yes("networkConfiguration.assignPublicIp") {
			continue
		}
		if tasks, _ := o.Props.num("desiredCount"); tasks == 0 {
			continue
		}
		for _, id := range o.Props.strings("networkConfiguration.subnets") {
			if subnet := c.find(aws.EC2Subnet, id); subnet != nil && subnet.Props.str("vpcId") == vpc {
				return fmt.Errorf("DependencyViolation: Network %s has some mapped public address(es). "+
					"Please unmap those public address(es) before detaching the gateway.", vpc)
			}
		}
	}
	return nil
}

func removeGateway(c *call) error { return c.unmapped(c.self.Props.str("vpcId")) }

// applyRoute: a table has one route to a destination.
func applyRoute(c *call) error {
	for _, o := range c.cloud.objects {
		if o.Type == c.typ && o != c.self && o.Props.str("routeTableId") == c.in.str("routeTableId") &&
			o.Props.str("destinationCidrBlock") == c.in.str("destinationCidrBlock") {
			return fmt.Errorf("RouteAlreadyExists: The route identified by %s already exists.", c.in.str("destinationCidrBlock"))
		}
	}
	return nil
}

func applyGateway(c *call) error {
	if c.self != nil && c.self.Props.str("vpcId") != c.in.str("vpcId") {
		if err := c.unmapped(c.self.Props.str("vpcId")); err != nil {
			return err
		}
	}
	for _, o := range c.cloud.objects {
		if vpc := c.in.str("vpcId"); o.Type == aws.EC2InternetGateway && o != c.self && vpc != "" && o.Props.str("vpcId") == vpc {
			return fmt.Errorf("InvalidParameterValue: Network %s already has an internet gateway attached", vpc)
		}
	}
	return nil
}

// applyAssociation: a subnet has one table. Another one is put in its place without a gap, under an id that neither the
// provider's bridge nor the engine notices: to them the association is gone the next time that they look.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceRouteTableAssociation.html
// https://github.com/pulumi/pulumi-aws/issues/3911
func applyAssociation(c *call) error {
	for _, o := range c.cloud.objects {
		if subnet := c.in.str("subnetId"); o.Type == c.typ && o != c.self && subnet != "" && o.Props.str("subnetId") == subnet {
			return fmt.Errorf("Resource.AlreadyAssociated: the specified association for route table %s conflicts with an existing association",
				c.in.str("routeTableId"))
		}
	}
	if table := c.in.str("routeTableId"); c.self != nil && c.self.Props.str("routeTableId") != table {
		c.salt = c.urn + "#" + table
		c.self.ID = c.expand(c.ID)
		c.out["id"] = c.self.ID
	}
	return nil
}

func applyEndpoint(c *call) error {
	service := c.in.str("serviceName")
	if !strings.HasPrefix(service, "com.amazonaws."+c.settings.region+".") {
		return fmt.Errorf("InvalidServiceName: The Vpc Endpoint Service '%s' does not exist", service)
	}
	if c.out.str("vpcEndpointType") != "Gateway" {
		return nil
	}
	for _, o := range c.cloud.objects {
		if o.Type != c.typ || o == c.self || o.Props.str("serviceName") != service {
			continue
		}
		for _, table := range o.Props.strings("routeTableIds") {
			if slices.Contains(c.in.strings("routeTableIds"), table) {
				return fmt.Errorf("RouteAlreadyExists: route table %s already has a route with destination-prefix-list-id", table)
			}
		}
	}
	return nil
}

func applySecurityGroup(c *call) error {
	for _, o := range c.cloud.objects {
		if o.Type == aws.EC2SecurityGroup && o != c.self && o.Props.str("name") == c.out.str("name") && o.Props.str("vpcId") == c.in.str("vpcId") {
			return fmt.Errorf("InvalidGroup.Duplicate: The security group '%s' already exists for VPC '%s'",
				c.out.str("name"), c.in.str("vpcId"))
		}
	}
	return nil
}

func checkSecurityGroupRule(c *call) error {
	peers := 0
	for _, key := range []string{"cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"} {
		if c.in.has(key) {
			peers++
		}
	}
	if peers != 1 {
		return errors.New(`exactly one of "cidrIpv4", "cidrIpv6", "prefixListId" and "referencedSecurityGroupId" must be specified`)
	}
	if p := c.in.str("ipProtocol"); (p == "tcp" || p == "udp") && (!c.in.has("fromPort") || !c.in.has("toPort")) {
		return errors.New("InvalidParameterValue: Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
	}
	if cidr := c.in.str("cidrIpv4"); cidr != "" {
		if p, err := netip.ParsePrefix(cidr); err != nil || p.Masked() != p {
			return fmt.Errorf("InvalidParameterValue: CIDR block %s is malformed", cidr)
		}
	}
	return nil
}

func applySecurityGroupRule(c *call) error {
	key := func(a attrs) string {
		return fmt.Sprint(a["securityGroupId"], a["ipProtocol"], a["fromPort"], a["toPort"], a["cidrIpv4"], a["cidrIpv6"],
			a["prefixListId"], a["referencedSecurityGroupId"])
	}
	for _, o := range c.cloud.objects {
		if o.Type == c.typ && o != c.self && key(o.Props) == key(c.in) {
			return fmt.Errorf("InvalidPermission.Duplicate: the specified rule \"peer: %s, %s, from port: %v, to port: %v, ALLOW\" already exists",
				c.in.str("cidrIpv4"), strings.ToUpper(c.in.str("ipProtocol")), c.in["fromPort"], c.in["toPort"])
		}
	}
	return nil
}
