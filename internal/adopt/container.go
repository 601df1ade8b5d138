package adopt

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sentry/infra/config"
)

// container is what a task definition of Terraform's says of a container.
type container struct {
	Name, Image string
	Environment []struct{ Name, Value string }
	Secrets     []struct{ Name, ValueFrom string }
}

// service reads what runs, on how much and how often.
func (s *settings) service(image string) {
	service, _ := s.state.running(s.name)
	if count, ok := service.Attributes["desired_count"].(float64); ok {
		s.set("desiredCount", fmt.Sprintf("%.0f", count))
	}
	s.spot(service)
	var groups []string
	balancers, _ := service.Attributes["load_balancer"].([]any)
	for _, balancer := range balancers {
		groups = append(groups, texts(block(balancer)["target_group_arn"])...)
	}
	if len(groups) > 0 {
		s.adopted["targetGroups"] = groups
	}
	definition, ok := s.state.first("aws_ecs_task_definition", func(r Resource) bool {
		return r.text("family") == s.name+"-backend" || r.text("arn") == service.text("task_definition")
	})
	if !ok {
		return
	}
	s.set("taskCpu", definition.text("cpu"))
	s.set("taskMemory", definition.text("memory"))
	if block(definition.Attributes["runtime_platform"])["cpu_architecture"] == config.ARM64 {
		s.merge("container", map[string]any{"cpuArchitecture": "arm64"})
	}
	s.container(definition, image)
}

func (s *settings) container(definition Resource, image string) {
	var containers []container
	_ = json.Unmarshal([]byte(definition.text("container_definitions")), &containers) // none where it is sensitive, or no list
	i := slices.IndexFunc(containers, func(c container) bool { return c.Name == "backend" })
	if i < 0 && len(containers) == 1 {
		i = 0
	}
	if len(containers) > 1 {
		s.note("%s has %d containers; this program runs one, backend, and the next revision has only that.", definition.Address, len(containers))
	}
	if i < 0 {
		s.note("What the tasks run could not be read from %s: say it with --image, and set %senvironment and %ssecrets yourself.",
			definition.Address, s.prefix, s.prefix)
		containers, i = []container{{Image: image}}, 0
	}
	backend := containers[i]
	if image != "" {
		backend.Image = image
	}
	if backend.Image != "" {
		s.adopted["image"] = backend.Image
	}
	if backend.Image != "" && !strings.Contains(backend.Image, "@") {
		s.note("The image is named by a tag, and a tag can be moved: a release that fails has nothing to go back to. Ask ECS for the digest "+
			"of what runs, and say it with --image <repository>@<digest>:\n"+
			"  task=$(aws ecs list-tasks --region %[1]s --cluster %[2]s-cluster --service-name %[2]s-backend --query 'taskArns[0]' --output text)\n"+
			"  aws ecs describe-tasks --region %[1]s --cluster %[2]s-cluster --tasks \"$task\" --query 'tasks[0].containers[0].imageDigest' --output text",
			s.state.Region(), s.name)
	}
	secrets, plain := map[string]any{}, map[string]any{}
	for _, secret := range backend.Secrets {
		secrets[secret.Name] = secret.ValueFrom
	}
	moved, _ := s.file[s.prefix+"secrets"].(map[string]any)
	for _, variable := range backend.Environment {
		if _, isMoved := moved[variable.Name]; !isMoved && !slices.Contains(config.FixedVariables, variable.Name) {
			plain[variable.Name] = variable.Value
		}
	}
	s.merge("secrets", secrets)
	s.merge("environment", plain)
}

// merge sets fields of an object that the stack file may have, too.
func (s *settings) merge(name string, fields map[string]any) {
	if len(fields) == 0 {
		return
	}
	merged := map[string]any{}
	for _, before := range []any{s.file[s.prefix+name], s.values[s.prefix+name]} {
		if object, isObject := before.(map[string]any); isObject {
			maps.Copy(merged, object)
		}
	}
	maps.Copy(merged, fields)
	s.set(name, merged)
}
