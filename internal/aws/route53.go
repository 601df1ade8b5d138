package aws

// Tokens of the types.
const (
	Route53Record = "aws:route53/record:Record"
	Route53Zone   = "aws:route53/zone:Zone"
)

var route53 = []Type{
	{
		Token: Route53Record, Noun: "Route53 Record", ID: "{zoneId}_{name}_{type}", Global: true,
		Outputs: "fqdn={name}",
		Taken:   "InvalidChangeBatch: Tried to create resource record set [name='{name}.', type='{type}'] but it already exists",
		Owned:   []string{"hostedzone/*"},
		Calls: Calls{
			Create: "route53:ChangeResourceRecordSets route53:GetHostedZone route53:GetChange",
			Read:   "route53:GetHostedZone route53:ListResourceRecordSets",
			Update: "route53:ChangeResourceRecordSets route53:GetChange",
			Delete: "route53:ChangeResourceRecordSets route53:GetChange",
		},
		Free: "queries of an alias have no price, and the zone has its own",
		Into: CloudFrontDistribution,
	},
	{
		Token: Route53Zone,
		Costs: []Cost{{What: "Hosted zones", Price: "hosted-zone"}},
	},
}
