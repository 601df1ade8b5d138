package reliability

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"sentry/internal/sandbox"
)

// BackendCase is a misfortune of the state, which lies in S3: it needs the CLI and its real backend.
type BackendCase struct {
	Name string
	run  func(context.Context, *sandbox.Sandbox, *sandbox.Stack, string) error
}

var versionForm = regexp.MustCompile(`"version":\s*[0-9]+,`)

// BackendCases are run each in a sandbox of its own, in which the stack is deployed.
var BackendCases = []BackendCase{
	{"two updates at once", twoUpdates},
	{"S3 answers 503 twice", disturbed(2, func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) })},
	{"S3 resets a connection", disturbed(1, reset)},
	{"S3 is slow", slow},
	{"S3 answers 503, and the process is lost", outage(http.StatusServiceUnavailable)},
	{"S3 answers 403, and the process is lost", outage(http.StatusForbidden)},
	{"state cut off", damaged(func(text []byte) []byte { return text[:len(text)/2] })},
	{"state garbage", damaged(func([]byte) []byte { return []byte("\x00\x01 not a state") })},
	{"state of another version", damaged(func(text []byte) []byte {
		return versionForm.ReplaceAll(text, []byte(`"version": 99,`))
	})},
	{"state of a later backend", laterBackend},
	{"wrong passphrase", wrongPassphrase},
	{"state gone", gone},
}

// Run deploys the stack, and then the misfortune strikes. Its error is what was lost.
func (c BackendCase) Run(ctx context.Context, options sandbox.Options, environment string) (err error) {
	sb, err := sandbox.New(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	s, err := sb.Stack(ctx, environment)
	if err != nil {
		return err
	}
	if _, err := s.Up(ctx); err != nil {
		return fmt.Errorf("the first deployment: %w", err)
	}
	return c.run(ctx, sb, s, environment)
}

// change is an update that a case makes.
var change = map[string]string{"logRetentionDays": "90"}

// whole: the state and the cloud agree, and nothing was made or deleted twice.
func whole(ctx context.Context, sb *sandbox.Sandbox, s *sandbox.Stack, before []string) error {
	if found := inventory(sb.Cloud); strings.Join(found, "\n") != strings.Join(before, "\n") {
		return fmt.Errorf("AWS has %s", difference(before, found))
	}
	preview, err := s.Preview(ctx)
	if err != nil {
		return fmt.Errorf("the preview after it: %w", err)
	}
	if preview.Changed() {
		return fmt.Errorf("the preview after it would do: %s", strings.Join(preview.Strings(), ", "))
	}
	return nil
}

func twoUpdates(ctx context.Context, sb *sandbox.Sandbox, s *sandbox.Stack, environment string) error {
	before := inventory(sb.Cloud)
	other, err := sb.Stack(ctx, environment)
	if err != nil {
		return err
	}
	if err := errors.Join(s.SetConfig(change), other.SetConfig(change)); err != nil {
		return err
	}
	errs := make([]error, 2)
	var group sync.WaitGroup
	for i, stack := range []*sandbox.Stack{s, other} {
		group.Go(func() { _, errs[i] = stack.Up(ctx) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil && !strings.Contains(err.Error(), "currently locked") {
			return err
		}
	}
	if errs[0] != nil && errs[1] != nil {
		return errors.Join(errs...)
	}
	return whole(ctx, sb, s, before)
}

// disturbed: some requests fail, which the engine tries again.
func disturbed(times int, answer func(http.ResponseWriter)) func(context.Context, *sandbox.Sandbox, *sandbox.Stack, string) error {
	return func(ctx context.Context, sb *sandbox.Sandbox, s *sandbox.Stack, _ string) error {
		before := inventory(sb.Cloud)
		var mu sync.Mutex
		left := times
		sb.DisturbState(func(w http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if r.Method != http.MethodPut || left == 0 {
				return false
			}
			left--
			answer(w)
			return true
		})
		if err := s.SetConfig(change); err != nil {
			return err
		}
		if _, err := s.Up(ctx); err != nil {
			return err
		}
		sb.DisturbState(nil)
		return whole(ctx, sb, s, before)
	}
}

func reset(w http.ResponseWriter) {
	if hijacker, ok := w.(http.Hijacker); ok {
		if connection, _, err := hijacker.Hijack(); err == nil {
			_ = connection.Close()
		}
	}
}

func slow(ctx context.Context, sb *sandbox.Sandbox, s *sandbox.Stack, _ string) error {
	before := inventory(sb.Cloud)
	sb.DisturbState(func(http.ResponseWriter, *http.Request) bool {
		time.Sleep(200 * time.Millisecond) // as a distant region on a bad day
		return false
	})
	if err := s.SetConfig(change); err != nil {
		return err
	}
	if _, err := s.Up(ctx); err != nil {
		return err
	}
	sb.DisturbState(nil)
	return whole(ctx, sb, s, before)
}

// outage: from the moment of the first change on, the state can be neither read nor written, until the process that
// tries to is ended. Recovery, once it can, leaves nothing out.
func outage(code int) func(context.Context, *sandbox.Sandbox, *sandbox.Stack, string) error {
	return func(ctx context.Context, sb *sandbox.Sandbox, s *sandbox.Stack, _ string) error {
		before := inventory(sb.Cloud)
		sb.Cloud.Inject(sandbox.Fault{Call: func() {
			sb.DisturbState(func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(code)
				return true
			})
			time.AfterFunc(2*time.Second, sb.Kill)
		}})
		if err := s.SetConfig(change); err != nil {
			return err
		}
		if _, err := s.Up(ctx); err == nil {
			return errors.New("an update whose state could not be written was reported as done")
		}
		sb.DisturbState(nil)
		sb.Cloud.Revive()
		if _, err := s.Recover(ctx); err != nil {
			return fmt.Errorf("recover: %w", err)
		}
		if _, err := s.Up(ctx); err != nil {
			return fmt.Errorf("the deployment after it: %w", err)
		}
		return whole(ctx, sb, s, before)
	}
}

// damaged: a state that cannot be read is refused, AWS stays as it is, and the copy that Pulumi keeps brings it back.
func damaged(with func([]byte) []byte) func(context.Context, *sandbox.Sandbox, *sandbox.Stack, string) error {
	return func(ctx context.Context, sb *sandbox.Sandbox, s *sandbox.Stack, environment string) error {
		return refused(ctx, sb, s, ".pulumi/stacks/sentry/"+environment+".json", with)
	}
}

func laterBackend(ctx context.Context, sb *sandbox.Sandbox, s *sandbox.Stack, _ string) error {
	return refused(ctx, sb, s, ".pulumi/meta.yaml", func([]byte) []byte { return []byte("version: 99\n") })
}

// refused changes an object of the state, expects that an update does nothing, and puts the object back.
func refused(ctx context.Context, sb *sandbox.Sandbox, s *sandbox.Stack, key string, with func([]byte) []byte) error {
	before := inventory(sb.Cloud)
	text, err := sb.StateObject(key)
	if err != nil {
		return err
	}
	if err := sb.SetStateObject(key, with(text)); err != nil {
		return err
	}
	sb.Cloud.Journal()
	if _, err := s.Up(ctx); err == nil {
		return errors.New("an update went on with a state that cannot be right")
	}
	if done := sb.Cloud.Journal(); len(done) > 0 {
		return fmt.Errorf("a refused update has done %v", done)
	}
	if err := sb.SetStateObject(key, text); err != nil {
		return err
	}
	return whole(ctx, sb, s, before)
}

func wrongPassphrase(ctx context.Context, sb *sandbox.Sandbox, s *sandbox.Stack, environment string) error {
	before := inventory(sb.Cloud)
	wrong, err := sb.StackWith(ctx, environment, "another passphrase")
	if err == nil {
		sb.Cloud.Journal()
		_, err = wrong.Up(ctx)
	}
	if err == nil {
		return errors.New("an update went on with the wrong passphrase")
	}
	if done := sb.Cloud.Journal(); len(done) > 0 {
		return fmt.Errorf("a refused update has done %v", done)
	}
	return whole(ctx, sb, s, before)
}

// gone: with an empty state, recovery has nothing but AWS to begin with, and finds all of it.
func gone(ctx context.Context, sb *sandbox.Sandbox, s *sandbox.Stack, environment string) error {
	before := inventory(sb.Cloud)
	for _, args := range [][]string{
		{"stack", "rm", "--force", "--preserve-config", "--yes", environment},
		{"stack", "init", environment},
	} {
		if _, err := s.Pulumi(ctx, args...); err != nil {
			return err
		}
	}
	sb.Cloud.Journal()
	report, err := s.Recover(ctx)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	if len(report.Strangers) > 0 {
		return fmt.Errorf("recover takes for a stranger's: %s", strings.Join(report.Strangers, ", "))
	}
	if done := sb.Cloud.Journal(); len(done) > 0 {
		return fmt.Errorf("recover has done %v", done)
	}
	return whole(ctx, sb, s, before)
}
