package poll_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/poll"
)

var errSilence = &poll.Unanswered{Err: errors.New("connection reset")}

func TestUntil(t *testing.T) {
	fatal := errors.New("no such job")
	for name, c := range map[string]struct {
		answers []error // nil is "not yet"; the last one again and again
		doneAt  int     // the question that is answered; 0 is never
		want    error
		asked   int
	}{
		"answered at once":                    {[]error{nil}, 1, nil, 1},
		"answered later":                      {[]error{nil}, 3, nil, 3},
		"an error ends it":                    {[]error{nil, fatal}, 0, fatal, 2},
		"four silences are let pass":          {[]error{errSilence, errSilence, errSilence, errSilence, nil}, 5, nil, 5},
		"five are not":                        {[]error{errSilence}, 0, errSilence, 5},
		"three after an answer and a silence": {[]error{errSilence, nil, errSilence, errSilence, errSilence, errSilence, nil}, 7, nil, 7},
		"an answer between them is":           {[]error{errSilence, errSilence, errSilence, nil, errSilence, errSilence, errSilence, nil}, 8, nil, 8},
		"one question more at the end":        {[]error{nil}, 0, poll.ErrTimeout, 11},
		"an answer to the last question":      {[]error{nil}, 11, nil, 11},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				err := poll.Until(t.Context(), time.Minute, 10*time.Minute, func() (bool, error) {
					asked++
					return asked == c.doneAt, c.answers[min(asked, len(c.answers))-1]
				})
				require.ErrorIs(t, err, c.want, "%v", err)
				assert.Equal(t, c.asked, asked)
			})
		})
	}
}

func TestACancelledContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		err := poll.Until(ctx, time.Minute, time.Hour, func() (bool, error) { return false, nil })
		require.ErrorIs(t, err, context.DeadlineExceeded, "a cancelled job waits on")
	})
}
