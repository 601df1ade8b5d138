// Package rollout says whether an ECS service really runs what was released to it, what it runs otherwise, and why.
//
// AWS, the Terraform provider and therefore Pulumi call an update successful when the service is steady again, and
// a service that the deployment circuit breaker has rolled back is steady: on the old task definition (F13). So the
// primary deployment is compared with the task definition just registered, its roll-out state with COMPLETED, and
// the tasks that run with those asked for: the state stays COMPLETED when they die afterwards.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"sentry/internal/delivery/poll"
)

// ECS is what this package needs of the ECS API.
type ECS interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// Logs is what this package needs of the CloudWatch Logs API.
type Logs interface {
	GetLogEvents(context.Context, *cloudwatchlogs.GetLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error)
}

// Verifier asks AWS. All fields but ShowLogs are required.
type Verifier struct {
	ECS  ECS
	Logs Logs
	// Out receives one line whenever the roll-out moves on.
	Out io.Writer
	// Interval is the pause between two questions, Timeout how long a roll-out may stay in progress.
	Interval, Timeout time.Duration
	// ShowLogs puts the last log lines of stopped tasks into the evidence. Whoever reads the job reads them.
	ShowLogs bool
}

// Target is what should be running.
type Target struct {
	Cluster, Service string
	// TaskDefinition is the full ARN just registered, revision included. For Follow it is the one that ran before.
	TaskDefinition string
	// DesiredCount is how many tasks were asked for; negative when not known. With 0 asked for, a service without
	// tasks is in order; otherwise it is a failure.
	DesiredCount int
}

// Failure is a roll-out that did not end well. Its text names the reason, the service's last events, and for each
// stopped task why it stopped and its last log lines.
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

// Verify waits while the roll-out is in progress. It returns nil when the service's primary deployment runs the
// target and has completed with all its tasks, a *Failure when it does not or does not in time, and another error
// when AWS does not answer or there is no such service.
func (v Verifier) Verify(ctx context.Context, t Target) error {
	return v.wait(ctx, &t, func(types.Service) bool { return true })
}

// Follow is Verify for an update that is still to come: it waits until the primary deployment is another one than
// that of the target, and judges that.
func (v Verifier) Follow(ctx context.Context, t Target) error {
	before := t.TaskDefinition
	return v.wait(ctx, &t, func(s types.Service) bool {
		if t.TaskDefinition != before {
			return true
		}
		if p := primaryOf(s); p != nil && aws.ToString(p.TaskDefinition) != before {
			t.TaskDefinition = aws.ToString(p.TaskDefinition)
		}
		return t.TaskDefinition != before
	})
}

func (v Verifier) wait(ctx context.Context, t *Target, begun func(types.Service) bool) error {
	var service types.Service
	last := ""
	err := poll.Until(ctx, v.Interval, v.Timeout, func() (bool, error) {
		var err error
		if service, err = v.describe(ctx, *t); err != nil {
			return false, err
		}
		if !begun(service) {
			return false, nil
		}
		progress, done, reason := judge(service, *t)
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
		failure = &Failure{Reason: fmt.Sprintf("the roll-out of %s is not done after %s: %s", t.Service, v.Timeout, cmp.Or(last, "it has not begun"))}
	case err != nil:
		return fmt.Errorf("wait for the roll-out of %s: %w", t.Service, err)
	default:
		return nil
	}
	failure.Evidence = v.evidence(ctx, *t, service)
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

func primaryOf(s types.Service) *types.Deployment {
	for i, d := range s.Deployments {
		if aws.ToString(d.Status) == "PRIMARY" {
			return &s.Deployments[i]
		}
	}
	return nil
}

// judge reads one answer: a line for people, whether the roll-out has ended well, and if it has ended badly, why.
func judge(s types.Service, t Target) (progress string, done bool, reason string) {
	for _, d := range s.Deployments {
		if aws.ToString(d.TaskDefinition) == t.TaskDefinition && d.RolloutState == types.DeploymentRolloutStateFailed {
			reason = fmt.Sprintf("the deployment of %s failed: %s", revision(t.TaskDefinition), cmp.Or(aws.ToString(d.RolloutStateReason), "no reason given"))
		}
	}
	primary := primaryOf(s)
	if primary == nil {
		return "no primary deployment", false, cmp.Or(reason, "the service has no primary deployment")
	}
	running := aws.ToString(primary.TaskDefinition)
	progress = fmt.Sprintf("%s: %s, %d of %d tasks running, %d pending, %d failed", revision(running), cmp.Or(string(primary.RolloutState), "no roll-out state"),
		primary.RunningCount, primary.DesiredCount, primary.PendingCount, primary.FailedTasks)
	switch {
	case running != t.TaskDefinition:
		// What matters most comes first: the service is up, on the old version.
		return progress, false, strings.TrimSpace(fmt.Sprintf("rolled back: the service runs %s, not %s which was released. %s",
			revision(running), revision(t.TaskDefinition), sentence(reason, primary)))
	case reason != "":
		return progress, false, reason
	case primary.RolloutState == "":
		return progress, false, "the primary deployment has no roll-out state: the service does not use ECS's own deployment controller"
	case primary.RolloutState != types.DeploymentRolloutStateCompleted:
		return progress, false, ""
	case s.DesiredCount == 0 && t.DesiredCount != 0:
		return progress, false, fmt.Sprintf("nothing runs: the desired count of %s is 0, so the roll-out completed without starting a task. "+
			"Is no image released, or was the service scaled to 0 outside of Pulumi?", t.Service)
	}
	// As `aws ecs wait services-stable` has it, too: the tasks that were asked for run.
	return progress, s.RunningCount == s.DesiredCount && primary.RunningCount == primary.DesiredCount && primary.PendingCount == 0, ""
}

func sentence(reason string, d *types.Deployment) string {
	if reason != "" {
		return strings.ToUpper(reason[:1]) + reason[1:]
	}
	return aws.ToString(d.RolloutStateReason)
}

// revision is the short name of a task definition: family:revision.
func revision(arn string) string {
	return cmp.Or(arn[strings.LastIndex(arn, "/")+1:], "no task definition")
}
