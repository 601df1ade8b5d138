// Package project knows a Pulumi project on disk: its folder, its environments, their configuration, and other
// commits of it. The environments are the stack files, Pulumi.<environment>.yaml; nothing else lists them.
package project

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Project is a folder with Pulumi.yaml and at least one stack file.
type Project struct {
	// Dir is absolute.
	Dir string
	// Name is the project's, and the namespace of its keys of configuration.
	Name string
	// Backend is the address of the state in Pulumi.yaml; empty where it names none.
	Backend string
}

// Find is the project in dir, which must be one, or with an empty dir the one that holds the working directory.
func Find(dir string) (Project, error) {
	if dir != "" {
		found, err := Open(dir)
		if err != nil {
			return Project{}, fmt.Errorf("-C %s: %w", dir, err)
		}
		return found, nil
	}
	from, err := os.Getwd()
	if err != nil {
		return Project{}, err
	}
	for at := from; ; at = filepath.Dir(at) {
		found, err := Open(at)
		if err == nil {
			return found, nil
		}
		if !errors.Is(err, errNoProject) {
			return Project{}, err
		}
		if filepath.Dir(at) == at {
			return Project{}, fmt.Errorf("no Pulumi.yaml with stack files in %s or above: run this in the repository, or name it with -C", from)
		}
	}
}

var errNoProject = errors.New("no Pulumi.yaml with stack files (Pulumi.<environment>.yaml) there")

// Open is the project in dir.
func Open(dir string) (Project, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Project{}, err
	}
	var file struct {
		Name    string `yaml:"name"`
		Backend struct {
			URL string `yaml:"url"`
		} `yaml:"backend"`
	}
	err = readYAML(filepath.Join(dir, "Pulumi.yaml"), &file)
	if errors.Is(err, os.ErrNotExist) {
		return Project{}, errNoProject
	}
	if err != nil {
		return Project{}, err
	}
	found := Project{Dir: dir, Name: file.Name, Backend: file.Backend.URL}
	if len(found.Environments()) == 0 {
		return Project{}, errNoProject
	}
	return found, nil
}

// Environments are the names of the stack files, in alphabetical order.
func (p Project) Environments() []string {
	entries, err := os.ReadDir(p.Dir)
	if err != nil {
		return nil // Open has read the folder
	}
	var names []string
	for _, entry := range entries {
		name, isYAML := strings.CutSuffix(entry.Name(), ".yaml")
		if name, isStack := strings.CutPrefix(name, "Pulumi."); isYAML && isStack && name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Check refuses a name that is no environment, and says which there are.
func (p Project) Check(environment string) error {
	switch names := p.Environments(); {
	case slices.Contains(names, environment):
		return nil
	case environment == "":
		return fmt.Errorf("--stack is not set; allowed: %s", strings.Join(names, ", "))
	default:
		return fmt.Errorf("--stack %q: %s has no file Pulumi.%s.yaml; allowed: %s", environment, p.Dir, environment, strings.Join(names, ", "))
	}
}

// StackFile is the path of an environment's stack file.
func (p Project) StackFile(environment string) string {
	return filepath.Join(p.Dir, "Pulumi."+environment+".yaml")
}

// Values are the values that an environment's stack file sets, as YAML reads them, by their full keys, such as
// sentry:vpcCidr.
func (p Project) Values(environment string) (map[string]any, error) {
	var file struct {
		Config map[string]any `yaml:"config"`
	}
	if err := readYAML(p.StackFile(environment), &file); err != nil {
		return nil, err
	}
	if file.Config == nil {
		file.Config = map[string]any{}
	}
	return file.Config, nil
}

// Config is an environment's configuration as the engine hands it to the program: the stack file's values,
// Pulumi.yaml's defaults for keys that it does not set, and everything but text as JSON. A value that is
// encrypted is an error: only the engine has the key for it.
func (p Project) Config(environment string) (map[string]string, error) {
	values, err := p.Values(environment)
	if err != nil {
		return nil, err
	}
	keys, err := p.Keys()
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if _, set := values[key.Name]; !set && key.Default != nil {
			values[key.Name] = key.Default
		}
	}
	config := make(map[string]string, len(values))
	for key, value := range values {
		if object, isObject := value.(map[string]any); isObject && object["secure"] != nil {
			return nil, fmt.Errorf("%s in %s is encrypted: it cannot be read without the engine", key, p.StackFile(environment))
		}
		if config[key], err = Text(value); err != nil {
			return nil, fmt.Errorf("read %s in %s: %w", key, p.StackFile(environment), err)
		}
	}
	return config, nil
}

// Text is a value of a stack file as the program gets it: text as it is, everything else as JSON.
func Text(value any) (string, error) {
	if text, isText := value.(string); isText {
		return text, nil
	}
	text, err := json.Marshal(value)
	return string(text), err
}

// Key is a key of configuration as Pulumi.yaml declares it.
type Key struct {
	// Name is the full key.
	Name string `yaml:"-"`
	// Type is empty: Pulumi would check a value against it before the program can, and name one problem at a time.
	Type string `yaml:"type"`
	// Description is what the key means, for people.
	Description string `yaml:"description"`
	// Default is nil for a key that each environment must set.
	Default any `yaml:"default"`
}

// Keys are the keys that Pulumi.yaml declares, in its order.
func (p Project) Keys() ([]Key, error) {
	var file struct {
		Config yaml.Node `yaml:"config"`
	}
	path := filepath.Join(p.Dir, "Pulumi.yaml")
	if err := readYAML(path, &file); err != nil {
		return nil, err
	}
	var keys []Key
	for i := 0; i+1 < len(file.Config.Content); i += 2 {
		key := Key{Name: file.Config.Content[i].Value}
		if err := file.Config.Content[i+1].Decode(&key); err != nil {
			return nil, fmt.Errorf("read key %s in %s: %w", key.Name, path, err)
		}
		if !strings.Contains(key.Name, ":") {
			key.Name = p.Name + ":" + key.Name
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func readYAML(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err // names the file
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("parse %s: %w", path, err)
	}
	return nil
}
