package rollout_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/rollout"
)

const released = "arn:aws:ecs:us-east-1:123456789012:task-definition/sentry-staging-backend:8"

// fakeECS gives the answers that stand in testdata, in the form in which `aws ecs
// describe-services` and its siblings print them: one file per question, the last one
// again and again.
type fakeECS struct {
	t       *testing.T
	answers []string
	asked   int
	listErr error
	reason  string // of a stopped task, in place of the recorded one
	edit    func(s *types.Service)
	sidecar bool
	unknown bool // the task definition
	none    bool // no task stopped
	// definitions are those that were asked for.
	definitions []string
}

func revisionOf(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

func decode(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	// The SDK's structs have no JSON tags; their fields match the wire names but for case.
	dec := json.NewDecoder(bytes.NewReader(raw))
	require.NoError(t, dec.Decode(into), name)
}

func (f *fakeECS) DescribeServices(_ context.Context, in *ecs.DescribeServicesInput, _ ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	assert.Equal(f.t, "sentry-staging-cluster", aws.ToString(in.Cluster))
	assert.Equal(f.t, []string{"sentry-staging-backend"}, in.Services)
	name := f.answers[min(f.asked, len(f.answers)-1)]
	f.asked++
	if name == "throttled" {
		return nil, errors.New("ThrottlingException: rate exceeded")
	}
	out := &ecs.DescribeServicesOutput{}
	decode(f.t, name, out)
	if f.edit != nil {
		f.edit(&out.Services[0])
	}
	return out, nil
}

func (f *fakeECS) ListTasks(_ context.Context, in *ecs.ListTasksInput, _ ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	assert.Equal(f.t, "STOPPED", string(in.DesiredStatus))
	if f.none {
		return &ecs.ListTasksOutput{}, f.listErr
	}
	return &ecs.ListTasksOutput{TaskArns: []string{"arn:1", "arn:2", "arn:3"}}, f.listErr
}

func (f *fakeECS) DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	out := &ecs.DescribeTasksOutput{}
	decode(f.t, "stopped-tasks", out)
	if f.reason != "" {
		out.Tasks[0].StoppedReason = &f.reason
	}
	return out, nil
}

func (f *fakeECS) DescribeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	if f.unknown {
		return nil, errors.New("ClientException: Unable to describe task definition")
	}
	out := &ecs.DescribeTaskDefinitionOutput{}
	decode(f.t, "task-definition", out)
	out.TaskDefinition.ContainerDefinitions[0].Image = aws.String("image of " + revisionOf(aws.ToString(in.TaskDefinition)))
	if f.sidecar {
		agent := types.ContainerDefinition{Name: aws.String("agent"), Image: aws.String("agent"), Essential: aws.Bool(false)}
		out.TaskDefinition.ContainerDefinitions = append([]types.ContainerDefinition{agent}, append(out.TaskDefinition.ContainerDefinitions, agent)...)
	}
	f.definitions = append(f.definitions, aws.ToString(in.TaskDefinition))
	return out, nil
}

type fakeLogs map[string][]string

func (f fakeLogs) GetLogEvents(_ context.Context, in *cloudwatchlogs.GetLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error) {
	lines, ok := f[aws.ToString(in.LogGroupName)+" "+aws.ToString(in.LogStreamName)]
	if !ok {
		return nil, &logtypes.ResourceNotFoundException{Message: aws.String("The specified log stream does not exist.")}
	}
	if aws.ToBool(in.StartFromHead) {
		lines = []string{"the beginning, which says nothing of the end"}
	}
	out := &cloudwatchlogs.GetLogEventsOutput{}
	for _, l := range lines {
		out.Events = append(out.Events, logtypes.OutputLogEvent{Message: aws.String(l)})
	}
	return out, nil
}

const (
	logGroup = "/ecs/sentry-staging-backend"
	panicked = "ecs/backend/1f2e3d4c5b6a79880000000000000001"
)

func target(desired int) rollout.Target {
	return rollout.Target{Cluster: "sentry-staging-cluster", Service: "sentry-staging-backend", TaskDefinition: released, DesiredCount: desired}
}

// inBubble runs a verifier on the answers where the clock jumps instead of waiting.
func inBubble(t *testing.T, answers []string, do func(ctx context.Context, v rollout.Verifier) error) (api *fakeECS, log string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		api = &fakeECS{t: t, answers: answers}
		var out bytes.Buffer
		err = do(t.Context(), rollout.Verifier{
			ECS: api, Out: &out, Interval: 15 * time.Second, Timeout: 10 * time.Minute, ShowLogs: true,
			Logs: fakeLogs{logGroup + " " + panicked: {"starting", "panic: no database\n"}},
		})
		log = out.String()
	})
	return api, log, err
}

func verify(t *testing.T, desired int, answers ...string) (api *fakeECS, log string, err error) {
	t.Helper()
	return inBubble(t, answers, func(ctx context.Context, v rollout.Verifier) error { return v.Verify(ctx, target(desired)) })
}

func TestCompleted(t *testing.T) {
	api, _, err := verify(t, 2, "completed")
	require.NoError(t, err)
	assert.Equal(t, 1, api.asked)
}

func TestWaitsWhileInProgress(t *testing.T) {
	api, out, err := verify(t, 2, "in-progress", "in-progress", "completed")
	require.NoError(t, err)
	assert.Equal(t, 3, api.asked)
	assert.Equal(t, "sentry-staging-backend:8: IN_PROGRESS, 1 of 2 tasks running, 1 pending, 0 failed\nsentry-staging-backend:8: COMPLETED, 2 of 2 tasks running, 0 pending, 0 failed\n", out, "the log repeats itself or is silent")
}

// F13: AWS calls a rolled-back service steady and the deployment successful.
func TestRolledBackIsAFailure(t *testing.T) {
	for _, answers := range [][]string{{"rolled-back"}, {"rolling-back"}, {"in-progress", "crash-loop", "rolling-back"}, {"in-progress", "rolled-back"}} {
		_, _, err := verify(t, 2, answers...)
		var failure *rollout.Failure
		require.ErrorAs(t, err, &failure, "%v is reported as a success", answers)
		assert.Contains(t, failure.Reason, "rolled back: the service runs sentry-staging-backend:7, not sentry-staging-backend:8 which was released", answers)
	}
	_, _, err := verify(t, 2, "rolling-back")
	assert.Contains(t, err.Error(), "tasks failed to start", "the circuit breaker's own reason is lost")
}

func TestTheFailureShowsWhyTheTasksStopped(t *testing.T) {
	_, _, err := verify(t, 2, "rolled-back")
	var failure *rollout.Failure
	require.ErrorAs(t, err, &failure)
	for _, want := range []string{
		"deployment failed: tasks failed to start",
		"Task 1f2e3d4c5b6a79880000000000000001 stopped 2026-11-20T10:07:30Z: Essential container in task exited (EssentialContainerExited)",
		"container backend: exit code 1\n    | starting\n    | panic: no database",
		"container backend: no exit code, it never ran, CannotPullContainerError: not found\n    | (no log: the container never started)",
	} {
		assert.Contains(t, failure.Evidence, want)
	}
	assert.Equal(t, []string{released}, failureDefinitions(t), "the logs of another version are shown")
	assert.NotContains(t, failure.Evidence, "Scaling activity", "an ordinary stop of the old version is shown as a cause")
	first := bytes.Index([]byte(failure.Evidence), []byte("0000000000000002 stopped"))
	second := bytes.Index([]byte(failure.Evidence), []byte("0000000000000001 stopped"))
	assert.Less(t, first, second, "the newest task does not come first")
}

func failureDefinitions(t *testing.T) []string {
	t.Helper()
	api, _, _ := verify(t, 2, "rolled-back")
	return api.definitions
}

func TestFailedWithoutRollback(t *testing.T) {
	for _, answer := range []string{"failed-no-rollback", "first-failed"} {
		_, _, err := verify(t, 2, answer)
		var failure *rollout.Failure
		require.ErrorAs(t, err, &failure)
		assert.Contains(t, failure.Reason, "the deployment of sentry-staging-backend:8 failed: ECS deployment circuit breaker: tasks failed to start.")
		assert.Contains(t, failure.Evidence, "panic: no database", "the most likely first failure gives no evidence")
	}
}

func TestStillInProgressAfterTheTimeOut(t *testing.T) {
	for _, answer := range []string{"in-progress", "crash-loop"} {
		api, _, err := verify(t, 2, answer)
		var failure *rollout.Failure
		require.ErrorAs(t, err, &failure)
		assert.Contains(t, failure.Reason, "is not done after 10m0s")
		assert.Equal(t, 41, api.asked, "one question at the start and one every 15 s for 10 min")
		assert.Contains(t, failure.Evidence, "panic: no database", "a task that keeps failing to start is not explained")
	}
}

func TestNoTasksIsASuccessOnlyWhenNoneWereAskedFor(t *testing.T) {
	_, _, err := verify(t, 0, "no-tasks")
	require.NoError(t, err, "an environment put to sleep on purpose can never be deployed to")
	for _, asked := range []int{2, -1} {
		_, _, err = verify(t, asked, "no-tasks")
		require.Error(t, err, "a roll-out that started nothing is reported as a success")
		assert.Contains(t, err.Error(), "nothing runs: the desired count of sentry-staging-backend is 0")
	}
}

// The state stays COMPLETED when the tasks die afterwards.
func TestCompletedWithoutItsTasksIsNoSuccess(t *testing.T) {
	for answer, counts := range map[string]string{"died": "0 of 2 tasks running", "one-of-two": "1 of 2 tasks running"} {
		_, _, err := verify(t, 2, answer)
		require.ErrorContains(t, err, "is not done after 10m0s: sentry-staging-backend:8: COMPLETED, "+counts, "a service that does not serve is reported as a success")
	}
	_, _, err := verify(t, 2, "died", "completed")
	require.NoError(t, err, "a task that is replaced in that moment fails the deployment")
}

// The answers that ECS gives for a moment, or to services of another kind.
func TestOddAnswersAreNoSuccess(t *testing.T) {
	for what, c := range map[string]struct {
		edit func(s *types.Service)
		want string // empty: it is waited for
	}{
		"tasks of the version before are counted in": {func(s *types.Service) { s.Deployments[0].RunningCount = 1 }, ""},
		"one task too many":                          {func(s *types.Service) { s.RunningCount = 3 }, ""},
		"a task is still to start":                   {func(s *types.Service) { s.Deployments[0].PendingCount = 1 }, ""},
		"no deployment at all":                       {func(s *types.Service) { s.Deployments = nil }, "the service has no primary deployment"},
		"another deployment controller":              {func(s *types.Service) { s.Deployments[0].RolloutState = "" }, "does not use ECS's own deployment controller"},
	} {
		api, _, err := inBubble(t, []string{"completed"}, func(ctx context.Context, v rollout.Verifier) error {
			v.ECS.(*fakeECS).edit = c.edit
			return v.Verify(ctx, target(2))
		})
		require.ErrorContains(t, err, cmp.Or(c.want, "is not done after 10m0s"), "%s: reported as a success", what)
		assert.Equal(t, c.want == "", api.asked > 1, what)
	}
}

// While Pulumi waits for its update, the service says what becomes of it.
func TestFollow(t *testing.T) {
	before := strings.TrimSuffix(released, "8") + "7"
	follow := func(answers ...string) (*fakeECS, error) {
		api, _, err := inBubble(t, answers, func(ctx context.Context, v rollout.Verifier) error {
			to := target(2)
			to.TaskDefinition = before
			return v.Follow(ctx, to)
		})
		return api, err
	}
	api, err := follow("rolled-back", "rolled-back", "in-progress", "completed")
	require.NoError(t, err, "what ran before is taken for what was released")
	assert.Equal(t, 4, api.asked)
	_, err = follow("rolled-back", "in-progress", "rolling-back")
	require.ErrorContains(t, err, "rolled back: the service runs sentry-staging-backend:7, not sentry-staging-backend:8 which was released")
	require.ErrorContains(t, err, "panic: no database")
	_, err = follow("rolled-back")
	require.ErrorContains(t, err, "it has not begun")
	_, _, err = inBubble(t, []string{"completed"}, func(ctx context.Context, v rollout.Verifier) error {
		v.ECS.(*fakeECS).edit = func(s *types.Service) { s.Deployments = nil }
		return v.Follow(ctx, target(2))
	})
	require.ErrorContains(t, err, "it has not begun")
	_, _, err = inBubble(t, []string{"completed"}, func(ctx context.Context, v rollout.Verifier) error {
		primary, err := v.Primary(ctx, "sentry-staging-cluster", "sentry-staging-backend")
		assert.Equal(t, released, primary, "a release is taken for the one before it")
		return err
	})
	require.NoError(t, err)
}

func TestRunning(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		want    string
	}{
		"completed":                              {[]string{"in-progress", "completed"}, "image of 8"},
		"rolled back, after a while":             {[]string{"rolling-back", "rolled-back"}, "image of 7"},
		"the new one neither fails nor succeeds": {[]string{"in-progress"}, "image of 7"},
		"failed, and not rolled back":            {[]string{"failed-no-rollback"}, "image of 7"},
		"the first release failed":               {[]string{"first-failed"}, ""},
		"nothing runs":                           {[]string{"no-tasks"}, ""},
		"all tasks have died":                    {[]string{"died"}, ""},
	} {
		_, _, err := inBubble(t, c.answers, func(ctx context.Context, v rollout.Verifier) error {
			image, _, err := v.Running(ctx, "sentry-staging-cluster", "sentry-staging-backend")
			assert.Equal(t, c.want, image, name)
			if err != nil || c.want == "" {
				return err
			}
			v.ECS.(*fakeECS).sidecar = true
			image, _, err = v.Running(ctx, "sentry-staging-cluster", "sentry-staging-backend")
			assert.Equal(t, c.want, image, "%s: the image of a container beside the back end's is released", name)
			return err
		})
		require.NoError(t, err, name)
	}
}

// The lines are the application's: they must not become commands to the runner, nor fill the job's outputs, nor be
// published where the repository is public.
func TestLogLinesAreData(t *testing.T) {
	evil := "first\r\n::stop-commands::x\r::add-mask::y\n" + strings.Repeat("z", 3000) + "\u202e"
	for _, show := range []bool{true, false} {
		_, _, err := inBubble(t, []string{"rolled-back"}, func(ctx context.Context, v rollout.Verifier) error {
			v.ShowLogs = show
			v.Logs = fakeLogs{logGroup + " " + panicked: slices.Repeat([]string{evil}, 20)}
			return v.Verify(ctx, target(2))
		})
		var failure *rollout.Failure
		require.ErrorAs(t, err, &failure)
		for line := range strings.Lines(failure.Evidence) {
			assert.False(t, strings.HasPrefix(line, "::"), "the application gives the runner a command: %s", line)
			assert.LessOrEqual(t, len(line), 600, "a line is not cut")
		}
		assert.LessOrEqual(t, len(failure.Evidence), 20_000, "with the outputs of all jobs in one variable, the report cannot start")
		assert.Equal(t, show, strings.Contains(failure.Evidence, "    | ::add-mask::y"))
		assert.Equal(t, !show, strings.Contains(failure.Evidence, "aws logs tail "+logGroup+" --log-stream-names "+panicked))
		assert.NotContains(t, failure.Evidence, "\u202e")
	}
}

func TestAnImageWithoutCurlIsExplained(t *testing.T) {
	api := &fakeECS{t: t, answers: []string{"rolled-back"}, reason: "Task failed container health checks"}
	err := rollout.Verifier{ECS: api, Logs: fakeLogs{}, Out: &bytes.Buffer{}}.Verify(t.Context(), target(2))
	require.ErrorContains(t, err, "the image must have the program that it calls (curl or wget)")
}

func TestNoSuchService(t *testing.T) {
	for _, answer := range []string{"missing", "inactive", "draining"} {
		_, _, err := verify(t, 2, answer)
		require.Error(t, err, answer)
		assert.Contains(t, err.Error(), "deploy the infrastructure first", answer)
	}
}

func TestAnUnansweredQuestionIsNotASuccess(t *testing.T) {
	_, _, err := verify(t, 2, "throttled", "throttled", "throttled", "completed")
	require.NoError(t, err, "a few answers that do not come fail a deployment that went well")
	_, _, err = verify(t, 2, "throttled")
	require.ErrorContains(t, err, "ThrottlingException")
	_, _, err = inBubble(t, []string{"throttled"}, func(ctx context.Context, v rollout.Verifier) error {
		_, _, err := v.Running(ctx, "sentry-staging-cluster", "sentry-staging-backend")
		return err
	})
	require.ErrorContains(t, err, "ThrottlingException", "nothing runs, as far as one could ask: the release is taken back to no image")
	_, _, err = verify(t, 2, "in-progress", "throttled")
	require.ErrorContains(t, err, "ThrottlingException")
}

func TestPrimary(t *testing.T) {
	primary := func(answer string) (definition string, err error) {
		_, _, err = inBubble(t, []string{answer}, func(ctx context.Context, v rollout.Verifier) error {
			definition, err = v.Primary(ctx, "sentry-staging-cluster", "sentry-staging-backend")
			return err
		})
		return definition, err
	}
	definition, err := primary("in-progress")
	require.NoError(t, err)
	assert.Equal(t, released, definition)
	_, err = primary("throttled")
	require.ErrorContains(t, err, "ThrottlingException", "nothing is known, and nothing is said of it")
}

// unread are logs that may not be read.
type unread struct{}

func (unread) GetLogEvents(context.Context, *cloudwatchlogs.GetLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error) {
	return nil, errors.New("AccessDenied")
}

func TestEvidenceSaysWhatItLacks(t *testing.T) {
	evidence := func(edit func(*rollout.Verifier)) string {
		_, _, err := inBubble(t, []string{"rolled-back"}, func(ctx context.Context, v rollout.Verifier) error {
			edit(&v)
			return v.Verify(ctx, target(2))
		})
		var failure *rollout.Failure
		require.ErrorAs(t, err, &failure)
		return failure.Evidence
	}
	text := evidence(func(v *rollout.Verifier) { v.Logs = unread{} })
	assert.Contains(t, text, "container backend: exit code 1\n    its log could not be read: AccessDenied")
	text = evidence(func(v *rollout.Verifier) { v.ECS.(*fakeECS).unknown = true })
	assert.Contains(t, text, "The logs could not be found: describe task definition sentry-staging-backend:8: ClientException")
	assert.NotContains(t, text, "log stream", "a container whose log nobody knows is said to have none")
	assert.NotContains(t, text, "    its log")
	text = evidence(func(v *rollout.Verifier) { v.ECS.(*fakeECS).none = true })
	assert.Contains(t, text, "No stopped task is on record.")
}

func TestMissingEvidenceDoesNotHideTheFailure(t *testing.T) {
	api := &fakeECS{t: t, answers: []string{"rolled-back"}, listErr: errors.New("AccessDenied")}
	err := rollout.Verifier{ECS: api, Logs: fakeLogs{}, Out: &bytes.Buffer{}}.Verify(t.Context(),
		rollout.Target{Cluster: "sentry-staging-cluster", Service: "sentry-staging-backend", TaskDefinition: released})
	require.ErrorContains(t, err, "rolled back")
	require.ErrorContains(t, err, "AccessDenied")
}

func TestACancelledWaitIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := rollout.Verifier{ECS: &fakeECS{t: t, answers: []string{"in-progress"}}, Logs: fakeLogs{}, Out: &bytes.Buffer{}, Interval: time.Hour, Timeout: 2 * time.Hour}
	err := v.Verify(ctx, rollout.Target{Cluster: "sentry-staging-cluster", Service: "sentry-staging-backend", TaskDefinition: released})
	require.ErrorIs(t, err, context.Canceled)
}

func TestRecordingsAreRead(t *testing.T) {
	out := &ecs.DescribeServicesOutput{}
	decode(t, "in-progress", out)
	require.Len(t, out.Services[0].Deployments, 2)
	assert.Equal(t, 2026, out.Services[0].Events[0].CreatedAt.Year())
}
