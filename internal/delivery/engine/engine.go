// Package engine runs the Pulumi CLI for the deployment jobs: a preview that is kept, an
// apply that is held to it, and a release that can touch nothing but the release.
package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/delivery/preview"

	"go.yaml.in/yaml/v3"
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

// resource is one entry of the stack's state.
type resource struct {
	URN     string         `json:"urn"`
	Type    string         `json:"type"`
	Inputs  map[string]any `json:"inputs"`
	Outputs map[string]any `json:"outputs"`
}

// Release is what a release of the back end is about.
type Release struct {
	Image string // <repository>@sha256:<digest>
	// Of the state after the update:
	TaskDefinition string // ARN with revision
	Cluster        string
	Service        string
	DesiredCount   int
}

var imageByDigest = regexp.MustCompile(`^[0-9a-z][0-9a-z._:/-]*@sha256:[0-9a-f]{64}$`)

// The resources that make up a release, by type and suffix of the logical name.
const (
	typeParameter      = "aws:ssm/parameter:Parameter"
	typeTaskDefinition = "aws:ecs/taskDefinition:TaskDefinition"
	typeService        = "aws:ecs/service:Service"
)

// Release makes the stack run an image: it sets sentry:image for this update and updates
// the release record, the task definition and the service, and nothing else, whatever else
// the program at this commit would change. The image must be named by digest (F7).
func (s Stack) Release(ctx context.Context, image string) (Release, error) {
	if !imageByDigest.MatchString(image) {
		return Release{}, fmt.Errorf("image %q: must be <repository>@sha256:<64 hex digits>: tags can be moved", image)
	}
	state, err := s.state(ctx)
	if err != nil {
		return Release{}, err
	}
	args := []string{"up", "--stack", s.Name, "--yes", "--skip-preview", "--non-interactive", "--color", "never", "--config", "sentry:image=" + image}
	for _, want := range s.releaseResources() {
		r, err := s.find(state, want)
		if err != nil {
			return Release{}, err
		}
		args = append(args, "--target", r.URN)
	}
	var stderr bytes.Buffer
	if err := s.Run(ctx, s.Log, io.MultiWriter(&stderr, s.Log), args...); err != nil {
		return Release{}, fmt.Errorf("pulumi up of the release resources of stack %s: %w%s", s.Name, err, s.hint(stderr.String()))
	}
	return s.released(ctx, image)
}

func (s Stack) releaseResources() [][2]string {
	name := "sentry-" + s.Name + "-backend"
	return [][2]string{{typeParameter, name + "-image"}, {typeTaskDefinition, name}, {typeService, name}}
}

// released reads from the state, not from the stack's outputs, what is to run now: what
// the resources themselves say cannot be renamed by the program.
func (s Stack) released(ctx context.Context, image string) (Release, error) {
	state, err := s.state(ctx)
	if err != nil {
		return Release{}, err
	}
	var found [3]resource
	for i, want := range s.releaseResources() {
		if found[i], err = s.find(state, want); err != nil {
			return Release{}, err
		}
	}
	text := func(r resource, key string) string {
		v, _ := r.Outputs[key].(string) // a missing output is an empty text, refused below
		return v
	}
	out := Release{
		Image: image, TaskDefinition: text(found[1], "arn"),
		Cluster: text(found[2], "cluster"), Service: text(found[2], "name"), DesiredCount: -1,
	}
	if n, ok := found[2].Outputs["desiredCount"].(float64); ok {
		out.DesiredCount = int(n)
	}
	if value := firstNonEmpty(text(found[0], "insecureValue"), text(found[0], "value")); value != image {
		return out, fmt.Errorf("stack %s: the release record holds %q after the update, not %q", s.Name, value, image)
	}
	if out.TaskDefinition == "" || out.Cluster == "" || out.Service == "" {
		return out, fmt.Errorf("stack %s: the state does not say what was registered (task definition %q, cluster %q, service %q)", s.Name, out.TaskDefinition, out.Cluster, out.Service)
	}
	return out, nil
}

func firstNonEmpty(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func (s Stack) find(state []resource, want [2]string) (resource, error) {
	for _, r := range state {
		if r.Type == want[0] && strings.HasSuffix(r.URN, "::"+want[1]) {
			return r, nil
		}
	}
	return resource{}, fmt.Errorf("stack %s has no %s named %s: deploy the infrastructure first", s.Name, want[0], want[1])
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

// UseBinary makes the project file in dir run a compiled program instead of compiling
// one, so that preview and apply run the very same program. binary is relative to dir.
func UseBinary(dir, binary string) error {
	if info, err := os.Stat(filepath.Join(dir, binary)); err != nil {
		return fmt.Errorf("the program is not there: %w", err)
	} else if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file", binary)
	}
	// The language host would look for a relative path from a directory of its own choice.
	absolute, err := filepath.Abs(filepath.Join(dir, binary))
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "Pulumi.yaml")
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return fmt.Errorf("%s is not a project file", name)
	}
	var runtime yaml.Node
	if err := runtime.Encode(map[string]any{"name": "go", "options": map[string]any{"binary": absolute}}); err != nil {
		return err
	}
	project := doc.Content[0]
	i := slices.IndexFunc(project.Content, func(n *yaml.Node) bool { return n.Value == "runtime" })
	if i < 0 || i%2 != 0 {
		return fmt.Errorf("%s has no runtime", name)
	}
	project.Content[i+1] = &runtime
	out, err := yaml.Marshal(&doc)
	if err != nil {
		return err
	}
	return os.WriteFile(name, out, 0o644)
}

// Project is what Pulumi.yaml says about the project.
type Project struct {
	Name    string
	Backend string // URL, may be empty
}

// ReadProject reads Pulumi.yaml in dir.
func ReadProject(dir string) (Project, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "Pulumi.yaml"))
	if err != nil {
		return Project{}, err
	}
	var doc struct {
		Name    string `yaml:"name"`
		Backend struct {
			URL string `yaml:"url"`
		} `yaml:"backend"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return Project{}, fmt.Errorf("read %s: %w", filepath.Join(dir, "Pulumi.yaml"), err)
	}
	return Project{Name: doc.Name, Backend: doc.Backend.URL}, nil
}
