package infra

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// rolloutTimeout bounds the wait for a steady state. A broken image takes the circuit breaker at least three tasks to
// notice, of up to 150 s each, and then the old tasks come back.
const rolloutTimeout = "20m"

// Service runs the backend on Fargate: image repository, cluster, roles, release record, task definition
// and service (A4–A7, A12–A15).
type Service struct {
	pulumi.ResourceState

	RepositoryURL pulumi.StringOutput
	// ClusterName and ClusterARN are known once the cluster takes tasks.
	ClusterName, ClusterARN pulumi.StringOutput
	ServiceName             pulumi.StringOutput
	TaskDefinitionARN       pulumi.StringOutput
	// Task is what the task definition says, for other services that run the same image.
	Task *ecs.TaskDefinitionArgs
	// Image is what is released: <repository>@sha256:<digest>, or none.
	Image pulumi.StringOutput
}

// ServiceArgs shape the service. Of what is not required it says so.
type ServiceArgs struct {
	// Stack is the environment's name.
	Stack string
	// Account is where the service runs.
	Account Account
	config.Tasks
	config.Container
	config.Scaling
	// ContainerInsights is enabled, enhanced or disabled.
	ContainerInsights string
	// Exec allows a shell in a running task, whose session is logged.
	Exec bool
	// Port is where the container listens, TCP.
	Port int
	// Bootstrapped uses the roles that are there already, instead of making them.
	Bootstrapped bool
	// PermissionsBoundary is the name of the policy that caps the roles' rights; none when empty.
	PermissionsBoundary string
	// KMSKeyARN is the key that encrypts the buckets and the images of a new repository; AWS's own when empty.
	KMSKeyARN string
	// Protect refuses to delete the image repository.
	Protect bool
	// Adopted is what stays of the tool that made the service before.
	Adopted config.Adopted

	// Variables are the container's besides those of the stack file.
	Variables       pulumi.StringMap
	SubnetIDs       pulumi.StringArrayInput
	SecurityGroupID pulumi.StringInput
	// LoadBalancer hands requests to the tasks; nil where clients reach them themselves.
	LoadBalancer *LoadBalancer
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

	repository, err := newRepository(ctx, name+"-backend", args, child)
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
	s.Task = taskOf(name+"-backend", args, roles, runnable(image, repository.RepositoryUrl))
	definition, err := ecs.NewTaskDefinition(ctx, name+"-backend", s.Task, child)
	if err != nil {
		return nil, fmt.Errorf("register the task definition: %w", err)
	}
	cluster, err := newCluster(ctx, name+"-cluster", args, child)
	if err != nil {
		return nil, err
	}
	running, err := newECSService(ctx, name+"-backend", args, cluster, definition, image, child)
	if err != nil {
		return nil, err
	}
	if err := newScaling(ctx, name+"-backend", args, cluster, running, image, child); err != nil {
		return nil, err
	}

	s.RepositoryURL = repository.RepositoryUrl
	s.ClusterName, s.ClusterARN = cluster.name, cluster.arn
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

// CountOf is a number of tasks: none while no image is released (F7).
func (s *Service) CountOf(desired int) pulumi.IntOutput { return countOf(s.Image, desired) }

func newECSService(
	ctx *pulumi.Context, name string, args *ServiceArgs,
	cluster cluster, definition *ecs.TaskDefinition, image pulumi.StringOutput, child pulumi.ResourceOption,
) (*ecs.Service, error) {
	serviceArgs := &ecs.ServiceArgs{
		Name:                            pulumi.String(name),
		Cluster:                         cluster.arn,
		TaskDefinition:                  definition.Arn,
		DesiredCount:                    countOf(image, args.DesiredCount),
		DeploymentMinimumHealthyPercent: pulumi.Int(args.MinimumHealthyPercent),
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
	}
	if args.Exec {
		serviceArgs.EnableExecuteCommand = pulumi.Bool(true)
	}
	placeTasks(serviceArgs, args.Spot)
	targetGroups := pulumi.ToStringArray(args.Adopted.TargetGroups)
	if args.LoadBalancer != nil {
		targetGroups = append(targetGroups, args.LoadBalancer.TargetGroupARN)
	}
	if len(targetGroups) > 0 {
		serviceArgs.LoadBalancers = balanced(targetGroups, args.Port)
		serviceArgs.HealthCheckGracePeriodSeconds = pulumi.Int(args.HealthCheck.StartPeriod)
	}
	opts := []pulumi.ResourceOption{child, pulumi.Timeouts(&pulumi.CustomTimeouts{
		Create: rolloutTimeout, Update: rolloutTimeout, Delete: rolloutTimeout,
	})}
	if args.OwnedByAWS() {
		// Otherwise a changed count reaches the service: nothing else owns it (F2).
		opts = append(opts, pulumi.IgnoreChanges([]string{"desiredCount"}))
	}
	service, err := ecs.NewService(ctx, name, serviceArgs, opts...)
	if err != nil {
		return nil, fmt.Errorf("create the service: %w", err)
	}
	return service, nil
}

func balanced(targetGroups pulumi.StringArray, port int) ecs.ServiceLoadBalancerArray {
	var balancers ecs.ServiceLoadBalancerArray
	for _, arn := range targetGroups {
		balancers = append(balancers, ecs.ServiceLoadBalancerArgs{
			TargetGroupArn: arn.ToStringOutput(),
			ContainerName:  pulumi.String(containerName),
			ContainerPort:  pulumi.Int(port),
		})
	}
	return balancers
}

// placeTasks puts the tasks on Fargate, all but some of them on its spare capacity when that is wanted (G7).
func placeTasks(args *ecs.ServiceArgs, spot *config.Spot) {
	if spot == nil {
		args.LaunchType = pulumi.String("FARGATE")
		return
	}
	strategies := ecs.ServiceCapacityProviderStrategyArray{ecs.ServiceCapacityProviderStrategyArgs{
		CapacityProvider: pulumi.String("FARGATE_SPOT"), Weight: pulumi.Int(1),
	}}
	if spot.Base > 0 {
		strategies = append(strategies, ecs.ServiceCapacityProviderStrategyArgs{
			CapacityProvider: pulumi.String("FARGATE"), Base: pulumi.Int(spot.Base), Weight: pulumi.Int(0),
		})
	}
	args.CapacityProviderStrategies = strategies
	args.ForceNewDeployment = pulumi.Bool(true) // else another base replaces the service
}
