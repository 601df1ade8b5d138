// Package policy models AWS policy documents and decides, offline, what they allow.
//
// It knows the part of the language that this repository writes: Allow and Deny, Action and NotAction,
// Resource and NotResource, Principal, and the operators listed in [operators]. Everything else (policy
// variables, NotPrincipal, numeric and date operators) is refused by [Parse] and [Document.Validate]
// instead of being ignored: a condition that is skipped would make a policy look wider or narrower than
// it is.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Version is the only policy language version in which all elements used here have their meaning.
const Version = "2012-10-17"

// Document is a policy: of an identity, a resource, a role's trust, or a permissions boundary.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one rule. Effect is "Allow" or "Deny"; exactly one of Action and NotAction is set, and at
// most one of Resource and NotResource (a trust policy has neither).
type Statement struct {
	Sid         string    `json:",omitempty"`
	Effect      string    `json:""`
	Principal   Principal `json:",omitzero"`
	Action      Strings   `json:",omitempty"`
	NotAction   Strings   `json:",omitempty"`
	Resource    Strings   `json:",omitempty"`
	NotResource Strings   `json:",omitempty"`
	Condition   Condition `json:",omitempty"`
}

// Condition is operator → key → values: all operators and keys must hold, one value of each key suffices
// (for the negated operators: none may match).
type Condition map[string]map[string]Strings

// Strings is a list that AWS also accepts, and returns, as a single string.
type Strings []string

// UnmarshalJSON accepts a string or a list of strings.
func (s *Strings) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*s = Strings{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return fmt.Errorf("read %s: want a string or a list of strings", data)
	}
	*s = many
	return nil
}

// MarshalJSON writes a single value as a plain string: it is how AWS returns it, and it is shorter.
func (s Strings) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return json.Marshal(s[0])
	}
	return json.Marshal([]string(s))
}

// Principal says who a resource or trust policy speaks of: everybody, or names by kind.
type Principal struct {
	// Everyone is the form "Principal": "*".
	Everyone bool
	// AWS, Federated and Service hold ARNs, account ids or service names; "*" stands for all of a kind.
	AWS, Federated, Service Strings
}

// MarshalJSON writes "*" or the map of kinds.
func (p Principal) MarshalJSON() ([]byte, error) {
	if p.Everyone {
		return []byte(`"*"`), nil
	}
	return json.Marshal(principalKinds{p.AWS, p.Federated, p.Service})
}

// UnmarshalJSON reads "*" or the map of kinds.
func (p *Principal) UnmarshalJSON(data []byte) error {
	if string(data) == `"*"` {
		*p = Principal{Everyone: true}
		return nil
	}
	var kinds principalKinds
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&kinds); err != nil {
		return fmt.Errorf("read principal %s: %w", data, err)
	}
	*p = Principal{AWS: kinds.AWS, Federated: kinds.Federated, Service: kinds.Service}
	return nil
}

type principalKinds struct {
	AWS       Strings `json:",omitempty"`
	Federated Strings `json:",omitempty"`
	Service   Strings `json:",omitempty"`
}

// JSON is the document without whitespace: the form whose length AWS counts against its limits.
func (d Document) JSON() (string, error) {
	if err := d.Validate(); err != nil {
		return "", err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		return "", fmt.Errorf("write policy: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

// Parse reads a document and refuses what this package cannot evaluate.
func Parse(text string) (Document, error) {
	var d Document
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return Document{}, fmt.Errorf("read policy: %w", err)
	}
	return d, d.Validate()
}

// Validate reports every element that AWS would refuse or this package cannot evaluate.
func (d Document) Validate() error {
	var problems []error
	if d.Version != Version {
		problems = append(problems, fmt.Errorf("policy version %q: only %s is known", d.Version, Version))
	}
	if len(d.Statement) == 0 {
		problems = append(problems, errors.New("policy has no statement"))
	}
	for i, s := range d.Statement {
		name := s.Sid
		if name == "" {
			name = strconv.Itoa(i)
		}
		for _, err := range s.problems() {
			problems = append(problems, fmt.Errorf("statement %s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

func (s Statement) problems() []error {
	var problems []error
	if s.Effect != "Allow" && s.Effect != "Deny" {
		problems = append(problems, fmt.Errorf("effect %q: Allow or Deny", s.Effect))
	}
	if (len(s.Action) == 0) == (len(s.NotAction) == 0) {
		problems = append(problems, errors.New("want exactly one of Action and NotAction"))
	}
	if len(s.Resource) > 0 && len(s.NotResource) > 0 {
		problems = append(problems, errors.New("want at most one of Resource and NotResource"))
	}
	for operator, keys := range s.Condition {
		if _, ok := lookUp(operator); !ok {
			problems = append(problems, fmt.Errorf("operator %q is not known here", operator))
		}
		for key, values := range keys {
			if len(values) == 0 {
				problems = append(problems, fmt.Errorf("condition %s %s has no value", operator, key))
			}
			if base, _, _ := strings.Cut(operator, "IfExists"); base == "Null" || base == "Bool" {
				for _, v := range values {
					if v != "true" && v != "false" {
						problems = append(problems, fmt.Errorf("condition %s %s: %q is neither true nor false", operator, key, v))
					}
				}
			}
		}
	}
	for _, text := range slices.Concat(s.Action, s.NotAction, s.Resource, s.NotResource) {
		if strings.Contains(text, "${") {
			problems = append(problems, fmt.Errorf("policy variable in %q is not known here", text))
		}
	}
	return problems
}
