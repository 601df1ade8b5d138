package update

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"sentry/internal/delivery/preview"
)

// Seen is a preview as it was made.
type Seen struct {
	// Raw is the CLI's JSON; empty when the engine never started.
	Raw []byte
	// Preview is nil when Raw could not be read.
	Preview *preview.Preview
	Stderr  string
}

// Preview asks what an update would do. It returns what was seen also with an error.
func (s Stack) Preview(ctx context.Context) (Seen, error) {
	return s.look(ctx, "preview", "--json", "--stack", s.Name, "--non-interactive")
}

// Drift asks how the environment differs from the state. It reads, and does not need the
// program: nothing that is merged but not yet deployed counts as drift.
func (s Stack) Drift(ctx context.Context) (Seen, error) {
	return s.look(ctx, "refresh", "--preview-only", "--json", "--stack", s.Name, "--non-interactive")
}

func (s Stack) look(ctx context.Context, args ...string) (Seen, error) {
	var stdout, stderr bytes.Buffer
	runErr := s.Run(ctx, &stdout, io.MultiWriter(&stderr, s.Log), args...)
	seen := Seen{Raw: stdout.Bytes(), Stderr: stderr.String()}
	p, err := preview.Parse(bytes.NewReader(seen.Raw))
	seen.Preview = p
	switch {
	case runErr != nil:
		return seen, fmt.Errorf("pulumi %s of stack %s: %w%s", args[0], s.Name, runErr, s.hint(seen.Stderr))
	case err != nil:
		return seen, fmt.Errorf("pulumi %s of stack %s: %w", args[0], s.Name, err)
	case p.Failed:
		return seen, fmt.Errorf("pulumi %s of stack %s reported an error", args[0], s.Name)
	}
	return seen, nil
}

// ErrNotWhatWasShown is in the error of Apply when the environment or the program is no
// longer what the approved preview was made from.
var ErrNotWhatWasShown = errors.New("the update would not do what was shown")

// Apply updates the whole stack, provided that a preview made now promises the same as
// the one whose digest was approved (F4). approved is a digest of preview.Preview.Digest.
//
// Why a digest and not an update plan (`preview --save-plan`, `up --plan`): plans are
// experimental; they are checked step by step while the update runs, so that a difference
// stops it half-way; and a value unknown at preview time is compared by its kind in ways
// that have stopped honest updates (pulumi/pulumi#13765). The digest is compared before
// anything is touched. What is left is the moment between the comparison and the update,
// in which only someone outside CI could change the stack: CI runs one deployment per
// environment at a time. Such an update would still do what the program at the approved
// commit says.
func (s Stack) Apply(ctx context.Context, approved string) error {
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(approved) {
		return fmt.Errorf("approved digest %q: must be the 64 hex digits that the preview printed", approved)
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
	var stderr bytes.Buffer
	if err := s.Run(ctx, s.Log, io.MultiWriter(&stderr, s.Log), "up", "--stack", s.Name, "--yes", "--skip-preview", "--non-interactive", "--color", "never"); err != nil {
		return fmt.Errorf("pulumi up of stack %s: %w%s", s.Name, err, s.hint(stderr.String()))
	}
	return nil
}
