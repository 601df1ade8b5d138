package infra

import (
	"maps"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"

	"sentry/infra/config"
)

// taskOf is the backend's task. Whoever copies it gets inputs: of an output that is not set, a preview knows nothing.
func taskOf(family string, args *ServiceArgs, roles roles, image pulumi.StringOutput) *ecs.TaskDefinitionArgs {
	environment := pulumi.ToStringMap(args.Environment)
	maps.Copy(environment, args.Variables)
	environment[config.VariableEnvironment] = pulumi.String(args.Stack)
	environment[config.VariableRegion] = pulumi.String(args.Account.Region)
	environment[config.VariablePort] = pulumi.String(strconv.Itoa(args.Port))
	environment[config.VariableArtifactsBucket] = args.ArtifactsBucket
	environment[config.VariableClipsBucket] = args.ClipsBucket
	writable := writablePaths(args)
	containers := pulumix.Apply3Err(image, environment.ToStringMapOutput(), args.LogGroup,
		func(image string, environment map[string]string, logGroup string) (string, error) {
			return container{
				Container:   args.Container,
				image:       image,
				port:        args.Port,
				environment: environment,
				secrets:     args.Secrets,
				writable:    writable,
				logGroup:    logGroup,
				region:      args.Account.Region,
			}.definition()
		})
	task := &ecs.TaskDefinitionArgs{
		Family:                  pulumi.String(family),
		Cpu:                     pulumi.String(strconv.Itoa(args.CPU)),
		Memory:                  pulumi.String(strconv.Itoa(args.Memory)),
		NetworkMode:             pulumi.String("awsvpc"),
		RequiresCompatibilities: pulumi.StringArray{pulumi.String("FARGATE")},
		ExecutionRoleArn:        roles.execution,
		TaskRoleArn:             roles.task,
		ContainerDefinitions:    pulumix.Cast[pulumi.StringOutput](containers),
	}
	if args.CPUArchitecture == config.ARM64 {
		task.RuntimePlatform = ecs.TaskDefinitionRuntimePlatformArgs{
			CpuArchitecture: pulumi.String(args.CPUArchitecture), OperatingSystemFamily: pulumi.String("LINUX"),
		}
	}
	volumes := ecs.TaskDefinitionVolumeArray{}
	for _, mount := range writable {
		volumes = append(volumes, ecs.TaskDefinitionVolumeArgs{Name: pulumi.String(mount.SourceVolume)})
	}
	if len(volumes) > 0 {
		task.Volumes = volumes
	}
	return task
}

// writablePaths are where a container with a read-only root file system writes to all the same: its temporary files, and
// the agent that opens a shell. They last as long as the task.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
func writablePaths(args *ServiceArgs) []mountPoint {
	if !args.ReadOnlyRootFilesystem {
		return nil
	}
	writable := []mountPoint{{SourceVolume: "tmp", ContainerPath: "/tmp"}}
	if args.Exec {
		writable = append(writable,
			mountPoint{SourceVolume: "ssm-state", ContainerPath: "/var/lib/amazon"},
			mountPoint{SourceVolume: "ssm-log", ContainerPath: "/var/log/amazon"})
	}
	return writable
}
