package infra_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

func TestTheCountIsPulumisWithoutTheKeys(t *testing.T) { // F2
	d := with(t, map[string]string{"sentry:scaling": `{"minimumHealthyPercent":50}`})
	assert.Empty(t, d.ByType(aws.AutoScalingTarget))
	assert.Empty(t, d.resource(t, aws.ECSService, "sentry-staging-backend").IgnoreChanges)
	assert.EqualValues(t, 50, d.inputs(t, aws.ECSService, "sentry-staging-backend")["deploymentMinimumHealthyPercent"])
}

func TestAutoscaling(t *testing.T) { // G5, F2
	d := with(t, map[string]string{
		"sentry:https": "true", "sentry:desiredCount": "2",
		"sentry:scaling": `{"maxCount":6,"cpuTarget":50,"requestsTarget":600,"scaleInCooldown":120}`,
	})
	assert.Equal(t, []string{"desiredCount"}, d.resource(t, aws.ECSService, "sentry-staging-backend").IgnoreChanges,
		"each update takes back what autoscaling did")
	target := d.inputs(t, aws.AutoScalingTarget, "sentry-staging-backend")
	assert.EqualValues(t, 2, target["minCapacity"])
	assert.EqualValues(t, 6, target["maxCapacity"])
	assert.Equal(t, "service/sentry-staging-cluster/sentry-staging-backend", target["resourceId"])

	metrics := map[any]any{}
	for _, r := range d.ByType(aws.AutoScalingPolicy) {
		tracking := at(t, r.Inputs.Mappable(), "targetTrackingScalingPolicyConfiguration")
		metrics[at(t, tracking, "predefinedMetricSpecification", "predefinedMetricType")] = at(t, tracking, "targetValue")
		assert.EqualValues(t, 120, at(t, tracking, "scaleInCooldown"))
		assert.EqualValues(t, 60, at(t, tracking, "scaleOutCooldown"))
	}
	assert.Equal(t, map[any]any{
		"ECSServiceAverageCPUUtilization": 50.0, "ECSServiceAverageMemoryUtilization": 75.0, "ALBRequestCountPerTarget": 600.0,
	}, metrics)
	label := at(t, d.inputs(t, aws.AutoScalingPolicy, "sentry-staging-backend-requests"),
		"targetTrackingScalingPolicyConfiguration", "predefinedMetricSpecification", "resourceLabel")
	balancer := d.resource(t, aws.LBLoadBalancer, "sentry-staging").Outputs.Mappable()["arnSuffix"].(string)
	group := d.resource(t, aws.LBTargetGroup, "sentry-staging-backend").Outputs.Mappable()["arnSuffix"].(string)
	assert.Equal(t, balancer+"/"+group, label, "the requests of another load balancer are counted")
}

func TestSchedule(t *testing.T) { // G6
	const schedule = `{"schedule":{"awake":"mon-fri 07:00-19:30","timezone":"Europe/Berlin"}}`
	d := with(t, map[string]string{"sentry:desiredCount": "2", "sentry:scaling": schedule})
	for name, want := range map[string]struct {
		cron  string
		tasks float64
	}{"-awake": {"cron(0 7 ? * MON,TUE,WED,THU,FRI *)", 2}, "-asleep": {"cron(30 19 ? * MON,TUE,WED,THU,FRI *)", 0}} {
		action := d.inputs(t, aws.AutoScalingScheduledAction, "sentry-staging-backend"+name)
		assert.Equal(t, want.cron, action["schedule"])
		assert.Equal(t, "Europe/Berlin", action["timezone"], "in summer the backend wakes up at another hour")
		assert.Equal(t, map[string]any{"minCapacity": want.tasks, "maxCapacity": want.tasks}, action["scalableTargetAction"])
	}
	assert.Empty(t, d.ByType(aws.AutoScalingPolicy))
	assert.Equal(t, []string{"desiredCount"}, d.resource(t, aws.ECSService, "sentry-staging-backend").IgnoreChanges,
		"an update at night wakes the backend up, or fights with the schedule")

	both := with(t, map[string]string{"sentry:scaling": `{"maxCount":4,"schedule":{"awake":"MON-SUN 06:00-23:00"}}`})
	assert.Equal(t, map[string]any{"minCapacity": 1.0, "maxCapacity": 4.0},
		both.inputs(t, aws.AutoScalingScheduledAction, "sentry-staging-backend-awake")["scalableTargetAction"], "it does not scale after its first night")
}

// Neither the load nor the clock starts tasks that have no image, or that desiredCount puts to sleep.
func TestNothingStartsByItself(t *testing.T) { // F7
	const scaling = `{"maxCount":4,"schedule":{"awake":"MON-FRI 07:00-19:00"}}`
	for what, options := range map[string]sandbox.StackOptions{
		"before the first release": {Config: map[string]string{"sentry:scaling": scaling}},
		"put to sleep":             {Released: true, Config: map[string]string{"sentry:scaling": scaling, "sentry:desiredCount": "0"}},
	} {
		recording, err := run(t, "staging", options)
		require.NoError(t, err)
		d := deployed{environments[0], recording}
		target := d.inputs(t, aws.AutoScalingTarget, "sentry-staging-backend")
		assert.EqualValues(t, 0, target["minCapacity"], what)
		assert.EqualValues(t, 0, target["maxCapacity"], what)
		assert.Equal(t, map[string]any{"minCapacity": 0.0, "maxCapacity": 0.0},
			d.inputs(t, aws.AutoScalingScheduledAction, "sentry-staging-backend-awake")["scalableTargetAction"], what)
	}
}

func TestSpot(t *testing.T) { // G7
	d := with(t, map[string]string{"sentry:desiredCount": "3", "sentry:scaling": `{"spot":{"base":1}}`})
	service := d.inputs(t, aws.ECSService, "sentry-staging-backend")
	assert.Equal(t, []any{
		map[string]any{"capacityProvider": "FARGATE_SPOT", "weight": 1.0},
		map[string]any{"capacityProvider": "FARGATE", "base": 1.0, "weight": 0.0},
	}, service["capacityProviderStrategies"], "AWS can take all tasks back at once")
	assert.Nil(t, service["launchType"], "ECS takes one of the two only")
	assert.Equal(t, true, service["forceNewDeployment"], "another base replaces the service")
	assert.Equal(t, []any{"FARGATE", "FARGATE_SPOT"}, d.inputs(t, aws.ECSClusterCapacityProviders, "sentry-staging-cluster")["capacityProviders"])

	all := with(t, map[string]string{"sentry:scaling": `{"spot":true}`}).inputs(t, aws.ECSService, "sentry-staging-backend")
	assert.Len(t, all["capacityProviderStrategies"], 1)
	off := with(t, map[string]string{"sentry:scaling": `{"spot":false}`})
	assert.Equal(t, "FARGATE", off.inputs(t, aws.ECSService, "sentry-staging-backend")["launchType"])
	assert.Empty(t, off.ByType(aws.ECSClusterCapacityProviders))
}
