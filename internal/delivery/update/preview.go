package update

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"

	"sentry/internal/delivery/preview"
)

// Seen is a preview as it was made.
type Seen struct {
	// Raw are the engine's events; empty when the engine never started.
	Raw []byte
	// Preview is nil when Raw could not be read.
	Preview *preview.Preview
	Stderr  string
}

// Preview asks what an update would do, after a refresh: what others have changed is taken back, and that is part of
// what is approved. It returns what was seen also with an error.
func (s Stack) Preview(ctx context.Context) (Seen, error) {
	return s.look(ctx, "preview", "--refresh", "--json")
}

// Drift asks how the environment differs from the state. It reads, and does not need the program: nothing that is
// merged but not yet deployed counts as drift.
func (s Stack) Drift(ctx context.Context) (Seen, error) {
	return s.look(ctx, "refresh", "--preview-only", "--json")
}

func (s Stack) look(ctx context.Context, args ...string) (Seen, error) {
	stdout, stderr, runErr := s.cli(ctx, "pulumi "+args[0], args...)
	p, err := preview.Parse(bytes.NewReader(stdout))
	seen := Seen{Raw: stdout, Preview: p, Stderr: stderr}
	switch {
	case runErr != nil:
		return seen, runErr
	case err != nil:
		return seen, fmt.Errorf("pulumi %s of stack %s: %w", args[0], s.Name, err)
	case p.Failed:
		return seen, fmt.Errorf("pulumi %s of stack %s reported an error", args[0], s.Name)
	}
	return seen, nil
}

// ErrNotWhatWasShown is in the error of Apply when the environment or the program is no longer what the approved
// preview was made from.
var ErrNotWhatWasShown = errors.New("the update would not do what was shown")

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Apply updates the whole stack, provided that a preview made now promises the same as the one whose digest was
// approved (F4). approved is a digest of preview.Preview.Digest.
//
// Why a digest and not an update plan (`preview --save-plan`, `up --plan`): plans are experimental; they are checked
// step by step while the update runs, so that a difference stops it half-way; and a value unknown at preview time is
// compared by its kind in ways that have stopped honest updates (pulumi/pulumi#13765). The digest is compared before
// anything is touched. What is left is the moment between the comparison and the update, in which only someone
// outside of CI could change the stack: CI runs one deployment per environment at a time. Such an update would still
// do what the program at the approved commit says.
func (s Stack) Apply(ctx context.Context, approved string) error {
	if !digest.MatchString(approved) {
		return fmt.Errorf("--approved %q; allowed: the 64 hex digits that the preview printed", approved)
	}
	seen, err := s.Preview(ctx)
	if err != nil {
		return err
	}
	if now := seen.Preview.Digest(); now != approved {
		return fmt.Errorf("stack %s: %w: approved was %s, now it is %s (%s). Nothing was changed; start the deployment again to see and approve the new preview",
			s.Name, ErrNotWhatWasShown, approved[:12], now[:12], seen.Preview.Counts())
	}
	fmt.Fprintf(s.Log, "The preview is the one that was approved (%s): %s.\n", approved[:12], seen.Preview.Counts())
	return s.up(ctx, "--refresh")
}
