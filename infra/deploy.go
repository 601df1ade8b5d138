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

// backendPort is where the container listens, TCP.
const backendPort = 8080

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
	provider, err := newProvider(ctx, "aws", cfg.Region, cfg)
	if err != nil {
		return err
	}
	account, err := lookUpAccount(ctx, cfg, provider)
	if err != nil {
		return err
	}
	name := cfg.Name()
	onAWS := pulumi.Providers(provider)

	network, err := NewNetwork(ctx, name, &NetworkArgs{
		Account:      account,
		Network:      cfg.Network,
		Port:         backendPort,
		LoadBalanced: cfg.HTTPS != nil,
		FlowLogs:     cfg.Monitoring.FlowLogs,
		Adopted:      cfg.Adopted,
	}, onAWS)
	if err != nil {
		return err
	}
	cfg.Buckets.Suffix = cmp.Or(cfg.Buckets.Suffix, account.ID)
	buckets, err := NewBuckets(ctx, name, &BucketsArgs{
		Account:     account,
		Buckets:     cfg.Buckets,
		TaskRoleARN: account.iamARN("role/" + taskRoleName(name)),
		KMSKeyARN:   cfg.KMSKeyARN,
		AccessLogs:  cfg.Monitoring.AccessLogs,
		Protect:     cfg.Protect,
		Adopted:     cfg.Adopted,
	}, onAWS)
	if err != nil {
		return err
	}
	edge := &Edge{} // without HTTPS there is nothing in front of the tasks and the site
	if cfg.HTTPS != nil {
		certificates, err := certificateProvider(ctx, cfg, provider)
		if err != nil {
			return err
		}
		if edge, err = NewEdge(ctx, name, &EdgeArgs{
			HTTPS:           *cfg.HTTPS,
			HealthCheck:     cfg.Container.HealthCheck,
			Port:            backendPort,
			AccessLogs:      cfg.Monitoring.AccessLogs,
			Certificates:    certificates,
			VPCID:           network.VPCID,
			SubnetIDs:       network.IsolatedSubnetIDs,
			SecurityGroupID: network.LoadBalancerSecurityGroupID,
			SiteDomain:      buckets.Frontend.BucketRegionalDomainName,
		}, onAWS); err != nil {
			return err
		}
	}
	frontendURL, err := buckets.Publish(ctx, name, edge)
	if err != nil {
		return err
	}
	observability, err := NewObservability(ctx, name, &ObservabilityArgs{
		Stack:        cfg.Stack,
		Account:      account,
		Monitoring:   cfg.Monitoring,
		Scaling:      cfg.Scaling,
		DesiredCount: cfg.Tasks.DesiredCount,
		KMSKeyARN:    cfg.KMSKeyARN,
		Protect:      cfg.Protect,
		LoadBalancer: edge.LoadBalancer,
	}, onAWS)
	if err != nil {
		return err
	}
	service, err := NewService(ctx, name, &ServiceArgs{
		Stack:               cfg.Stack,
		Account:             account,
		Tasks:               cfg.Tasks,
		Container:           cfg.Container,
		Scaling:             cfg.Scaling,
		ContainerInsights:   cfg.Monitoring.ContainerInsights,
		Exec:                cfg.Exec,
		Port:                backendPort,
		Bootstrapped:        cfg.Bootstrapped,
		PermissionsBoundary: cfg.PermissionsBoundary,
		KMSKeyARN:           cfg.KMSKeyARN,
		Protect:             cfg.Protect,
		Adopted:             cfg.Adopted,
		SubnetIDs:           network.PublicSubnetIDs,
		SecurityGroupID:     network.TasksSecurityGroupID,
		LoadBalancer:        edge.LoadBalancer,
		ArtifactsBucket:     buckets.Artifacts.Bucket,
		ClipsBucket:         buckets.Clips.Bucket,
		LogGroup:            observability.LogGroupName,
	}, onAWS)
	if err != nil {
		return err
	}

	outputs{cfg, network, buckets, edge, observability, service, frontendURL}.export(ctx)
	return nil
}

// outputs are what scripts and the pipeline read of an environment (A18).
type outputs struct {
	config.Config
	network       *Network
	buckets       *Buckets
	edge          *Edge
	observability *Observability
	service       *Service
	frontendURL   pulumi.StringOutput
}

func (o outputs) export(ctx *pulumi.Context) {
	ctx.Export("region", pulumi.String(o.Region))
	ctx.Export("vpcId", o.network.VPCID)
	ctx.Export("publicSubnetIds", o.network.PublicSubnetIDs)
	ctx.Export("securityGroupId", o.network.TasksSecurityGroupID)
	ctx.Export("frontendBucketName", o.buckets.Frontend.Bucket)
	ctx.Export("artifactsBucketName", o.buckets.Artifacts.Bucket)
	ctx.Export("clipsBucketName", o.buckets.Clips.Bucket)
	ctx.Export("frontendUrl", o.frontendURL)
	ctx.Export("logGroupName", o.observability.LogGroupName)
	ctx.Export("ecrRepositoryUrl", o.service.RepositoryURL)
	ctx.Export("clusterName", o.service.ClusterName)
	ctx.Export("serviceName", o.service.ServiceName)
	ctx.Export("taskDefinitionArn", o.service.TaskDefinitionARN)
	ctx.Export("deployedImage", o.service.Image)
	ctx.Export("cpuArchitecture", pulumi.String(o.Container.CPUArchitecture))
	if o.HTTPS != nil {
		ctx.Export("apiUrl", o.edge.APIURL)
		ctx.Export("distributionId", o.edge.Distribution.ID())
	}
}
