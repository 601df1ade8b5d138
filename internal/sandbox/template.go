package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"sentry/internal/aws"
)

// expand fills a template of the catalogue.
func (c *call) expand(template string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		var name string
		name, template, _ = strings.Cut(rest, "}")
		b.WriteString(c.variable(name))
	}
}

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
	case "host":
		return strings.TrimPrefix(c.in.str("url"), "https://")
	case "slashName":
		return "/" + strings.TrimPrefix(c.in.str("name"), "/")
	case "clusterName":
		cluster := c.in.str("cluster")
		return cluster[strings.LastIndex(cluster, "/")+1:]
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
