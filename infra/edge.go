package infra

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudfront"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// Edge is the one HTTPS address of site and API: a distribution in front of the frontend bucket and, for /api/*, of an
// internal load balancer (G1, G2).
type Edge struct {
	pulumi.ResourceState

	// URL and APIURL are https addresses without a slash at the end.
	URL, APIURL pulumi.StringOutput
	// Distribution serves the site.
	Distribution *cloudfront.Distribution
	// LoadBalancer hands the API's requests to the tasks.
	LoadBalancer *LoadBalancer
}

// EdgeArgs shape the edge. AccessLogs may be empty.
type EdgeArgs struct {
	config.HTTPS
	// HealthCheck is the load balancer's, too.
	HealthCheck config.HealthCheck
	// Port is where the tasks listen, TCP.
	Port int
	// AccessLogs is the name of the bucket for the load balancer's records; none when empty.
	AccessLogs string
	// Certificates is the provider of the region that CloudFront takes certificates from.
	Certificates *aws.Provider

	VPCID           pulumi.StringInput
	SubnetIDs       pulumi.StringArrayInput
	SecurityGroupID pulumi.StringInput
	// SiteDomain is the frontend bucket's domain name.
	SiteDomain pulumi.StringInput
}

// NewEdge registers the edge of one environment.
func NewEdge(ctx *pulumi.Context, name string, args *EdgeArgs, opts ...pulumi.ResourceOption) (*Edge, error) {
	e := &Edge{}
	if err := ctx.RegisterComponentResource("sentry:infra:Edge", name, e, opts...); err != nil {
		return nil, fmt.Errorf("register the edge %q: %w", name, err)
	}
	child := pulumi.Parent(e)

	var err error
	if e.LoadBalancer, err = newLoadBalancer(ctx, name, args, child); err != nil {
		return nil, err
	}
	certificate, err := newCertificate(ctx, name, args, child)
	if err != nil {
		return nil, err
	}
	if e.Distribution, err = newDistribution(ctx, name, args, e.LoadBalancer, certificate, child); err != nil {
		return nil, err
	}
	host := e.Distribution.DomainName
	if args.Domain != "" {
		if host, err = newAliases(ctx, name, args, e.Distribution, child); err != nil {
			return nil, err
		}
	}
	e.URL = pulumi.Sprintf("https://%s", host)
	e.APIURL = pulumi.Sprintf("https://%s%s", host, apiPrefix)

	if err := ctx.RegisterResourceOutputs(e, pulumi.Map{
		"url":            e.URL,
		"apiUrl":         e.APIURL,
		"distributionId": e.Distribution.ID(),
	}); err != nil {
		return nil, fmt.Errorf("register the edge's outputs: %w", err)
	}
	return e, nil
}
