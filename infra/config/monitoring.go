package config

import (
	"regexp"
	"slices"
)

// Monitoring says what is watched, who hears of it, and what is kept.
type Monitoring struct {
	// LogRetentionDays is how long CloudWatch keeps the backend's log lines, in days.
	LogRetentionDays int
	// ContainerInsights is enabled, enhanced or disabled.
	ContainerInsights string
	// AlarmEmail, when set, hears of alarms.
	AlarmEmail string
	// Dashboard is whether there is one.
	Dashboard bool
	// MonthlyBudget, when set, is in US dollars.
	MonthlyBudget int
	// FlowLogs and AccessLogs, when set, are the names of the buckets that the logs of the network, and of the
	// requests to buckets and load balancer, go to.
	FlowLogs, AccessLogs string
}

// logRetentionDays are the periods that CloudWatch Logs accepts, without "never expire".
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var logRetentionDays = []int{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

var (
	emailForm  = regexp.MustCompile(`^[^\s@,;<>"]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}$`)
	bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

func readMonitoring(s *section) Monitoring {
	fields := s.object("monitoring")
	monitoring := Monitoring{
		LogRetentionDays:  s.number("logRetentionDays"),
		ContainerInsights: fields.oneOf("containerInsights", "enabled", "enhanced", "disabled"),
		AlarmEmail:        fields.text("alarmEmail"),
		Dashboard:         fields.boolean("dashboard"),
		MonthlyBudget:     fields.between("monthlyBudget", 0, 1, 10_000_000),
		FlowLogs:          fields.text("flowLogs"),
		AccessLogs:        fields.text("accessLogs"),
	}
	if !slices.Contains(logRetentionDays, monitoring.LogRetentionDays) {
		s.refuse("logRetentionDays", "%d days is not a retention period of CloudWatch Logs; allowed: %s",
			monitoring.LogRetentionDays, list(logRetentionDays))
	}
	if monitoring.AlarmEmail != "" && !emailForm.MatchString(monitoring.AlarmEmail) {
		fields.refuse("alarmEmail", "%q is not an e-mail address; allowed: one address", monitoring.AlarmEmail)
	}
	if monitoring.MonthlyBudget > 0 && monitoring.AlarmEmail == "" {
		fields.refuse("monthlyBudget", "nothing would hear of it; allowed: with alarmEmail")
	}
	for _, log := range []struct{ name, bucket string }{{"flowLogs", monitoring.FlowLogs}, {"accessLogs", monitoring.AccessLogs}} {
		if log.bucket != "" && !bucketForm.MatchString(log.bucket) {
			fields.refuse(log.name, "%q is not the name of a bucket; allowed: an existing bucket that AWS may deliver logs to", log.bucket)
		}
	}
	fields.refuseRest()
	return monitoring
}
