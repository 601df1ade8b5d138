package account

import (
	"sentry/internal/aws"
	"sentry/internal/policy"
)

// limitsCloudWatch lets alarms mail, and nothing else: they could stop instances.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-alarm-actions.html
func limitsCloudWatch(action string, n names) []limit {
	if action == "cloudwatch:PutMetricAlarm" {
		return []limit{{n.owned(aws.CloudWatchMetricAlarm), n.mailing("ForAllValues:StringEquals", "cloudwatch:AlarmActions")}}
	}
	return nil
}

// limitsEvents is the same for events.
func limitsEvents(action string, n names) []limit {
	if action == "events:PutTargets" {
		return []limit{{n.owned(aws.CloudWatchEventTarget), n.mailing("ForAllValues:ArnEquals", "events:TargetArn")}}
	}
	return nil
}

// mailing is the environment's topic as the value of a key, and no other.
func (n names) mailing(operator, key string) policy.Condition {
	return policy.Condition{operator: {key: n.owned(aws.SNSTopic)}}
}
