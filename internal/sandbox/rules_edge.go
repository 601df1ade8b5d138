package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sentry/internal/aws"
)

// checkBalancerName holds for load balancers and target groups alike.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
func checkBalancerName(c *call) error {
	if name := c.in.str("name"); len(name) > 32 || strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") {
		return fmt.Errorf("ValidationError: \"name\" cannot be longer than 32 characters, nor begin or end with a hyphen: %q", name)
	}
	return nil
}

func checkLoadBalancer(c *call) error {
	if name := c.in.str("name"); strings.HasPrefix(name, "internal-") {
		return fmt.Errorf("invalid value for name (cannot begin with 'internal-'): %q", name)
	}
	return checkBalancerName(c)
}

func applyLoadBalancer(c *call) error {
	zones := map[string]bool{}
	for _, id := range c.in.strings("subnets") {
		subnet := c.find(aws.EC2Subnet, id)
		zones[subnet.Props.str("availabilityZone")] = true
		if c.in.yes("internal") {
			continue
		}
		if vpc := subnet.Props.str("vpcId"); c.gatewayOf(vpc) == nil {
			return fmt.Errorf("InvalidSubnet: VPC %s has no internet gateway", vpc)
		}
	}
	if len(zones) < 2 {
		return errors.New("ValidationError: At least two subnets in two different Availability Zones must be specified")
	}
	return nil
}

// applyListener: a load balancer has one listener on a port.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
func applyListener(c *call) error {
	port, _ := c.in.num("port")
	for _, o := range c.cloud.objects {
		taken, _ := o.Props.num("port")
		if o.Type == c.typ && o != c.self && o.Props.str("loadBalancerArn") == c.in.str("loadBalancerArn") && taken == port {
			return fmt.Errorf("DuplicateListener: A listener already exists on this port for this load balancer '%s'", c.in.str("loadBalancerArn"))
		}
	}
	return nil
}

func (c *call) gatewayOf(vpc string) *Object {
	i := slices.IndexFunc(c.cloud.objects, func(o *Object) bool {
		return o.Type == aws.EC2InternetGateway && o.Props.str("vpcId") == vpc
	})
	if i < 0 {
		return nil
	}
	return c.cloud.objects[i]
}

func removeLoadBalancer(c *call) error {
	if c.out.yes("enableDeletionProtection") {
		return fmt.Errorf("OperationNotPermitted: Load balancer '%s' cannot be deleted because deletion protection is enabled", c.self.ID)
	}
	return nil
}

// applyVpcOrigin: CloudFront's way into the VPC needs an internet gateway there, although nothing passes it.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
func applyVpcOrigin(c *call) error {
	balancer := c.find(aws.LBLoadBalancer, c.in.str("vpcOriginEndpointConfig.arn"))
	if vpc := balancer.Props.str("vpcId"); c.gatewayOf(vpc) == nil {
		return fmt.Errorf("InvalidRequest: VPC %s must have an internet gateway", vpc)
	}
	return nil
}

func checkDistribution(c *call) error {
	origins := c.in.strings("origins.originId")
	targets := append(c.in.strings("orderedCacheBehaviors.targetOriginId"), c.in.str("defaultCacheBehavior.targetOriginId"))
	for _, target := range targets {
		if !slices.Contains(origins, target) {
			return fmt.Errorf("NoSuchOrigin: One or more of your origins or origin groups do not exist: %q", target)
		}
	}
	if len(c.in.strings("aliases")) > 0 && c.in.yes("viewerCertificate.cloudfrontDefaultCertificate") {
		return errors.New("InvalidViewerCertificate: To add an alternate domain name (CNAME) to a CloudFront distribution, " +
			"you must attach a trusted certificate that validates your authorization to use the domain name.")
	}
	return nil
}

// applyDistribution: an S3 origin must be a bucket that is there, a certificate must be of us-east-1 and issued, and an
// alias the only one of its name.
func applyDistribution(c *call) error {
	for _, domain := range c.in.strings("origins.domainName") {
		bucket, isBucket := strings.CutSuffix(domain, ".s3."+c.settings.region+".amazonaws.com")
		if isBucket && c.find(aws.S3Bucket, bucket) == nil {
			return fmt.Errorf("InvalidOrigin: The specified origin server does not exist or is not valid: %s", domain)
		}
	}
	if arn := c.in.str("viewerCertificate.acmCertificateArn"); arn != "" && !strings.HasPrefix(arn, "arn:aws:acm:us-east-1:") {
		return fmt.Errorf("InvalidViewerCertificate: The specified SSL certificate doesn't exist, isn't in us-east-1 region, "+
			"isn't valid, or doesn't include a valid certificate chain: %s", arn)
	}
	for _, o := range c.cloud.objects {
		if o.Type != c.typ || o == c.self {
			continue
		}
		for _, alias := range o.Props.strings("aliases") {
			if slices.Contains(c.in.strings("aliases"), alias) {
				return fmt.Errorf("CNAMEAlreadyExists: One or more of the CNAMEs you provided are already associated with a different resource: %s", alias)
			}
		}
	}
	return nil
}

// deriveCertificate adds the record that proves the domain, once for all.
func deriveCertificate(c *call) {
	if c.self != nil {
		return
	}
	domain := c.in.str("domainName")
	c.out["domainValidationOptions"] = []any{map[string]any{
		"domainName": domain, "resourceRecordType": "CNAME",
		"resourceRecordName":  c.expand("_{hex32}." + domain + "."),
		"resourceRecordValue": c.expand("_{hex32}.acm-validations.aws."),
	}}
}
