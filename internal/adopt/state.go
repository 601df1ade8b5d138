// Package adopt takes a running Terraform environment over into a stack of this program: it reads the Terraform state,
// says of each resource what becomes of it, and makes what Pulumi needs for that: a file for `pulumi import`, and keys
// of the stack's configuration. It changes nothing in AWS, and neither of the two states.
package adopt

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// State is a Terraform state, as far as an adoption needs it: its outputs, and attributes that Terraform marks as
// sensitive, are not kept.
type State struct {
	// Resources are those that Terraform manages, in the state's order.
	Resources []Resource
}

// Resource is one resource of a state, of a count or for_each one instance.
type Resource struct {
	// Address is Terraform's, such as module.vpc.aws_subnet.public[0].
	Address string
	// Type and Name are parts of the address; Key is the key in a for_each, else empty.
	Type, Name, Key string
	Attributes      map[string]any
	// Sensitive are the names of the attributes that were left out.
	Sensitive []string
	// broken is why the resource cannot be taken over as it is; empty when it can.
	broken string
}

// text is the text of an attribute; empty when there is none.
func (r Resource) text(attribute string) string {
	text, _ := r.Attributes[attribute].(string)
	return text
}

// unfinished says so of a resource that Terraform has not done with.
func (r *Resource) unfinished(deposed string, tainted bool) {
	switch {
	case deposed != "":
		r.broken = "an old object of it waits to be deleted: run terraform apply first"
	case tainted:
		r.broken = "Terraform means to replace it: run terraform untaint '" + r.Address + "' first"
	}
}

// Read reads a state as Terraform keeps it (version 4), or as `terraform show -json` prints it.
func Read(text []byte) (State, error) {
	var form struct {
		Version       *int            `json:"version"`
		FormatVersion string          `json:"format_version"`
		Encrypted     json.RawMessage `json:"encrypted_data"`
		Planned       json.RawMessage `json:"planned_values"`
		Deployment    json.RawMessage `json:"deployment"`
	}
	if err := json.Unmarshal(text, &form); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && syntax.Offset >= int64(len(text)) && len(strings.TrimSpace(string(text))) > 0 {
			return State{}, errors.New("the state ends in the middle: fetch it again, with terraform state pull")
		}
		return State{}, errors.New("not a Terraform state: it is not JSON; allowed: what terraform state pull or terraform show -json prints")
	}
	switch {
	case form.Encrypted != nil:
		return State{}, errors.New("the state is encrypted: decrypt it first, with tofu state pull")
	case form.Planned != nil:
		return State{}, errors.New("a plan, not a state; allowed: what terraform show -json prints without a plan's name")
	case form.Deployment != nil:
		return State{}, errors.New("a state of Pulumi, not of Terraform")
	case form.FormatVersion != "":
		return readShown(text, form.FormatVersion)
	case form.Version == nil:
		return State{}, errors.New("not a Terraform state: it has no version; allowed: what terraform state pull or terraform show -json prints")
	case *form.Version != 4:
		return State{}, fmt.Errorf("the state has version %d; allowed: 4, which every Terraform from 0.12 on writes", *form.Version)
	}
	return readRaw(text)
}

// readRaw reads version 4.
// https://github.com/hashicorp/terraform/blob/v1.11.4/internal/states/statefile/version4.go
func readRaw(text []byte) (State, error) {
	var file struct {
		Resources []struct {
			Module, Mode, Type, Name string
			Instances                []struct {
				IndexKey            any    `json:"index_key"`
				Status              string `json:"status"`
				Deposed             string `json:"deposed"`
				Attributes          map[string]any
				AttributesFlat      map[string]any `json:"attributes_flat"`
				SensitiveAttributes [][]struct {
					Value any
				} `json:"sensitive_attributes"`
			}
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return State{}, fmt.Errorf("not a Terraform state of version 4: %w", err)
	}
	var state State
	for _, r := range file.Resources {
		for _, instance := range r.Instances {
			found := Resource{Type: r.Type, Name: r.Name, Attributes: instance.Attributes}
			found.Address = strings.TrimPrefix(r.Module+"."+r.Type+"."+r.Name, ".") + index(instance.IndexKey)
			found.Key, _ = instance.IndexKey.(string)
			for _, path := range instance.SensitiveAttributes {
				if len(path) > 0 {
					name, _ := path[0].Value.(string)
					found.Sensitive = append(found.Sensitive, name)
				}
			}
			found.unfinished(instance.Deposed, instance.Status == "tainted")
			if instance.AttributesFlat != nil {
				found.broken = "it is in the form of Terraform 0.11: run terraform apply -refresh-only first"
			}
			if err := state.add(found, r.Mode); err != nil {
				return State{}, err
			}
		}
	}
	return state, state.check()
}

// shownModule is a module of the values that terraform show -json prints.
// https://developer.hashicorp.com/terraform/internals/json-format#values-representation
type shownModule struct {
	Resources []struct {
		Address, Mode, Type, Name string
		Index                     any
		Tainted                   bool
		DeposedKey                string `json:"deposed_key"`
		Values                    map[string]any
		SensitiveValues           map[string]any `json:"sensitive_values"`
	}
	ChildModules []shownModule `json:"child_modules"`
}

func readShown(text []byte, version string) (State, error) {
	if major, _, _ := strings.Cut(version, "."); major != "0" && major != "1" {
		return State{}, fmt.Errorf("the state has format version %s; allowed: 0.x and 1.x", version)
	}
	var file struct {
		Values struct {
			RootModule shownModule `json:"root_module"`
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return State{}, fmt.Errorf("not what terraform show -json prints: %w", err)
	}
	var state State
	if err := state.addShown(file.Values.RootModule); err != nil {
		return State{}, err
	}
	return state, state.check()
}

func (s *State) addShown(module shownModule) error {
	for _, r := range module.Resources {
		found := Resource{Address: r.Address, Type: r.Type, Name: r.Name, Attributes: r.Values}
		found.Key, _ = r.Index.(string)
		for name, sensitive := range r.SensitiveValues {
			if marked(sensitive) {
				found.Sensitive = append(found.Sensitive, name)
			}
		}
		slices.Sort(found.Sensitive)
		found.unfinished(r.DeposedKey, r.Tainted)
		if err := s.add(found, r.Mode); err != nil {
			return err
		}
	}
	for _, child := range module.ChildModules {
		if err := s.addShown(child); err != nil {
			return err
		}
	}
	return nil
}

// marked: somewhere in a value of sensitive_values there is a true.
func marked(value any) bool {
	switch value := value.(type) {
	case bool:
		return value
	case []any:
		return slices.ContainsFunc(value, marked)
	case map[string]any:
		for _, field := range value {
			if marked(field) {
				return true
			}
		}
	}
	return false
}

// add keeps a resource that Terraform manages; what it only looks up is nobody's to take over.
func (s *State) add(r Resource, mode string) error {
	if mode == "data" {
		return nil
	}
	if mode != "managed" || r.Type == "" || r.Name == "" {
		return fmt.Errorf("not a Terraform state: resource %q has mode %q; allowed: managed, data", r.Address, mode)
	}
	for _, name := range r.Sensitive {
		delete(r.Attributes, name)
	}
	s.Resources = append(s.Resources, r)
	return nil
}

func (s State) check() error {
	if len(s.Resources) == 0 {
		return errors.New("the state holds no resources: is it this environment's?")
	}
	for _, r := range s.Resources {
		if r.broken != "" {
			return fmt.Errorf("%s: %s", r.Address, r.broken)
		}
		if r.Attributes == nil {
			return fmt.Errorf("%s has no attributes: the state is not whole; fetch it again, with terraform state pull", r.Address)
		}
	}
	seen := map[string]bool{}
	for _, r := range s.Resources {
		if seen[r.Address] {
			return fmt.Errorf("%s is there twice: the state is not whole; fetch it again, with terraform state pull", r.Address)
		}
		seen[r.Address] = true
	}
	return nil
}

// index is the end of an instance's address.
func index(key any) string {
	switch key := key.(type) {
	case string:
		return "[" + cmp.Or(quoted(key), `""`) + "]"
	case float64:
		return fmt.Sprintf("[%.0f]", key)
	}
	return ""
}

func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		return "" // a text can be encoded
	}
	return string(encoded)
}

// maxState is far above any state of this product; the largest that were seen in the world have some 100 MiB.
const maxState = 256 << 20

func readAll(from io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxState+1))
	if err == nil && len(text) > maxState {
		err = fmt.Errorf("larger than %d MiB", maxState>>20)
	}
	return text, err
}
