package infra

import (
	_ "embed"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudfront"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// apiPrefix begins the paths of the API.
	apiPrefix = "/api"
	// The origins' names inside of the distribution.
	siteOrigin, apiOrigin = "site", "api"

	// Policies that AWS keeps: the site's objects are cached as long as they say themselves, a day if they do not; the
	// API never, and it gets all that the browser sent.
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
	cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
	cachingDisabled  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	allViewer        = "216adef6-5c7f-47e4-b989-5492eafa07d3"
	// securityHeaders adds HSTS, nosniff, SAMEORIGIN and a referrer policy where the backend has not set its own.
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html
	securityHeaders = "67f7725c-6f97-4210-82d7-5512b31e9d03"

	// oldestTLS is the policy without TLS 1.0, 1.1 and weak ciphers.
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html
	oldestTLS = "TLSv1.2_2021"
	// apiSeconds is how long the backend may take for an answer: the longest that CloudFront allows without being asked.
	apiSeconds = 60
)

// siteFunction answers the paths that only the browser's router knows with the site itself. (Error pages would do so
// for the API's 404, too.)
//
//go:embed edge/site.js
var siteFunction string

// stripFunction takes /api away, so that the backend sees the same paths with a distribution as without.
//
//go:embed edge/strip.js
var stripFunction string

func newDistribution(
	ctx *pulumi.Context, name string, args *EdgeArgs, balancer *LoadBalancer, certificateARN pulumi.StringPtrInput, child pulumi.ResourceOption,
) (*cloudfront.Distribution, error) {
	origins, err := newOrigins(ctx, name, args, balancer, child)
	if err != nil {
		return nil, err
	}
	site, api, err := newBehaviors(ctx, name, args, child)
	if err != nil {
		return nil, err
	}
	distributionArgs := &cloudfront.DistributionArgs{
		Enabled:               pulumi.Bool(true),
		Comment:               pulumi.String(name),
		IsIpv6Enabled:         pulumi.Bool(true),
		HttpVersion:           pulumi.String("http2and3"),
		DefaultRootObject:     pulumi.String(websiteDocument),
		Origins:               origins,
		DefaultCacheBehavior:  site,
		OrderedCacheBehaviors: cloudfront.DistributionOrderedCacheBehaviorArray{api},
		Restrictions: cloudfront.DistributionRestrictionsArgs{
			GeoRestriction: cloudfront.DistributionRestrictionsGeoRestrictionArgs{RestrictionType: pulumi.String("none")},
		},
		// CloudFront's own certificate is for d….cloudfront.net; with it AWS decides how old a TLS may be.
		ViewerCertificate: cloudfront.DistributionViewerCertificateArgs{CloudfrontDefaultCertificate: pulumi.Bool(true)},
	}
	if args.Domain != "" {
		distributionArgs.Aliases = pulumi.StringArray{pulumi.String(args.Domain)}
		distributionArgs.ViewerCertificate = cloudfront.DistributionViewerCertificateArgs{
			AcmCertificateArn:      certificateARN,
			SslSupportMethod:       pulumi.String("sni-only"),
			MinimumProtocolVersion: pulumi.String(oldestTLS),
		}
	}
	distribution, err := cloudfront.NewDistribution(ctx, name, distributionArgs, child)
	if err != nil {
		return nil, fmt.Errorf("create the distribution: %w", err)
	}
	return distribution, nil
}

func newOrigins(
	ctx *pulumi.Context, name string, args *EdgeArgs, balancer *LoadBalancer, child pulumi.ResourceOption,
) (cloudfront.DistributionOriginArray, error) {
	access, err := cloudfront.NewOriginAccessControl(ctx, name+"-site", &cloudfront.OriginAccessControlArgs{
		Name:                          pulumi.String(name + "-site"),
		Description:                   pulumi.String("The distribution reads the site's bucket"),
		OriginAccessControlOriginType: pulumi.String("s3"),
		SigningBehavior:               pulumi.String("always"),
		SigningProtocol:               pulumi.String("sigv4"),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("let the distribution read the site: %w", err)
	}
	inside, err := cloudfront.NewVpcOrigin(ctx, name+"-api", &cloudfront.VpcOriginArgs{
		VpcOriginEndpointConfig: cloudfront.VpcOriginVpcOriginEndpointConfigArgs{
			Name:                 pulumi.String(name + "-api"),
			Arn:                  balancer.ARN,
			HttpPort:             pulumi.Int(loadBalancerPort),
			HttpsPort:            pulumi.Int(443), // AWS wants one; nothing uses it
			OriginProtocolPolicy: pulumi.String("http-only"),
			OriginSslProtocols: cloudfront.VpcOriginVpcOriginEndpointConfigOriginSslProtocolsArgs{
				Items: pulumi.StringArray{pulumi.String("TLSv1.2")}, Quantity: pulumi.Int(1),
			},
		},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("let the distribution into the VPC: %w", err)
	}
	return cloudfront.DistributionOriginArray{
		cloudfront.DistributionOriginArgs{
			OriginId:              pulumi.String(siteOrigin),
			DomainName:            args.SiteDomain,
			OriginAccessControlId: access.ID(),
		},
		cloudfront.DistributionOriginArgs{
			OriginId:   pulumi.String(apiOrigin),
			DomainName: balancer.DNSName,
			VpcOriginConfig: cloudfront.DistributionOriginVpcOriginConfigArgs{
				VpcOriginId:       inside.ID(),
				OriginReadTimeout: pulumi.Int(apiSeconds),
			},
		},
	}, nil
}

// newBehaviors says how the distribution treats the site's requests and the API's.
func newBehaviors(
	ctx *pulumi.Context, name string, args *EdgeArgs, child pulumi.ResourceOption,
) (cloudfront.DistributionDefaultCacheBehaviorArgs, cloudfront.DistributionOrderedCacheBehaviorArgs, error) {
	site := cloudfront.DistributionDefaultCacheBehaviorArgs{
		TargetOriginId:          pulumi.String(siteOrigin),
		AllowedMethods:          pulumi.ToStringArray([]string{"GET", "HEAD"}),
		CachedMethods:           pulumi.ToStringArray([]string{"GET", "HEAD"}),
		ViewerProtocolPolicy:    pulumi.String("redirect-to-https"),
		CachePolicyId:           pulumi.String(cachingOptimized),
		ResponseHeadersPolicyId: pulumi.String(securityHeaders),
		Compress:                pulumi.Bool(true),
	}
	api := cloudfront.DistributionOrderedCacheBehaviorArgs{
		PathPattern:             pulumi.String(apiPrefix + "/*"),
		TargetOriginId:          pulumi.String(apiOrigin),
		AllowedMethods:          pulumi.ToStringArray([]string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}),
		CachedMethods:           pulumi.ToStringArray([]string{"GET", "HEAD"}),
		ViewerProtocolPolicy:    pulumi.String("redirect-to-https"),
		CachePolicyId:           pulumi.String(cachingDisabled),
		OriginRequestPolicyId:   pulumi.String(allViewer),
		ResponseHeadersPolicyId: pulumi.String(securityHeaders),
		Compress:                pulumi.Bool(true),
	}
	function, err := newFunction(ctx, name+"-site", "Client-side routes are the site's", siteFunction, child)
	if err != nil {
		return site, api, err
	}
	site.FunctionAssociations = cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArray{
		cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArgs{
			EventType: pulumi.String("viewer-request"), FunctionArn: function.Arn,
		},
	}
	if args.KeepAPIPrefix {
		return site, api, nil
	}
	if function, err = newFunction(ctx, name+"-api", "The backend does not know "+apiPrefix, stripFunction, child); err != nil {
		return site, api, err
	}
	api.FunctionAssociations = cloudfront.DistributionOrderedCacheBehaviorFunctionAssociationArray{
		cloudfront.DistributionOrderedCacheBehaviorFunctionAssociationArgs{
			EventType: pulumi.String("viewer-request"), FunctionArn: function.Arn,
		},
	}
	return site, api, nil
}

func newFunction(ctx *pulumi.Context, name, comment, code string, child pulumi.ResourceOption) (*cloudfront.Function, error) {
	function, err := cloudfront.NewFunction(ctx, name, &cloudfront.FunctionArgs{
		Name:    pulumi.String(name),
		Comment: pulumi.String(comment),
		Runtime: pulumi.String("cloudfront-js-2.0"),
		Publish: pulumi.Bool(true),
		Code:    pulumi.String(code),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("create the function %q: %w", name, err)
	}
	return function, nil
}
