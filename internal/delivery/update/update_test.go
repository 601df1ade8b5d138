package update_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/update"
	"sentry/internal/fixture"
	"sentry/internal/project"
)

// cli plays the pulumi command: it answers with recordings of the real one.
type cli struct {
	previews []string // recordings of ../preview/testdata, one a preview, the last again and again
	events   []string // instead: previews as the engine prints them
	exports  []string
	calls    [][]string
	fail     string // the command that fails
	stderr   string
}

func (c *cli) run(_ context.Context, stdout, stderr io.Writer, args ...string) error {
	c.calls = append(c.calls, args)
	fmt.Fprint(stderr, c.stderr)
	failed := strings.HasPrefix(strings.Join(args, " "), c.fail) && c.fail != ""
	next := func(list *[]string) string {
		v := (*list)[0]
		if len(*list) > 1 {
			*list = (*list)[1:]
		}
		return v
	}
	switch args[0] {
	case "preview", "refresh":
		if len(c.events) > 0 {
			fmt.Fprint(stdout, next(&c.events))
		} else if len(c.previews) > 0 {
			raw, err := os.ReadFile(filepath.Join("../preview/testdata", next(&c.previews)))
			if err != nil {
				return err
			}
			stdout.Write(raw)
		}
	case "stack":
		fmt.Fprint(stdout, next(&c.exports))
	}
	if failed {
		return errors.New("exit status 255")
	}
	return nil
}

func (c *cli) ups() (ups [][]string) {
	for _, call := range c.calls {
		if call[0] == "up" {
			ups = append(ups, call)
		}
	}
	return ups
}

func stack(t *testing.T, c *cli) (update.Stack, *bytes.Buffer) {
	t.Helper()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	var log bytes.Buffer
	return update.Stack{Project: p, Name: "staging", Run: c.run, Log: &log}, &log
}

func approve(t *testing.T, recording string) string {
	t.Helper()
	s, _ := stack(t, &cli{previews: []string{recording}})
	seen, err := s.Preview(t.Context())
	require.NoError(t, err)
	return seen.Preview.Digest()
}

// F4: what is applied is what was shown.
func TestWhatWasApprovedIsApplied(t *testing.T) {
	c := &cli{previews: []string{"change-again.events"}} // the same preview, made another time
	s, log := stack(t, c)
	require.NoError(t, s.Apply(t.Context(), approve(t, "change.events")))
	require.Len(t, c.ups(), 1)
	assert.Equal(t, "up --stack staging --yes --skip-preview --non-interactive --color never --refresh", strings.Join(c.ups()[0], " "))
	for _, call := range c.calls {
		if call[0] == "preview" {
			assert.Contains(t, call, "--refresh", "what others changed is not in what is approved")
			assert.Contains(t, call, "--json")
		}
	}
	assert.Contains(t, log.String(), "The preview is the one that was approved")
}

func TestAnythingElseStopsTheJob(t *testing.T) {
	approved := approve(t, "change.events")
	for what, now := range map[string]string{"someone else has deployed it": "same.events", "the state is another": "create.events"} {
		c := &cli{previews: []string{now}}
		s, _ := stack(t, c)
		err := s.Apply(t.Context(), approved)
		require.ErrorIs(t, err, update.ErrNotWhatWasShown, what)
		assert.Contains(t, err.Error(), "Nothing was changed")
		assert.Empty(t, c.ups(), "%s, and it was applied", what)
	}
	for what, c := range map[string]*cli{
		"the preview fails":          {previews: []string{"refused.events"}, fail: "preview"},
		"the preview says it failed": {previews: []string{"invalid.events"}},
		"no preview at all":          {},
	} {
		s, _ := stack(t, c)
		require.Error(t, s.Apply(t.Context(), approved), what)
		assert.Empty(t, c.ups(), "%s, and it was applied", what)
	}
	// A preview with an error is no promise, even when it is the same error as before.
	failing := &cli{previews: []string{"invalid.events"}}
	s, _ := stack(t, failing)
	seen, err := s.Preview(t.Context())
	require.ErrorContains(t, err, "reported an error")
	require.Error(t, s.Apply(t.Context(), seen.Preview.Digest()))
	assert.Empty(t, failing.ups())
	for _, bad := range []string{"", "approved", strings.Repeat("A", 64), approved + "0"} {
		c := &cli{previews: []string{"change.events"}}
		s, _ := stack(t, c)
		require.Error(t, s.Apply(t.Context(), bad), bad)
		assert.Empty(t, c.ups(), "applied with the approval %q", bad)
	}
}

func TestAFailedUpdateIsAnError(t *testing.T) {
	c := &cli{previews: []string{"change.events"}, fail: "up", stderr: "error: the stack is currently locked by 1 lock(s)"}
	s, log := stack(t, c)
	err := s.Apply(t.Context(), approve(t, "change.events"))
	require.ErrorContains(t, err, "unlock.yml")
	assert.Contains(t, log.String(), "currently locked")
}

func TestAMissingStackSaysHowToMakeIt(t *testing.T) {
	s, _ := stack(t, &cli{fail: "preview", stderr: "error: no stack named 'staging' found"})
	seen, err := s.Preview(t.Context())
	require.ErrorContains(t, err, "pulumi stack init staging")
	assert.Contains(t, seen.Stderr, "no stack named", "the comment on the pull request cannot say why")
}

func TestDriftNeedsNoProgramAndChangesNothing(t *testing.T) {
	c := &cli{previews: []string{"drift.events"}}
	s, _ := stack(t, c)
	seen, err := s.Drift(t.Context())
	require.NoError(t, err)
	assert.True(t, seen.Preview.HasChanges())
	assert.Contains(t, c.calls[0], "--preview-only", "looking for drift would write the state")
	assert.Contains(t, c.calls[0], "--json")
	assert.NotEmpty(t, seen.Raw)
}

const image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sentry-staging-backend@sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func export(image string, revision int) string {
	const urn = "urn:pulumi:staging::sentry::sentry:infra:Service$"
	return fmt.Sprintf(`{"version":3,"deployment":{"resources":[
	{"urn":"urn:pulumi:staging::sentry::pulumi:pulumi:Stack::sentry-staging","type":"pulumi:pulumi:Stack"},
	{"urn":"%[1]saws:iam/role:Role::sentry-staging-task","type":"aws:iam/role:Role"},
	{"urn":"%[1]saws:ssm/parameter:Parameter::sentry-staging-backend-image","type":"aws:ssm/parameter:Parameter","outputs":{"insecureValue":%[2]q}},
	{"urn":"%[1]saws:ecs/taskDefinition:TaskDefinition::sentry-staging-backend","type":"aws:ecs/taskDefinition:TaskDefinition","outputs":{"arn":"arn:aws:ecs:us-east-1:123456789012:task-definition/sentry-staging-backend:%[3]d"}},
	{"urn":"%[1]saws:ecs/service:Service::sentry-staging-backend","type":"aws:ecs/service:Service","outputs":{"cluster":"sentry-staging-cluster","name":"sentry-staging-backend","desiredCount":2}},
	{"urn":"%[1]saws:ecr/repository:Repository::sentry-staging-backend","type":"aws:ecr/repository:Repository"}]}}`, urn, image, revision)
}

// step is one line of a release's preview: what differs in the inputs of one of its resources.
type step struct{ kind, name, op, before, after string }

const (
	record     = "aws:ssm/parameter:Parameter"
	definition = "aws:ecs/taskDefinition:TaskDefinition"
	service    = "aws:ecs/service:Service"
)

func previewOf(steps ...step) string {
	var b strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&b, `{"sequence":%d,"resourcePreEvent":{"metadata":{"op":%q,"urn":"urn:pulumi:staging::sentry::sentry:infra:Service$%s::%s","old":{"inputs":%s},"new":{"inputs":%s}}}}`+"\n",
			i, s.op, s.kind, s.name, s.before, s.after)
	}
	return b.String() + `{"sequence":99,"summaryEvent":{"result":"succeeded"}}` + "\n"
}

// containers are definitions as a text, as the program writes them.
func containers(image, more string) string {
	text, err := json.Marshal(map[string]string{"cpu": "256", "containerDefinitions": `[{"name":"backend","image":"` + image + `"` + more + `}]`})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func clean(before, after string) []step {
	return []step{
		{record, "sentry-staging-backend-image", "update", `{"insecureValue":"` + before + `"}`, `{"insecureValue":"` + after + `"}`},
		{definition, "sentry-staging-backend", "replace", containers(before, ""), containers(after, "")},
		{service, "sentry-staging-backend", "update", `{"taskDefinition":"arn:1","desiredCount":2}`, `{"taskDefinition":"04da6b54-80e4-46f7-96ec-b56ff0331ba9","desiredCount":2}`},
	}
}

const previous = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sentry-staging-backend@sha256:" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestAReleaseTouchesTheReleaseOnly(t *testing.T) {
	c := &cli{events: []string{previewOf(clean(previous, image)...)}, exports: []string{export(previous, 1), export(image, 2)}}
	s, _ := stack(t, c)
	before, err := os.ReadFile(s.Project.StackFile("staging"))
	require.NoError(t, err)
	require.NoError(t, s.Release(t.Context(), image))
	require.Len(t, c.ups(), 1)
	up := c.ups()[0]
	var targets []string
	for i, a := range up {
		if a == "--target" {
			targets = append(targets, up[i+1])
		}
	}
	const urn = "urn:pulumi:staging::sentry::sentry:infra:Service$"
	assert.Equal(t, []string{
		urn + record + "::sentry-staging-backend-image", urn + definition + "::sentry-staging-backend", urn + service + "::sentry-staging-backend",
	}, targets, "a release of the back end carries other changes with it")
	assert.Contains(t, strings.Join(up, " "), "--config sentry:image="+image)
	assert.NotContains(t, up, "--target-dependents")
	i := slices.Index(up, "--config-file")
	assert.NotEqual(t, s.Project.StackFile("staging"), up[i+1], "the CLI writes the image into the stack file")
	assert.NoFileExists(t, up[i+1], "a copy of the stack file is left behind")
	after, err := os.ReadFile(s.Project.StackFile("staging"))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}

// A worker runs what the back end runs, and must not stay a release behind.
func TestAReleaseTakesServicesOfTheSameImageAlong(t *testing.T) {
	const worker = "urn:pulumi:staging::sentry::sentry:infra:Worker$"
	state := func(backend, neighbor string) string {
		definitionOf := func(urn, arn, image string) string {
			text, err := json.Marshal(fmt.Sprintf(`[{"name":"x","image":%q}]`, image))
			require.NoError(t, err)
			return fmt.Sprintf(`{"urn":%q,"type":%q,"outputs":{"arn":%q,"containerDefinitions":%s}}`, urn, definition, arn, text)
		}
		const urn = "urn:pulumi:staging::sentry::sentry:infra:Service$"
		return `{"deployment":{"resources":[` + strings.Join([]string{
			fmt.Sprintf(`{"urn":%q,"type":%q,"outputs":{"insecureValue":%q}}`, urn+record+"::sentry-staging-backend-image", record, backend),
			definitionOf(urn+definition+"::sentry-staging-backend", "arn:backend:1", backend),
			fmt.Sprintf(`{"urn":%q,"type":%q,"outputs":{"cluster":"c","name":"s","taskDefinition":"arn:backend:1"}}`, urn+service+"::sentry-staging-backend", service),
			definitionOf(worker+definition+"::sentry-staging-worker", "arn:worker:1", neighbor),
			fmt.Sprintf(`{"urn":%q,"type":%q,"outputs":{"taskDefinition":"arn:worker:1"}}`, worker+service+"::sentry-staging-worker", service),
		}, ",") + `]}}`
	}
	of := func(steps []step) string {
		text := previewOf(steps...)
		return strings.ReplaceAll(strings.ReplaceAll(text, "infra:Service$"+definition+"::sentry-staging-worker", "infra:Worker$"+definition+"::sentry-staging-worker"),
			"infra:Service$"+service+"::sentry-staging-worker", "infra:Worker$"+service+"::sentry-staging-worker")
	}
	follows := append(clean(previous, image),
		step{definition, "sentry-staging-worker", "replace", containers(previous, ""), containers(image, "")},
		step{service, "sentry-staging-worker", "update", `{"taskDefinition":"arn:worker:1"}`, `{"taskDefinition":"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}`})
	c := &cli{events: []string{of(follows)}, exports: []string{state(previous, previous), state(image, image)}}
	s, _ := stack(t, c)
	require.NoError(t, s.Release(t.Context(), image))
	assert.Contains(t, strings.Join(c.ups()[0], " "), "--target "+worker+definition+"::sentry-staging-worker --target "+worker+service+"::sentry-staging-worker")

	more := slices.Clone(follows)
	more[4].after = `{"taskDefinition":"04da6b54-80e4-46f7-96ec-b56ff0331ba9","desiredCount":3}`
	c = &cli{events: []string{of(more)}, exports: []string{state(previous, previous)}}
	s, _ = stack(t, c)
	require.ErrorContains(t, s.Release(t.Context(), image), "Service sentry-staging-worker: desiredCount")
	assert.Empty(t, c.ups(), "the number of the worker's tasks changes, and nobody has looked at it")

	c = &cli{events: []string{of(clean(previous, image))}, exports: []string{state(previous, "postgres:17"), state(image, "postgres:17")}}
	s, _ = stack(t, c)
	require.NoError(t, s.Release(t.Context(), image))
	assert.NotContains(t, strings.Join(c.ups()[0], " "), "worker", "a service of another image is touched by the release")
}

// A replacement that was interrupted leaves the old resource in the state, marked for deletion: it is not the release.
func TestWhatIsStillToBeDeletedIsNotTheRelease(t *testing.T) {
	text := export(image, 2)
	old := strings.NewReplacer(`"type":`, `"delete":true,"type":`, image, previous, "backend:2", "backend:1").Replace(text)
	resources := func(text string) string { return text[strings.Index(text, "[")+1 : strings.LastIndex(text, "]")] }
	s, _ := stack(t, &cli{exports: []string{strings.Replace(text, resources(text), resources(old)+","+resources(text), 1)}})
	got, err := s.Released(t.Context())
	require.NoError(t, err)
	assert.Equal(t, image, got.Image)
	assert.Contains(t, got.TaskDefinition, "backend:2")

	s, _ = stack(t, &cli{exports: []string{strings.Replace(text, `"insecureValue"`, `"value"`, 1)}})
	got, err = s.Released(t.Context())
	require.NoError(t, err)
	assert.Equal(t, image, got.Image, "a record that AWS answers in its other field")

	for _, field := range []string{`"name":"sentry-staging-backend",`, `"cluster":"sentry-staging-cluster",`, `"insecureValue":"` + image + `"`} {
		require.Contains(t, text, field)
		s, _ := stack(t, &cli{exports: []string{strings.Replace(text, field, "", 1)}})
		_, err := s.Released(t.Context())
		require.ErrorContains(t, err, "the state does not say what is released", field)
	}
}

func TestReleased(t *testing.T) {
	s, _ := stack(t, &cli{exports: []string{export(image, 2)}})
	got, err := s.Released(t.Context())
	require.NoError(t, err)
	assert.Equal(t, update.Release{
		Image: image, TaskDefinition: "arn:aws:ecs:us-east-1:123456789012:task-definition/sentry-staging-backend:2",
		Cluster: "sentry-staging-cluster", Service: "sentry-staging-backend", DesiredCount: 2,
	}, got)
	for _, c := range []*cli{{exports: []string{"{"}}, {exports: []string{"{}"}, fail: "stack export"}} {
		s, _ := stack(t, c)
		_, err := s.Released(t.Context())
		require.Error(t, err, "a state that cannot be read is one of which nothing is released")
		assert.NotContains(t, err.Error(), "does not say what is released", "a state that cannot be read is blamed for what it says")
	}
}

// A targeted update applies what the commit says of the three resources: size, count and variables too.
func TestAReleaseThatWouldChangeMoreIsRefused(t *testing.T) {
	edit := func(i int, change func(s *step)) []step {
		steps := clean(previous, image)
		change(&steps[i])
		return steps
	}
	for what, c := range map[string]struct {
		steps []step
		want  string
	}{
		"size": {edit(1, func(s *step) { s.after = strings.Replace(s.after, `"256"`, `"1024"`, 1) }), `TaskDefinition sentry-staging-backend: cpu: "256" → "1024"`},
		"a variable": {
			edit(1, func(s *step) { s.after = containers(image, `,"environment":[{"name":"A","value":"1"}]`) }),
			"containerDefinitions[0].environment[0].name",
		},
		"the number of tasks": {edit(2, func(s *step) { s.after = strings.Replace(s.after, `"desiredCount":2`, `"desiredCount":7`, 1) }), "desiredCount: 2 → 7"},
		"the number of tasks, at a first release": {func() []step {
			steps := clean("none", image)
			steps[2].after = strings.Replace(steps[2].after, `"desiredCount":2`, `"desiredCount":7`, 1)
			return steps
		}(), "desiredCount: 2 → 7"},
		"tasks that are asleep":  {edit(2, func(s *step) { s.before = strings.Replace(s.before, `"desiredCount":2`, `"desiredCount":0`, 1) }), "desiredCount: 0 → 2"},
		"an image of a neighbor": {append(clean(previous, image), step{definition, "sentry-staging-worker", "replace", containers(previous, ""), containers(image, "")}), "sentry-staging-worker"},
		"a new resource":         {append(clean(previous, image), step{"aws:sqs/queue:Queue", "q", "create", "null", "{}"}), "aws:sqs/queue:Queue q"},
		"a deletion":             {append(clean(previous, image), step{service, "old", "delete", "{}", "null"}), "old"},
	} {
		if strings.HasSuffix(what, "deletion") {
			c.steps[3].after = "null"
		}
		cli := &cli{events: []string{strings.ReplaceAll(previewOf(c.steps...), `{"inputs":null}`, "null")}, exports: []string{export(map[bool]string{true: "none", false: previous}[strings.HasSuffix(what, "first release")], 1)}}
		s, _ := stack(t, cli)
		err := s.Release(t.Context(), image)
		require.ErrorContains(t, err, c.want, "%s: released, and nobody has looked at it", what)
		require.ErrorContains(t, err, "deploy the infrastructure too", what)
		assert.Empty(t, cli.ups(), what)
	}
}

func TestTheFirstReleaseStartsTheTasks(t *testing.T) {
	steps := clean("none", image)
	steps[2].before = strings.Replace(steps[2].before, `"desiredCount":2`, `"desiredCount":0`, 1)
	c := &cli{events: []string{previewOf(steps...)}, exports: []string{export("none", 1), export(image, 2)}}
	s, _ := stack(t, c)
	require.NoError(t, s.Release(t.Context(), image))
}

func TestAReleaseThatNeedsMoreSaysSo(t *testing.T) {
	c := &cli{fail: "preview", exports: []string{export(previous, 1)}, events: []string{
		`{"sequence":1,"diagnosticEvent":{"message":"Resource 'a' depends on 'b' which was was not specified in --target list.","severity":"error"}}`,
	}}
	s, _ := stack(t, c)
	require.ErrorContains(t, s.Release(t.Context(), image), "needs a resource that is not deployed yet: deploy the infrastructure too")

	other := &cli{fail: "preview", exports: []string{export(previous, 1)}, previews: []string{"invalid.events"}}
	s, _ = stack(t, other)
	err := s.Release(t.Context(), image)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "not deployed yet")
	assert.Empty(t, other.ups())
}

func TestReleasesThatAreRefused(t *testing.T) {
	for what, bad := range map[string]string{
		"a tag": "repo/sentry:latest", "nothing": "", "a short digest": "repo@sha256:abc",
		"an option": "--target=x@sha256:" + strings.Repeat("0", 64), "a line more": image + "\nx",
	} {
		c := &cli{exports: []string{export("none", 1)}}
		s, _ := stack(t, c)
		require.Error(t, s.Release(t.Context(), bad), what)
		assert.Empty(t, c.calls, what)
	}
	empty := &cli{exports: []string{`{"deployment":{}}`}}
	s, _ := stack(t, empty)
	require.ErrorContains(t, s.Release(t.Context(), image), "deploy the infrastructure first")
	assert.Empty(t, empty.ups(), "an update without targets would be an update of everything")
}

func TestAReleaseThatDidNotReachTheRecordIsAnError(t *testing.T) {
	c := &cli{events: []string{previewOf(clean("none", image)...)}, exports: []string{export("none", 1), export("none", 1)}}
	s, _ := stack(t, c)
	require.ErrorContains(t, s.Release(t.Context(), image), `the release record holds "none"`)
}

// After a release that failed, the record and the definition name what runs, or the next update deploys the broken
// image.
func TestSettle(t *testing.T) {
	for name, c := range map[string]struct {
		runs, otherwise, want string // want is the image that is released, empty for nothing to do
	}{
		"rolled back":                   {previous, previous, previous},
		"it runs after all":             {image, previous, ""},
		"nothing runs, released before": {"", previous, previous},
		"nothing runs, first release":   {"", update.NoImage, update.NoImage},
	} {
		steps := clean(image, c.want)
		if c.want == update.NoImage {
			steps[2].after = strings.Replace(steps[2].after, `"desiredCount":2`, `"desiredCount":0`, 1)
		}
		cli := &cli{events: []string{previewOf(steps...)}, exports: []string{export(image, 2), export(image, 2), export(c.want, 3)}}
		s, _ := stack(t, cli)
		require.NoError(t, s.Settle(t.Context(), c.runs, c.otherwise), name)
		if c.want == "" {
			assert.Empty(t, cli.ups(), name)
			continue
		}
		require.Len(t, cli.ups(), 1, name)
		assert.Contains(t, cli.ups()[0], "sentry:image="+c.want, name)
	}
	same := &cli{exports: []string{export(update.NoImage, 1)}}
	s, _ := stack(t, same)
	require.NoError(t, s.Settle(t.Context(), "", update.NoImage))
	assert.Empty(t, same.ups(), "a release that did not even begin is taken back")
	s, _ = stack(t, &cli{exports: []string{export(image, 2)}})
	require.ErrorContains(t, s.Settle(t.Context(), "", ""), "name the image to go back to with --otherwise")
}

func TestOutputs(t *testing.T) {
	s, _ := stack(t, &cli{exports: []string{`{"frontendUrl":"http://x","publicSubnetIds":["a"],"token":"[secret]"}`}})
	got, err := s.Outputs(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"frontendUrl": "http://x"}, got)
	require.NoError(t, update.Require(got, "frontendUrl"))
	require.ErrorContains(t, update.Require(got, "frontendUrl", "ecrRepositoryUrl"), "no output ecrRepositoryUrl: deploy the infrastructure first")
}
