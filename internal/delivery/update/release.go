package update

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/delivery/preview"
)

// NoImage is what the release record holds while nothing is released: the service then starts no tasks.
const NoImage = "none"

// Release is what a stack's back end is and should be, by its state.
type Release struct {
	Image string // <repository>@sha256:<digest>, or NoImage
	// TaskDefinition is an ARN with its revision.
	TaskDefinition string
	Cluster        string
	Service        string
	DesiredCount   int
}

var imageByDigest = regexp.MustCompile(`^[0-9a-z][0-9a-z._:/-]*@sha256:[0-9a-f]{64}$`)

// released are the resources that make up a release: the record, the task definition and the service, and those of other
// services that run the same image, such as a worker's.
type released struct {
	record, definition, service resource
	followers                   []resource
}

func (r released) all() []resource {
	return append([]resource{r.record, r.definition, r.service}, r.followers...)
}

func (r released) image() string {
	return cmp.Or(r.record.text("insecureValue"), r.record.text("value"))
}

func (s Stack) released(ctx context.Context) (released, error) {
	state, err := s.state(ctx)
	if err != nil {
		return released{}, err
	}
	var found released
	name := s.Project.Name + "-" + s.Name + "-backend"
	for _, want := range []struct {
		in         *resource
		kind, name string
	}{
		{&found.record, recordType, name + "-image"},
		{&found.definition, definitionType, name},
		{&found.service, serviceType, name},
	} {
		i := slices.IndexFunc(state, func(r resource) bool {
			return r.Type == want.kind && !r.Delete && strings.HasSuffix(r.URN, "::"+want.name)
		})
		if i < 0 {
			return released{}, fmt.Errorf("stack %s has no %s named %s: deploy the infrastructure first", s.Name, want.kind, want.name)
		}
		*want.in = state[i]
	}
	found.followers = followers(state, found)
	return found, nil
}

const (
	recordType     = "aws:ssm/parameter:Parameter"
	definitionType = "aws:ecs/taskDefinition:TaskDefinition"
	serviceType    = "aws:ecs/service:Service"
)

// followers are the task definitions besides the back end's that name the same image, and the services that run them.
func followers(state []resource, backend released) []resource {
	image := imageOf(backend.definition)
	var found []resource
	for _, definition := range state {
		if image == "" || definition.Type != definitionType || definition.Delete || definition.URN == backend.definition.URN || imageOf(definition) != image {
			continue
		}
		found = append(found, definition)
		for _, service := range state {
			if service.Type == serviceType && !service.Delete && service.text("taskDefinition") == definition.text("arn") {
				found = append(found, service)
			}
		}
	}
	return found
}

// imageOf is the image of a task definition's first container; empty when it cannot be told.
func imageOf(definition resource) string {
	var containers []struct{ Image string }
	if err := json.Unmarshal([]byte(definition.text("containerDefinitions")), &containers); err != nil || len(containers) == 0 {
		return ""
	}
	return containers[0].Image
}

// Released reads from the state, not from the stack's outputs, what is released now: what the resources themselves
// say cannot be renamed by the program.
func (s Stack) Released(ctx context.Context) (Release, error) {
	found, err := s.released(ctx)
	if err != nil {
		return Release{}, err
	}
	out := Release{
		Image:          found.image(),
		TaskDefinition: found.definition.text("arn"),
		Cluster:        found.service.text("cluster"),
		Service:        found.service.text("name"),
		DesiredCount:   -1,
	}
	if n, ok := found.service.Outputs["desiredCount"].(float64); ok {
		out.DesiredCount = int(n)
	}
	if out.Image == "" || out.TaskDefinition == "" || out.Cluster == "" || out.Service == "" {
		return out, fmt.Errorf("stack %s: the state does not say what is released (image %q, task definition %q, cluster %q, service %q)",
			s.Name, out.Image, out.TaskDefinition, out.Cluster, out.Service)
	}
	return out, nil
}

// Release makes the stack run an image: it sets sentry:image for this update and updates the release record, the task
// definition and the service, also of other services that run the same image. The image must be named by digest (F7), or be NoImage.
//
// A targeted update applies whatever the program at this commit says of these. So it is previewed first, and
// refused when it would change anything but the image: nobody has looked at the rest (D2).
func (s Stack) Release(ctx context.Context, image string) error {
	if image != NoImage && !imageByDigest.MatchString(image) {
		return fmt.Errorf("--image %q; allowed: <repository>@sha256:<64 hex digits>: a tag can be moved", image)
	}
	found, err := s.released(ctx)
	if err != nil {
		return err
	}
	args, remove, err := s.releaseArgs(found, image)
	if err != nil {
		return err
	}
	defer remove()
	seen, err := s.look(ctx, append([]string{"preview", "--json"}, args...)...)
	if err != nil {
		if seen.Preview != nil && strings.Contains(fmt.Sprint(seen.Preview.Diagnostics), "--target list") {
			return fmt.Errorf("%w: the release needs a resource that is not deployed yet: deploy the infrastructure too", err)
		}
		return err
	}
	wakes := image == NoImage || found.image() == NoImage
	if others := beyondTheImage(seen.Preview, found, wakes); len(others) > 0 {
		return fmt.Errorf("a release changes the image and nothing else, and this one would also change what follows: deploy the infrastructure too, "+
			"or take the change back\n  %s", strings.Join(others, "\n  "))
	}
	fmt.Fprintf(s.Log, "The release of %s changes the image and nothing else: %s.\n", image, seen.Preview.Counts())
	if err := s.up(ctx, args...); err != nil {
		return err
	}
	now, err := s.Released(ctx)
	if err == nil && now.Image != image {
		return fmt.Errorf("stack %s: the release record holds %q after the update, not %q", s.Name, now.Image, image)
	}
	return err
}

// releaseArgs name the image and the resources. The image is written into a copy of the stack file, because the
// CLI keeps what it is given by --config.
func (s Stack) releaseArgs(found released, image string) (args []string, remove func(), err error) {
	text, err := os.ReadFile(s.Project.StackFile(s.Name))
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "sentry-release-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // in the system's folder for temporary files
	file := filepath.Join(dir, filepath.Base(s.Project.StackFile(s.Name)))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		remove()
		return nil, nil, err
	}
	args = []string{"--config-file", file, "--config", s.Project.Name + ":image=" + image}
	for _, r := range found.all() {
		args = append(args, "--target", r.URN)
	}
	return args, remove, nil
}

var imageOfContainer = regexp.MustCompile(`^containerDefinitions\[\d+\]\.image$`)

// beyondTheImage lists what a release would change besides the record's value, the image in the definition, the
// definition of the service, and its count from or to 0 when nothing was or will be released.
func beyondTheImage(p *preview.Preview, found released, wakes bool) []string {
	types := map[string]string{} // by URN
	for _, r := range found.all() {
		types[r.URN] = r.Type
	}
	var others []string
	for _, step := range p.Steps {
		var allowed func(c preview.Change) bool
		switch types[step.URN] {
		case recordType:
			allowed = func(c preview.Change) bool { return c.Path == "insecureValue" }
		case definitionType:
			allowed = func(c preview.Change) bool { return imageOfContainer.MatchString(c.Path) }
		case serviceType:
			allowed = func(c preview.Change) bool {
				return c.Path == "taskDefinition" || c.Path == "desiredCount" && wakes && (c.Old == "0" || c.New == "0")
			}
		default:
			if step.Acts() {
				others = append(others, step.Op+" "+step.Type()+" "+step.Name())
			}
			continue
		}
		for _, c := range step.Changes() {
			if !allowed(c) {
				others = append(others, step.Type()+" "+step.Name()+": "+c.String())
			}
		}
	}
	return others
}

// errNothingRuns is returned by Settle when neither a task nor the caller says what should be released.
var errNothingRuns = errors.New("nothing runs")

// Settle makes the record and the definition name what runs, after a release that failed in whatever way: the next
// update would otherwise deploy the broken image. runs is what the service's tasks run, empty for no task; then it is
// otherwise, the image that was released before, or NoImage.
func (s Stack) Settle(ctx context.Context, runs, otherwise string) error {
	now, err := s.Released(ctx)
	if err != nil {
		return err
	}
	image := cmp.Or(runs, otherwise)
	switch image {
	case "":
		return fmt.Errorf("stack %s: %w, and its record holds %s: name the image to go back to with --otherwise, or %s", s.Name, errNothingRuns, now.Image, NoImage)
	case now.Image:
		fmt.Fprintf(s.Log, "The record of stack %s holds %s, and stays as it is.\n", s.Name, image)
		return nil
	}
	fmt.Fprintf(s.Log, "The record of stack %s holds %s, and goes back to %s.\n", s.Name, now.Image, image)
	return s.Release(ctx, image)
}
