package infra

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// newProvider makes the only AWS provider. It is handed to every component explicitly: awsx would otherwise
// bring one of its own, of another version and without region, tags and account guard.
//
// Credentials and endpoints come from the environment (AWS_PROFILE, AWS_ENDPOINT_URL …), never from the
// stack's configuration.
func newProvider(ctx *pulumi.Context, cfg config.Config) (*aws.Provider, error) {
	args := &aws.ProviderArgs{
		Region: pulumi.String(cfg.Region),
		// The only place of the tags that all resources share; repeated on a resource, they would be a
		// difference in every preview.
		DefaultTags: aws.ProviderDefaultTagsArgs{Tags: pulumi.StringMap{
			"Project":     pulumi.String(config.Product),
			"Environment": pulumi.String(cfg.Stack),
			"ManagedBy":   pulumi.String("pulumi"),
		}},
	}
	if cfg.AWSAccountID != "" {
		args.AllowedAccountIds = pulumi.StringArray{pulumi.String(cfg.AWSAccountID)}
	}
	provider, err := aws.NewProvider(ctx, "aws", args)
	if err != nil {
		return nil, fmt.Errorf("create the AWS provider: %w", err)
	}
	return provider, nil
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

func lookUpAccount(ctx *pulumi.Context, region string, provider *aws.Provider) (Account, error) {
	identity, err := aws.GetCallerIdentity(ctx, &aws.GetCallerIdentityArgs{}, pulumi.Provider(provider))
	if err != nil {
		return Account{}, fmt.Errorf("look up the AWS account that the environment's credentials belong to: %w", err)
	}
	account := Account{ID: identity.AccountId, Partition: "aws", Region: region}
	// arn:<partition>:sts::…
	if parts := strings.Split(identity.Arn, ":"); len(parts) > 1 {
		account.Partition = parts[1]
	}
	return account, nil
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
