package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// StackConfig is a stack's configuration as the engine hands it to the program: the stack file's values, the
// project file's defaults for keys that it does not set, and everything but text as JSON. dir is the
// project's folder. Encrypted values are refused.
func StackConfig(dir, stack string) (map[string]string, error) {
	var project struct {
		Name   string `yaml:"name"`
		Config map[string]struct {
			Default any `yaml:"default"`
		} `yaml:"config"`
	}
	if err := readYAML(filepath.Join(dir, "Pulumi.yaml"), &project); err != nil {
		return nil, err
	}
	var file struct {
		Config map[string]any `yaml:"config"`
	}
	path := filepath.Join(dir, "Pulumi."+stack+".yaml")
	if err := readYAML(path, &file); err != nil {
		return nil, err
	}
	for name, declared := range project.Config {
		if !strings.Contains(name, ":") {
			name = project.Name + ":" + name
		}
		if _, set := file.Config[name]; !set && declared.Default != nil {
			if file.Config == nil {
				file.Config = map[string]any{}
			}
			file.Config[name] = declared.Default
		}
	}
	values := make(map[string]string, len(file.Config))
	for key, value := range file.Config {
		switch value := value.(type) {
		case string:
			values[key] = value
		case map[string]any:
			if _, secure := value["secure"]; secure {
				return nil, fmt.Errorf("%s in %s is encrypted: the sandbox has no key for it", key, path)
			}
			text, err := json.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("read %s in %s: %w", key, path, err)
			}
			values[key] = string(text)
		default:
			text, err := json.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("read %s in %s: %w", key, path, err)
			}
			values[key] = string(text)
		}
	}
	return values, nil
}

func readYAML(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("parse %s: %w", path, err)
	}
	return nil
}
