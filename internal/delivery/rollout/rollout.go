// Package rollout says whether an ECS service really runs what was released to it.
//
// AWS, the Terraform provider and therefore Pulumi call an update successful when the
// service is steady again, and a service that the deployment circuit breaker has rolled
// back is steady: on the old task definition (F13). So the primary deployment is compared
// with the task definition just registered, and its rollout state with COMPLETED.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"sentry/internal/delivery/poll"
)

// ECS is what Verify needs of the ECS API.
type ECS interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// Logs is what Verify needs of the CloudWatch Logs API.
type Logs interface {
	GetLogEvents(context.Context, *cloudwatchlogs.GetLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error)
}

// Verifier asks AWS. All fields are required.
type Verifier struct {
	ECS  ECS
	Logs Logs
	// Out receives one line whenever the roll-out moves on.
	Out io.Writer
	// Interval is the pause between two questions, Timeout how long a roll-out may
	// stay in progress.
	Interval, Timeout time.Duration
}

// Target is what should be running.
type Target struct {
	Cluster, Service string
	// TaskDefinition is the full ARN just registered, revision included.
	TaskDefinition string
	// DesiredCount is how many tasks were asked for; negative when not known. With 0
	// asked for, a service without tasks is in order; otherwise it is a failure.
	DesiredCount int
}

const (
	evidenceTasks = 5  // stopped tasks reported
	evidenceLines = 20 // last log lines of each
)

// Failure is a roll-out that did not end well. Its text names the reason, the service's
// last events, and for each stopped task why it stopped and its last log lines.
type Failure struct {
	Reason   string
	Evidence string
}

func (f *Failure) Error() string {
	if f.Evidence == "" {
		return f.Reason
	}
	return f.Reason + "\n\n" + f.Evidence
}

// Verify waits while the roll-out is in progress. It returns nil when the service's
// primary deployment runs the target and has completed, a *Failure when it does not or
// does not in time, and another error when AWS does not answer or there is no such service.
func (v Verifier) Verify(ctx context.Context, t Target) error {
	var service types.Service
	last := ""
	err := poll.Until(ctx, v.Interval, v.Timeout, func() (bool, error) {
		var err error
		if service, err = v.describe(ctx, t); err != nil {
			return false, err
		}
		progress, done, reason := judge(service, t)
		if progress != last {
			fmt.Fprintln(v.Out, progress)
			last = progress
		}
		if reason != "" {
			return false, &Failure{Reason: reason}
		}
		return done, nil
	})
	var failure *Failure
	switch {
	case errors.As(err, &failure):
	case errors.Is(err, poll.ErrTimeout):
		failure = &Failure{Reason: fmt.Sprintf("the roll-out of %s is still in progress after %s: %s", t.Service, v.Timeout, last)}
	case err != nil:
		return fmt.Errorf("wait for the roll-out of %s: %w", t.Service, err)
	default:
		return nil
	}
	failure.Evidence = v.evidence(ctx, t, service)
	return failure
}

func (v Verifier) describe(ctx context.Context, t Target) (types.Service, error) {
	out, err := v.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(t.Cluster), Services: []string{t.Service}})
	if err != nil {
		return types.Service{}, &poll.Unanswered{Err: fmt.Errorf("describe service %s in cluster %s: %w", t.Service, t.Cluster, err)}
	}
	if len(out.Services) == 0 {
		why := "MISSING"
		if len(out.Failures) > 0 {
			why = cmp.Or(aws.ToString(out.Failures[0].Reason), why)
		}
		return types.Service{}, fmt.Errorf("service %s is not in cluster %s (%s): deploy the infrastructure first", t.Service, t.Cluster, why)
	}
	s := out.Services[0]
	if status := aws.ToString(s.Status); status != "ACTIVE" {
		return types.Service{}, fmt.Errorf("service %s in cluster %s is %s, not ACTIVE: deploy the infrastructure first", t.Service, t.Cluster, status)
	}
	return s, nil
}

// judge reads one answer: a line for people, whether the roll-out has ended well, and
// if it has ended badly, why.
func judge(s types.Service, t Target) (progress string, done bool, reason string) {
	var primary *types.Deployment
	for i, d := range s.Deployments {
		if aws.ToString(d.Status) == "PRIMARY" {
			primary = &s.Deployments[i]
		}
		if aws.ToString(d.TaskDefinition) == t.TaskDefinition && d.RolloutState == types.DeploymentRolloutStateFailed {
			reason = fmt.Sprintf("the deployment of %s failed: %s", revision(t.TaskDefinition), cmp.Or(aws.ToString(d.RolloutStateReason), "no reason given"))
		}
	}
	if primary == nil {
		return "no primary deployment", false, cmp.Or(reason, "the service has no primary deployment")
	}
	running := aws.ToString(primary.TaskDefinition)
	progress = fmt.Sprintf("%s: %s, %d of %d tasks running, %d pending, %d failed", revision(running), cmp.Or(string(primary.RolloutState), "no rollout state"),
		primary.RunningCount, primary.DesiredCount, primary.PendingCount, primary.FailedTasks)
	switch {
	case running != t.TaskDefinition:
		// What matters most comes first: the service is up, on the old version.
		return progress, false, strings.TrimSpace(fmt.Sprintf("rolled back: the service runs %s, not %s which was released. %s", revision(running), revision(t.TaskDefinition), sentence(reason, primary)))
	case reason != "":
		return progress, false, reason
	case primary.RolloutState == "":
		return progress, false, "the primary deployment has no rollout state: the service does not use ECS's own deployment controller"
	case primary.RolloutState != types.DeploymentRolloutStateCompleted:
		return progress, false, ""
	case s.DesiredCount == 0 && t.DesiredCount != 0:
		return progress, false, fmt.Sprintf("nothing runs: the desired count of %s is 0, so the roll-out completed without starting a task. Is no image released, or was the service scaled to 0 outside Pulumi?", t.Service)
	}
	return progress, true, ""
}

func sentence(reason string, d *types.Deployment) string {
	if reason != "" {
		return strings.ToUpper(reason[:1]) + reason[1:]
	}
	return aws.ToString(d.RolloutStateReason)
}

func (v Verifier) evidence(ctx context.Context, t Target, s types.Service) string {
	var b strings.Builder
	if n := min(len(s.Events), 5); n > 0 {
		b.WriteString("Last events of the service:\n")
		for _, e := range s.Events[:n] {
			fmt.Fprintf(&b, "  %s %s\n", stamp(e.CreatedAt), aws.ToString(e.Message))
		}
	}
	if err := v.tasks(ctx, t, &b); err != nil {
		// Evidence is help, not the verdict: without it the failure is still the failure.
		fmt.Fprintf(&b, "The stopped tasks could not be read: %v\n", err)
	}
	return strings.TrimRight(b.String(), "\n")
}

// tasks writes why the newest stopped tasks of the target stopped. ECS forgets a
// stopped task after about an hour.
func (v Verifier) tasks(ctx context.Context, t Target, b *strings.Builder) error {
	list, err := v.ECS.ListTasks(ctx, &ecs.ListTasksInput{Cluster: aws.String(t.Cluster), ServiceName: aws.String(t.Service), DesiredStatus: types.DesiredStatusStopped})
	if err != nil {
		return fmt.Errorf("list stopped tasks: %w", err)
	}
	if len(list.TaskArns) == 0 {
		b.WriteString("No stopped task is on record.\n")
		return nil
	}
	described, err := v.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(t.Cluster), Tasks: list.TaskArns[:min(len(list.TaskArns), 100)]})
	if err != nil {
		return fmt.Errorf("describe stopped tasks: %w", err)
	}
	tasks := slices.DeleteFunc(described.Tasks, func(task types.Task) bool { return aws.ToString(task.TaskDefinitionArn) != t.TaskDefinition })
	if len(tasks) == 0 {
		fmt.Fprintf(b, "No task of %s is among the stopped ones.\n", revision(t.TaskDefinition))
		return nil
	}
	slices.SortFunc(tasks, func(x, y types.Task) int { return aws.ToTime(y.StoppedAt).Compare(aws.ToTime(x.StoppedAt)) })
	streams, streamsErr := v.logStreams(ctx, t.TaskDefinition)
	for _, task := range tasks[:min(len(tasks), evidenceTasks)] {
		id := aws.ToString(task.TaskArn)
		id = id[strings.LastIndex(id, "/")+1:]
		fmt.Fprintf(b, "Task %s stopped %s: %s (%s)\n", id, stamp(task.StoppedAt), cmp.Or(aws.ToString(task.StoppedReason), "no reason given"), cmp.Or(string(task.StopCode), "no code"))
		for _, c := range task.Containers {
			name := aws.ToString(c.Name)
			fmt.Fprintf(b, "  container %s: %s", name, exit(c.ExitCode))
			if why := aws.ToString(c.Reason); why != "" {
				fmt.Fprintf(b, ", %s", why)
			}
			b.WriteString("\n")
			stream, ok := streams[name]
			if !ok {
				continue
			}
			lines, err := v.lastLines(ctx, stream.group, stream.prefix+"/"+name+"/"+id)
			if err != nil {
				fmt.Fprintf(b, "    its log could not be read: %v\n", err)
			}
			for _, l := range lines {
				b.WriteString("    | " + l + "\n")
			}
		}
	}
	if streamsErr != nil {
		fmt.Fprintf(b, "The logs could not be found: %v\n", streamsErr)
	}
	return nil
}

// logStream is where the awslogs driver writes: <prefix>/<container>/<task id> in the group.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
type logStream struct{ group, prefix string }

func (v Verifier) logStreams(ctx context.Context, taskDefinition string) (map[string]logStream, error) {
	out, err := v.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(taskDefinition)})
	if err != nil {
		return nil, fmt.Errorf("describe task definition %s: %w", revision(taskDefinition), err)
	}
	streams := map[string]logStream{}
	for _, c := range out.TaskDefinition.ContainerDefinitions {
		if c.LogConfiguration != nil && c.LogConfiguration.LogDriver == types.LogDriverAwslogs {
			o := c.LogConfiguration.Options
			streams[aws.ToString(c.Name)] = logStream{o["awslogs-group"], o["awslogs-stream-prefix"]}
		}
	}
	return streams, nil
}

func (v Verifier) lastLines(ctx context.Context, group, stream string) ([]string, error) {
	out, err := v.Logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String(group), LogStreamName: aws.String(stream),
		StartFromHead: aws.Bool(false), Limit: aws.Int32(evidenceLines),
	})
	var none *logtypes.ResourceNotFoundException
	if errors.As(err, &none) {
		return []string{"(no log: the container never started)"}, nil
	}
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, e := range out.Events {
		lines = append(lines, strings.TrimRight(aws.ToString(e.Message), "\n"))
	}
	return lines, nil
}

// revision is the short name of a task definition: family:revision.
func revision(arn string) string {
	return cmp.Or(arn[strings.LastIndex(arn, "/")+1:], "no task definition")
}

func exit(code *int32) string {
	if code == nil {
		return "no exit code, it never ran"
	}
	if *code == 137 {
		return "exit code 137 (killed; often out of memory)"
	}
	return fmt.Sprintf("exit code %d", *code)
}

func stamp(t *time.Time) string {
	if t == nil {
		return "at an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}
