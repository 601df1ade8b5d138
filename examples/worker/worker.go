// Package worker is an environment with a second service: it runs what the back end runs, with another command, and
// nothing reaches it. README.md says how to take it over.
package worker

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"sentry/infra"
)

// containerName is also the word by which the image knows what to run.
const containerName = "worker"

// rolloutTimeout bounds the wait for a steady state.
const rolloutTimeout = "20m"

// DeployIn is the Pulumi program.
func DeployIn(dir string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		environment, err := infra.NewEnvironment(ctx, dir)
		if err != nil {
			return err
		}
		if err := environment.RunBackend(ctx); err != nil {
			return err
		}
		_, err = NewWorker(ctx, environment)
		return err
	}
}

// Worker is a service in the back end's cluster. It shares the back end's image, variables, secrets, roles and log group.
type Worker struct {
	pulumi.ResourceState

	// ServiceName is the worker's in the cluster.
	ServiceName pulumi.StringOutput
}

// NewWorker registers the worker. It comes after the back end.
func NewWorker(ctx *pulumi.Context, environment *infra.Environment) (*Worker, error) {
	name := environment.Config.Name()
	w := &Worker{}
	if err := ctx.RegisterComponentResource("sentry:infra:Worker", name, w, environment.Provider); err != nil {
		return nil, fmt.Errorf("register the worker %q: %w", name, err)
	}
	child := pulumi.Parent(w)
	count, err := config.New(ctx, "worker").TryInt("desiredCount")
	if err != nil || count < 0 {
		return nil, fmt.Errorf("worker:desiredCount: set it to a number of tasks, 0 or more: %w", err)
	}
	access, err := infra.NewSecurityGroup(ctx, name+"-worker", "", "Tasks of the worker", environment.Network.VPCID, child)
	if err != nil {
		return nil, err
	}
	if err := access.LetOut(ctx, "anywhere", "Images, logs, secrets and whatever the worker calls", &vpc.SecurityGroupEgressRuleArgs{
		IpProtocol: pulumi.String("-1"), CidrIpv4: pulumi.String("0.0.0.0/0"),
	}); err != nil {
		return nil, err
	}
	definition, err := newTaskDefinition(ctx, name+"-worker", environment.Service.Task, child)
	if err != nil {
		return nil, err
	}
	service, err := ecs.NewService(ctx, name+"-worker", &ecs.ServiceArgs{
		Name:           pulumi.String(name + "-worker"),
		Cluster:        environment.Service.ClusterARN,
		LaunchType:     pulumi.String("FARGATE"),
		TaskDefinition: definition.Arn,
		DesiredCount:   environment.Service.CountOf(count),
		DeploymentCircuitBreaker: ecs.ServiceDeploymentCircuitBreakerArgs{
			Enable: pulumi.Bool(true), Rollback: pulumi.Bool(true),
		},
		NetworkConfiguration: ecs.ServiceNetworkConfigurationArgs{
			Subnets:        environment.Network.PublicSubnetIDs,
			SecurityGroups: pulumi.StringArray{access.Ready(ctx)},
			// For the way out, as the back end's; no rule lets anything in.
			AssignPublicIp: pulumi.Bool(true),
		},
		PropagateTags:        pulumi.String("SERVICE"),
		EnableEcsManagedTags: pulumi.Bool(true),
		WaitForSteadyState:   pulumi.Bool(true),
	}, child, pulumi.Timeouts(&pulumi.CustomTimeouts{Create: rolloutTimeout, Update: rolloutTimeout, Delete: rolloutTimeout}))
	if err != nil {
		return nil, fmt.Errorf("create the worker's service: %w", err)
	}
	w.ServiceName = service.Name
	if err := ctx.RegisterResourceOutputs(w, pulumi.Map{"serviceName": w.ServiceName}); err != nil {
		return nil, fmt.Errorf("register the worker's outputs: %w", err)
	}
	return w, nil
}

// newTaskDefinition is the back end's with another command, and without port and health check.
func newTaskDefinition(
	ctx *pulumi.Context, family string, backend *ecs.TaskDefinitionArgs, child pulumi.ResourceOption,
) (*ecs.TaskDefinition, error) {
	task := *backend
	task.Family = pulumi.String(family)
	task.ContainerDefinitions = backend.ContainerDefinitions.ToStringOutput().ApplyT(working).(pulumi.StringOutput)
	definition, err := ecs.NewTaskDefinition(ctx, family, &task, child)
	if err != nil {
		return nil, fmt.Errorf("register the worker's task definition: %w", err)
	}
	return definition, nil
}

// working turns the back end's containers into the worker's.
func working(backend string) (string, error) {
	var containers []map[string]any
	if err := json.Unmarshal([]byte(backend), &containers); err != nil {
		return "", fmt.Errorf("read the backend's container definitions: %w", err)
	}
	for _, container := range containers {
		container["name"] = containerName
		container["command"] = []string{containerName}
		container["portMappings"] = []any{}
		delete(container, "healthCheck")
	}
	text, err := json.Marshal(containers)
	return string(text), err
}
