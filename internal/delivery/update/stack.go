// Package update runs the Pulumi CLI for the deployment jobs: a preview that is kept, an update that is held to
// it, and a release that can change nothing but the image.
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

	"sentry/internal/project"
)

// Run runs `pulumi` with the arguments; it is the seam at which tests take the CLI's place.
type Run func(ctx context.Context, stdout, stderr io.Writer, args ...string) error

// CLI runs the pulumi on PATH in dir, with more variables in its environment.
func CLI(dir string, env ...string) Run {
	return func(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
		cmd := exec.CommandContext(ctx, "pulumi", args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, stdout, stderr
		// A preview prints the engine's events, as all other verbs do with --json.
		cmd.Env = append(append(os.Environ(), "PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true"), env...)
		// A deployment that is told to stop must be able to write its state: an interrupt, as from the keyboard, not
		// the kill that the context would send. In a process group of its own the engine hears of it once, from here:
		// a second interrupt makes it give up.
		cmd.SysProcAttr = apart()
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		return cmd.Run()
	}
}

// Stack is one stack of the project.
type Stack struct {
	Project project.Project
	Name    string // "staging"
	Run     Run
	// Log receives what the CLI says besides its result.
	Log io.Writer
}

// cli runs a verb of the CLI that prints a result, and says what to do when it fails. stderr is returned too.
func (s Stack) cli(ctx context.Context, what string, args ...string) (stdout []byte, stderr string, err error) {
	var out, said bytes.Buffer
	args = append(args, "--stack", s.Name, "--non-interactive")
	if err := s.Run(ctx, &out, io.MultiWriter(&said, s.Log), args...); err != nil {
		return out.Bytes(), said.String(), fmt.Errorf("%s of stack %s: %w%s", what, s.Name, err, s.hint(said.String()))
	}
	return out.Bytes(), said.String(), nil
}

// up runs an update, whose progress goes to the log.
func (s Stack) up(ctx context.Context, args ...string) error {
	var said bytes.Buffer
	args = append([]string{"up", "--stack", s.Name, "--yes", "--skip-preview", "--non-interactive", "--color", "never"}, args...)
	if err := s.Run(ctx, s.Log, io.MultiWriter(&said, s.Log), args...); err != nil {
		return fmt.Errorf("pulumi up of stack %s: %w%s", s.Name, err, s.hint(said.String()))
	}
	return nil
}

// hint says what to do about the failures that a new environment meets first.
func (s Stack) hint(stderr string) string {
	switch {
	case strings.Contains(stderr, "no stack named"):
		return fmt.Sprintf("\nThe stack does not exist in the state bucket yet. Create it once, as the bootstrap prints it: pulumi stack init %s --secrets-provider …", s.Name)
	case strings.Contains(stderr, "currently locked"):
		return "\nAnother update holds the stack's lock. If its run is dead, run the workflow unlock.yml."
	}
	return ""
}

// resource is one entry of the stack's state.
type resource struct {
	URN     string         `json:"urn"`
	Type    string         `json:"type"`
	Delete  bool           `json:"delete"` // replaced, and still to be deleted
	Outputs map[string]any `json:"outputs"`
}

func (r resource) text(key string) string {
	v, _ := r.Outputs[key].(string) // a missing output is an empty text, which the callers refuse
	return v
}

func (s Stack) state(ctx context.Context) ([]resource, error) {
	stdout, _, err := s.cli(ctx, "read the state", "stack", "export")
	if err != nil {
		return nil, err
	}
	var export struct {
		Deployment struct {
			Resources []resource `json:"resources"`
		} `json:"deployment"`
	}
	if err := json.Unmarshal(stdout, &export); err != nil {
		return nil, fmt.Errorf("read the state of stack %s: %w", s.Name, err)
	}
	return export.Deployment.Resources, nil
}

// Outputs are the stack's outputs that are plain texts, secrets left out.
func (s Stack) Outputs(ctx context.Context) (map[string]string, error) {
	stdout, _, err := s.cli(ctx, "read the outputs", "stack", "output", "--json")
	if err != nil {
		return nil, err
	}
	var raw map[string]any
	if err := json.Unmarshal(stdout, &raw); err != nil {
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
