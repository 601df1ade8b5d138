package config

import (
	"regexp"
	"strings"
)

// Container says how the backend's container runs.
type Container struct {
	HealthCheck HealthCheck
	// StopTimeout is how many seconds a task has to end by itself before it is killed; 0 for ECS's 30.
	StopTimeout int
	// CPUArchitecture is X8664 or ARM64.
	CPUArchitecture string
	// ReadOnlyRootFilesystem leaves the container nothing to write to but /tmp.
	ReadOnlyRootFilesystem bool
	// User, when set, is whom the container runs as: a name or number, and after a colon perhaps a group.
	User string
	// LogMode is non-blocking or blocking: whether a log driver that cannot keep up loses lines or stops the backend.
	LogMode string
}

// NonBlocking and blocking are the log modes, as the log driver spells them.
const (
	NonBlocking = "non-blocking"
	blocking    = "blocking"
)

// The processors, as ECS spells them.
const (
	X8664 = "X86_64"
	ARM64 = "ARM64"
)

// HealthCheck decides whether a task serves. Times are in seconds.
type HealthCheck struct {
	// Path answers 200 when the backend can serve.
	Path string
	// Interval is the time between two checks, Timeout the time for an answer.
	Interval, Timeout int
	// Retries is how many checks in a row must fail. StartPeriod is how long a new task may fail them.
	Retries, StartPeriod int
	// InContainer is whether ECS runs the check inside of the container, which needs curl or wget for it.
	InContainer bool
}

var (
	pathForm = regexp.MustCompile(`^/[A-Za-z0-9/._~-]*$`)
	userForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$`)
	rootForm = regexp.MustCompile(`^(root|0+)(:|$)`)
)

func readContainer(s *section) Container {
	c := s.object("container")
	container := Container{
		HealthCheck:            readHealthCheck(c),
		StopTimeout:            c.between("stopTimeout", 0, 2, 120), // Fargate kills after two minutes
		ReadOnlyRootFilesystem: c.boolean("readOnlyRootFilesystem"),
		User:                   c.text("user"),
		LogMode:                c.oneOf("logMode", NonBlocking, blocking),
		CPUArchitecture:        strings.ToUpper(c.oneOf("cpuArchitecture", "x86_64", "arm64")),
	}
	switch user := container.User; {
	case user == "":
	case !userForm.MatchString(user):
		c.refuse("user", "%q is not a user; allowed: a name or a number, and after a colon perhaps a group, such as 1000:1000", user)
	case rootForm.MatchString(user):
		c.refuse("user", "%q is root, whom a container runs as anyway; allowed: another user, such as 1000", user)
	}
	c.refuseRest()
	return container
}

// readHealthCheck takes none in place of the fields: then a task counts as healthy while it runs, or while the load
// balancer's own check succeeds.
func readHealthCheck(c *section) HealthCheck {
	fields, word := c.objectOr("healthCheck", "none")
	// The bounds are those that ECS and load balancers have in common.
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
	check := HealthCheck{
		Path:        fields.textOr("path", "/health"),
		Interval:    fields.between("interval", 30, 5, 300),
		Timeout:     fields.between("timeout", 5, 2, 60),
		Retries:     fields.between("retries", 3, 2, 10),
		StartPeriod: fields.between("startPeriod", 60, 0, 300),
		InContainer: word != "none" && fields.oneOf("inContainer", "true", "false") == "true",
	}
	if !pathForm.MatchString(check.Path) {
		fields.refuse("path", "%q is not a path; allowed: a slash, then letters, digits and /._~-", check.Path)
	}
	if check.Timeout >= check.Interval {
		fields.refuse("timeout", "%d s is not shorter than the interval of %d s; allowed: less, so that a check ends before the next one",
			check.Timeout, check.Interval)
	}
	fields.refuseRest()
	return check
}
