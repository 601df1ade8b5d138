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
	run  func(context.Context, *deployed) error
}

// deployed is a stack that is deployed, in a sandbox.
type deployed struct {
	*sandbox.Stack
	sb          *sandbox.Sandbox
	environment string
	changes     int
}

var versionForm = regexp.MustCompile(`"version":\s*[0-9]+,`)

// BackendCases are the misfortunes that are tried, by [Misfortunes].
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

// Misfortunes deploys a stack, and then strikes it with each case, one after the other: what a case leaves is whole. It
// calls told with what a case lost.
func Misfortunes(ctx context.Context, options sandbox.Options, environment string, told func(BackendCase, error)) (err error) {
	sb, err := sandbox.New(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	s, err := sb.Stack(ctx, environment)
	if err != nil {
		return err
	}
	d := &deployed{Stack: s, sb: sb, environment: environment}
	if err := d.SetConfig(d.change()); err != nil {
		return err
	}
	if _, err := d.Up(ctx); err != nil {
		return fmt.Errorf("the first deployment: %w", err)
	}
	for _, c := range BackendCases {
		told(c, c.run(ctx, d))
	}
	return nil
}

// change is an update that a case makes: another one each time.
func (d *deployed) change() map[string]string {
	d.changes++
	return map[string]string{"logRetentionDays": []string{"60", "90"}[d.changes%2]}
}

// whole: the state and the cloud agree, and nothing was made or deleted twice.
func (d *deployed) whole(ctx context.Context, before []string) error {
	if found := inventory(d.sb.Cloud); strings.Join(found, "\n") != strings.Join(before, "\n") {
		return fmt.Errorf("AWS has %s", difference(before, found))
	}
	preview, err := d.Preview(ctx)
	if err != nil {
		return fmt.Errorf("the preview after it: %w", err)
	}
	if preview.Changed() {
		return fmt.Errorf("the preview after it would do: %s", strings.Join(preview.Strings(), ", "))
	}
	return nil
}

func twoUpdates(ctx context.Context, d *deployed) error {
	before := inventory(d.sb.Cloud)
	other, err := d.sb.Stack(ctx, d.environment)
	if err != nil {
		return err
	}
	change := d.change()
	if err := errors.Join(d.SetConfig(change), other.SetConfig(change)); err != nil {
		return err
	}
	errs := make([]error, 2)
	var group sync.WaitGroup
	for i, stack := range []*sandbox.Stack{d.Stack, other} {
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
	return d.whole(ctx, before)
}

// disturbed: some requests fail, which the engine tries again.
func disturbed(times int, answer func(http.ResponseWriter)) func(context.Context, *deployed) error {
	return func(ctx context.Context, d *deployed) error {
		before := inventory(d.sb.Cloud)
		var mu sync.Mutex
		left := times
		d.sb.DisturbState(func(w http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if r.Method != http.MethodPut || left == 0 {
				return false
			}
			left--
			answer(w)
			return true
		})
		if err := d.SetConfig(d.change()); err != nil {
			return err
		}
		if _, err := d.Up(ctx); err != nil {
			return err
		}
		d.sb.DisturbState(nil)
		return d.whole(ctx, before)
	}
}

func reset(w http.ResponseWriter) {
	if hijacker, ok := w.(http.Hijacker); ok {
		if connection, _, err := hijacker.Hijack(); err == nil {
			_ = connection.Close()
		}
	}
}

func slow(ctx context.Context, d *deployed) error {
	before := inventory(d.sb.Cloud)
	d.sb.DisturbState(func(http.ResponseWriter, *http.Request) bool {
		time.Sleep(200 * time.Millisecond) // as a distant region on a bad day
		return false
	})
	if err := d.SetConfig(d.change()); err != nil {
		return err
	}
	if _, err := d.Up(ctx); err != nil {
		return err
	}
	d.sb.DisturbState(nil)
	return d.whole(ctx, before)
}

// outage: from the moment of the first change on, the state can be neither read nor written, until the process that
// tries to is ended. Recovery, once it can, leaves nothing out.
func outage(code int) func(context.Context, *deployed) error {
	return func(ctx context.Context, d *deployed) error {
		before := inventory(d.sb.Cloud)
		d.sb.Cloud.Inject(sandbox.Fault{Call: func() {
			d.sb.DisturbState(func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(code)
				return true
			})
			time.AfterFunc(2*time.Second, d.sb.Kill)
		}})
		if err := d.SetConfig(d.change()); err != nil {
			return err
		}
		if _, err := d.Up(ctx); err == nil {
			return errors.New("an update whose state could not be written was reported as done")
		}
		d.sb.DisturbState(nil)
		d.sb.Cloud.Revive()
		if _, err := d.Recover(ctx); err != nil {
			return fmt.Errorf("recover: %w", err)
		}
		if _, err := d.Up(ctx); err != nil {
			return fmt.Errorf("the deployment after it: %w", err)
		}
		return d.whole(ctx, before)
	}
}

// damaged: a state that cannot be read is refused, AWS stays as it is, and the copy that Pulumi keeps brings it back.
func damaged(with func([]byte) []byte) func(context.Context, *deployed) error {
	return func(ctx context.Context, d *deployed) error {
		return refused(ctx, d, ".pulumi/stacks/sentry/"+d.environment+".json", with)
	}
}

func laterBackend(ctx context.Context, d *deployed) error {
	return refused(ctx, d, ".pulumi/meta.yaml", func([]byte) []byte { return []byte("version: 99\n") })
}

// refused changes an object of the state, expects that an update does nothing, and puts the object back.
func refused(ctx context.Context, d *deployed, key string, with func([]byte) []byte) error {
	before := inventory(d.sb.Cloud)
	text, err := d.sb.StateObject(key)
	if err != nil {
		return err
	}
	if err := d.sb.SetStateObject(key, with(text)); err != nil {
		return err
	}
	d.sb.Cloud.Journal()
	if _, err := d.Up(ctx); err == nil {
		return errors.New("an update went on with a state that cannot be right")
	}
	if done := d.sb.Cloud.Journal(); len(done) > 0 {
		return fmt.Errorf("a refused update has done %v", done)
	}
	if err := d.sb.SetStateObject(key, text); err != nil {
		return err
	}
	return d.whole(ctx, before)
}

func wrongPassphrase(ctx context.Context, d *deployed) error {
	before := inventory(d.sb.Cloud)
	wrong, err := d.sb.StackWith(ctx, d.environment, "another passphrase")
	if err == nil {
		d.sb.Cloud.Journal()
		_, err = wrong.Up(ctx)
	}
	if err == nil {
		return errors.New("an update went on with the wrong passphrase")
	}
	if done := d.sb.Cloud.Journal(); len(done) > 0 {
		return fmt.Errorf("a refused update has done %v", done)
	}
	return d.whole(ctx, before)
}

// gone: with an empty state, recovery has nothing but AWS to begin with, and finds all of it.
func gone(ctx context.Context, d *deployed) error {
	before := inventory(d.sb.Cloud)
	for _, args := range [][]string{
		{"stack", "rm", "--force", "--preserve-config", "--yes", d.environment},
		{"stack", "init", d.environment},
	} {
		if _, err := d.Pulumi(ctx, args...); err != nil {
			return err
		}
	}
	d.sb.Cloud.Journal()
	report, err := d.Recover(ctx)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	if len(report.Strangers) > 0 {
		return fmt.Errorf("recover takes for a stranger's: %s", strings.Join(report.Strangers, ", "))
	}
	if done := d.sb.Cloud.Journal(); len(done) > 0 {
		return fmt.Errorf("recover has done %v", done)
	}
	return d.whole(ctx, before)
}
