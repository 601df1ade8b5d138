package infra

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"
)

const (
	// websiteDocument is both the index and the error document: paths that the React router knows, S3 does not (A8).
	websiteDocument = "index.html"
	// corsSeconds is how long a browser remembers what a site may do with a bucket.
	corsSeconds = 3600
)

// Publish opens the buckets to browsers, and returns the site's address. The site is served by the edge or, when that has
// no distribution, by S3 itself, in plain HTTP as all of its website endpoints; its address is empty while it is closed.
//
// It comes after the edge, which reads a bucket that has to be there before: so a site that moves to HTTPS stays open
// at its old address until the new one answers.
func (b *Buckets) Publish(ctx *pulumi.Context, name string, edge *Edge) (pulumi.StringOutput, error) {
	child := pulumi.Parent(b)
	url, err := b.publishSite(ctx, name+"-frontend", edge, child)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	origins := pulumi.ToStringArray(b.args.CORSOrigins)
	if len(origins) == 0 && edge.Distribution != nil {
		origins = pulumi.StringArray{edge.URL}
	}
	if len(origins) == 0 {
		return url, nil
	}
	if err := newCORS(ctx, name+"-artifacts", b.Artifacts, origins, child); err != nil {
		return pulumi.StringOutput{}, err
	}
	return url, newCORS(ctx, name+"-clips", b.Clips, origins, child)
}

func (b *Buckets) publishSite(
	ctx *pulumi.Context, logical string, edge *Edge, child pulumi.ResourceOption,
) (pulumi.StringOutput, error) {
	if edge.Distribution != nil {
		policy := pulumix.Apply2Err(b.Frontend.Arn, edge.Distribution.Arn, func(bucketARN, distributionARN string) (string, error) {
			return distributedPolicy(bucketARN, append([]string{distributionARN}, b.args.Adopted.Distributions...)).json()
		})
		return edge.URL, newBucketAccess(ctx, logical, b.Frontend, closed, pulumix.Cast[pulumi.StringOutput](policy),
			child, pulumi.DependsOn([]pulumi.Resource{edge.Distribution}))
	}
	if !b.args.PublicFrontend {
		policy := documentOf(b.Frontend.Arn, func(arn string) policyDocument {
			if len(b.args.Adopted.Distributions) > 0 {
				return distributedPolicy(arn, b.args.Adopted.Distributions)
			}
			return closedWebsitePolicy(arn)
		})
		return pulumi.String("").ToStringOutput(), newBucketAccess(ctx, logical, b.Frontend, closed, policy, child)
	}
	if err := newBucketAccess(ctx, logical, b.Frontend, public, documentOf(b.Frontend.Arn, websitePolicy), child); err != nil {
		return pulumi.StringOutput{}, err
	}
	website, err := s3.NewBucketWebsiteConfigurationV2(ctx, logical, &s3.BucketWebsiteConfigurationV2Args{
		Bucket:        b.Frontend.ID(),
		IndexDocument: s3.BucketWebsiteConfigurationV2IndexDocumentArgs{Suffix: pulumi.String(websiteDocument)},
		ErrorDocument: s3.BucketWebsiteConfigurationV2ErrorDocumentArgs{Key: pulumi.String(websiteDocument)},
	}, child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("make the frontend bucket a website: %w", err)
	}
	return pulumi.Sprintf("http://%s", website.WebsiteEndpoint), nil
}

// newCORS lets scripts of some sites read and upload with addresses that the backend has signed (G11).
func newCORS(
	ctx *pulumi.Context, logical string, bucket *s3.BucketV2, origins pulumi.StringArray, child pulumi.ResourceOption,
) error {
	if _, err := s3.NewBucketCorsConfigurationV2(ctx, logical, &s3.BucketCorsConfigurationV2Args{
		Bucket: bucket.ID(),
		CorsRules: s3.BucketCorsConfigurationV2CorsRuleArray{s3.BucketCorsConfigurationV2CorsRuleArgs{
			AllowedOrigins: origins,
			AllowedMethods: pulumi.ToStringArray([]string{"GET", "HEAD", "POST", "PUT"}),
			AllowedHeaders: pulumi.ToStringArray([]string{"*"}),
			ExposeHeaders:  pulumi.ToStringArray([]string{"ETag"}), // uploads in parts send them back
			MaxAgeSeconds:  pulumi.Int(corsSeconds),
		}},
	}, child); err != nil {
		return fmt.Errorf("let sites use %q: %w", logical, err)
	}
	return nil
}
