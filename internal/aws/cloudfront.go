package aws

// Tokens of the types.
const (
	CloudFrontDistribution          = "aws:cloudfront/distribution:Distribution"
	CloudFrontFunction              = "aws:cloudfront/function:Function"
	CloudFrontOriginAccessControl   = "aws:cloudfront/originAccessControl:OriginAccessControl"
	CloudFrontResponseHeadersPolicy = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
	CloudFrontVpcOrigin             = "aws:cloudfront/vpcOrigin:VpcOrigin"
)

var cloudfront = []Type{
	// A distribution is disabled before it is deleted.
	{
		Token: CloudFrontDistribution, Noun: "CloudFront Distribution", ID: "E{hex13}", Global: true,
		Outputs: "arn=arn:aws:cloudfront::{account}:distribution/{id} domainName=d{hex14}.cloudfront.net etag=E{hex13} " +
			"hostedZoneId=Z2FDTNDATAQYW2 callerReference={uuid} status=Deployed inProgressValidationBatches=0 " +
			"lastModifiedTime=2026-01-01T00:00:00Z trustedKeyGroups=[] trustedSigners=[]",
		Refs: []Ref{
			{Path: "origins.vpcOriginConfig.vpcOriginId", To: CloudFrontVpcOrigin},
			{Path: "origins.originAccessControlId", To: CloudFrontOriginAccessControl},
			{Path: "defaultCacheBehavior.functionAssociations.functionArn", To: CloudFrontFunction},
			{Path: "orderedCacheBehaviors.functionAssociations.functionArn", To: CloudFrontFunction},
		},
		Owned: []string{"distribution/*"},
		Calls: Calls{
			Create: "cloudfront:CreateDistribution cloudfront:TagResource",
			Read:   "cloudfront:GetDistribution cloudfront:ListTagsForResource",
			Update: "cloudfront:UpdateDistribution cloudfront:TagResource cloudfront:UntagResource",
			Delete: "cloudfront:UpdateDistribution cloudfront:DeleteDistribution",
		},
		Costs: []Cost{
			{What: "CloudFront: data", Price: "cdn-out", Usage: "cdn-gb"},
			{What: "CloudFront: requests", Price: "cdn-requests", Usage: "cdn-requests"},
		},
		Drawn: "distribution",
	},
	{
		Token: CloudFrontFunction, Noun: "CloudFront Function", ID: "{name}", Name: "name", Global: true,
		Outputs: "arn=arn:aws:cloudfront::{account}:function/{name} etag=E{hex13} liveStageEtag=E{hex13} status=UNASSOCIATED",
		Taken:   "FunctionAlreadyExists: A function with the same name already exists in this AWS account.",
		Missing: "NoSuchFunctionExists: The specified function does not exist (%s).",
		InUse:   "FunctionInUse: The function is being used by a distribution (%s).",
		Owned:   []string{"function/{prefix}-*"},
		Calls: Calls{
			Create: "cloudfront:CreateFunction cloudfront:PublishFunction",
			Read:   "cloudfront:DescribeFunction cloudfront:GetFunction",
			Update: "cloudfront:UpdateFunction cloudfront:PublishFunction",
			Delete: "cloudfront:DeleteFunction",
		},
		Free: "two million calls a month have no price, the next cost 10 cents a million",
		Into: CloudFrontDistribution,
	},
	{
		Token: CloudFrontOriginAccessControl, Noun: "CloudFront Origin Access Control", ID: "E{hex13}", Name: "name", Global: true,
		Outputs: "arn=arn:aws:cloudfront::{account}:origin-access-control/{id} etag=E{hex13}",
		Taken:   "OriginAccessControlAlreadyExists: An origin access control with the same name already exists.",
		Missing: "NoSuchOriginAccessControl: The origin access control does not exist (%s).",
		InUse:   "OriginAccessControlInUse: Cannot delete the origin access control because it's in use by one or more distributions (%s).",
		Owned:   []string{"origin-access-control/*"},
		Calls: Calls{
			Create: "cloudfront:CreateOriginAccessControl",
			Read:   "cloudfront:GetOriginAccessControl",
			Update: "cloudfront:UpdateOriginAccessControl",
			Delete: "cloudfront:DeleteOriginAccessControl",
		},
		Free: "a part of the distribution",
		Into: CloudFrontDistribution,
	},
	{
		Token: CloudFrontResponseHeadersPolicy,
		Free:  "a part of the distribution",
		Into:  CloudFrontDistribution,
	},
	// The account's first VPC origin makes CloudFront create the role it works with.
	{
		Token: CloudFrontVpcOrigin, Noun: "CloudFront VPC Origin", ID: "vo_{hex22}", Global: true,
		Outputs: "arn=arn:aws:cloudfront::{account}:vpcorigin/{id} etag=E{hex13}",
		Missing: "EntityNotFound: The VPC origin was not found (%s).",
		InUse:   "CannotDeleteEntityWhileInUse: The VPC origin is being used by a distribution (%s).",
		Refs:    []Ref{{Path: "vpcOriginEndpointConfig.arn", To: LBLoadBalancer}},
		Owned:   []string{"vpcorigin/*"},
		Calls: Calls{
			Create: "cloudfront:CreateVpcOrigin cloudfront:TagResource iam:CreateServiceLinkedRole " +
				"elasticloadbalancing:DescribeLoadBalancers ec2:DescribeInternetGateways",
			Read:   "cloudfront:GetVpcOrigin cloudfront:ListTagsForResource",
			Update: "cloudfront:UpdateVpcOrigin cloudfront:TagResource cloudfront:UntagResource",
			Delete: "cloudfront:DeleteVpcOrigin",
		},
		Free: "a part of the distribution",
		Into: CloudFrontDistribution,
	},
}
