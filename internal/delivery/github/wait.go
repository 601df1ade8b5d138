package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sentry/internal/delivery/poll"
)

// ErrBlocked is in the error of Wait when a job that was waited for did not succeed.
var ErrBlocked = errors.New("an earlier job did not succeed")

// Wait waits for jobs of a run, and returns nil when each of them has succeeded or was skipped. A job that failed,
// was cancelled or timed out is an error wrapping ErrBlocked; a job the run does not have, or one that does not
// end in time, is an error too. out gets a line whenever something moves on.
//
// Why jobs wait for each other here and not with `needs:` — an environment with required reviewers asks once for
// all jobs that are waiting for it at that moment, and again for every job that gets there later
// (docs/delivery.md). So the jobs that name the environment become ready together, are approved together, and
// keep their order by this.
func (c *Client) Wait(ctx context.Context, out io.Writer, interval, timeout time.Duration, run int64, names ...string) error {
	last := ""
	err := poll.Until(ctx, interval, timeout, func() (bool, error) {
		jobs, err := c.Jobs(ctx, run)
		if err != nil {
			return false, &poll.Unanswered{Err: err}
		}
		done, progress, err := settled(jobs, names)
		if err == nil && progress != last {
			fmt.Fprintln(out, progress)
			last = progress
		}
		return done, err
	})
	switch {
	case errors.Is(err, poll.ErrTimeout):
		return fmt.Errorf("waited %s for %s, which is still not done: %s", timeout, strings.Join(names, " and "), last)
	case err != nil:
		return fmt.Errorf("wait for %s: %w", strings.Join(names, " and "), err)
	}
	return nil
}

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
			// Jobs that become ready together are not always listed together.
			return false, "", &poll.Unanswered{Err: fmt.Errorf("the run has no job %q: its jobs are %s", name, strings.Join(shortNames(jobs), ", "))}
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
