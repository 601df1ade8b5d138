package aws

// Tokens of the types.
const (
	ACMCertificate           = "aws:acm/certificate:Certificate"
	ACMCertificateValidation = "aws:acm/certificateValidation:CertificateValidation"
)

var acm = []Type{
	{
		Token: ACMCertificate, Noun: "ACM Certificate", ID: "arn:aws:acm:{region}:{account}:certificate/{uuid}",
		Outputs: "arn={id} keyAlgorithm=RSA_2048 status=PENDING_VALIDATION type=AMAZON_ISSUED renewalEligibility=INELIGIBLE " +
			"pendingRenewal=false renewalSummaries=[] validationEmails=[] subjectAlternativeNames=[]",
		Missing: "ResourceNotFoundException: Could not find certificate %s",
		Owned:   []string{"certificate/*"},
		Calls: Calls{
			Create: "acm:RequestCertificate acm:AddTagsToCertificate",
			Read:   "acm:DescribeCertificate acm:ListTagsForCertificate",
			Update: "acm:UpdateCertificateOptions acm:AddTagsToCertificate acm:RemoveTagsFromCertificate",
			Delete: "acm:DeleteCertificate",
		},
		Free: "a public certificate has no price",
		Into: CloudFrontDistribution,
	},
	{
		Token: ACMCertificateValidation, Noun: "ACM Certificate Validation", ID: "2026-01-01 00:00:00 +0000 UTC",
		Refs:  []Ref{{Path: "certificateArn", To: ACMCertificate, Part: true}},
		Calls: Calls{Create: "acm:DescribeCertificate", Read: "acm:DescribeCertificate"},
		Free:  "a step of the deployment, not a resource of AWS",
		Into:  CloudFrontDistribution,
	},
}
