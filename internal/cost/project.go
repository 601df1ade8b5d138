package cost

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"gopkg.in/yaml.v3"

	"sentry/internal/sandbox"
)

// Program makes the Pulumi program of the project in a directory; infra.DeployIn is one.
type Program func(dir string) pulumi.RunFunc

// Project is a Pulumi project with its stack files, read as the engine reads them.
type Project struct {
	// Dir holds Pulumi.yaml and the stack files.
	Dir string
	// Name is the project's, and the namespace of its configuration keys.
	Name string
	// Keys are those that Pulumi.yaml declares, in its order.
	Keys []Key
	// Stacks are the names of the stack files, staging first: a change goes through there.
	Stacks []string

	values map[string]map[string]string // stack → full key → text
}

// Key is one declaration in Pulumi.yaml.
type Key struct {
	// Name is without a namespace when it is the project's own.
	Name, Type, Description string
	// Default is the text of the default; HasDefault tells an empty one from none.
	Default    string
	HasDefault bool
}

// ReadProject reads Pulumi.yaml and every Pulumi.<stack>.yaml of a directory.
func ReadProject(dir string) (Project, error) {
	var file struct {
		Name   string    `yaml:"name"`
		Config yaml.Node `yaml:"config"`
	}
	if err := readYAML(filepath.Join(dir, "Pulumi.yaml"), &file); err != nil {
		return Project{}, err
	}
	p := Project{Dir: dir, Name: file.Name, values: map[string]map[string]string{}}
	defaults := map[string]string{}
	for i := 0; i+1 < len(file.Config.Content); i += 2 {
		key, err := readKey(file.Config.Content[i].Value, file.Config.Content[i+1])
		if err != nil {
			return Project{}, fmt.Errorf("read Pulumi.yaml: %w", err)
		}
		p.Keys = append(p.Keys, key)
		if key.HasDefault {
			defaults[p.fullKey(key.Name)] = key.Default
		}
	}

	files, err := filepath.Glob(filepath.Join(dir, "Pulumi.*.yaml"))
	if err != nil {
		return Project{}, fmt.Errorf("look for stack files: %w", err)
	}
	for _, path := range files {
		var content struct {
			Config map[string]yaml.Node `yaml:"config"`
		}
		if err := readYAML(path, &content); err != nil {
			return Project{}, err
		}
		stack := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "Pulumi."), ".yaml")
		values := maps.Clone(defaults)
		for key, node := range content.Config {
			text, err := configText(&node)
			if err != nil {
				return Project{}, fmt.Errorf("read %s of %s: %w", key, filepath.Base(path), err)
			}
			values[p.fullKey(key)] = text
		}
		p.Stacks = append(p.Stacks, stack)
		p.values[stack] = values
	}
	if len(p.Stacks) == 0 {
		return Project{}, fmt.Errorf("%s has no stack files: want Pulumi.<stack>.yaml beside Pulumi.yaml", dir)
	}
	slices.SortStableFunc(p.Stacks, func(a, b string) int {
		if (a == baseStack) != (b == baseStack) {
			return map[bool]int{true: -1, false: 1}[a == baseStack]
		}
		return strings.Compare(a, b)
	})
	return p, nil
}

func (p Project) fullKey(key string) string {
	if strings.Contains(key, ":") {
		return key
	}
	return p.Name + ":" + key
}

// Value is the text of a key in a stack, with Pulumi.yaml's default; false when it has neither.
func (p Project) Value(stack, key string) (string, bool) {
	text, ok := p.values[stack][p.fullKey(key)]
	return text, ok
}

// Record runs the program for a stack under the sandbox's mocks, as it is once an image has been released.
func (p Project) Record(program Program, stack string) (*sandbox.Recording, error) {
	values, ok := p.values[stack]
	if !ok {
		return nil, fmt.Errorf("stack %q has no file; there are: %s", stack, strings.Join(p.Stacks, ", "))
	}
	values = maps.Clone(values)
	// The sandbox is an account of its own, and the guard against a wrong one would refuse it.
	values[p.Name+":awsAccountId"] = ""
	values[p.Name+":image"] = fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s-%s-backend@sha256:%s",
		sandbox.AccountID, values["aws:region"], p.Name, stack, strings.Repeat("0123456789abcdef", 4))
	recording, err := sandbox.Record(program(p.Dir), sandbox.MockOptions{
		Project: p.Name, Stack: stack, Config: values, RootDirectory: p.Dir,
	})
	if err != nil {
		return nil, fmt.Errorf("run the program for stack %q: %w", stack, err)
	}
	return recording, nil
}

func readYAML(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the project: %w", err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("parse %s: %w", filepath.Base(path), err)
	}
	return nil
}

// readKey reads a declaration: type, description and default, or just a value.
func readKey(name string, node *yaml.Node) (Key, error) {
	key := Key{Name: name}
	if node.Kind != yaml.MappingNode {
		text, err := configText(node)
		key.Default, key.HasDefault = text, true
		return key, err
	}
	var declared struct {
		Type        string    `yaml:"type"`
		Description string    `yaml:"description"`
		Default     yaml.Node `yaml:"default"`
		Value       yaml.Node `yaml:"value"`
	}
	if err := node.Decode(&declared); err != nil {
		return Key{}, fmt.Errorf("key %s: %w", name, err)
	}
	key.Type, key.Description = declared.Type, declared.Description
	for _, value := range []yaml.Node{declared.Default, declared.Value} {
		if value.Kind == 0 {
			continue
		}
		text, err := configText(&value)
		if err != nil {
			return Key{}, fmt.Errorf("key %s: %w", name, err)
		}
		key.Default, key.HasDefault = text, true
	}
	return key, nil
}

// configText is what a program gets: scalars as they are written, lists and maps as JSON.
func configText(node *yaml.Node) (string, error) {
	if node.Kind == yaml.ScalarNode {
		if node.Tag == "!!null" {
			return "", nil
		}
		return node.Value, nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return "", err
	}
	if fields, ok := value.(map[string]any); ok && len(fields) == 1 && fields["secure"] != nil {
		return "[secret]", nil // needs the stack's key, and no price depends on it
	}
	text, err := json.Marshal(value)
	return string(text), err
}
