package controls

import (
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

var logs = []string{aws.CloudWatchLogGroup}

var monitoring = []Control{
	{
		IDs: "CKV_AWS_66", Demands: "log lines go after a time", Types: logs, Why: "A11",
		Holds: func(l look) bool { return l.at("retentionInDays") != nil },
	},
	{
		IDs: "CloudWatch.16 CKV_AWS_338", Demands: "… not before a year", Types: logs, Status: ByKey,
		Why: "A11 says 7 and 30 days; a GB is $0.03 for each month kept", Key: "`sentry:logRetentionDays: 365`",
		With: map[string]string{"sentry:logRetentionDays": "365"},
		Holds: func(l look) bool {
			days, _ := l.at("retentionInDays").(float64)
			return days >= 365
		},
	},
	{
		IDs: "CKV_AWS_158 AVD-AWS-0017", Demands: "log lines are encrypted with a key of one's own", Types: logs, Status: ByKey,
		Why: "AWS's own by default", Key: "`sentry:kmsKeyArn`", With: map[string]string{"sentry:kmsKeyArn": exampleKey},
		Holds: func(l look) bool { return l.text("kmsKeyId") != "" },
	},
	{
		IDs: "own", Demands: "somebody hears when the backend is in trouble", Types: []string{aws.ECSService}, Status: ByKey,
		Why: "off by default: an address is needed", Key: "`sentry:monitoring.alarmEmail`", With: map[string]string{"sentry:monitoring": `{"alarmEmail":"ops@example.com"}`},
		Holds: func(l look) bool {
			return l.has(aws.CloudWatchMetricAlarm, there) && l.has(aws.SNSTopicSubscription, there)
		},
	},
	{
		IDs: "CloudWatch.15 CloudWatch.17 CKV_AWS_319", Demands: "alarms act", Types: []string{aws.CloudWatchMetricAlarm}, Why: "each publishes to the topic",
		Holds: func(l look) bool { return l.at("alarmActions", 0) != nil && l.at("actionsEnabled") != false },
	},
	{
		IDs: "SNS.4 CKV_AWS_169 CKV_AWS_385", Demands: "nobody else publishes alarms", Types: []string{aws.SNSTopic}, Why: "CloudWatch of this account, and events",
		Holds: func(l look) bool {
			return l.each(policy.Resource, "Allow", func(s policy.Statement) bool {
				return !s.Principal.Everyone && len(s.Principal.AWS) == 0 && slices.Equal(s.Action, policy.Strings{"sns:Publish"})
			})
		},
	},
	{
		IDs: "SNS.1 CKV_AWS_26 AVD-AWS-0095 AVD-AWS-0136", Demands: "alarms are encrypted at rest", Types: []string{aws.SNSTopic}, Status: Accepted,
		Why:   "an alarm is a name and a number, and leaves as mail in the clear. AWS's own key does not let CloudWatch publish; one that does is $1 a month",
		Holds: func(l look) bool { return l.text("kmsMasterKeyId") != "" },
	},
	{
		IDs: "own", Demands: "alarms and events reach the team only", Types: []string{aws.SNSTopicSubscription, aws.CloudWatchEventTarget},
		Why:   "one address, and the topic",
		Holds: func(l look) bool { return l.is("protocol", "email") || strings.Contains(l.text("arn"), ":sns:") },
	},
	{
		IDs: "CKV_AWS_337 CKV_AWS_384", Demands: "no secret in a parameter that is not encrypted", Types: []string{aws.SSMParameter},
		Why: "the only one that is not encrypted is the release record", Holds: func(l look) bool {
			image := l.text("insecureValue")
			if l.is("type", "SecureString") {
				return image == ""
			}
			return strings.HasSuffix(l.text("name"), "/backend/image") && (image == "none" || strings.Contains(image, "@sha256:")) && l.at("value") == nil
		},
	},
	{
		IDs: "CKV2_AWS_34", Demands: "parameters are encrypted", Types: []string{aws.SSMParameter}, Status: Accepted,
		Why:   "an image's digest is no secret, and a preview has to show it (docs/decisions/image-owner.md)",
		Holds: func(l look) bool { return l.is("type", "SecureString") },
	},
}
