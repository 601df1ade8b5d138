// Package account is the Pulumi program that prepares an AWS account for the environments of infra/: where
// their state is kept, and who may change them.
package account

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Deploy is the program: configuration → provider → components → outputs.
func Deploy(ctx *pulumi.Context) error {
	cfg, err := Load(ctx)
	if err != nil {
		return err
	}
	provider, err := newProvider(ctx, cfg)
	if err != nil {
		return err
	}
	identity, err := aws.GetCallerIdentity(ctx, &aws.GetCallerIdentityArgs{}, pulumi.Provider(provider))
	if err != nil {
		return fmt.Errorf("look up the AWS account (are there credentials?): %w", err)
	}
	suffix := cfg.BucketSuffix
	if suffix == "" {
		suffix = identity.AccountId
	}

	state, err := NewStateBackend(ctx, Project, &StateBackendArgs{
		Account:    identity.AccountId,
		BucketName: BucketName(suffix),
		KeyARN:     cfg.StateKeyARN,
		AccessLogs: cfg.AccessLogs,
		Imports:    cfg.Imports,
	}, pulumi.Providers(provider))
	if err != nil {
		return err
	}
	github, err := NewGitHub(ctx, Project, &GitHubArgs{
		Repository:      cfg.Repository,
		Environments:    cfg.Environments,
		Place:           Place{Account: identity.AccountId, StateBucket: BucketName(suffix), StateKeyARN: cfg.StateKeyARN},
		KeyARN:          state.KeyARN,
		OIDCProviderARN: cfg.OIDCProviderARN,
		Imports:         cfg.Imports,
	}, pulumi.Providers(provider))
	if err != nil {
		return err
	}

	ctx.Export("region", pulumi.String(cfg.Region))
	ctx.Export("backendUrl", state.BackendURL(cfg.Region))
	ctx.Export("oidcProviderArn", github.ProviderARN)
	for environment, roles := range github.Roles {
		ctx.Export(environment+"PreviewRoleArn", roles.Preview)
		ctx.Export(environment+"DeployRoleArn", roles.Deploy)
		ctx.Export(environment+"SecretsProvider", pulumi.String(SecretsProvider(cfg.Region, environment)))
	}
	return nil
}

// newProvider makes the only AWS provider, with the tags that all resources share. Environment says that
// these belong to none of the environments.
func newProvider(ctx *pulumi.Context, cfg Config) (*aws.Provider, error) {
	args := &aws.ProviderArgs{
		Region: pulumi.String(cfg.Region),
		DefaultTags: aws.ProviderDefaultTagsArgs{Tags: pulumi.StringMap{
			"Project":     pulumi.String(product),
			"Environment": pulumi.String("shared"),
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

// options are a child's: its parent, and the id to import it by if it exists already without being recorded.
func options(
	parent pulumi.Resource, imports map[string]string, token, name string, more ...pulumi.ResourceOption,
) []pulumi.ResourceOption {
	all := append([]pulumi.ResourceOption{pulumi.Parent(parent)}, more...)
	if id, ok := imports[token+"::"+name]; ok {
		// As it is, for now: an import that differs from the program is refused. The update after this one,
		// which imports nothing, makes it what it should be.
		all = append(all, pulumi.Import(pulumi.ID(id)), pulumi.IgnoreChanges([]string{"*"}))
	}
	return all
}
