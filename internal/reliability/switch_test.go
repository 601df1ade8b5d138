package reliability

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/fixture"
	"sentry/internal/sandbox"
)

// holdsData are the types that take something with them when they are deleted or replaced.
var holdsData = map[string]bool{
	aws.S3Bucket: true, aws.S3BucketVersioning: true, aws.ECRRepository: true, aws.CloudWatchLogGroup: true, aws.SSMParameter: true,
}

// running is staging with a released image, and with something in all that holds data.
func running(t *testing.T) *Stack {
	t.Helper()
	s := newStack(t, "staging")
	s.Configure(map[string]string{"sentry:image": sandbox.ReleasedImage("us-east-1", "sentry-staging-backend")})
	require.NoError(t, s.Up())
	for _, purpose := range []string{"frontend", "artifacts", "clips"} {
		require.NoError(t, s.Cloud.Fill(aws.S3Bucket, "sentry-staging-"+purpose))
	}
	require.NoError(t, s.Cloud.Fill(aws.ECRRepository, "sentry-staging-backend"))
	return s
}

// settled reports what a preview would change.
func (s *Stack) settled() error {
	steps, err := s.Preview()
	for _, step := range steps {
		if step.Op != apitype.OpSame {
			err = errors.Join(err, fmt.Errorf("each preview shows a %s of %s", step.Op, step.Resource.URN))
		}
	}
	return err
}

// Each setting is switched on, and off while the next one is switched on, on a stack that runs, with objects in its
// buckets and images in its repository: nothing that holds data goes, a preview after each step is empty, and in the end
// nothing is left over.
func TestSwitchingEachSetting(t *testing.T) {
	t.Parallel()
	s := running(t)
	before, plain := existing(s), maps.Clone(s.config)
	s.Cloud.Journal()

	last := "nothing"
	for _, setting := range append(fixture.Settings(), nil) {
		s.config = maps.Clone(plain)
		s.Configure(fixture.Configuration(setting...))
		t.Run(fmt.Sprintf("from %v to %v", last, setting), func(t *testing.T) { changed(t, s) })
		last = fmt.Sprint(setting)
	}
	assert.Equal(t, before, existing(s), "switched off, something is left behind or taken away")
}

// changed deploys what is configured now.
func changed(t *testing.T, s *Stack) {
	t.Helper()
	require.NoError(t, s.Up())
	for _, done := range s.Cloud.Journal() {
		assert.False(t, done.Op == "delete" && holdsData[done.Type], "%s: what was in it is lost", done)
	}
	require.NoError(t, s.settled())
}

// existing is what is in the account, by type and logical name; a task definition is another one with each revision.
func existing(s *Stack) []string {
	var found []string
	for _, o := range s.Cloud.Objects() {
		found = append(found, o.Type+" "+o.Name())
	}
	return found
}
