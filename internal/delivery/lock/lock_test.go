package lock_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/emulated"
	"sentry/internal/delivery/lock"
)

const bucket = "sentry-pulumi-state-123456789012"

func newStore(t *testing.T, objects map[string]string) (lock.Store, *s3.Client) {
	t.Helper()
	client, _ := emulated.S3(t, bucket, objects)
	return lock.Store{S3: client, Backend: lock.Backend{Bucket: bucket}, Project: "sentry", Stack: "production"}, client
}

// What the backend writes, byte for byte but for the values.
func content(user string, minute int) string {
	return fmt.Sprintf(`{"pid":2143,"username":%q,"hostname":"runnervm1li68","timestamp":"2026-11-20T10:%02d:00.123456789Z"}`, user, minute)
}

const dir = ".pulumi/locks/organization/sentry/production/"

var locked = map[string]string{
	dir + "11111111-aaaa.json":                                     content("runner", 30),
	dir + "22222222-bbbb.json":                                     content("ada", 10),
	".pulumi/locks/organization/sentry/production-2/33333333.json": content("x", 1),
	".pulumi/locks/organization/sentry/staging/44444444.json":      content("x", 1),
	".pulumi/stacks/sentry/production.json":                        "{}",
	dir + "old/66666666.json":                                      content("x", 1),
	dir + "notes.txt":                                              "not a lock",
}

func TestTheStacksOwnLocksOldestFirst(t *testing.T) {
	store, _ := newStore(t, locked)
	got, err := store.List(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 2, "another stack's lock is among them")
	assert.Equal(t, "22222222-bbbb", got[0].ID)
	assert.Equal(t, "ada@runnervm1li68 (pid 2143)", got[0].Holder())
	assert.Equal(t, "2026-11-20T10:30:00Z", got[1].Since.Format(time.RFC3339))
}

func TestNoLockIsNoError(t *testing.T) {
	store, _ := newStore(t, nil)
	got, err := store.List(t.Context())
	require.NoError(t, err)
	assert.Empty(t, got)
}

// gone is a bucket whose objects go between being listed and being read.
type gone struct{ lock.S3 }

func (gone) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return nil, &types.NoSuchKey{}
}

func TestALockThatIsGivenBackWhileOneLooksIsNone(t *testing.T) {
	store, _ := newStore(t, locked)
	store.S3 = gone{store.S3}
	got, err := store.List(t.Context())
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestHalfALockIsALock(t *testing.T) {
	store, _ := newStore(t, map[string]string{dir + "55.json": `{"pid":`})
	got, err := store.List(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 1, "a lock that cannot be read cannot be removed either")
	assert.False(t, got[0].Since.IsZero())
	assert.Equal(t, "unreadable@unknown (pid 0)", got[0].Holder())
	_, isRun := got[0].Run()
	assert.False(t, isRun)
}

// `pulumi cancel` would remove both; this must leave the other holder alone.
func TestOnlyTheOneLockIsRemoved(t *testing.T) {
	store, client := newStore(t, locked)
	before, err := store.List(t.Context())
	require.NoError(t, err)
	removed, err := store.Remove(t.Context(), before[0].ID, before[0].ETag)
	require.NoError(t, err)
	assert.Equal(t, "22222222-bbbb", removed.ID)
	assert.Len(t, emulated.Keys(t, client, bucket), len(locked)-1)
	after, err := store.List(t.Context())
	require.NoError(t, err)
	require.Len(t, after, 1)
	assert.Equal(t, "11111111-aaaa", after[0].ID)
}

func TestALockThatChangedOrWentIsLeftAlone(t *testing.T) {
	store, client := newStore(t, locked)
	seen, err := store.List(t.Context())
	require.NoError(t, err)
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &seen[0].Key, Body: strings.NewReader(content("grace", 50))})
	require.NoError(t, err)
	_, err = store.Remove(t.Context(), seen[0].ID, seen[0].ETag)
	require.ErrorContains(t, err, "look again")
	_, err = store.Remove(t.Context(), "99", seen[1].ETag)
	require.ErrorContains(t, err, "no lock \"99\" any more")
	_, err = store.Remove(t.Context(), "../staging/44444444", seen[1].ETag)
	require.Error(t, err)
	after, err := store.List(t.Context())
	require.NoError(t, err)
	assert.Len(t, after, 2)
}

func TestAStackNameCannotReachOtherLocks(t *testing.T) {
	store, _ := newStore(t, locked)
	for _, stack := range []string{"", "..", "../..", "a/b", "production/../staging", "*"} {
		store.Stack = stack
		_, err := store.List(t.Context())
		assert.Error(t, err, stack)
	}
}

func TestBackendURL(t *testing.T) {
	got, err := lock.ParseBackend("s3://state/team/a?region=eu-west-1&endpoint=http://127.0.0.1:9000&s3ForcePathStyle=true")
	require.NoError(t, err)
	assert.Equal(t, lock.Backend{Bucket: "state", Prefix: "team/a", Region: "eu-west-1", Endpoint: "http://127.0.0.1:9000", PathStyle: true}, got)
	store, _ := newStore(t, map[string]string{"team/a/" + dir + "1.json": content("x", 1)})
	store.Backend.Prefix = "team/a"
	locks, err := store.List(t.Context())
	require.NoError(t, err)
	assert.Len(t, locks, 1, "locks below a prefix are not found")
	got, err = lock.ParseBackend("s3://state?use_path_style=true")
	require.NoError(t, err)
	assert.Equal(t, lock.Backend{Bucket: "state", PathStyle: true}, got)
	for _, bad := range []string{"", "s3://%zz", "file:///tmp", "https://app.pulumi.com", "s3://", "gs://x", "state"} {
		_, err := lock.ParseBackend(bad)
		assert.Error(t, err, bad)
	}
}

// A person's lock is never taken for a run's, whatever ran at the same time.
func TestUserAndHostSayWhoseALockIs(t *testing.T) {
	for _, c := range []struct {
		user, host string
		run        int64
	}{
		{"runner", "sentry-run-4711", 4711},
		{"alice", "alices-laptop", 0},
		{"runner", "runnervm1li68", 0},
		{"runner", "fv-az123-456", 0},
		{"alice", "sentry-run-4711", 0},
		{"runner", "sentry-run-4711.example.com", 0},
		{"runner", "sentry-run-", 0},
		{"runner", "sentry-run-99999999999999999999999", 0},
	} {
		id, isRun := lock.Lock{User: c.user, Host: c.host}.Run()
		assert.Equal(t, c.run != 0, isRun, "%s@%s", c.user, c.host)
		if isRun {
			assert.Equal(t, c.run, id)
		}
	}
}

func TestDescribe(t *testing.T) {
	since := time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC)
	text := lock.Describe(lock.Lock{ID: "1", User: "runner", Host: "sentry-run-4711", Since: since, ETag: `"abc"`}, lock.Dead, since.Add(90*time.Minute))
	assert.Contains(t, text, "since 2026-11-20T10:30:00Z (1h30m0s ago)")
	assert.Contains(t, text, "run 4711: ended")
	assert.Contains(t, text, "`abc`")
	text = lock.Describe(lock.Lock{ID: "1", User: "al`ice", Host: "lap\ntop", Since: since}, lock.NoRun, since)
	assert.Contains(t, text, "held by `al'ice@lap top (pid 0)`", "a lock's text is not data")
	assert.Contains(t, text, "taken by hand")
}
