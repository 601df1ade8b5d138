package project

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
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

// SetConfig sets keys of an environment's configuration in its stack file, quoted as `pulumi config set` quotes them, and
// leaves everything else as it is, to the letter: the file is committed.
func (p Project) SetConfig(environment string, values map[string]string) error {
	path := p.StackFile(environment)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed := string(text)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		line := fmt.Sprintf("%s: %q", key, values[key])
		if old := regexp.MustCompile(`(?m)^([ \t]+)` + regexp.QuoteMeta(key) + `:.*$`); old.MatchString(changed) {
			changed = old.ReplaceAllString(changed, "${1}"+line)
			continue
		}
		block := regexp.MustCompile(`(?m)^config:[ \t]*(\{\})?[ \t]*\n`)
		if !block.MatchString(changed) {
			changed = strings.TrimSuffix(changed, "\n") + "\nconfig:\n"
		}
		at := block.FindStringIndex(changed)
		indent := regexp.MustCompile(`^(?:[ \t]*#.*\n)*([ \t]+)\S`).FindStringSubmatch(changed[at[1]:])
		if indent == nil {
			indent = []string{"", "  "}
		}
		changed = changed[:at[0]] + "config:\n" + indent[1] + line + "\n" + changed[at[1]:]
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		return err
	}
	found, err := p.Values(environment)
	for key, value := range values {
		if err == nil && found[key] != value {
			err = fmt.Errorf("write %s into %s: it reads %v", key, path, found[key])
		}
	}
	return err
}
