package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Waiter waits for jobs of the same run.
//
// Why jobs wait for each other here and not with `needs:` — an environment with required
// reviewers asks once for all jobs that are waiting for it at that moment, and again for
// every job that gets there later (docs/delivery.md). So the jobs that name the
// environment become ready together, are approved together, and keep their order by this.
type Waiter struct {
	Client *Client
	Out    io.Writer
	// Interval is the pause between two questions, Timeout the longest wait.
	Interval, Timeout time.Duration
	// Now and Sleep are the clock; nil means the real one.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// ErrBlocked is in the error of Wait when a job that was waited for did not succeed.
var ErrBlocked = errors.New("an earlier job did not succeed")

// Wait returns nil when each named job of the run has succeeded or was skipped. A job
// that failed, was cancelled or timed out is an error wrapping ErrBlocked; a job the run
// does not have, or one that does not end in time, is an error too.
func (w Waiter) Wait(ctx context.Context, run int64, names ...string) error {
	now, sleep := w.Now, w.Sleep
	if now == nil {
		now = time.Now
	}
	if sleep == nil {
		sleep = pause
	}
	deadline := now().Add(w.Timeout)
	last, unanswered, unlisted := "", 0, 0
	for {
		jobs, err := w.Client.Jobs(ctx, run)
		if err != nil {
			// A single answer that does not come must not fail a deployment half-way.
			if unanswered++; unanswered >= 5 || ctx.Err() != nil {
				return fmt.Errorf("wait for %s: %w", strings.Join(names, " and "), err)
			}
		} else {
			unanswered = 0
			done, progress, err := settled(jobs, names)
			if errors.Is(err, errUnlisted) {
				// Jobs that become ready together are not always listed together.
				if unlisted++; unlisted < 5 {
					err = nil
				}
			}
			if progress != last {
				fmt.Fprintln(w.Out, progress)
				last = progress
			}
			if done || err != nil {
				return err
			}
		}
		if !now().Before(deadline) {
			return fmt.Errorf("waited %s for %s, which is still not done: %s", w.Timeout, strings.Join(names, " and "), last)
		}
		if err := sleep(ctx, w.Interval); err != nil {
			return fmt.Errorf("wait for %s: %w", strings.Join(names, " and "), err)
		}
	}
}

var errUnlisted = errors.New("the run has no job")

func settled(jobs []Job, names []string) (done bool, progress string, err error) {
	done = true
	var lines []string
	for _, name := range names {
		var found *Job
		for i := range jobs {
			if jobs[i].ShortName() == name {
				found = &jobs[i]
			}
		}
		switch {
		case found == nil:
			return false, "", fmt.Errorf("%w %q: its jobs are %s", errUnlisted, name, strings.Join(shortNames(jobs), ", "))
		case found.Status != "completed":
			done = false
			lines = append(lines, name+": "+found.Status)
		case found.Conclusion == "success" || found.Conclusion == "skipped":
			lines = append(lines, name+": "+found.Conclusion)
		default:
			return false, "", fmt.Errorf("not started: %s ended with %s (%s): %w", name, found.Conclusion, found.URL, ErrBlocked)
		}
	}
	return done, strings.Join(lines, ", "), nil
}

func shortNames(jobs []Job) []string {
	var names []string
	for _, j := range jobs {
		names = append(names, j.ShortName())
	}
	return names
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
