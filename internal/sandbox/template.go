package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"sentry/internal/aws"
)

// expand fills a template of an entry.
func (c *call) expand(template string) string { return aws.Expand(template, c.variable) }

func (c *call) variable(name string) string {
	switch name {
	case "account":
		return AccountID
	case "region":
		return c.settings.region
	case "logical":
		return c.logical()
	case "next":
		return strconv.Itoa(c.revision)
	case "uuid":
		h := c.hex(32)
		return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
	case "arnEnd": // as CloudWatch names load balancers and target groups
		end := c.out.str("id")
		return strings.TrimPrefix(end[strings.LastIndex(end, ":")+1:], "loadbalancer/")
	case "zoneID":
		return zoneID(c.out.str("availabilityZone"))
	case "vpcOfSubnets":
		for _, subnet := range c.in.strings("subnets") {
			if o := c.find(aws.EC2Subnet, subnet); o != nil {
				return o.Props.str("vpcId")
			}
		}
		return ""
	case "defaultGroup":
		if vpc := c.find(aws.EC2Vpc, c.in.str("vpcId")); vpc != nil {
			return vpc.Props.str("defaultSecurityGroupId")
		}
		return ""
	}
	if digits, ok := strings.CutPrefix(name, "hex"); ok {
		n, err := strconv.Atoi(digits)
		if err == nil {
			return c.hex(n)
		}
	}
	if s := c.out.str(name); s != "" {
		return s
	}
	return c.in.str(name)
}

func (c *call) hex(n int) string {
	sum := sha256.Sum256([]byte(c.salt))
	return hex.EncodeToString(sum[:])[:n]
}
