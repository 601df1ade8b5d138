// Package update runs the Pulumi CLI for the deployment jobs: a preview that is kept, an update that is held to
// it, and a release that can touch nothing but the release.
package update

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Run runs `pulumi` with the arguments; it is the seam at which tests take the CLI's place.
type Run func(ctx context.Context, stdout, stderr io.Writer, args ...string) error

// CLI runs the pulumi on PATH in dir.
func CLI(dir string) Run {
	return func(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
		cmd := exec.CommandContext(ctx, "pulumi", args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, stdout, stderr
		// A deployment that is told to stop must be able to write its state: an
		// interrupt, as from the keyboard, not the kill that the context would send.
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		return cmd.Run()
	}
}

// Stack is one stack of the project.
type Stack struct {
	Name string // "staging"
	Run  Run
	// Log receives what the CLI says besides its result.
	Log io.Writer
}

// hint says what to do about the failures that a new environment meets first.
func (s Stack) hint(stderr string) string {
	switch {
	case strings.Contains(stderr, "no stack named"):
		return fmt.Sprintf("\nThe stack does not exist in the state bucket yet. Create it once: pulumi stack init %s --secrets-provider awskms://alias/sentry-pulumi?region=<region>", s.Name)
	case strings.Contains(stderr, "currently locked"):
		return "\nAnother update holds the stack's lock. If its run is dead, run the workflow unlock.yml."
	}
	return ""
}

// resource is one entry of the stack's state.
type resource struct {
	URN     string         `json:"urn"`
	Type    string         `json:"type"`
	Inputs  map[string]any `json:"inputs"`
	Outputs map[string]any `json:"outputs"`
}

func (s Stack) state(ctx context.Context) ([]resource, error) {
	var stdout, stderr bytes.Buffer
	if err := s.Run(ctx, &stdout, io.MultiWriter(&stderr, s.Log), "stack", "export", "--stack", s.Name, "--non-interactive"); err != nil {
		return nil, fmt.Errorf("read the state of stack %s: %w%s", s.Name, err, s.hint(stderr.String()))
	}
	var export struct {
		Deployment struct {
			Resources []resource `json:"resources"`
		} `json:"deployment"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &export); err != nil {
		return nil, fmt.Errorf("read the state of stack %s: %w", s.Name, err)
	}
	return export.Deployment.Resources, nil
}

// Outputs are the stack's outputs that are plain texts, secrets left out.
func (s Stack) Outputs(ctx context.Context) (map[string]string, error) {
	var stdout, stderr bytes.Buffer
	if err := s.Run(ctx, &stdout, io.MultiWriter(&stderr, s.Log), "stack", "output", "--json", "--stack", s.Name, "--non-interactive"); err != nil {
		return nil, fmt.Errorf("read the outputs of stack %s: %w%s", s.Name, err, s.hint(stderr.String()))
	}
	var raw map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &raw); err != nil {
		return nil, fmt.Errorf("read the outputs of stack %s: %w", s.Name, err)
	}
	out := map[string]string{}
	for k, v := range raw {
		if text, ok := v.(string); ok && text != "[secret]" {
			out[k] = text
		}
	}
	return out, nil
}

// Require picks outputs that must be there.
func Require(outputs map[string]string, names ...string) error {
	var missing []string
	for _, n := range names {
		if outputs[n] == "" {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the stack has no output %s: deploy the infrastructure first", strings.Join(missing, ", "))
	}
	return nil
}
