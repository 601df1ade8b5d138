package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a machine without time zones checks them, too
)

// Scaling says how many tasks run, when, and on what.
type Scaling struct {
	// MaxCount, when set, makes the number of tasks AWS's: from Tasks.DesiredCount to MaxCount.
	MaxCount int
	// CPUTarget and MemoryTarget are percent of what a task has, RequestsTarget is requests a minute for each task;
	// 0 for none.
	CPUTarget, MemoryTarget, RequestsTarget int
	// ScaleInCooldown and ScaleOutCooldown are the seconds between two steps.
	ScaleInCooldown, ScaleOutCooldown int
	// MinimumHealthyPercent is how much of the number of tasks a deployment keeps.
	MinimumHealthyPercent int
	// Spot, when set, runs all but some tasks on Fargate Spot.
	Spot *Spot
	// Schedule, when set, is when the backend is awake.
	Schedule *Schedule
}

// Spot says how many tasks stay on demand.
type Spot struct{ Base int }

// Schedule is a time of some days.
type Schedule struct {
	// Days are AWS's short names, MON to SUN, in this order.
	Days []string
	// From and To are the times at which the backend wakes up and goes to sleep.
	From, To Clock
	// Timezone is a name of the IANA's, such as Europe/Berlin.
	Timezone string
}

// Clock is a time of day.
type Clock struct{ Hour, Minute int }

var (
	weekDays  = []string{"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"}
	awakeForm = regexp.MustCompile(`^([A-Z]{3})(?:-([A-Z]{3}))? ([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})$`)
)

// OwnedByAWS is whether the number of tasks changes without an update of the stack.
func (s Scaling) OwnedByAWS() bool { return s.MaxCount > 0 || s.Schedule != nil }

func readScaling(s *section, tasks Tasks, https *HTTPS) Scaling {
	fields := s.object("scaling")
	scaling := Scaling{
		MaxCount: fields.between("maxCount", 0, 1, maxDesiredCount),
		// Room for the time in which a new task starts; memory moves less, and does not come back by itself.
		CPUTarget:      fields.between("cpuTarget", 60, 10, 100),
		MemoryTarget:   fields.between("memoryTarget", 75, 10, 100),
		RequestsTarget: fields.between("requestsTarget", 0, 1, 1_000_000),
		// Out at once, in with patience: a task too many costs cents, one too few is felt.
		ScaleInCooldown:       fields.between("scaleInCooldown", 300, 0, 3600),
		ScaleOutCooldown:      fields.between("scaleOutCooldown", 60, 0, 3600),
		MinimumHealthyPercent: fields.between("minimumHealthyPercent", 100, 0, 100),
		Spot:                  readSpot(fields),
		Schedule:              readSchedule(fields),
	}
	if scaling.MaxCount > 0 && scaling.MaxCount < tasks.DesiredCount {
		fields.refuse("maxCount", "%d is less than %sdesiredCount, %d; allowed: that or more", scaling.MaxCount, s.path, tasks.DesiredCount)
	}
	if scaling.RequestsTarget > 0 && https == nil {
		fields.refuse("requestsTarget", "without %shttps there is no load balancer that counts requests; allowed: with it", s.path)
	}
	if scaling.MaxCount == 0 {
		for _, name := range []string{"cpuTarget", "memoryTarget", "requestsTarget", "scaleInCooldown", "scaleOutCooldown"} {
			if fields.value(name) != nil {
				fields.refuse(name, "without maxCount nothing scales; allowed: with it")
			}
		}
	}
	fields.refuseRest()
	return scaling
}

func readSpot(s *section) *Spot {
	fields, word := s.objectOr("spot", true, false)
	spot := &Spot{Base: fields.between("base", 0, 0, maxDesiredCount)}
	fields.refuseRest()
	if s.value("spot") == nil || word == false {
		return nil
	}
	return spot
}

func readSchedule(s *section) *Schedule {
	fields := s.object("schedule")
	if s.value("schedule") == nil {
		return nil
	}
	schedule := &Schedule{Timezone: fields.textOr("timezone", "UTC")}
	if _, err := time.LoadLocation(schedule.Timezone); err != nil || schedule.Timezone == "Local" {
		fields.refuse("timezone", "%q is not a time zone; allowed: a name of the IANA's, such as Europe/Berlin", schedule.Timezone)
	}
	if err := schedule.parse(fields.text("awake")); err != nil {
		fields.refuse("awake", "%v; allowed: days and times, such as MON-FRI 07:00-19:00", err)
	}
	fields.refuseRest()
	return schedule
}

func (s *Schedule) parse(awake string) error {
	parts := awakeForm.FindStringSubmatch(strings.ToUpper(awake))
	if parts == nil {
		return fmt.Errorf("%q", awake)
	}
	first, last := slices.Index(weekDays, parts[1]), slices.Index(weekDays, parts[2])
	if parts[2] == "" {
		last = first
	}
	if first < 0 || last < first {
		return fmt.Errorf("%q does not begin with days from MON to SUN", awake)
	}
	s.Days = weekDays[first : last+1]
	from, errFrom := time.Parse("15:04", parts[3])
	to, errTo := time.Parse("15:04", parts[4])
	if errFrom != nil || errTo != nil || !from.Before(to) {
		return fmt.Errorf("%q does not end with two times of a day, the earlier one first", awake)
	}
	s.From, s.To = Clock{from.Hour(), from.Minute()}, Clock{to.Hour(), to.Minute()}
	return nil
}
