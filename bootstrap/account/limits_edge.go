package account

import (
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

func limitsCloudFront(action string, n names) []limit {
	kinds := append(n.owned(aws.CloudFrontDistribution), n.owned(aws.CloudFrontVpcOrigin)...)
	switch action {
	case "cloudfront:CreateDistribution", "cloudfront:CreateVpcOrigin":
		return []limit{{[]string{"*"}, n.born()}}
	case "cloudfront:TagResource":
		return []limit{{kinds, n.tagging()}}
	case "cloudfront:CreateInvalidation":
		return []limit{{n.owned(aws.CloudFrontDistribution), n.mine()}}
	case "cloudfront:ListTagsForResource", "cloudfront:UntagResource":
		return []limit{{kinds, n.mine()}}
	}
	switch {
	case strings.HasSuffix(action, "Distribution"), action == "cloudfront:CreateInvalidation":
		return []limit{{n.owned(aws.CloudFrontDistribution), n.mine()}}
	case strings.HasSuffix(action, "VpcOrigin"):
		return []limit{{n.owned(aws.CloudFrontVpcOrigin), n.mine()}}
	}
	return nil // functions have names; access controls have neither names nor tags
}

// limitsACM leaves the domain's certificate to the environment, and none to one without a domain.
func limitsACM(action string, n names) []limit {
	certificates := n.owned(aws.ACMCertificate)
	switch {
	case n.Domain == "":
		return []limit{}
	case action == "acm:RequestCertificate":
		return []limit{{[]string{"*"}, policy.Condition{
			"StringEquals":              {requestTag: {n.Name}},
			"ForAllValues:StringEquals": {"acm:DomainNames": {n.Domain}},
		}}}
	case action == "acm:AddTagsToCertificate":
		return []limit{{certificates, n.tagging()}}
	}
	return []limit{{certificates, n.mine()}}
}

// limitsRoute53 leaves the domain's addresses to the environment, and the record that proves the domain.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html
func limitsRoute53(action string, n names) []limit {
	zone := n.arn("route53", "hostedzone/"+n.ZoneID)
	switch {
	case n.Domain == "":
		return []limit{}
	case action == "route53:GetChange":
		return only(n.arn("route53", "change/*"))
	case action == "route53:ChangeResourceRecordSets":
		// The proof's name begins with an MD5. A * in its place would be a part of the domains below this one, too.
		proof := "_" + strings.Repeat("?", 32) + "." + n.Domain
		return []limit{{[]string{zone}, policy.Condition{
			"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": {"A", "AAAA", "CNAME"}},
			"ForAllValues:StringLike":   {"route53:ChangeResourceRecordSetsNormalizedRecordNames": {n.Domain, proof}},
		}}}
	}
	return only(zone)
}
