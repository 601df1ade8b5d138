package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"sentry/internal/delivery/markdown"
)

// The evidence is data of the application. It goes into a step's output and from there, with those of the other
// jobs, into one environment variable, which Linux limits to 128 KiB.
const (
	evidenceEvents = 5      // events of the service
	evidenceTasks  = 5      // stopped tasks reported
	evidenceLines  = 20     // last log lines of each
	evidenceLine   = 500    // bytes of a line
	evidenceLimit  = 20_000 // bytes of all of it
)

// evidence is what AWS knows about why the target does not run.
func (v Verifier) evidence(ctx context.Context, t Target, s types.Service) string {
	// What ended the wait, such as an interrupt, must not end the explanation too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	b := &lines{}
	if n := min(len(s.Events), evidenceEvents); n > 0 {
		b.add("Last events of the service:")
		for _, e := range s.Events[:n] {
			b.add("  %s %s", stamp(e.CreatedAt), aws.ToString(e.Message))
		}
	}
	if err := v.tasks(ctx, t, b); err != nil {
		// Evidence is help, not the verdict: without it the failure is still the failure.
		b.add("The stopped tasks could not be read: %v", err)
	}
	return markdown.Cut(strings.Join(b.text, "\n"), evidenceLimit)
}

// lines are lines of text, of which none can pass for two.
type lines struct{ text []string }

func (l *lines) add(format string, args ...any) {
	line := strings.TrimRight(fmt.Sprintf(format, args...), "\r\n")
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	l.text = append(l.text, indent+markdown.Cut(markdown.Plain(line[len(indent):]), evidenceLine))
}

// tasks writes why the newest stopped tasks of the target stopped. ECS forgets a stopped task after about an hour.
func (v Verifier) tasks(ctx context.Context, t Target, b *lines) error {
	list, err := v.ECS.ListTasks(ctx, &ecs.ListTasksInput{Cluster: aws.String(t.Cluster), ServiceName: aws.String(t.Service), DesiredStatus: types.DesiredStatusStopped})
	if err != nil {
		return fmt.Errorf("list stopped tasks: %w", err)
	}
	if len(list.TaskArns) == 0 {
		b.add("No stopped task is on record.")
		return nil
	}
	described, err := v.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(t.Cluster), Tasks: list.TaskArns[:min(len(list.TaskArns), 100)]})
	if err != nil {
		return fmt.Errorf("describe stopped tasks: %w", err)
	}
	tasks := slices.DeleteFunc(described.Tasks, func(task types.Task) bool { return aws.ToString(task.TaskDefinitionArn) != t.TaskDefinition })
	if len(tasks) == 0 {
		b.add("No task of %s is among the stopped ones.", revision(t.TaskDefinition))
		return nil
	}
	slices.SortFunc(tasks, func(x, y types.Task) int { return aws.ToTime(y.StoppedAt).Compare(aws.ToTime(x.StoppedAt)) })
	streams, streamsErr := v.logStreams(ctx, t.TaskDefinition)
	unhealthy := false
	for _, task := range tasks[:min(len(tasks), evidenceTasks)] {
		unhealthy = unhealthy || strings.Contains(aws.ToString(task.StoppedReason), "container health checks")
		v.task(ctx, task, streams, b)
	}
	if unhealthy {
		b.add("The health check runs inside of the container: the image must have the program that it calls (curl or wget), and the backend must answer in time.")
	}
	if streamsErr != nil {
		b.add("The logs could not be found: %v", streamsErr)
	}
	return nil
}

func (v Verifier) task(ctx context.Context, task types.Task, streams map[string]logStream, b *lines) {
	id := aws.ToString(task.TaskArn)
	id = id[strings.LastIndex(id, "/")+1:]
	b.add("Task %s stopped %s: %s (%s)", id, stamp(task.StoppedAt), cmp.Or(aws.ToString(task.StoppedReason), "no reason given"), cmp.Or(string(task.StopCode), "no code"))
	for _, c := range task.Containers {
		name := aws.ToString(c.Name)
		why := exit(c.ExitCode)
		if reason := aws.ToString(c.Reason); reason != "" {
			why += ", " + reason
		}
		b.add("  container %s: %s", name, why)
		stream, ok := streams[name]
		if !ok {
			continue
		}
		path := stream.prefix + "/" + name + "/" + id
		if !v.ShowLogs {
			b.add("    its log is not shown here, where others may read it: aws logs tail %s --log-stream-names %s", stream.group, path)
			continue
		}
		messages, err := v.lastLines(ctx, stream.group, path)
		if err != nil {
			b.add("    its log could not be read: %v", err)
		}
		for _, m := range messages {
			// Every line by itself: one that began at the left margin would be a command to the runner.
			for part := range strings.FieldsFuncSeq(m, func(r rune) bool { return r == '\n' || r == '\r' }) {
				b.add("    | %s", part)
			}
		}
	}
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
	var messages []string
	for _, e := range out.Events {
		messages = append(messages, aws.ToString(e.Message))
	}
	return messages, nil
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
