package controls

import (
	"slices"
	"strings"

	"sentry/internal/aws"
)

const (
	httpsKey = "sentry:https"
	// securityHeaders is AWS's policy with HSTS, nosniff and the rest.
	securityHeaders = "67f7725c-6f97-4210-82d7-5512b31e9d03"
)

var (
	balancers     = []string{aws.LBLoadBalancer}
	targets       = []string{aws.LBTargetGroup}
	distributions = []string{aws.CloudFrontDistribution}
)

// behaviors are all of a distribution.
func behaviors(holds func(behavior any) bool) func(look) bool {
	return func(l look) bool {
		others, _ := l.at("orderedCacheBehaviors").([]any)
		return !slices.ContainsFunc(append([]any{l.at("defaultCacheBehavior")}, others...), func(b any) bool { return !holds(b) })
	}
}

func origins(holds func(origin any) bool) func(look) bool {
	return func(l look) bool {
		all, _ := l.at("origins").([]any)
		return len(all) > 0 && !slices.ContainsFunc(all, func(o any) bool { return !holds(o) })
	}
}

var withDomain = map[string]string{httpsKey: `{"domain":"app.example.com","zoneId":"Z0123456789"}`}

var edge = []Control{
	{
		IDs: "AVD-AWS-0053 EC2.19", Demands: "the load balancer is not public", Types: balancers, Why: "internal; CloudFront reaches it through the VPC",
		Holds: func(l look) bool { return l.is("internal", true, "loadBalancerType", "application") },
	},
	{
		IDs: "ELB.4 CKV_AWS_131 AVD-AWS-0052", Demands: "invalid headers are dropped", Types: balancers, Why: "said",
		Holds: func(l look) bool { return l.is("dropInvalidHeaderFields", true) },
	},
	{
		IDs: "ELB.12 CKV_AWS_328", Demands: "requests that are read in two ways are refused", Types: balancers, Why: "AWS's default, defensive",
		Holds: func(l look) bool {
			return l.at("desyncMitigationMode") == nil || l.is("desyncMitigationMode", "strictest")
		},
	},
	{
		IDs: "ELB.13", Demands: "two zones", Types: balancers, Why: "A2", Holds: func(l look) bool { return l.at("subnets", 1) != nil },
	},
	{
		IDs: "ELB.5 CKV_AWS_91", Demands: "requests are logged", Types: balancers, Status: ByKey, Why: "off by default", Key: accessLogs,
		With:  map[string]string{httpsKey: "true", "sentry:monitoring": `{"accessLogs":"example-logs"}`},
		Holds: func(l look) bool { return l.at("accessLogs", "enabled") == true },
	},
	{
		IDs: "ELB.6 CKV_AWS_150", Demands: "it cannot be deleted by accident", Types: balancers, Status: ByKey,
		Why: "it holds no data, and would stay when HTTPS is switched off", Key: "`sentry:https.deletionProtection`",
		With:  map[string]string{httpsKey: `{"deletionProtection":true}`},
		Holds: func(l look) bool { return l.is("enableDeletionProtection", true) },
	},
	{
		IDs: "ELB.16 CKV2_AWS_28 CKV2_AWS_76", Demands: "a firewall stands before it", Types: balancers, Status: Accepted,
		Why: "nothing but CloudFront reaches it; a firewall belongs there, see below", Holds: never,
	},
	{
		IDs:     "ELB.1 ELB.17 ELB.18 CKV_AWS_2 CKV_AWS_103 CKV2_AWS_20 CKV2_AWS_74 AVD-AWS-0047 AVD-AWS-0054",
		Demands: "it listens with TLS", Types: []string{aws.LBListener}, Status: Accepted,
		Why: "from CloudFront to here the requests are in AWS's own network, in a VPC origin; TLS needs a domain and a certificate in this region, " +
			"and would end here", Holds: func(l look) bool { return l.is("protocol", "HTTPS") },
	},
	{
		IDs: "ELB.21 ELB.22 CKV_AWS_378", Demands: "… and talks to the tasks with it", Types: targets, Status: Accepted,
		Why:   "the container speaks HTTP (A14), inside of the VPC; TLS there is a certificate in every image",
		Holds: func(l look) bool { return l.is("protocol", "HTTPS") },
	},
	{
		IDs: "CKV_AWS_261", Demands: "targets are checked", Types: targets, Why: "G4",
		Holds: func(l look) bool {
			path, _ := l.at("healthCheck", "path").(string)
			return strings.HasPrefix(path, "/")
		},
	},
	{
		IDs: "CloudFront.1 CKV_AWS_305 CKV_AWS_216", Demands: "a root object", Types: distributions, Why: "index.html",
		Holds: func(l look) bool { return l.text("defaultRootObject") != "" && l.is("enabled", true) },
	},
	{
		IDs: "CloudFront.3 CKV_AWS_34 AVD-AWS-0012", Demands: "browsers use HTTPS", Types: distributions, Why: "HTTP is sent there",
		Holds: behaviors(func(b any) bool {
			return slices.Contains([]any{"redirect-to-https", "https-only"}, at(b, "viewerProtocolPolicy"))
		}),
	},
	{
		IDs: "CKV2_AWS_32 CKV_AWS_259", Demands: "security headers", Types: distributions, Why: "AWS's policy of them, HSTS among them",
		Holds: behaviors(func(b any) bool { return at(b, "responseHeadersPolicyId") == securityHeaders }),
	},
	{
		IDs: "CloudFront.13 CKV2_AWS_46", Demands: "the site's bucket is read by the distribution only",
		Types: []string{aws.CloudFrontDistribution, aws.CloudFrontOriginAccessControl}, Why: "origin access control, which signs each request",
		Holds: func(l look) bool {
			signed := l.has(aws.CloudFrontOriginAccessControl, func(o look) bool {
				return o.is("signingBehavior", "always", "signingProtocol", "sigv4", "originAccessControlOriginType", "s3")
			})
			return signed && (l.r.Type != aws.CloudFrontDistribution ||
				origins(func(o any) bool {
					return at(o, "originAccessControlId") != nil || at(o, "vpcOriginConfig", "vpcOriginId") != nil
				})(l))
		},
	},
	{
		IDs: "CloudFront.9 CKV2_AWS_72", Demands: "it talks to its origins with TLS", Types: []string{aws.CloudFrontDistribution, aws.CloudFrontVpcOrigin},
		Status: Accepted, Why: "the bucket yes; the load balancer no, see its listener",
		Holds: func(l look) bool {
			return !l.has(aws.CloudFrontVpcOrigin, func(o look) bool { return o.at("vpcOriginEndpointConfig", "originProtocolPolicy") != "https-only" })
		},
	},
	{
		IDs: "CloudFront.10", Demands: "… and never with an old one", Types: []string{aws.CloudFrontVpcOrigin}, Why: "TLS 1.2 only",
		Holds: func(l look) bool {
			items, _ := l.at("vpcOriginEndpointConfig", "originSslProtocols", "items").([]any)
			return slices.Equal(items, []any{"TLSv1.2"})
		},
	},
	{
		IDs: "CloudFront.12", Demands: "each bucket that is an origin exists", Types: distributions, Why: "it is the stack's own",
		Holds: origins(func(o any) bool {
			name, _ := at(o, "domainName").(string)
			return at(o, "vpcOriginConfig") != nil || strings.Contains(name, site+"-")
		}),
	},
	{
		IDs:     "CloudFront.7 CloudFront.8 CloudFront.15 CKV_AWS_174 CKV2_AWS_42 CKV2_AWS_54 AVD-AWS-0013",
		Demands: "a certificate of one's own, and TLS 1.2 at least", Types: distributions, Status: ByKey,
		Why: "CloudFront's own name lets CloudFront choose", Key: "`sentry:https.domain`", With: withDomain,
		Holds: func(l look) bool {
			c := l.at("viewerCertificate")
			minimum, _ := at(c, "minimumProtocolVersion").(string)
			return at(c, "acmCertificateArn") != nil && at(c, "sslSupportMethod") == "sni-only" && strings.HasPrefix(minimum, "TLSv1.2_2021")
		},
	},
	{
		IDs: "CloudFront.4 CKV_AWS_310", Demands: "another origin when one fails", Types: distributions, Status: Accepted,
		Why: "a second region, with all of its price; S3 and ECS stand in two zones and more", Holds: never,
	},
	{
		IDs: "CloudFront.5 CKV_AWS_86 AVD-AWS-0010", Demands: "requests are logged", Types: distributions, Status: Accepted,
		Why: "`sentry:monitoring.accessLogs` has those that reach bucket and load balancer. CloudFront's own log needs a bucket with access " +
			"lists, which S3.12 forbids, or $0.25 for each GB", Holds: func(l look) bool { return l.at("loggingConfig", "bucket") != nil },
	},
	{
		IDs: "CloudFront.6 CKV_AWS_68 CKV2_AWS_47 AVD-AWS-0011", Demands: "a web application firewall", Types: distributions, Status: Accepted,
		Why:   "$5 a month, $1 for each rule, $0.60 for a million requests; rules are the application's. docs/changing.md says how to add a resource",
		Holds: func(l look) bool { return l.text("webAclId") != "" },
	},
	{
		IDs: "CKV_AWS_374", Demands: "visitors of some countries only", Types: distributions, Status: Accepted, Why: "the product has no such countries",
		Holds: func(l look) bool { return l.at("restrictions", "geoRestriction", "restrictionType") != "none" },
	},
	{
		IDs: "ACM.1 ACM.2 CKV_AWS_233 CKV_AWS_234 CKV2_AWS_71", Demands: "certificates renew themselves, for one name, in the open log",
		Types: []string{aws.ACMCertificate, aws.ACMCertificateValidation}, Why: "checked by DNS, RSA 2048; Pulumi makes a new one before the old one goes",
		Holds: func(l look) bool {
			if l.r.Type == aws.ACMCertificateValidation {
				return l.text("certificateArn") != ""
			}
			return l.is("validationMethod", "DNS") && !strings.Contains(l.text("domainName"), "*") && absent("options", "privateKey", "keyAlgorithm")(l)
		},
	},
	{
		IDs: "CKV2_AWS_23", Demands: "a name leads to what exists", Types: []string{aws.Route53Record}, Why: "aliases of the distribution, and the certificate's proof",
		Holds: func(l look) bool { return l.is("type", "CNAME") || l.at("aliases", 0, "name") != nil },
	},
}
