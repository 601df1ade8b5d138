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
		Token: CloudWatchMetricAlarm, Noun: "CloudWatch Metric Alarm", ID: "{name}", Name: "name",
		Outputs: "arn=arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
		Owned:   []string{"alarm:{prefix}-*"},
		Calls: Calls{
			Create: "cloudwatch:PutMetricAlarm cloudwatch:TagResource",
			Read:   "cloudwatch:DescribeAlarms cloudwatch:ListTagsForResource",
			Update: "cloudwatch:PutMetricAlarm cloudwatch:TagResource cloudwatch:UntagResource",
			Delete: "cloudwatch:DeleteAlarms",
		},
		Priced: true,
		Into:   SNSTopic,
	},
	{
		Token: CloudWatchDashboard, Noun: "CloudWatch Dashboard", ID: "{dashboardName}", Name: "dashboardName", Global: true,
		Outputs: "dashboardArn=arn:aws:cloudwatch::{account}:dashboard/{dashboardName}",
		Owned:   []string{"dashboard/{prefix}"},
		Calls: Calls{
			Create: "cloudwatch:PutDashboard",
			Read:   "cloudwatch:GetDashboard",
			Update: "cloudwatch:PutDashboard",
			Delete: "cloudwatch:DeleteDashboards",
		},
		Costs: []Cost{{What: "Dashboards", Price: "cloudwatch-dashboard"}},
		Drawn: "dashboard",
	},
	{
		Token: CloudWatchCompositeAlarm,
		Costs: []Cost{{What: "Composite alarms", Price: "cloudwatch-alarm-composite"}},
	},
	{
		Token: CloudWatchLogMetricFilter, Noun: "CloudWatch Logs Metric Filter", ID: "{name}", Name: "name",
		Import: "{logGroupName}:{name}",
		Refs:   []Ref{{Path: "logGroupName", To: CloudWatchLogGroup, Part: true}},
		Owned:  []string{"log-group:/ecs/{prefix}-backend", "log-group:/ecs/{prefix}-backend:*"},
		Calls: Calls{
			Create: "logs:PutMetricFilter",
			Read:   "logs:DescribeMetricFilters",
			Update: "logs:PutMetricFilter",
			Delete: "logs:DeleteMetricFilter",
		},
		Costs: []Cost{{What: "Metrics from log lines", Price: "cloudwatch-metric"}},
		Into:  SNSTopic,
	},
	{
		Token: CloudWatchEventRule, Noun: "EventBridge Rule", ID: "{name}", Name: "name",
		Outputs: "arn=arn:aws:events:{region}:{account}:rule/{name} namePrefix=empty",
		Missing: "ResourceNotFoundException: Rule %s does not exist on EventBus default.",
		InUse:   "ValidationException: Rule can't be deleted since it has targets. (%s)",
		Owned:   []string{"rule/{prefix}-*"},
		Calls: Calls{
			Create: "events:PutRule events:TagResource",
			Read:   "events:DescribeRule events:ListTagsForResource",
			Update: "events:PutRule events:TagResource events:UntagResource",
			Delete: "events:DeleteRule",
		},
		Free: "rules on AWS's own events have no price",
		Into: SNSTopic,
	},
	{
		Token: CloudWatchEventTarget, Noun: "EventBridge Target", ID: "{rule}-{targetId}", Import: "{rule}/{targetId}",
		Refs:  []Ref{{Path: "rule", To: CloudWatchEventRule}},
		Owned: []string{"rule/{prefix}-*"},
		Calls: Calls{
			Create: "events:PutTargets",
			Read:   "events:ListTargetsByRule",
			Update: "events:PutTargets",
			Delete: "events:RemoveTargets",
		},
		Free: "a part of the rule",
		Into: SNSTopic,
	},
}
