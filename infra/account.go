package infra

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// environmentTag tells the environments apart, on the bill and in the rights of those who deploy them.
const environmentTag = "Environment"

// managed is the tag of everything that this program makes.
var managed = map[string]string{managedByTag: "pulumi"}

const managedByTag = "ManagedBy"

// newProvider makes the AWS provider of a region. It is handed to every component explicitly: awsx would otherwise
// bring one of its own, of another version and without region, tags and account guard.
//
// Credentials and endpoints come from the environment (AWS_PROFILE, AWS_ENDPOINT_URL …), never from the
// stack's configuration.
func newProvider(ctx *pulumi.Context, name, region string, cfg config.Config) (*aws.Provider, error) {
	args := &aws.ProviderArgs{
		Region: pulumi.String(region),
		// The only place of the tags that all resources share; repeated on a resource, they would be a
		// difference in every preview.
		DefaultTags: aws.ProviderDefaultTagsArgs{Tags: pulumi.StringMap{
			"Project":      pulumi.String(config.Product),
			environmentTag: pulumi.String(cfg.Stack),
			managedByTag:   pulumi.String(managed[managedByTag]),
		}},
	}
	if cfg.AWSAccountID != "" {
		args.AllowedAccountIds = pulumi.StringArray{pulumi.String(cfg.AWSAccountID)}
	}
	provider, err := aws.NewProvider(ctx, name, args)
	if err != nil {
		return nil, fmt.Errorf("create the AWS provider %q: %w", name, err)
	}
	return provider, nil
}

// certificateRegion is the only one that CloudFront takes certificates from.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
const certificateRegion = "us-east-1"

// certificateProvider is the environment's provider where that is in the right region already.
func certificateProvider(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider) (*aws.Provider, error) {
	if cfg.Region == certificateRegion || cfg.HTTPS.Domain == "" {
		return provider, nil
	}
	return newProvider(ctx, "aws-"+certificateRegion, certificateRegion, cfg)
}

// Account is where the environment runs. Names and ARNs that follow from it are not asked of the resources: they
// show in the first preview, and may belong to a resource that does not exist yet.
type Account struct {
	// ID has 12 digits.
	ID string
	// Partition is aws, or for example aws-us-gov.
	Partition string
	// Region is the region's code.
	Region string
}

// lookUpAccount refuses a configuration that names another account.
func lookUpAccount(ctx *pulumi.Context, cfg config.Config, provider *aws.Provider) (Account, error) {
	identity, err := aws.GetCallerIdentity(ctx, &aws.GetCallerIdentityArgs{}, pulumi.Provider(provider))
	if err != nil {
		return Account{}, fmt.Errorf("look up the AWS account that the environment's credentials belong to: %w", err)
	}
	account := Account{ID: identity.AccountId, Partition: "aws", Region: cfg.Region}
	// arn:<partition>:sts::…
	if parts := strings.Split(identity.Arn, ":"); len(parts) > 1 {
		account.Partition = parts[1]
	}
	return account, cfg.CheckAccount(account.ID)
}

// arn is the ARN of a resource of this account and region.
func (a Account) arn(service, resource string) string {
	return strings.Join([]string{"arn", a.Partition, service, a.Region, a.ID, resource}, ":")
}

// iamARN is the ARN of a role or a policy: IAM knows no regions.
func (a Account) iamARN(resource string) string {
	return strings.Join([]string{"arn", a.Partition, "iam", "", a.ID, resource}, ":")
}

// bucketARN is the ARN of a bucket, whose name is unique in all accounts and regions.
func (a Account) bucketARN(bucket string) string {
	return strings.Join([]string{"arn", a.Partition, "s3", "", "", bucket}, ":")
}
