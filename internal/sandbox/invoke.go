package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/aws"
)

// decoded are an explicit provider's inputs as values: Pulumi sends everything but text as JSON.
func decoded(in attrs) attrs {
	decoded := attrs{}
	for key, v := range in {
		var nested any
		if text, ok := v.(string); ok && json.Unmarshal([]byte(text), &nested) == nil {
			switch nested.(type) {
			case map[string]any, []any:
				v = nested
			}
		}
		decoded[key] = v
	}
	return decoded
}

// configure reads an explicit provider's inputs.
func configure(in attrs) (settings, error) {
	decoded := decoded(in)
	s := settings{region: decoded.str("region"), tags: attrs(decoded.tags("defaultTags")).tags("tags")}
	if s.region == "" && decoded.known("region") {
		s.region = DefaultRegion
	}
	if s.region != "" && !regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`).MatchString(s.region) {
		return s, fmt.Errorf("invalid AWS Region: %s", s.region)
	}
	allowed := decoded.strings("allowedAccountIds")
	if len(allowed) > 0 && !slices.Contains(allowed, AccountID) && decoded.known("allowedAccountIds") {
		return s, fmt.Errorf("AWS account ID not allowed: %s (allowedAccountIds: %s)", AccountID, strings.Join(allowed, ", "))
	}
	if slices.Contains(decoded.strings("forbiddenAccountIds"), AccountID) {
		return s, fmt.Errorf("AWS account ID not allowed: %s", AccountID)
	}
	return s, nil
}

// invoke answers the functions of the AWS provider that a program may call.
func invoke(token string, args attrs, s settings, c *Cloud) (attrs, error) {
	region := cmp.Or(s.region, DefaultRegion)
	switch token {
	case "aws:index/getCallerIdentity:getCallerIdentity":
		return attrs{
			"accountId": AccountID, "id": AccountID, "userId": "AIDASANDBOXSANDBOX000",
			"arn": "arn:aws:iam::" + AccountID + ":user/sandbox",
		}, nil
	case "aws:index/getRegion:getRegion":
		region = cmp.Or(args.str("name"), region)
		return attrs{"id": region, "name": region, "description": region, "endpoint": "ec2." + region + ".amazonaws.com"}, nil
	case "aws:index/getPartition:getPartition":
		return attrs{"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}, nil
	case "aws:index/getAvailabilityZones:getAvailabilityZones":
		var names, ids []any
		for _, zone := range zones(region) {
			names = append(names, zone)
			ids = append(ids, zoneID(zone))
		}
		return attrs{"id": region, "names": names, "zoneIds": ids, "groupNames": []any{region}}, nil
	case "aws:ec2/getManagedPrefixList:getManagedPrefixList":
		if name := args.str("name"); name != "com.amazonaws.global.cloudfront.origin-facing" {
			return nil, fmt.Errorf("the sandbox does not know the prefix list %q: add it to internal/sandbox/invoke.go", name)
		}
		const id = "pl-3b927c52" // AWS's own, the same for all accounts of us-east-1
		return attrs{
			"id": id, "name": args.str("name"), "arn": "arn:aws:ec2:" + region + ":aws:prefix-list/" + id, "ownerId": "AWS",
			"addressFamily": "IPv4", "maxEntries": 0.0, "version": 0.0, "entries": []any{}, "tags": map[string]any{},
		}, nil
	case "aws:vpc/getSecurityGroupRules:getSecurityGroupRules":
		return rulesOf(args, region, c), nil
	case "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider":
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, o := range c.objects {
			if o.Type == aws.IAMOpenIDConnectProvider && (o.ID == args.str("arn") || o.Props.str("url") == args.str("url")) {
				return attrs{
					"id": o.ID, "arn": o.ID, "url": o.Props["url"], "clientIdLists": o.Props["clientIdLists"],
					"thumbprintLists": o.Props["thumbprintLists"], "tags": orEmpty(o.Props.tags("tagsAll")),
				}, nil
			}
		}
		return nil, fmt.Errorf("finding IAM OIDC Provider by url (%s): not found", args.str("url"))
	}
	return nil, fmt.Errorf("the sandbox does not know the function %s: add it to internal/sandbox/invoke.go", token)
}

// rulesOf are the rules of some security groups that have some tags.
func rulesOf(args attrs, region string, c *Cloud) attrs {
	groups := args.strings("filters.values") // by group-id, the only filter that a program here asks for
	tags := args.tags("tags")
	ids := []any{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.objects {
		isRule := o.Type == aws.EC2SecurityGroupIngressRule || o.Type == aws.EC2SecurityGroupEgressRule
		if !isRule || !slices.Contains(groups, o.Props.str("securityGroupId")) {
			continue
		}
		has := true
		for key, value := range tags {
			has = has && o.Props.tags("tagsAll")[key] == value
		}
		if has {
			ids = append(ids, o.ID)
		}
	}
	return attrs{"id": region, "ids": ids, "tags": orEmpty(tags)}
}
