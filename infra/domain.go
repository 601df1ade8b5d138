package infra

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/acm"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudfront"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// validationTTL is how many seconds resolvers keep the record that proves the domain: it changes with the certificate.
const validationTTL = 300

// newCertificate makes the domain's certificate, proven by a record in the hosted zone, and returns its ARN, which is
// known once AWS has issued it. Without a domain there is none.
func newCertificate(
	ctx *pulumi.Context, name string, args *EdgeArgs, child pulumi.ResourceOption,
) (pulumi.StringPtrInput, error) {
	if args.Domain == "" {
		return nil, nil
	}
	there := pulumi.Provider(args.Certificates)
	certificate, err := acm.NewCertificate(ctx, name, &acm.CertificateArgs{
		DomainName:       pulumi.String(args.Domain),
		ValidationMethod: pulumi.String("DNS"),
		Tags:             pulumi.StringMap{"Name": pulumi.String(args.Domain)},
	}, child, there)
	if err != nil {
		return nil, fmt.Errorf("request a certificate for %s: %w", args.Domain, err)
	}
	proof := certificate.DomainValidationOptions.Index(pulumi.Int(0))
	record, err := route53.NewRecord(ctx, name+"-certificate", &route53.RecordArgs{
		ZoneId:  pulumi.String(args.ZoneID),
		Name:    proof.ResourceRecordName().Elem(),
		Type:    proof.ResourceRecordType().Elem(),
		Records: pulumi.StringArray{proof.ResourceRecordValue().Elem()},
		Ttl:     pulumi.Int(validationTTL),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("prove the domain %s: %w", args.Domain, err)
	}
	issued, err := acm.NewCertificateValidation(ctx, name, &acm.CertificateValidationArgs{
		CertificateArn:        certificate.Arn,
		ValidationRecordFqdns: pulumi.StringArray{record.Fqdn},
	}, child, there)
	if err != nil {
		return nil, fmt.Errorf("wait for the certificate of %s: %w", args.Domain, err)
	}
	return issued.CertificateArn, nil
}

// newAliases makes the domain the distribution's address, for IPv4 and IPv6, and returns it.
func newAliases(
	ctx *pulumi.Context, name string, args *EdgeArgs, distribution *cloudfront.Distribution, child pulumi.ResourceOption,
) (pulumi.StringOutput, error) {
	var records []pulumi.Resource
	for _, alias := range []struct{ logical, kind string }{{"-ipv4", "A"}, {"-ipv6", "AAAA"}} {
		record, err := route53.NewRecord(ctx, name+alias.logical, &route53.RecordArgs{
			ZoneId: pulumi.String(args.ZoneID),
			Name:   pulumi.String(args.Domain),
			Type:   pulumi.String(alias.kind),
			Aliases: route53.RecordAliasArray{route53.RecordAliasArgs{
				Name:                 distribution.DomainName,
				ZoneId:               distribution.HostedZoneId,
				EvaluateTargetHealth: pulumi.Bool(false), // CloudFront has no health that Route 53 could look at
			}},
		}, child)
		if err != nil {
			return pulumi.StringOutput{}, fmt.Errorf("point %s to the distribution: %w", args.Domain, err)
		}
		records = append(records, record)
	}
	return after(ctx, pulumi.String(args.Domain).ToStringOutput(), records...), nil
}
