package aws

// Tokens of the types.
const (
	CloudFrontDistribution          = "aws:cloudfront/distribution:Distribution"
	CloudFrontOriginAccessControl   = "aws:cloudfront/originAccessControl:OriginAccessControl"
	CloudFrontResponseHeadersPolicy = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
)

var cloudfront = []Type{
	{
		Token: CloudFrontDistribution,
		Costs: []Cost{
			{What: "CloudFront: data", Price: "cdn-out", Usage: "cdn-gb"},
			{What: "CloudFront: requests", Price: "cdn-requests", Usage: "cdn-requests"},
		},
	},
	{
		Token: CloudFrontOriginAccessControl,
		Free:  "a part of the distribution",
	},
	{
		Token: CloudFrontResponseHeadersPolicy,
		Free:  "a part of the distribution",
	},
}
