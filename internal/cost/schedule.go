package cost

import (
	"fmt"
	"strconv"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// weeksPerMonth fits the 730 hours of a month.
const weeksPerMonth = hoursPerMonth / 168.0

// awakeHours is how long a service runs tasks in a month: by the schedule that wakes it up and puts it to sleep, else as
// assumed.
func (e *estimate) awakeHours(service sandbox.Resource) float64 {
	hours := e.assume(service, "task-hours")
	if e.usage["task-hours"].Given {
		return hours
	}
	name, _ := text(service.Inputs["name"])
	var wake, sleep []float64 // hours since the week began, in the schedule's own time zone
	for _, r := range e.all {
		target, _ := text(r.Inputs["resourceId"])
		if r.Type != aws.AutoScalingScheduledAction || !strings.HasSuffix(target, "/"+name) {
			continue
		}
		expression, _ := text(r.Inputs["schedule"])
		times, err := weekly(expression)
		if err != nil {
			e.miss("%s %s: %v", r.Type, r.Name, err)
			return hours
		}
		if highest, _ := number(object(r.Inputs["scalableTargetAction"])["maxCapacity"]); highest > 0 {
			wake = append(wake, times...)
		} else {
			sleep = append(sleep, times...)
		}
	}
	if len(wake) == 0 || len(sleep) == 0 {
		return hours
	}
	awake := 0.0
	for _, from := range wake {
		next := 168.0
		for _, to := range append(sleep, wake...) {
			if after := to - from; after > 0 {
				next = min(next, after)
			} else if after < 0 {
				next = min(next, after+168)
			}
		}
		awake += next
	}
	return awake * weeksPerMonth
}

var days = []string{"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"}

// weekly are the times of the week at which a cron expression of AWS's with minutes, an hour and named days comes.
func weekly(expression string) ([]float64, error) {
	fields := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(expression, "cron("), ")"))
	unknown := fmt.Errorf("the schedule %q has no rule; cron(<minute> <hour> ? * <days> *) has", expression)
	if len(fields) != 6 {
		return nil, unknown
	}
	minute, errMinute := strconv.Atoi(fields[0])
	hour, errHour := strconv.Atoi(fields[1])
	if errMinute != nil || errHour != nil {
		return nil, unknown
	}
	var times []float64
	for i, day := range days {
		for named := range strings.SplitSeq(fields[4], ",") {
			if named == day {
				times = append(times, float64(i*24+hour)+float64(minute)/60)
			}
		}
	}
	if len(times) == 0 {
		return nil, unknown
	}
	return times, nil
}
