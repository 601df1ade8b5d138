package infra

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"sentry/infra/config"
)

const (
	// containerName is the container that the service runs (A14).
	containerName = "backend"
	// logStreamPrefix begins the log streams: ecs/backend/<task id>.
	logStreamPrefix = "ecs"
	// logBuffer holds the lines of some minutes, and is a twentieth of the smallest task's memory.
	logBuffer = "25m"
)

// container is what a task runs, before it becomes AWS's document.
type container struct {
	config.Container
	image       string // <repository>@sha256:<digest>
	port        int
	environment map[string]string
	secrets     map[string]string // variable → ARN
	writable    []mountPoint
	logGroup    string
	region      string
}

// containerDefinition is ECS's document in the form in which AWS returns it: lists sorted by name, the host
// port and empty lists written out. In any other form each preview would show a change that is none.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
type containerDefinition struct {
	Name             string           `json:"name"`
	Image            string           `json:"image"`
	CPU              int              `json:"cpu"`
	Essential        bool             `json:"essential"`
	Environment      []variable       `json:"environment"`
	Secrets          []secret         `json:"secrets,omitempty"`
	HealthCheck      *healthCheck     `json:"healthCheck,omitempty"`
	LogConfiguration logConfiguration `json:"logConfiguration"`
	PortMappings     []portMapping    `json:"portMappings"`
	MountPoints      []mountPoint     `json:"mountPoints"`
	Privileged       bool             `json:"privileged"`
	ReadOnlyRoot     bool             `json:"readonlyRootFilesystem,omitempty"`
	StopTimeout      int              `json:"stopTimeout,omitempty"`
	User             string           `json:"user,omitempty"`
	SystemControls   []struct{}       `json:"systemControls"`
	VolumesFrom      []struct{}       `json:"volumesFrom"`
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type secret struct {
	Name      string `json:"name"`
	ValueFrom string `json:"valueFrom"`
}

// healthCheck's interval, timeout and start period are in seconds.
type healthCheck struct {
	Command     []string `json:"command"`
	Interval    int      `json:"interval"`
	Retries     int      `json:"retries"`
	StartPeriod int      `json:"startPeriod"`
	Timeout     int      `json:"timeout"`
}

type logConfiguration struct {
	LogDriver string            `json:"logDriver"`
	Options   map[string]string `json:"options"`
}

type portMapping struct {
	ContainerPort int    `json:"containerPort"`
	HostPort      int    `json:"hostPort"`
	Protocol      string `json:"protocol"`
}

type mountPoint struct {
	SourceVolume  string `json:"sourceVolume"`
	ContainerPath string `json:"containerPath"`
	ReadOnly      bool   `json:"readOnly"`
}

// definition is the JSON of the task definition's only container.
func (c container) definition() (string, error) {
	document := []containerDefinition{{
		Name:             containerName,
		Image:            c.image,
		Essential:        true,
		Environment:      sortedVariables(c.environment),
		Secrets:          sortedSecrets(c.secrets),
		HealthCheck:      c.healthCheck(),
		LogConfiguration: c.logConfiguration(),
		PortMappings:     []portMapping{{ContainerPort: c.port, HostPort: c.port, Protocol: "tcp"}},
		MountPoints:      append([]mountPoint{}, c.writable...),
		ReadOnlyRoot:     c.ReadOnlyRootFilesystem,
		StopTimeout:      c.StopTimeout,
		User:             c.User,
		SystemControls:   []struct{}{},
		VolumesFrom:      []struct{}{},
	}}
	text, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("marshal the container definition: %w", err)
	}
	return string(text), nil
}

// logConfiguration says what happens when CloudWatch cannot be reached: without a mode of its own, the account's default
// decides whether lines are lost or the backend stops.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
func (c container) logConfiguration() logConfiguration {
	options := map[string]string{
		"awslogs-group":         c.logGroup,
		"awslogs-region":        c.region,
		"awslogs-stream-prefix": logStreamPrefix,
		"mode":                  c.LogMode,
	}
	if c.LogMode == config.NonBlocking {
		options["max-buffer-size"] = logBuffer
	}
	return logConfiguration{LogDriver: "awslogs", Options: options}
}

// healthCheck runs inside of the container, which needs curl or wget for it. It asks 127.0.0.1, not localhost, which may
// be an IPv6 address that the backend does not listen on.
func (c container) healthCheck() *healthCheck {
	if !c.HealthCheck.InContainer {
		return nil
	}
	url := "http://127.0.0.1:" + strconv.Itoa(c.port) + c.HealthCheck.Path
	return &healthCheck{
		Command:     []string{"CMD-SHELL", fmt.Sprintf("curl -fsS -o /dev/null %[1]s || wget -q -O /dev/null %[1]s || exit 1", url)},
		Interval:    c.HealthCheck.Interval,
		Retries:     c.HealthCheck.Retries,
		StartPeriod: c.HealthCheck.StartPeriod,
		Timeout:     c.HealthCheck.Timeout,
	}
}

func sortedVariables(values map[string]string) []variable {
	list := make([]variable, 0, len(values))
	for name, value := range values {
		list = append(list, variable{name, value})
	}
	slices.SortFunc(list, func(a, b variable) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func sortedSecrets(arns map[string]string) []secret {
	list := make([]secret, 0, len(arns))
	for name, arn := range arns {
		list = append(list, secret{name, arn})
	}
	slices.SortFunc(list, func(a, b secret) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
