package infra

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Observability is where the environment can be watched: the backend's log group (A11). Alarms, dashboard and
// notifications belong here too.
type Observability struct {
	pulumi.ResourceState

	LogGroupName, LogGroupARN pulumi.StringOutput
}

// ObservabilityArgs shape the observability. All are required.
type ObservabilityArgs struct {
	// Stack is a part of the log group's name.
	Stack string
	// LogRetentionDays is one of CloudWatch's periods, in days.
	LogRetentionDays int
}

func (args *ObservabilityArgs) validate() error {
	if args == nil {
		return errors.New("observability: no arguments")
	}
	var errs []error
	if args.Stack == "" {
		errs = append(errs, errors.New("observability: Stack is empty"))
	}
	if args.LogRetentionDays < 1 {
		errs = append(errs, fmt.Errorf("observability: LogRetentionDays %d would keep the logs for ever, want at least 1", args.LogRetentionDays))
	}
	return errors.Join(errs...)
}

// NewObservability registers the observability of one environment.
func NewObservability(ctx *pulumi.Context, name string, args *ObservabilityArgs, opts ...pulumi.ResourceOption) (*Observability, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	observability := &Observability{}
	if err := ctx.RegisterComponentResource("sentry:infra:Observability", name, observability, opts...); err != nil {
		return nil, fmt.Errorf("register the observability %q: %w", name, err)
	}
	group, err := cloudwatch.NewLogGroup(ctx, name+"-backend", &cloudwatch.LogGroupArgs{
		Name:            pulumi.Sprintf("/ecs/%s-%s-backend", product, args.Stack),
		RetentionInDays: pulumi.Int(args.LogRetentionDays),
	}, pulumi.Parent(observability))
	if err != nil {
		return nil, fmt.Errorf("create the log group: %w", err)
	}
	observability.LogGroupName = group.Name
	observability.LogGroupARN = group.Arn
	if err := ctx.RegisterResourceOutputs(observability, pulumi.Map{
		"logGroupName": observability.LogGroupName,
	}); err != nil {
		return nil, fmt.Errorf("register the observability's outputs: %w", err)
	}
	return observability, nil
}
