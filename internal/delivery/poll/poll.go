// Package poll asks a question again and again until it is answered.
package poll

import (
	"context"
	"errors"
	"time"
)

// ErrTimeout is returned when the answer did not come in time.
var ErrTimeout = errors.New("timed out")

// unanswered is how many questions in a row may fail before Until gives up: one answer that does not come must
// not fail a deployment half-way.
const unanswered = 5

// Unanswered is the error of a question that got no answer, as opposed to a bad one.
type Unanswered struct{ Err error }

func (e *Unanswered) Error() string { return e.Err.Error() }

// Unwrap is why there was no answer.
func (e *Unanswered) Unwrap() error { return e.Err }

// Until asks at once and then after every interval, until ask says that it is done or returns an error. A few
// errors in a row are let pass when they are Unanswered. After timeout the error is ErrTimeout.
func Until(ctx context.Context, interval, timeout time.Duration, ask func() (done bool, err error)) error {
	deadline := time.Now().Add(timeout)
	for failed := 0; ; {
		done, err := ask()
		var silence *Unanswered
		switch {
		case errors.As(err, &silence):
			if failed++; failed >= unanswered {
				return err
			}
		case done || err != nil:
			return err
		default:
			failed = 0
		}
		if !time.Now().Before(deadline) {
			return ErrTimeout
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
}
