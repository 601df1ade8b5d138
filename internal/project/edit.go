package project

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var backendBlock = regexp.MustCompile(`(?m)^backend:[^\n]*\n(?:[ \t]+[^\n]*\n?)*`)

// SetBackend puts the address of the state into Pulumi.yaml and leaves everything else as it is, to the letter:
// the file is committed.
func (p Project) SetBackend(url string) error {
	path := filepath.Join(p.Dir, "Pulumi.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write the state bucket into Pulumi.yaml: %w", err)
	}
	block := "backend:\n  url: " + url + "\n"
	changed := backendBlock.ReplaceAllLiteral(text, []byte(block))
	if !backendBlock.Match(text) {
		changed = []byte(strings.TrimSuffix(string(text), "\n") + "\n" + block)
	}
	if err := os.WriteFile(path, changed, 0o644); err != nil {
		return fmt.Errorf("write the state bucket into Pulumi.yaml: %w", err)
	}
	return nil
}

// UseBinary makes Pulumi.yaml run a compiled program instead of compiling one, so that preview and apply run the
// very same. binary is relative to the project. The change is for this machine, not to be committed.
func (p Project) UseBinary(binary string) error {
	// The language host would look for a relative path from a directory of its own choice.
	program := filepath.Join(p.Dir, binary)
	if info, err := os.Stat(program); err != nil {
		return fmt.Errorf("the program is not there: %w", err)
	} else if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file", program)
	}
	path := filepath.Join(p.Dir, "Pulumi.yaml")
	var document yaml.Node
	if err := readYAML(path, &document); err != nil {
		return err
	}
	var runtime yaml.Node
	if err := runtime.Encode(map[string]any{"name": "go", "options": map[string]any{"binary": program}}); err != nil {
		return err
	}
	root := document.Content[0] // Open has read the file: it is a mapping
	i := slices.IndexFunc(root.Content, func(n *yaml.Node) bool { return n.Value == "runtime" })
	if i < 0 || i%2 != 0 {
		return fmt.Errorf("%s has no runtime", path)
	}
	root.Content[i+1] = &runtime
	text, err := yaml.Marshal(&document)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
