package project

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// encryption are the lines by which a stack file says how its secrets are encrypted.
var encryption = regexp.MustCompile(`(?m)^(secretsprovider|encryptedkey|encryptionsalt):`)

// SetSecretsProvider names in an environment's stack file what encrypts its secrets, and leaves everything else as it
// is. A file that names something already stays as it is, and false is returned: its secrets would become unreadable.
func (p Project) SetSecretsProvider(environment, url string) (bool, error) {
	text, err := os.ReadFile(p.StackFile(environment))
	if err != nil {
		return false, err // names the file
	}
	if strings.Contains(string(text), "secretsprovider: "+url+"\n") {
		return true, nil
	}
	if encryption.Match(text) {
		return false, nil
	}
	return true, os.WriteFile(p.StackFile(environment), append([]byte("secretsprovider: "+url+"\n"), text...), 0o644)
}

// SecretsProvider is what an environment's stack file names for its secrets; empty where it names nothing, which means a
// passphrase.
func (p Project) SecretsProvider(environment string) (string, error) {
	var file struct {
		SecretsProvider string `yaml:"secretsprovider"`
	}
	err := readYAML(p.StackFile(environment), &file)
	return file.SecretsProvider, err
}

// SetConfig sets keys of an environment's configuration in its stack file, in the form in which `pulumi config set` writes
// them, and leaves everything else as it is, to the letter: the file is committed.
func (p Project) SetConfig(environment string, values map[string]any) error {
	path := p.StackFile(environment)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if lines, err = setKey(lines, key, values[key]); err != nil {
			return fmt.Errorf("write %s into %s: %w", key, path, err)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		return err
	}
	found, err := p.Values(environment)
	for key, value := range values {
		if err == nil && !sameText(found[key], value) {
			err = fmt.Errorf("write %s into %s: it reads %v", key, path, found[key])
		}
	}
	return err
}

var (
	configLine = regexp.MustCompile(`^config:[ \t]*(\{\})?[ \t]*$`)
	indented   = regexp.MustCompile(`^([ \t]+)[^ \t#]`)
)

// setKey sets one key in the lines of a stack file: in its place, or as the first of all.
func setKey(lines []string, key string, value any) ([]string, error) {
	config := slices.IndexFunc(lines, configLine.MatchString)
	if config < 0 {
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		lines, config = append(lines, "config:", ""), len(lines)
	}
	lines[config] = "config:"
	indent, end := "  ", len(lines)
	for i := len(lines) - 1; i > config; i-- {
		if first := indented.FindStringSubmatch(lines[i]); first != nil {
			indent = first[1]
		} else if lines[i] != "" && !strings.HasPrefix(lines[i], " ") && !strings.HasPrefix(lines[i], "#") {
			end = i // the block before which the configuration ends
			indent = "  "
		}
	}
	rendered, err := render(indent, key, value)
	if err != nil {
		return nil, err
	}
	for i := config + 1; i < end; i++ {
		if !strings.HasPrefix(lines[i], indent+key+":") {
			continue
		}
		after := i + 1
		for after < end && (strings.HasPrefix(lines[after], indent+" ") || strings.HasPrefix(lines[after], indent+"- ")) {
			after++ // the lines of a list or an object
		}
		return slices.Concat(lines[:i], rendered, lines[after:]), nil
	}
	return slices.Concat(lines[:config+1], rendered, lines[config+1:]), nil
}

// render is a key with its value: texts quoted, lists and objects in lines of their own.
func render(indent, key string, value any) ([]string, error) {
	if text, isText := value.(string); isText {
		return []string{fmt.Sprintf("%s%s: %q", indent, key, text)}, nil
	}
	var block bytes.Buffer
	encoder := yaml.NewEncoder(&block)
	encoder.SetIndent(2)
	if err := encoder.Encode(map[string]any{key: value}); err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSuffix(block.String(), "\n"), "\n") {
		lines = append(lines, indent+line)
	}
	return lines, nil
}

// sameText: the program gets the same of both.
func sameText(a, b any) bool {
	x, errX := Text(a)
	y, errY := Text(b)
	return errX == nil && errY == nil && x == y
}
