package infra_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sentry/internal/aws"
)

func TestNobodyIsMailedWithoutTheKeys(t *testing.T) { // G8
	d := with(t, nil)
	for _, token := range []string{aws.CloudWatchMetricAlarm, aws.CloudWatchDashboard, aws.SNSTopic, aws.BudgetsBudget, aws.CloudWatchEventRule} {
		assert.Empty(t, d.ByType(token), "a stack without the keys pays for %s", token)
	}
}

func TestAlarms(t *testing.T) { // G8
	d := with(t, map[string]string{"sentry:https": "true", "sentry:desiredCount": "2", "sentry:monitoring": `{"alarmEmail":"ops@example.com"}`})
	topic := d.resource(t, aws.SNSTopic, "sentry-staging-alarms")
	subscription := d.inputs(t, aws.SNSTopicSubscription, "sentry-staging-alarms")
	assert.Equal(t, "ops@example.com", subscription["endpoint"])
	assert.Equal(t, "email", subscription["protocol"])

	var names []string
	for _, r := range d.ByType(aws.CloudWatchMetricAlarm) {
		alarm := r.Inputs.Mappable()
		names = append(names, strings.TrimPrefix(r.Name, "sentry-staging-"))
		assert.Equal(t, []any{topic.ID}, alarm["alarmActions"], "%s: nobody hears of it", r.Name)
		assert.Equal(t, []any{topic.ID}, alarm["okActions"], "%s: nobody hears that it is over", r.Name)
		assert.NotEmpty(t, alarm["alarmDescription"], "%s: the mail says nothing", r.Name)
		assert.Equal(t, alarm["evaluationPeriods"], alarm["datapointsToAlarm"], r.Name)
		for _, v := range alarm["metricQueries"].([]any) {
			if metric := at(t, v, "metric"); metric != nil {
				assert.NotContains(t, []any{nil, ""}, at(t, metric, "namespace"), r.Name)
				assert.Contains(t, []any{60.0, 300.0}, at(t, metric, "period"), "%s: an alarm of high resolution has three times the price", r.Name)
			}
		}
	}
	assert.Equal(t, []string{"cpu", "errors", "failures", "memory", "tasks", "unhealthy"}, names)

	tasks := d.inputs(t, aws.CloudWatchMetricAlarm, "sentry-staging-tasks")
	assert.Equal(t, "LessThanThreshold", tasks["comparisonOperator"])
	assert.EqualValues(t, 2, tasks["threshold"], "one of two tasks may be missing for ever")
	assert.Equal(t, "breaching", tasks["treatMissingData"], "that no task runs at all is no data, and so no alarm")
	metric := at(t, tasks, "metricQueries", 0, "metric")
	assert.Equal(t, "SampleCount", at(t, metric, "stat"), "the number of reports is the number of tasks")
	assert.Equal(t, map[string]any{"ClusterName": "sentry-staging-cluster", "ServiceName": "sentry-staging-backend"}, at(t, metric, "dimensions"))

	unhealthy := at(t, d.inputs(t, aws.CloudWatchMetricAlarm, "sentry-staging-unhealthy"), "metricQueries", 0, "metric", "dimensions")
	assert.Equal(t, map[string]any{
		"LoadBalancer": d.resource(t, aws.LBLoadBalancer, "sentry-staging").Outputs.Mappable()["arnSuffix"],
		"TargetGroup":  d.resource(t, aws.LBTargetGroup, "sentry-staging-backend").Outputs.Mappable()["arnSuffix"],
	}, unhealthy, "the alarm watches another load balancer")

	plain := with(t, map[string]string{"sentry:monitoring": `{"alarmEmail":"ops@example.com"}`})
	assert.Len(t, plain.ByType(aws.CloudWatchMetricAlarm), 4, "alarms on a load balancer that is not there never have data")
}

func TestNoAlarmAtNight(t *testing.T) { // G8
	for _, changes := range []map[string]string{
		{"sentry:scaling": `{"schedule":{"awake":"MON-FRI 07:00-19:00"}}`}, {"sentry:desiredCount": "0"},
	} {
		changes["sentry:monitoring"] = `{"alarmEmail":"ops@example.com"}`
		assert.Equal(t, "notBreaching", with(t, changes).inputs(t, aws.CloudWatchMetricAlarm, "sentry-staging-tasks")["treatMissingData"],
			"the alarm wakes somebody up each night")
	}
}

func TestErrorsInTheLogAreCounted(t *testing.T) { // G8
	d := with(t, map[string]string{"sentry:monitoring": `{"alarmEmail":"ops@example.com"}`})
	filter := d.inputs(t, aws.CloudWatchLogMetricFilter, "sentry-staging-errors")
	assert.Equal(t, "/ecs/sentry-staging-backend", filter["logGroupName"])
	metric := at(t, d.inputs(t, aws.CloudWatchMetricAlarm, "sentry-staging-errors"), "metricQueries", 0, "metric")
	assert.Equal(t, at(t, filter, "metricTransformation", "name"), at(t, metric, "metricName"), "the alarm watches what nothing counts")
	assert.Equal(t, at(t, filter, "metricTransformation", "namespace"), at(t, metric, "namespace"))
}

func TestDeploymentsThatWereTakenBackAreMailed(t *testing.T) { // G8, F13
	d := with(t, map[string]string{"sentry:monitoring": `{"alarmEmail":"ops@example.com"}`})
	pattern := parse[struct {
		Source    []string
		Resources []string
		Detail    struct{ EventName []string }
	}](t, d.inputs(t, aws.CloudWatchEventRule, "sentry-staging-deployments")["eventPattern"])
	assert.Equal(t, []string{"SERVICE_DEPLOYMENT_FAILED"}, pattern.Detail.EventName)
	assert.Equal(t, []string{"arn:aws:ecs:us-east-1:123456789012:service/sentry-staging-cluster/sentry-staging-backend"}, pattern.Resources,
		"the deployments of others are mailed")
	assert.Equal(t, d.resource(t, aws.SNSTopic, "sentry-staging-alarms").ID, d.inputs(t, aws.CloudWatchEventTarget, "sentry-staging-deployments")["arn"])
	rights := parse[policy](t, d.inputs(t, aws.SNSTopic, "sentry-staging-alarms")["policy"])
	var who []any
	for _, s := range rights.Statement {
		assert.Equal(t, []string{"sns:Publish"}, s.Action)
		who = append(who, s.Principal)
	}
	assert.Equal(t, []any{map[string]any{"Service": "cloudwatch.amazonaws.com"}, map[string]any{"Service": "events.amazonaws.com"}}, who,
		"alarms or events are refused by the topic, or others may mail")
}

func TestDashboard(t *testing.T) { // G8
	widgets := func(changes map[string]string) []any {
		changes["sentry:monitoring"] = `{"dashboard":true}`
		body := with(t, changes).inputs(t, aws.CloudWatchDashboard, "sentry-staging")["dashboardBody"]
		return parse[map[string][]any](t, body)["widgets"]
	}
	plain, balanced := widgets(map[string]string{}), widgets(map[string]string{"sentry:https": "true"})
	assert.Greater(t, len(balanced), len(plain), "requests and their failures are not shown")
	for _, widget := range balanced {
		assert.LessOrEqual(t, at(t, widget, "x").(float64)+at(t, widget, "width").(float64), 24.0, "CloudWatch refuses what is wider")
		assert.NotEmpty(t, at(t, widget, "properties", "title"))
		assert.Equal(t, "us-east-1", at(t, widget, "properties", "region"))
	}
}

func TestBudget(t *testing.T) { // G8
	d := with(t, map[string]string{"sentry:monitoring": `{"alarmEmail":"ops@example.com","monthlyBudget":80}`})
	budget := d.inputs(t, aws.BudgetsBudget, "sentry-staging")
	assert.Equal(t, "80", budget["limitAmount"])
	assert.Equal(t, []any{map[string]any{"name": "TagKeyValue", "values": []any{"user:Environment$staging"}}}, budget["costFilters"],
		"the whole account's costs are compared with one environment's budget")
	var kinds []any
	for _, v := range budget["notifications"].([]any) {
		kinds = append(kinds, at(t, v, "notificationType"))
		assert.Equal(t, []any{"ops@example.com"}, at(t, v, "subscriberEmailAddresses"))
	}
	assert.Equal(t, []any{"ACTUAL", "FORECASTED"}, kinds)

	least := with(t, map[string]string{"sentry:monitoring": `{"alarmEmail":"ops@example.com","monthlyBudget":1}`})
	assert.Equal(t, "1", least.inputs(t, aws.BudgetsBudget, "sentry-staging")["limitAmount"])
}

func TestContainerInsights(t *testing.T) { // G7
	for value, want := range map[string]string{`{}`: "enabled", `{"containerInsights":"enhanced"}`: "enhanced", `{"containerInsights":"disabled"}`: "disabled"} {
		cluster := with(t, map[string]string{"sentry:monitoring": value}).inputs(t, aws.ECSCluster, "sentry-staging-cluster")
		assert.Equal(t, want, at(t, cluster, "settings", 0, "value"))
	}
}
