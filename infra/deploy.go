// Package infra defines one environment of the product sentry on AWS. The environments differ by the values
// of their stack files only.
package infra

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// product begins the name of everything.
	product = "sentry"
	// backendPort is where the container listens, TCP.
	backendPort = 8080
	// backendHealthPath answers 200 when the backend can serve.
	backendHealthPath = "/health"
)

// Deploy is the Pulumi program: configuration → provider → components → outputs.
func Deploy(ctx *pulumi.Context) error {
	return DeployIn(ctx.RootDirectory())(ctx)
}

// DeployIn is Deploy for a host that does not say where the project is, as the Automation API's inline
// programs. dir holds the stack files; empty stands for the working directory.
func DeployIn(dir string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error { return deploy(ctx, dir) }
}

func deploy(ctx *pulumi.Context, dir string) error {
	cfg, err := Load(ctx, dir)
	if err != nil {
		return err
	}
	provider, err := newProvider(ctx, cfg)
	if err != nil {
		return err
	}
	account, err := lookUpAccount(ctx, cfg.Region, provider)
	if err != nil {
		return err
	}
	name := product + "-" + cfg.Stack
	onAWS := pulumi.Providers(provider)

	network, err := NewNetwork(ctx, name, &NetworkArgs{
		Region:            cfg.Region,
		CIDR:              cfg.VPCCIDR,
		AvailabilityZones: cfg.AvailabilityZones,
		Port:              backendPort,
		IngressCIDRs:      cfg.IngressCIDRs,
	}, onAWS)
	if err != nil {
		return err
	}
	buckets, err := NewBuckets(ctx, name, &BucketsArgs{
		Stack:          cfg.Stack,
		Suffix:         bucketSuffix(cfg, account),
		PublicFrontend: cfg.PublicFrontend,
		TaskRoleARN:    account.roleARN(taskRoleName(cfg.Stack)),
	}, onAWS)
	if err != nil {
		return err
	}
	observability, err := NewObservability(ctx, name, &ObservabilityArgs{
		Stack:            cfg.Stack,
		LogRetentionDays: cfg.LogRetentionDays,
	}, onAWS)
	if err != nil {
		return err
	}
	service, err := NewService(ctx, name, &ServiceArgs{
		Stack:               cfg.Stack,
		Account:             account,
		CPU:                 cfg.TaskCPU,
		Memory:              cfg.TaskMemory,
		DesiredCount:        cfg.DesiredCount,
		Port:                backendPort,
		HealthPath:          backendHealthPath,
		Image:               cfg.Image,
		Secrets:             cfg.Secrets,
		PermissionsBoundary: cfg.PermissionsBoundary,
		SubnetIDs:           network.PublicSubnetIDs,
		SecurityGroupID:     network.TasksSecurityGroupID,
		ArtifactsBucket:     buckets.Artifacts.Name,
		ArtifactsBucketARN:  buckets.Artifacts.ARN,
		ClipsBucket:         buckets.Clips.Name,
		ClipsBucketARN:      buckets.Clips.ARN,
		LogGroup:            observability.LogGroupName,
		LogGroupARN:         observability.LogGroupARN,
	}, onAWS)
	if err != nil {
		return err
	}

	ctx.Export("region", pulumi.String(cfg.Region))
	ctx.Export("vpcId", network.VPCID)
	ctx.Export("publicSubnetIds", network.PublicSubnetIDs)
	ctx.Export("securityGroupId", network.TasksSecurityGroupID)
	ctx.Export("frontendBucketName", buckets.Frontend.Name)
	ctx.Export("artifactsBucketName", buckets.Artifacts.Name)
	ctx.Export("clipsBucketName", buckets.Clips.Name)
	ctx.Export("frontendUrl", buckets.FrontendURL)
	ctx.Export("logGroupName", observability.LogGroupName)
	ctx.Export("ecrRepositoryUrl", service.RepositoryURL)
	ctx.Export("clusterName", service.ClusterName)
	ctx.Export("serviceName", service.ServiceName)
	ctx.Export("taskDefinitionArn", service.TaskDefinitionARN)
	ctx.Export("deployedImage", service.Image)
	return nil
}

// newProvider makes the only AWS provider. It is handed to every component explicitly: awsx would otherwise
// bring one of its own, of another version and without region, tags and account guard.
//
// Credentials and endpoints come from the environment (AWS_PROFILE, AWS_ENDPOINT_URL …), never from the
// stack's configuration.
func newProvider(ctx *pulumi.Context, cfg Config) (*aws.Provider, error) {
	args := &aws.ProviderArgs{
		Region: pulumi.String(cfg.Region),
		// The only place of the tags that all resources share; said again on a resource, they would be a
		// difference in every preview.
		DefaultTags: aws.ProviderDefaultTagsArgs{Tags: pulumi.StringMap{
			"Project":     pulumi.String(product),
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

// Account is where the environment runs. ARNs are made of it where the resource they name belongs to another
// component, or to nobody yet.
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

func (a Account) roleARN(name string) string {
	return fmt.Sprintf("arn:%s:iam::%s:role/%s", a.Partition, a.ID, name)
}

func (a Account) policyARN(name string) string {
	return fmt.Sprintf("arn:%s:iam::%s:policy/%s", a.Partition, a.ID, name)
}

func bucketSuffix(cfg Config, account Account) string {
	if cfg.BucketSuffix != "" {
		return cfg.BucketSuffix
	}
	return account.ID
}
