package aws

// Tokens of the types.
const (
	ACMCertificate           = "aws:acm/certificate:Certificate"
	ACMCertificateValidation = "aws:acm/certificateValidation:CertificateValidation"
)

var acm = []Type{
	{
		Token: ACMCertificate,
		Free:  "a public certificate has no price",
	},
	{
		Token: ACMCertificateValidation,
		Free:  "a step of the deployment, not a resource of AWS",
	},
}
