// Package lock looks at the locks of a stack in Pulumi's S3 backend, and removes one.
//
// The backend (pkg/backend/diy/lock.go of Pulumi 3.250.0) writes one object per process,
// .pulumi/locks/<organization/project/stack>/<random id>.json, with the process, user, host
// and time. `pulumi cancel` deletes every lock of the stack, whoever holds it; this package
// deletes the one that was looked at.
package lock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sentry/internal/delivery/markdown"
)

// S3 is what this package needs of the S3 API.
type S3 interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// Backend is where a project's state is.
type Backend struct {
	Bucket, Prefix string
	// Region, Endpoint and PathStyle are what the URL says, for the S3 client.
	Region, Endpoint string
	PathStyle        bool
}

// ParseBackend reads a backend URL as Pulumi does: s3://bucket/prefix?region=…&endpoint=…&s3ForcePathStyle=true.
func ParseBackend(raw string) (Backend, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return Backend{}, fmt.Errorf("backend URL %q: allowed: s3://<bucket>[/<prefix>][?region=<region>]: set PULUMI_BACKEND_URL, or backend.url in Pulumi.yaml", raw)
	}
	q := u.Query()
	return Backend{
		Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Region: q.Get("region"), Endpoint: q.Get("endpoint"),
		PathStyle: q.Get("s3ForcePathStyle") == "true" || q.Get("use_path_style") == "true",
	}, nil
}

// Lock is one lock of a stack.
type Lock struct {
	// ID is the random part of the object's name; it names the lock on the command line.
	ID   string
	Key  string
	ETag string
	// What the holder wrote. Host is the runner's or laptop's name.
	User, Host string
	PID        int
	Since      time.Time
}

// Holder names who took the lock.
func (l Lock) Holder() string { return fmt.Sprintf("%s@%s (pid %d)", l.User, l.Host, l.PID) }

// Store lists and removes the locks of one stack.
type Store struct {
	S3      S3
	Backend Backend
	Project string // "sentry"
	Stack   string // "staging"
}

var simpleName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

func (s Store) dir() (string, error) {
	for what, name := range map[string]string{"project": s.Project, "stack": s.Stack} {
		// Anything else could name another stack's locks.
		if !simpleName.MatchString(name) || strings.Trim(name, ".") == "" {
			return "", fmt.Errorf("%s %q: may have letters, digits, \".\", \"_\" and \"-\" only", what, name)
		}
	}
	return path.Join(s.Backend.Prefix, ".pulumi/locks/organization", s.Project, s.Stack) + "/", nil
}

// List returns the stack's locks, oldest first. None is the normal case.
func (s Store) List(ctx context.Context) ([]Lock, error) {
	dir, err := s.dir()
	if err != nil {
		return nil, err
	}
	var locks []Lock
	pages := s3.NewListObjectsV2Paginator(s.S3, &s3.ListObjectsV2Input{Bucket: &s.Backend.Bucket, Prefix: &dir})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the locks of stack %s: %w", s.Stack, err)
		}
		for _, o := range page.Contents {
			id, isLock := strings.CutSuffix(strings.TrimPrefix(*o.Key, dir), ".json")
			if !isLock || strings.Contains(id, "/") {
				continue
			}
			l, err := s.read(ctx, *o.Key)
			if err != nil {
				return nil, err
			}
			if l != nil {
				l.ID = id
				locks = append(locks, *l)
			}
		}
	}
	slices.SortFunc(locks, func(a, b Lock) int { return a.Since.Compare(b.Since) })
	return locks, nil
}

// read returns nil for a lock that has gone in the meantime.
func (s Store) read(ctx context.Context, key string) (*Lock, error) {
	out, err := s.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Backend.Bucket, Key: &key})
	var none *types.NoSuchKey
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read lock %s: %w", key, err)
	}
	defer out.Body.Close()
	raw, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, fmt.Errorf("read lock %s: %w", key, err)
	}
	l := &Lock{Key: key, ETag: aws.ToString(out.ETag), Since: aws.ToTime(out.LastModified)}
	var content struct {
		Pid       int       `json:"pid"`
		Username  string    `json:"username"`
		Hostname  string    `json:"hostname"`
		Timestamp time.Time `json:"timestamp"`
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&content); err != nil {
		// A holder that died while writing leaves half a lock. It locks all the same.
		l.User, l.Host = "unreadable", "unknown"
		return l, nil
	}
	l.PID, l.User, l.Host = content.Pid, content.Username, content.Hostname
	if !content.Timestamp.IsZero() {
		l.Since = content.Timestamp
	}
	return l, nil
}

// Remove deletes the lock with that id, and only if it still is what was looked at: etag
// is the one that List gave. A lock that has gone meanwhile is an error that says so.
func (s Store) Remove(ctx context.Context, id, etag string) (Lock, error) {
	locks, err := s.List(ctx)
	if err != nil {
		return Lock{}, err
	}
	i := slices.IndexFunc(locks, func(l Lock) bool { return l.ID == id })
	switch {
	case i < 0:
		return Lock{}, fmt.Errorf("stack %s has no lock %q any more: its holder has released it, or the id is wrong", s.Stack, id)
	case locks[i].ETag != etag:
		return locks[i], fmt.Errorf("lock %s of stack %s is not the one that was looked at: look again", id, s.Stack)
	}
	if _, err := s.S3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.Backend.Bucket, Key: &locks[i].Key}); err != nil {
		return locks[i], fmt.Errorf("remove lock %s of stack %s: %w", id, s.Stack, err)
	}
	return locks[i], nil
}

// Life says whether the run that took a lock still lives.
type Life string

const (
	// Alive means that the run that took the lock has not ended.
	Alive Life = "not ended"
	// Dead means that it has.
	Dead Life = "ended"
	// Unknown means that GitHub could not be asked.
	Unknown Life = "unknown"
	// NoRun means that no deployment run took the lock: it is a person's, or another system's.
	NoRun Life = "taken by hand, not by a deployment run"
)

// runnerHost is the name that the deployment jobs give their machine before Pulumi takes a lock, so that the lock names
// the run: nothing else in it does.
var runnerHost = regexp.MustCompile(`^sentry-run-(\d+)$`)

// runnerUser is who runs the jobs on GitHub's machines.
const runnerUser = "runner"

// Run is the id of the deployment run that took the lock, if one did: the user and the host decide, and nothing else.
func (l Lock) Run() (id int64, isRun bool) {
	m := runnerHost.FindStringSubmatch(l.Host)
	if m == nil || l.User != runnerUser {
		return 0, false
	}
	id, err := strconv.ParseInt(m[1], 10, 64)
	return id, err == nil
}

// Describe is one lock as Markdown.
func Describe(l Lock, life Life, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- lock %s\n  - held by %s\n  - since %s (%s ago)\n", markdown.Code(l.ID), markdown.Code(l.Holder()),
		l.Since.UTC().Format(time.RFC3339), now.Sub(l.Since).Round(time.Second))
	if id, isRun := l.Run(); isRun {
		fmt.Fprintf(&b, "  - run %d: %s\n", id, life)
	} else {
		fmt.Fprintf(&b, "  - %s\n", life)
	}
	fmt.Fprintf(&b, "  - unchanged while its tag is %s\n", markdown.Code(strings.Trim(l.ETag, `"`)))
	return b.String()
}
