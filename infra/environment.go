package infra

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// Environment is one environment: first what its back end stands on, and then the back end.
type Environment struct {
	Config  config.Config
	Account Account
	// Provider puts a component into the environment's account and region.
	Provider pulumi.ResourceOption

	Network *Network
	Buckets *Buckets
	// Edge has neither distribution nor load balancer without HTTPS.
	Edge          *Edge
	Observability *Observability
	// Backend is how the back end will run; until it does, more may be added.
	Backend *ServiceArgs
	// Service is nil until the back end runs.
	Service *Service

	frontendURL pulumi.StringOutput
}

// open gives the site an address and, with HTTPS, the API the same one.
func (e *Environment) open(ctx *pulumi.Context, provider *aws.Provider) error {
	e.Edge = &Edge{}
	if cfg := e.Config; cfg.HTTPS != nil {
		certificates, err := certificateProvider(ctx, cfg, provider)
		if err != nil {
			return err
		}
		if e.Edge, err = NewEdge(ctx, cfg.Name(), &EdgeArgs{
			HTTPS:           *cfg.HTTPS,
			HealthCheck:     cfg.Container.HealthCheck,
			Port:            backendPort,
			AccessLogs:      cfg.Monitoring.AccessLogs,
			Certificates:    certificates,
			VPCID:           e.Network.VPCID,
			SubnetIDs:       e.Network.IsolatedSubnetIDs,
			SecurityGroupID: e.Network.LoadBalancerSecurityGroupID,
			SiteDomain:      e.Buckets.Frontend.BucketRegionalDomainName,
		}, e.Provider); err != nil {
			return err
		}
	}
	var err error
	e.frontendURL, err = e.Buckets.Publish(ctx, e.Config.Name(), e.Edge)
	return err
}

// backend is the back end as the stack file wants it.
func (e *Environment) backend() *ServiceArgs {
	cfg := e.Config
	return &ServiceArgs{
		Stack:               cfg.Stack,
		Account:             e.Account,
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
		Variables:           pulumi.StringMap{},
		SubnetIDs:           e.Network.PublicSubnetIDs,
		SecurityGroupID:     e.Network.TasksSecurityGroupID,
		LoadBalancer:        e.Edge.LoadBalancer,
		ArtifactsBucket:     e.Buckets.Artifacts.Bucket,
		ClipsBucket:         e.Buckets.Clips.Bucket,
		LogGroup:            e.Observability.LogGroupName,
	}
}

// export says what scripts and the pipeline read of the environment (A18).
func (e *Environment) export(ctx *pulumi.Context) {
	ctx.Export("region", pulumi.String(e.Config.Region))
	ctx.Export("vpcId", e.Network.VPCID)
	ctx.Export("publicSubnetIds", e.Network.PublicSubnetIDs)
	ctx.Export("securityGroupId", e.Network.TasksSecurityGroupID)
	ctx.Export("frontendBucketName", e.Buckets.Frontend.Bucket)
	ctx.Export("artifactsBucketName", e.Buckets.Artifacts.Bucket)
	ctx.Export("clipsBucketName", e.Buckets.Clips.Bucket)
	ctx.Export("frontendUrl", e.frontendURL)
	ctx.Export("logGroupName", e.Observability.LogGroupName)
	ctx.Export("ecrRepositoryUrl", e.Service.RepositoryURL)
	ctx.Export("clusterName", e.Service.ClusterName)
	ctx.Export("serviceName", e.Service.ServiceName)
	ctx.Export("taskDefinitionArn", e.Service.TaskDefinitionARN)
	ctx.Export("deployedImage", e.Service.Image)
	ctx.Export("cpuArchitecture", pulumi.String(e.Config.Container.CPUArchitecture))
	if e.Config.HTTPS != nil {
		ctx.Export("apiUrl", e.Edge.APIURL)
		ctx.Export("distributionId", e.Edge.Distribution.ID())
	}
}
