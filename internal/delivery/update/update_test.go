package update_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/update"
)

// cli plays the pulumi command: it answers with recordings of the real one.
type cli struct {
	previews []string // recordings of ../preview/testdata, one a preview, the last again and again
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
		if len(c.previews) > 0 {
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

func stack(c *cli) (update.Stack, *bytes.Buffer) {
	var log bytes.Buffer
	return update.Stack{Name: "staging", Run: c.run, Log: &log}, &log
}

func approve(t *testing.T, recording string) string {
	t.Helper()
	s, _ := stack(&cli{previews: []string{recording}})
	seen, err := s.Preview(t.Context())
	require.NoError(t, err)
	return seen.Preview.Digest()
}

// F4: what is applied is what was shown.
func TestWhatWasApprovedIsApplied(t *testing.T) {
	c := &cli{previews: []string{"change-again.json"}} // the same preview, made another time
	s, log := stack(c)
	require.NoError(t, s.Apply(t.Context(), approve(t, "change.json")))
	require.Len(t, c.ups(), 1)
	assert.Equal(t, "up --stack staging --yes --skip-preview --non-interactive --color never", strings.Join(c.ups()[0], " "))
	assert.Contains(t, log.String(), "The preview is the one that was approved")
}

func TestAnythingElseStopsTheJob(t *testing.T) {
	approved := approve(t, "change.json")
	for what, now := range map[string]string{"someone else has deployed it": "same.json", "the state is another": "create.json"} {
		c := &cli{previews: []string{now}}
		s, _ := stack(c)
		err := s.Apply(t.Context(), approved)
		require.ErrorIs(t, err, update.ErrNotWhatWasShown, what)
		assert.Contains(t, err.Error(), "Nothing was changed")
		assert.Empty(t, c.ups(), "%s, and it was applied", what)
	}
	for what, c := range map[string]*cli{
		"the preview fails":          {previews: []string{"refused.json"}, fail: "preview"},
		"the preview says it failed": {previews: []string{"invalid.json"}},
		"no preview at all":          {},
	} {
		s, _ := stack(c)
		require.Error(t, s.Apply(t.Context(), approved), what)
		assert.Empty(t, c.ups(), "%s, and it was applied", what)
	}
	// A preview with an error is no promise, even when it is the same error as before.
	failing := &cli{previews: []string{"invalid.json"}}
	s, _ := stack(failing)
	seen, err := s.Preview(t.Context())
	require.ErrorContains(t, err, "reported an error")
	require.Error(t, s.Apply(t.Context(), seen.Preview.Digest()))
	assert.Empty(t, failing.ups())
	for _, bad := range []string{"", "approved", strings.Repeat("A", 64), approved + "0"} {
		c := &cli{previews: []string{"change.json"}}
		s, _ := stack(c)
		require.Error(t, s.Apply(t.Context(), bad), bad)
		assert.Empty(t, c.ups(), "applied with the approval %q", bad)
	}
}

func TestAFailedUpdateIsAnError(t *testing.T) {
	c := &cli{previews: []string{"change.json"}, fail: "up", stderr: "error: the stack is currently locked by 1 lock(s)"}
	s, log := stack(c)
	err := s.Apply(t.Context(), approve(t, "change.json"))
	require.ErrorContains(t, err, "unlock.yml")
	assert.Contains(t, log.String(), "currently locked")
}

func TestAMissingStackSaysHowToMakeIt(t *testing.T) {
	s, _ := stack(&cli{fail: "preview", stderr: "error: no stack named 'staging' found"})
	seen, err := s.Preview(t.Context())
	require.ErrorContains(t, err, "pulumi stack init staging")
	assert.Contains(t, seen.Stderr, "no stack named", "the comment on the pull request cannot say why")
}

func TestDriftNeedsNoProgramAndChangesNothing(t *testing.T) {
	c := &cli{previews: []string{"drift.json"}}
	s, _ := stack(c)
	seen, err := s.Drift(t.Context())
	require.NoError(t, err)
	assert.True(t, seen.Preview.HasChanges())
	assert.Contains(t, c.calls[0], "--preview-only", "looking for drift would write the state")
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

func TestAReleaseTouchesTheReleaseOnly(t *testing.T) {
	c := &cli{exports: []string{export("none", 1), export(image, 2)}}
	s, _ := stack(c)
	got, err := s.Release(t.Context(), image)
	require.NoError(t, err)
	assert.Equal(t, update.Release{
		Image: image, TaskDefinition: "arn:aws:ecs:us-east-1:123456789012:task-definition/sentry-staging-backend:2",
		Cluster: "sentry-staging-cluster", Service: "sentry-staging-backend", DesiredCount: 2,
	}, got)
	require.Len(t, c.ups(), 1)
	up := c.ups()[0]
	var targets []string
	for i, a := range up {
		if a == "--target" {
			targets = append(targets, up[i+1])
		}
	}
	assert.Equal(t, []string{
		"urn:pulumi:staging::sentry::sentry:infra:Service$aws:ssm/parameter:Parameter::sentry-staging-backend-image",
		"urn:pulumi:staging::sentry::sentry:infra:Service$aws:ecs/taskDefinition:TaskDefinition::sentry-staging-backend",
		"urn:pulumi:staging::sentry::sentry:infra:Service$aws:ecs/service:Service::sentry-staging-backend",
	}, targets, "a release of the back end carries other changes with it")
	assert.Contains(t, up, "sentry:image="+image)
	assert.NotContains(t, up, "--target-dependents")
}

func TestReleasesThatAreRefused(t *testing.T) {
	for what, bad := range map[string]string{
		"a tag": "repo/sentry:latest", "nothing": "", "a short digest": "repo@sha256:abc", "none": "none",
		"an option": "--target=x@sha256:" + strings.Repeat("0", 64), "a line more": image + "\nx",
	} {
		c := &cli{exports: []string{export("none", 1)}}
		s, _ := stack(c)
		_, err := s.Release(t.Context(), bad)
		require.Error(t, err, what)
		assert.Empty(t, c.calls, what)
	}
	empty := &cli{exports: []string{`{"deployment":{}}`}}
	s, _ := stack(empty)
	_, err := s.Release(t.Context(), image)
	require.ErrorContains(t, err, "deploy the infrastructure first")
	assert.Empty(t, empty.ups(), "an update without targets would be an update of everything")
}

func TestAReleaseThatDidNotReachTheRecordIsAnError(t *testing.T) {
	c := &cli{exports: []string{export("none", 1), export("none", 1)}}
	s, _ := stack(c)
	_, err := s.Release(t.Context(), image)
	require.ErrorContains(t, err, `the release record holds "none"`)
}

func TestOutputs(t *testing.T) {
	s, _ := stack(&cli{exports: []string{`{"frontendUrl":"http://x","publicSubnetIds":["a"],"token":"[secret]"}`}})
	got, err := s.Outputs(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"frontendUrl": "http://x"}, got)
	require.NoError(t, update.Require(got, "frontendUrl"))
	require.ErrorContains(t, update.Require(got, "frontendUrl", "ecrRepositoryUrl"), "no output ecrRepositoryUrl: deploy the infrastructure first")
}
