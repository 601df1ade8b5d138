package infra

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/appautoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// scalingTarget names the number of tasks to Application Auto Scaling.
type scalingTarget struct {
	name       string
	resourceID pulumi.StringOutput
	child      pulumi.ResourceOption
}

const (
	scalingNamespace = "ecs"
	scalingDimension = "ecs:service:DesiredCount"
)

// newScaling hands the number of tasks over to AWS, where that is wanted: it follows the load (G5), sleeps on a schedule
// (G6), or both. Before the first release, and while desiredCount is 0, there are no tasks whatever the load and the time.
func newScaling(
	ctx *pulumi.Context, name string, args *ServiceArgs,
	cluster cluster, service *ecs.Service, image pulumi.StringOutput, child pulumi.ResourceOption,
) error {
	if !args.OwnedByAWS() {
		return nil
	}
	least, most := args.DesiredCount, cmp.Or(args.MaxCount, args.DesiredCount)
	if least == 0 {
		most = 0
	}
	lowest, highest := countOf(image, least), countOf(image, most)
	target, err := appautoscaling.NewTarget(ctx, name, &appautoscaling.TargetArgs{
		ServiceNamespace:  pulumi.String(scalingNamespace),
		ScalableDimension: pulumi.String(scalingDimension),
		ResourceId:        pulumi.Sprintf("service/%s/%s", cluster.name, service.Name),
		MinCapacity:       lowest,
		MaxCapacity:       highest,
	}, child)
	if err != nil {
		return fmt.Errorf("hand the number of tasks over to AWS: %w", err)
	}
	t := scalingTarget{name, target.ResourceId, child}
	if args.MaxCount > 0 {
		if err := t.followLoad(ctx, args); err != nil {
			return err
		}
	}
	if args.Schedule == nil {
		return nil
	}
	if err := t.at(ctx, "awake", args.Schedule, args.Schedule.From, lowest, highest); err != nil {
		return err
	}
	return t.at(ctx, "asleep", args.Schedule, args.Schedule.To, pulumi.Int(0), pulumi.Int(0))
}

// trackedMetric is a metric of the service that AWS knows, and the value that it is kept at.
type trackedMetric struct {
	name, kind string
	target     int
	label      pulumi.StringPtrInput
}

// followLoad keeps each metric at its target; the one that wants the most tasks decides.
func (t scalingTarget) followLoad(ctx *pulumi.Context, args *ServiceArgs) error {
	metrics := []trackedMetric{
		{name: "cpu", kind: "ECSServiceAverageCPUUtilization", target: args.CPUTarget},
		{name: "memory", kind: "ECSServiceAverageMemoryUtilization", target: args.MemoryTarget},
	}
	if args.RequestsTarget > 0 {
		metrics = append(metrics, trackedMetric{
			name: "requests", kind: "ALBRequestCountPerTarget", target: args.RequestsTarget,
			label: pulumi.Sprintf("%s/%s", args.LoadBalancer.ARNSuffix, args.LoadBalancer.TargetGroupSuffix),
		})
	}
	for _, m := range metrics {
		if _, err := appautoscaling.NewPolicy(ctx, t.name+"-"+m.name, &appautoscaling.PolicyArgs{
			Name:              pulumi.String(t.name + "-" + m.name),
			ServiceNamespace:  pulumi.String(scalingNamespace),
			ScalableDimension: pulumi.String(scalingDimension),
			ResourceId:        t.resourceID,
			PolicyType:        pulumi.String("TargetTrackingScaling"),
			TargetTrackingScalingPolicyConfiguration: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs{
				TargetValue:      pulumi.Float64(float64(m.target)),
				ScaleInCooldown:  pulumi.Int(args.ScaleInCooldown),
				ScaleOutCooldown: pulumi.Int(args.ScaleOutCooldown),
				PredefinedMetricSpecification: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs{
					PredefinedMetricType: pulumi.String(m.kind),
					ResourceLabel:        m.label,
				},
			},
		}, t.child); err != nil {
			return fmt.Errorf("scale by %s: %w", m.name, err)
		}
	}
	return nil
}

// at changes the limits of the number of tasks on each of the schedule's days.
func (t scalingTarget) at(
	ctx *pulumi.Context, what string, schedule *config.Schedule, clock config.Clock, lowest, highest pulumi.IntInput,
) error {
	if _, err := appautoscaling.NewScheduledAction(ctx, t.name+"-"+what, &appautoscaling.ScheduledActionArgs{
		Name:              pulumi.String(t.name + "-" + what),
		ServiceNamespace:  pulumi.String(scalingNamespace),
		ScalableDimension: pulumi.String(scalingDimension),
		ResourceId:        t.resourceID,
		// https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html
		Schedule: pulumi.String(fmt.Sprintf("cron(%d %d ? * %s *)", clock.Minute, clock.Hour, strings.Join(schedule.Days, ","))),
		Timezone: pulumi.String(schedule.Timezone),
		ScalableTargetAction: appautoscaling.ScheduledActionScalableTargetActionArgs{
			MinCapacity: lowest.ToIntOutput().ToIntPtrOutput(),
			MaxCapacity: highest.ToIntOutput().ToIntPtrOutput(),
		},
	}, t.child); err != nil {
		return fmt.Errorf("schedule %s: %w", what, err)
	}
	return nil
}
