package infra

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

const (
	// containerName is the container that the service runs (A14).
	containerName = "backend"
	// logStreamPrefix begins the log streams: ecs/backend/<task id>.
	logStreamPrefix = "ecs"
)

// container is what a task runs, before it becomes AWS's document.
type container struct {
	image       string // <repository>@sha256:<digest>
	port        int
	healthPath  string
	environment map[string]string
	secrets     map[string]string // variable → ARN
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
	HealthCheck      healthCheck      `json:"healthCheck"`
	LogConfiguration logConfiguration `json:"logConfiguration"`
	PortMappings     []portMapping    `json:"portMappings"`
	MountPoints      []struct{}       `json:"mountPoints"`
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

// definition is the JSON of the task definition's only container.
func (c container) definition() (string, error) {
	document := []containerDefinition{{
		Name:        containerName,
		Image:       c.image,
		Essential:   true,
		Environment: sortedVariables(c.environment),
		Secrets:     sortedSecrets(c.secrets),
		HealthCheck: c.healthCheck(),
		LogConfiguration: logConfiguration{
			LogDriver: "awslogs",
			Options: map[string]string{
				"awslogs-group":         c.logGroup,
				"awslogs-region":        c.region,
				"awslogs-stream-prefix": logStreamPrefix,
			},
		},
		PortMappings:   []portMapping{{ContainerPort: c.port, HostPort: c.port, Protocol: "tcp"}},
		MountPoints:    []struct{}{},
		SystemControls: []struct{}{},
		VolumesFrom:    []struct{}{},
	}}
	text, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("marshal the container definition: %w", err)
	}
	return string(text), nil
}

// healthCheck runs inside of the container, which needs curl or wget for it. It asks 127.0.0.1, not
// localhost, which may be an IPv6 address that the backend does not listen on. A task has 60 s to start and
// is replaced after three failures, 90 s.
func (c container) healthCheck() healthCheck {
	url := "http://127.0.0.1:" + strconv.Itoa(c.port) + c.healthPath
	return healthCheck{
		Command:     []string{"CMD-SHELL", fmt.Sprintf("curl -fsS -o /dev/null %[1]s || wget -q -O /dev/null %[1]s || exit 1", url)},
		Interval:    30,
		Retries:     3,
		StartPeriod: 60,
		Timeout:     5,
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
