package infra

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Observability is where the environment can be watched: the backend's log group (A11).
type Observability struct {
	pulumi.ResourceState

	// LogGroupName is the backend's log group.
	LogGroupName pulumi.StringOutput
}

// ObservabilityArgs shape the observability. All are required.
type ObservabilityArgs struct {
	// LogRetentionDays is one of CloudWatch's periods, in days.
	LogRetentionDays int
}

// NewObservability registers the observability of one environment.
func NewObservability(ctx *pulumi.Context, name string, args *ObservabilityArgs, opts ...pulumi.ResourceOption) (*Observability, error) {
	o := &Observability{}
	if err := ctx.RegisterComponentResource("sentry:infra:Observability", name, o, opts...); err != nil {
		return nil, fmt.Errorf("register the observability %q: %w", name, err)
	}
	group, err := cloudwatch.NewLogGroup(ctx, name+"-backend", &cloudwatch.LogGroupArgs{
		Name:            pulumi.String("/ecs/" + name + "-backend"),
		RetentionInDays: pulumi.Int(args.LogRetentionDays),
	}, pulumi.Parent(o))
	if err != nil {
		return nil, fmt.Errorf("create the log group: %w", err)
	}
	o.LogGroupName = group.Name
	if err := ctx.RegisterResourceOutputs(o, pulumi.Map{"logGroupName": o.LogGroupName}); err != nil {
		return nil, fmt.Errorf("register the observability's outputs: %w", err)
	}
	return o, nil
}
