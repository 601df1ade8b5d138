package aws

// Tokens of the types.
const (
	CloudWatchLogGroup        = "aws:cloudwatch/logGroup:LogGroup"
	CloudWatchMetricAlarm     = "aws:cloudwatch/metricAlarm:MetricAlarm"
	CloudWatchDashboard       = "aws:cloudwatch/dashboard:Dashboard"
	CloudWatchCompositeAlarm  = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
	CloudWatchLogMetricFilter = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
	CloudWatchEventRule       = "aws:cloudwatch/eventRule:EventRule"
	CloudWatchEventTarget     = "aws:cloudwatch/eventTarget:EventTarget"
)

var cloudwatch = []Type{
	{
		Token: CloudWatchLogGroup, Noun: "CloudWatch Logs Log Group", ID: "{name}", Name: "name",
		Outputs:  "arn=arn:aws:logs:{region}:{account}:log-group:{name} namePrefix=empty logGroupClass=STANDARD",
		Taken:    "ResourceAlreadyExistsException: The specified log group already exists",
		Owned:    []string{"log-group:/ecs/{prefix}-backend", "log-group:/ecs/{prefix}-backend:*"},
		Anywhere: "logs:DescribeLogGroups",
		Calls: Calls{
			Create: "logs:CreateLogGroup logs:TagResource logs:PutRetentionPolicy",
			Read:   "logs:DescribeLogGroups logs:ListTagsForResource",
			Update: "logs:PutRetentionPolicy logs:DeleteRetentionPolicy logs:TagResource logs:UntagResource",
			Delete: "logs:DeleteLogGroup",
		},
		Priced: true,
		Drawn:  "log group",
		Shows:  "kept for {retentionInDays} days",
	},
	{
		Token:  CloudWatchMetricAlarm,
		Priced: true,
	},
	{
		Token: CloudWatchDashboard,
		Costs: []Cost{{What: "Dashboards", Price: "cloudwatch-dashboard"}},
	},
	{
		Token: CloudWatchCompositeAlarm,
		Costs: []Cost{{What: "Composite alarms", Price: "cloudwatch-alarm-composite"}},
	},
	{
		Token: CloudWatchLogMetricFilter,
		Costs: []Cost{{What: "Metrics from log lines", Price: "cloudwatch-metric"}},
	},
	{
		Token: CloudWatchEventRule,
		Free:  "rules on AWS's own events have no price",
	},
	{
		Token: CloudWatchEventTarget,
		Free:  "a part of the rule",
	},
}
