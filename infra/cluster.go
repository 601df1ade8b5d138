package infra

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// cluster is where the service runs. Its ARN is known once the cluster takes the service's tasks.
type cluster struct {
	name, arn pulumi.StringOutput
}

func newCluster(ctx *pulumi.Context, name string, args *ServiceArgs, child pulumi.ResourceOption) (cluster, error) {
	clusterArgs := &ecs.ClusterArgs{
		Name: pulumi.String(name),
		Settings: ecs.ClusterSettingArray{ecs.ClusterSettingArgs{
			Name: pulumi.String("containerInsights"), Value: pulumi.String(args.ContainerInsights),
		}},
	}
	if args.Exec {
		// What is typed in a shell, and what it answers, is kept with the backend's log lines.
		clusterArgs.Configuration = ecs.ClusterConfigurationArgs{
			ExecuteCommandConfiguration: ecs.ClusterConfigurationExecuteCommandConfigurationArgs{
				Logging: pulumi.String("OVERRIDE"),
				LogConfiguration: ecs.ClusterConfigurationExecuteCommandConfigurationLogConfigurationArgs{
					CloudWatchLogGroupName: args.LogGroup,
				},
			},
		}
	}
	made, err := ecs.NewCluster(ctx, name, clusterArgs, child)
	if err != nil {
		return cluster{}, fmt.Errorf("create the cluster: %w", err)
	}
	if args.Spot == nil {
		return cluster{name: made.Name, arn: made.Arn}, nil
	}
	providers, err := ecs.NewClusterCapacityProviders(ctx, name, &ecs.ClusterCapacityProvidersArgs{
		ClusterName:       made.Name,
		CapacityProviders: pulumi.ToStringArray([]string{"FARGATE", "FARGATE_SPOT"}),
	}, child)
	if err != nil {
		return cluster{}, fmt.Errorf("let the cluster use spare capacity: %w", err)
	}
	return cluster{name: made.Name, arn: after(ctx, made.Arn, providers)}, nil
}
