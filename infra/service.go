package infra

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"

	"sentry/infra/config"
)

// rolloutTimeout bounds the wait for a steady state. A broken image takes the circuit breaker at least three tasks to
// notice, of up to 150 s each, and then the old tasks come back.
const rolloutTimeout = "20m"

// Service runs the backend on Fargate: image repository, cluster, roles, release record, task definition
// and service (A4–A7, A12–A15).
type Service struct {
	pulumi.ResourceState

	RepositoryURL     pulumi.StringOutput
	ClusterName       pulumi.StringOutput
	ServiceName       pulumi.StringOutput
	TaskDefinitionARN pulumi.StringOutput
	// Image is what is released: <repository>@sha256:<digest>, or none.
	Image pulumi.StringOutput
}

// ServiceArgs shape the service. All are required, except Bootstrapped and PermissionsBoundary.
type ServiceArgs struct {
	// Stack is the environment's name.
	Stack string
	// Account is where the service runs.
	Account Account
	config.Tasks
	// Port is where the container listens, TCP; HealthPath answers 200 when it can serve.
	Port       int
	HealthPath string
	// Bootstrapped is whether the roles are there already.
	Bootstrapped bool
	// PermissionsBoundary is the name of the policy that caps the roles' rights; none when empty.
	PermissionsBoundary string

	SubnetIDs       pulumi.StringArrayInput
	SecurityGroupID pulumi.StringInput
	// ArtifactsBucket, ClipsBucket and LogGroup are names.
	ArtifactsBucket, ClipsBucket, LogGroup pulumi.StringOutput
}

// NewService registers the service of one environment.
func NewService(ctx *pulumi.Context, name string, args *ServiceArgs, opts ...pulumi.ResourceOption) (*Service, error) {
	s := &Service{}
	if err := ctx.RegisterComponentResource("sentry:infra:Service", name, s, opts...); err != nil {
		return nil, fmt.Errorf("register the service %q: %w", name, err)
	}
	child := pulumi.Parent(s)

	repository, err := newRepository(ctx, name+"-backend", child)
	if err != nil {
		return nil, err
	}
	roles, err := newRoles(ctx, name, args, repository.Arn, child)
	if err != nil {
		return nil, err
	}
	image, err := newReleaseRecord(ctx, name+"-backend-image", args, child)
	if err != nil {
		return nil, err
	}
	definition, err := newTaskDefinition(ctx, name+"-backend", args, roles, runnable(image, repository.RepositoryUrl), child)
	if err != nil {
		return nil, err
	}
	cluster, err := newCluster(ctx, name+"-cluster", child)
	if err != nil {
		return nil, err
	}
	running, err := newECSService(ctx, name+"-backend", args, cluster, definition, image, child)
	if err != nil {
		return nil, err
	}

	s.RepositoryURL = repository.RepositoryUrl
	s.ClusterName = cluster.Name
	s.ServiceName = running.Name
	s.TaskDefinitionARN = definition.Arn
	s.Image = image
	if err := ctx.RegisterResourceOutputs(s, pulumi.Map{
		"repositoryUrl":     s.RepositoryURL,
		"clusterName":       s.ClusterName,
		"serviceName":       s.ServiceName,
		"taskDefinitionArn": s.TaskDefinitionARN,
		"image":             s.Image,
	}); err != nil {
		return nil, fmt.Errorf("register the service's outputs: %w", err)
	}
	return s, nil
}

func newCluster(ctx *pulumi.Context, name string, child pulumi.ResourceOption) (*ecs.Cluster, error) {
	cluster, err := ecs.NewCluster(ctx, name, &ecs.ClusterArgs{
		Name: pulumi.String(name),
		Settings: ecs.ClusterSettingArray{ecs.ClusterSettingArgs{
			Name: pulumi.String("containerInsights"), Value: pulumi.String("enabled"),
		}},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("create the cluster: %w", err)
	}
	return cluster, nil
}

func newTaskDefinition(
	ctx *pulumi.Context, family string, args *ServiceArgs, roles roles, image pulumi.StringOutput, child pulumi.ResourceOption,
) (*ecs.TaskDefinition, error) {
	environment := pulumi.StringMap{
		config.VariableEnvironment:     pulumi.String(args.Stack),
		config.VariableRegion:          pulumi.String(args.Account.Region),
		config.VariablePort:            pulumi.String(strconv.Itoa(args.Port)),
		config.VariableArtifactsBucket: args.ArtifactsBucket,
		config.VariableClipsBucket:     args.ClipsBucket,
	}
	containers := pulumix.Apply3Err(image, environment.ToStringMapOutput(), args.LogGroup,
		func(image string, environment map[string]string, logGroup string) (string, error) {
			return container{
				image:       image,
				port:        args.Port,
				healthPath:  args.HealthPath,
				environment: environment,
				secrets:     args.Secrets,
				logGroup:    logGroup,
				region:      args.Account.Region,
			}.definition()
		})
	definition, err := ecs.NewTaskDefinition(ctx, family, &ecs.TaskDefinitionArgs{
		Family:                  pulumi.String(family),
		Cpu:                     pulumi.String(strconv.Itoa(args.CPU)),
		Memory:                  pulumi.String(strconv.Itoa(args.Memory)),
		NetworkMode:             pulumi.String("awsvpc"),
		RequiresCompatibilities: pulumi.StringArray{pulumi.String("FARGATE")},
		ExecutionRoleArn:        roles.execution,
		TaskRoleArn:             roles.task,
		ContainerDefinitions:    pulumix.Cast[pulumi.StringOutput](containers),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("register the task definition: %w", err)
	}
	return definition, nil
}

func newECSService(
	ctx *pulumi.Context, name string, args *ServiceArgs,
	cluster *ecs.Cluster, definition *ecs.TaskDefinition, image pulumi.StringOutput, child pulumi.ResourceOption,
) (*ecs.Service, error) {
	service, err := ecs.NewService(ctx, name, &ecs.ServiceArgs{
		Name:           pulumi.String(name),
		Cluster:        cluster.Arn,
		TaskDefinition: definition.Arn,
		LaunchType:     pulumi.String("FARGATE"),
		// A changed count reaches the service: nothing else owns it (F2).
		DesiredCount:                    countOf(image, args.DesiredCount),
		DeploymentMinimumHealthyPercent: pulumi.Int(100),
		DeploymentMaximumPercent:        pulumi.Int(200),
		DeploymentCircuitBreaker: ecs.ServiceDeploymentCircuitBreakerArgs{
			Enable: pulumi.Bool(true), Rollback: pulumi.Bool(true),
		},
		NetworkConfiguration: ecs.ServiceNetworkConfigurationArgs{
			Subnets:        args.SubnetIDs,
			SecurityGroups: pulumi.StringArray{args.SecurityGroupID},
			// Public subnets without a NAT gateway: without an address of its own, a task reaches neither
			// ECR nor anything else. The security group decides who may reach the task.
			AssignPublicIp: pulumi.Bool(true),
		},
		PropagateTags:        pulumi.String("SERVICE"),
		EnableEcsManagedTags: pulumi.Bool(true),
		WaitForSteadyState:   pulumi.Bool(true),
	}, child, pulumi.Timeouts(&pulumi.CustomTimeouts{
		Create: rolloutTimeout, Update: rolloutTimeout, Delete: rolloutTimeout,
	}))
	if err != nil {
		return nil, fmt.Errorf("create the service: %w", err)
	}
	return service, nil
}
