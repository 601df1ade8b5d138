// Package infra defines one environment of the product sentry on AWS. The environments differ by the values
// of their stack files only.
//
// The constructors of the components have one outline: register the component, create the children, set the
// outputs, register them. They check no arguments, which come from package config: what has passed there can be
// deployed.
package infra

import (
	"cmp"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

const (
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
	cfg, err := config.Load(ctx, dir)
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
	name := cfg.Name()
	onAWS := pulumi.Providers(provider)

	network, err := NewNetwork(ctx, name, &NetworkArgs{
		Region:  cfg.Region,
		Network: cfg.Network,
		Port:    backendPort,
	}, onAWS)
	if err != nil {
		return err
	}
	buckets, err := NewBuckets(ctx, name, &BucketsArgs{
		Account:        account,
		Suffix:         cmp.Or(cfg.Buckets.Suffix, account.ID),
		PublicFrontend: cfg.Buckets.PublicFrontend,
		TaskRoleARN:    account.iamARN("role/" + taskRoleName(name)),
	}, onAWS)
	if err != nil {
		return err
	}
	observability, err := NewObservability(ctx, name, &ObservabilityArgs{
		LogRetentionDays: cfg.LogRetentionDays,
	}, onAWS)
	if err != nil {
		return err
	}
	service, err := NewService(ctx, name, &ServiceArgs{
		Stack:               cfg.Stack,
		Account:             account,
		Tasks:               cfg.Tasks,
		Port:                backendPort,
		HealthPath:          backendHealthPath,
		Bootstrapped:        cfg.Bootstrapped,
		PermissionsBoundary: cfg.PermissionsBoundary,
		SubnetIDs:           network.PublicSubnetIDs,
		SecurityGroupID:     network.TasksSecurityGroupID,
		ArtifactsBucket:     buckets.Artifacts,
		ClipsBucket:         buckets.Clips,
		LogGroup:            observability.LogGroupName,
	}, onAWS)
	if err != nil {
		return err
	}

	ctx.Export("region", pulumi.String(cfg.Region))
	ctx.Export("vpcId", network.VPCID)
	ctx.Export("publicSubnetIds", network.PublicSubnetIDs)
	ctx.Export("securityGroupId", network.TasksSecurityGroupID)
	ctx.Export("frontendBucketName", buckets.Frontend)
	ctx.Export("artifactsBucketName", buckets.Artifacts)
	ctx.Export("clipsBucketName", buckets.Clips)
	ctx.Export("frontendUrl", buckets.FrontendURL)
	ctx.Export("logGroupName", observability.LogGroupName)
	ctx.Export("ecrRepositoryUrl", service.RepositoryURL)
	ctx.Export("clusterName", service.ClusterName)
	ctx.Export("serviceName", service.ServiceName)
	ctx.Export("taskDefinitionArn", service.TaskDefinitionARN)
	ctx.Export("deployedImage", service.Image)
	return nil
}
