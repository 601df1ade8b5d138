package infra

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// metric is a metric of CloudWatch's, read with a statistic.
type metric struct {
	namespace, name, statistic string
	dimensions                 pulumi.StringMap
}

// alarm is a condition that somebody should hear of: an expression over metrics that is above, or below, a threshold in
// the last few periods, all of them.
type alarm struct {
	name string
	// says what happens, for the mail.
	says string
	// value is an expression over the metrics; empty for the only one.
	value   string
	metrics map[string]metric
	below   bool
	// threshold is compared in each of periods, which are of seconds.
	threshold        float64
	seconds, periods int
	// missing says what a period without data counts as.
	missing string
}

// What a period without data counts as.
const (
	quiet    = "notBreaching"
	alarming = "breaching"
)

// serviceAlarms watch the tasks, whoever reaches them.
func serviceAlarms(name string, args *ObservabilityArgs) []alarm {
	ofService := pulumi.StringMap{"ClusterName": pulumi.String(name + "-cluster"), "ServiceName": pulumi.String(name + "-backend")}
	// Without any task there is no data. That is an alarm, except where there are to be none at times.
	noTasks := alarming
	if args.DesiredCount == 0 || args.Scaling.Schedule != nil {
		noTasks = quiet
	}
	return []alarm{
		{
			name: "tasks",
			says: fmt.Sprintf("Fewer than %d tasks run. Why one stopped: docs/operations.md.", args.DesiredCount),
			// Each task reports its CPU once a minute, so the number of reports is the number of tasks.
			// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_utilization.html
			metrics: map[string]metric{"running": {"AWS/ECS", "CPUUtilization", "SampleCount", ofService}},
			below:   true, threshold: float64(args.DesiredCount),
			// A task that is replaced is back within three minutes.
			seconds: 60, periods: 5, missing: noTasks,
		},
		{
			name:    "cpu",
			says:    "The tasks use nearly all of their CPU. Scale up or out, or raise maxCount.",
			metrics: map[string]metric{"cpu": {"AWS/ECS", "CPUUtilization", "Average", ofService}},
			// Autoscaling's default target is 60: it has had its chance by then.
			threshold: 85, seconds: 300, periods: 3, missing: quiet,
		},
		{
			name:    "memory",
			says:    "The tasks use nearly all of their memory; at 100 % they are killed. Scale up.",
			metrics: map[string]metric{"memory": {"AWS/ECS", "MemoryUtilization", "Maximum", ofService}},
			// A leak is slow: ten minutes are early enough, and a single peak is none.
			threshold: 90, seconds: 300, periods: 2, missing: quiet,
		},
		{
			name:    "errors",
			says:    "The backend logs errors.",
			metrics: map[string]metric{"errors": {config.MetricsNamespace(args.Stack), errorLines, "Sum", nil}},
			// One error may be a visitor's; ten in five minutes are a pattern.
			threshold: 10, seconds: 300, periods: 1, missing: quiet,
		},
	}
}

// balancerAlarms watch what visitors get.
func balancerAlarms(balancer *LoadBalancer) []alarm {
	ofBalancer := pulumi.StringMap{"LoadBalancer": balancer.ARNSuffix}
	ofGroup := pulumi.StringMap{"LoadBalancer": balancer.ARNSuffix, "TargetGroup": balancer.TargetGroupSuffix}
	const namespace = "AWS/ApplicationELB"
	return []alarm{
		{
			name: "failures",
			says: "More than 5 % of the API's requests fail with 5xx.",
			// Requests that no task could be found for are counted as failures only. Below 20 requests a share says
			// nothing.
			value: "IF(FILL(requests,0)+FILL(unserved,0)>20, 100*(FILL(failed,0)+FILL(unserved,0))/(FILL(requests,0)+FILL(unserved,0)), 0)",
			metrics: map[string]metric{
				"requests": {namespace, "RequestCount", "Sum", ofBalancer},
				"failed":   {namespace, "HTTPCode_Target_5XX_Count", "Sum", ofBalancer},
				"unserved": {namespace, "HTTPCode_ELB_5XX_Count", "Sum", ofBalancer},
			},
			threshold: 5, seconds: 300, periods: 1, missing: quiet,
		},
		{
			name:    "unhealthy",
			says:    "A task does not pass the load balancer's health check.",
			metrics: map[string]metric{"unhealthy": {namespace, "UnHealthyHostCount", "Maximum", ofGroup}},
			// A task that starts, or is replaced, is unhealthy for a while.
			threshold: 0, seconds: 60, periods: 5, missing: quiet,
		},
	}
}

// newAlarms makes the alarms, and the topic that mails them (G8).
func newAlarms(
	ctx *pulumi.Context, name string, args *ObservabilityArgs, group *cloudwatch.LogGroup, child pulumi.ResourceOption,
) error {
	topic, err := newTopic(ctx, name+"-alarms", args, child)
	if err != nil {
		return err
	}
	if err := newErrorFilter(ctx, name+"-errors", args, group, child); err != nil {
		return err
	}
	if err := newDeploymentRule(ctx, name+"-deployments", name, args, topic, child); err != nil {
		return err
	}
	wanted := serviceAlarms(name, args)
	if args.LoadBalancer != nil {
		wanted = append(wanted, balancerAlarms(args.LoadBalancer)...)
	}
	for _, a := range wanted {
		if err := a.register(ctx, name, topic, child); err != nil {
			return err
		}
	}
	return nil
}

func (a alarm) register(ctx *pulumi.Context, name string, topic *sns.Topic, child pulumi.ResourceOption) error {
	var queries cloudwatch.MetricAlarmMetricQueryArray
	for _, id := range slices.Sorted(maps.Keys(a.metrics)) {
		m := a.metrics[id]
		queries = append(queries, cloudwatch.MetricAlarmMetricQueryArgs{
			Id: pulumi.String(id), ReturnData: pulumi.Bool(a.value == ""),
			Metric: cloudwatch.MetricAlarmMetricQueryMetricArgs{
				Namespace: pulumi.String(m.namespace), MetricName: pulumi.String(m.name), Stat: pulumi.String(m.statistic),
				Dimensions: m.dimensions, Period: pulumi.Int(a.seconds),
			},
		})
	}
	if a.value != "" {
		queries = append(queries, cloudwatch.MetricAlarmMetricQueryArgs{
			Id: pulumi.String("value"), Label: pulumi.String(a.name), Expression: pulumi.String(a.value), ReturnData: pulumi.Bool(true),
		})
	}
	comparison := "GreaterThanThreshold"
	if a.below {
		comparison = "LessThanThreshold"
	}
	if _, err := cloudwatch.NewMetricAlarm(ctx, name+"-"+a.name, &cloudwatch.MetricAlarmArgs{
		Name:               pulumi.String(name + "-" + a.name),
		AlarmDescription:   pulumi.String(a.says),
		MetricQueries:      queries,
		ComparisonOperator: pulumi.String(comparison),
		Threshold:          pulumi.Float64(a.threshold),
		EvaluationPeriods:  pulumi.Int(a.periods),
		DatapointsToAlarm:  pulumi.Int(a.periods),
		TreatMissingData:   pulumi.String(a.missing),
		AlarmActions:       pulumi.Array{topic.Arn},
		OkActions:          pulumi.Array{topic.Arn},
	}, child); err != nil {
		return fmt.Errorf("watch the %s: %w", a.name, err)
	}
	return nil
}

// newTopic mails what CloudWatch and EventBridge have to say. Whom it mails has to confirm it once.
func newTopic(ctx *pulumi.Context, name string, args *ObservabilityArgs, child pulumi.ResourceOption) (*sns.Topic, error) {
	policy, err := topicPolicy(args.Account.arn("sns", name), args.Account.ID).json()
	if err != nil {
		return nil, err
	}
	topic, err := sns.NewTopic(ctx, name, &sns.TopicArgs{Name: pulumi.String(name), Policy: pulumi.String(policy)}, child)
	if err != nil {
		return nil, fmt.Errorf("create the topic of the alarms: %w", err)
	}
	if _, err := sns.NewTopicSubscription(ctx, name, &sns.TopicSubscriptionArgs{
		Topic: topic.Arn, Protocol: pulumi.String("email"), Endpoint: pulumi.String(args.AlarmEmail),
	}, child); err != nil {
		return nil, fmt.Errorf("mail the alarms: %w", err)
	}
	return topic, nil
}

// errorLines is the metric that counts the backend's lines of errors.
const errorLines = "ErrorLines"

func newErrorFilter(
	ctx *pulumi.Context, name string, args *ObservabilityArgs, group *cloudwatch.LogGroup, child pulumi.ResourceOption,
) error {
	if _, err := cloudwatch.NewLogMetricFilter(ctx, name, &cloudwatch.LogMetricFilterArgs{
		Name:         pulumi.String(name),
		LogGroupName: group.Name,
		Pattern:      pulumi.String(`?ERROR ?FATAL ?CRITICAL ?"\"level\":\"error\""`),
		MetricTransformation: cloudwatch.LogMetricFilterMetricTransformationArgs{
			Namespace: pulumi.String(config.MetricsNamespace(args.Stack)),
			Name:      pulumi.String(errorLines),
			Value:     pulumi.String("1"),
		},
	}, child); err != nil {
		return fmt.Errorf("count the errors in the log: %w", err)
	}
	return nil
}

// newDeploymentRule reports what the circuit breaker takes back: no metric shows it.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
func newDeploymentRule(
	ctx *pulumi.Context, logical, name string, args *ObservabilityArgs, topic *sns.Topic, child pulumi.ResourceOption,
) error {
	pattern, err := json.Marshal(map[string]any{
		"source":      []string{"aws.ecs"},
		"detail-type": []string{"ECS Deployment State Change"},
		"resources":   []string{args.Account.arn("ecs", "service/"+name+"-cluster/"+name+"-backend")},
		"detail":      map[string][]string{"eventName": {"SERVICE_DEPLOYMENT_FAILED"}},
	})
	if err != nil {
		return fmt.Errorf("marshal the rule on deployments: %w", err)
	}
	rule, err := cloudwatch.NewEventRule(ctx, logical, &cloudwatch.EventRuleArgs{
		Name:         pulumi.String(logical),
		Description:  pulumi.String("Deployments of the backend that were taken back"),
		EventPattern: pulumi.String(string(pattern)),
	}, child)
	if err != nil {
		return fmt.Errorf("watch the deployments: %w", err)
	}
	if _, err := cloudwatch.NewEventTarget(ctx, logical, &cloudwatch.EventTargetArgs{
		Rule:     rule.Name,
		TargetId: pulumi.String("mail"),
		Arn:      topic.Arn,
		InputTransformer: cloudwatch.EventTargetInputTransformerArgs{
			InputPaths:    pulumi.StringMap{"reason": pulumi.String("$.detail.reason")},
			InputTemplate: pulumi.String(fmt.Sprintf(`"A deployment of %s was taken back: <reason>"`, name)),
		},
	}, child); err != nil {
		return fmt.Errorf("mail failed deployments: %w", err)
	}
	return nil
}
