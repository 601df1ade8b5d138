package update

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
)

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
	if value := cmp.Or(text(found[0], "insecureValue"), text(found[0], "value")); value != image {
		return out, fmt.Errorf("stack %s: the release record holds %q after the update, not %q", s.Name, value, image)
	}
	if out.TaskDefinition == "" || out.Cluster == "" || out.Service == "" {
		return out, fmt.Errorf("stack %s: the state does not say what was registered (task definition %q, cluster %q, service %q)", s.Name, out.TaskDefinition, out.Cluster, out.Service)
	}
	return out, nil
}

func (s Stack) find(state []resource, want [2]string) (resource, error) {
	for _, r := range state {
		if r.Type == want[0] && strings.HasSuffix(r.URN, "::"+want[1]) {
			return r, nil
		}
	}
	return resource{}, fmt.Errorf("stack %s has no %s named %s: deploy the infrastructure first", s.Name, want[0], want[1])
}
