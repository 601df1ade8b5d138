package infra

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// Observability is where the environment can be watched: the backend's log group (A11) and, where they are wanted,
// alarms, a dashboard and a budget (G8).
type Observability struct {
	pulumi.ResourceState

	// LogGroupName is the backend's log group.
	LogGroupName pulumi.StringOutput
}

// ObservabilityArgs shape the observability. KMSKeyARN and LoadBalancer may be left out.
type ObservabilityArgs struct {
	// Stack is the environment's name.
	Stack string
	// Account is where the environment runs.
	Account Account
	config.Monitoring
	// Scaling is how many tasks there should be, at least DesiredCount.
	Scaling      config.Scaling
	DesiredCount int
	// KMSKeyARN is the key that encrypts the log lines; AWS's own when empty.
	KMSKeyARN string
	// Protect refuses to delete the log group.
	Protect bool
	// LoadBalancer is watched, too, where there is one.
	LoadBalancer *LoadBalancer
}

// NewObservability registers the observability of one environment. What it watches it knows by name: the service comes
// later, as it needs the log group.
func NewObservability(
	ctx *pulumi.Context, name string, args *ObservabilityArgs, opts ...pulumi.ResourceOption,
) (*Observability, error) {
	o := &Observability{}
	if err := ctx.RegisterComponentResource("sentry:infra:Observability", name, o, opts...); err != nil {
		return nil, fmt.Errorf("register the observability %q: %w", name, err)
	}
	child := pulumi.Parent(o)
	groupArgs := &cloudwatch.LogGroupArgs{
		Name:            pulumi.String("/ecs/" + name + "-backend"),
		RetentionInDays: pulumi.Int(args.LogRetentionDays),
	}
	if args.KMSKeyARN != "" {
		groupArgs.KmsKeyId = pulumi.String(args.KMSKeyARN)
	}
	group, err := cloudwatch.NewLogGroup(ctx, name+"-backend", groupArgs, child, pulumi.Protect(args.Protect))
	if err != nil {
		return nil, fmt.Errorf("create the log group: %w", err)
	}
	if args.AlarmEmail != "" {
		if err := newAlarms(ctx, name, args, group, child); err != nil {
			return nil, err
		}
	}
	if args.Dashboard {
		if err := newDashboard(ctx, name, args, child); err != nil {
			return nil, err
		}
	}
	if args.MonthlyBudget > 0 {
		if err := newBudget(ctx, name, args, child); err != nil {
			return nil, err
		}
	}
	o.LogGroupName = group.Name
	if err := ctx.RegisterResourceOutputs(o, pulumi.Map{"logGroupName": o.LogGroupName}); err != nil {
		return nil, fmt.Errorf("register the observability's outputs: %w", err)
	}
	return o, nil
}
