// Package policy models the documents by which AWS decides who may do what, reads them as AWS does, and refuses
// what AWS would refuse. What a document allows is decided by the package evaluate below it, for tests.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Version is the policy language in which all elements have their meaning; in the older one, policy variables are
// plain text.
const Version = "2012-10-17"

// Document is a policy.
type Document struct {
	Version   string
	ID        string `json:"Id,omitempty"`
	Statement Statements
}

// Statements is a list that AWS also accepts, and returns, as a single object.
type Statements []Statement

// Statement is one rule. Effect is "Allow" or "Deny".
type Statement struct {
	Sid          string    `json:",omitempty"`
	Effect       string    `json:""`
	Principal    Principal `json:",omitzero"`
	NotPrincipal Principal `json:",omitzero"`
	Action       Strings   `json:",omitempty"`
	NotAction    Strings   `json:",omitempty"`
	Resource     Strings   `json:",omitempty"`
	NotResource  Strings   `json:",omitempty"`
	Condition    Condition `json:",omitempty"`
}

// Condition is operator → key → values: all operators and keys must hold, one value of each key suffices
// (for the negated operators: none may match).
type Condition map[string]map[string]Strings

// Strings is a list that AWS also accepts, and returns, as a single string.
type Strings []string

// Principal says who a statement speaks of: everybody, or names by kind.
type Principal struct {
	// Everyone is the form "Principal": "*".
	Everyone bool
	// AWS, Federated, Service and CanonicalUser hold ARNs, account ids, service names or ids; "*" stands for all
	// of a kind.
	AWS, Federated, Service, CanonicalUser Strings
}

// IsZero reports whether the element is absent.
func (p Principal) IsZero() bool {
	return !p.Everyone && len(p.AWS)+len(p.Federated)+len(p.Service)+len(p.CanonicalUser) == 0
}

// UnmarshalJSON accepts a single statement where a list is usual.
func (s *Statements) UnmarshalJSON(data []byte) error {
	if data[0] == '{' {
		*s = make(Statements, 1)
		return decode(data, &(*s)[0])
	}
	return decode(data, (*[]Statement)(s))
}

// UnmarshalJSON accepts a string or a list of strings.
func (s *Strings) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil && string(data) != "null" {
		*s = Strings{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil || many == nil {
		return fmt.Errorf("%s: allowed: a string or a list of strings", data)
	}
	*s = many
	return nil
}

// MarshalJSON writes a single value as a plain string: it is how AWS returns it, and it is shorter.
func (s Strings) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return encode(s[0])
	}
	return encode([]string(s))
}

// UnmarshalJSON accepts truth values and numbers where a condition usually has them as text.
func (c *Condition) UnmarshalJSON(data []byte) error {
	var found map[string]map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&found); err != nil {
		return err
	}
	*c = Condition{}
	for operator, keys := range found {
		(*c)[operator] = map[string]Strings{}
		for key, value := range keys {
			list, isList := value.([]any)
			if !isList {
				list = []any{value}
			}
			texts := make(Strings, len(list))
			for i, v := range list {
				switch v := v.(type) {
				case string:
					texts[i] = v
				case bool:
					texts[i] = strconv.FormatBool(v)
				case json.Number:
					texts[i] = v.String()
				default:
					return fmt.Errorf("condition %s %s: %v: allowed: a string or a list of strings", operator, key, v)
				}
			}
			(*c)[operator][key] = texts
		}
	}
	return nil
}

type principalKinds struct {
	AWS           Strings `json:",omitempty"`
	Federated     Strings `json:",omitempty"`
	Service       Strings `json:",omitempty"`
	CanonicalUser Strings `json:",omitempty"`
}

// MarshalJSON writes "*" or the map of kinds.
func (p Principal) MarshalJSON() ([]byte, error) {
	if p.Everyone {
		return []byte(`"*"`), nil
	}
	return encode(principalKinds{p.AWS, p.Federated, p.Service, p.CanonicalUser})
}

// UnmarshalJSON reads "*" or the map of kinds.
func (p *Principal) UnmarshalJSON(data []byte) error {
	if string(data) == `"*"` {
		*p = Principal{Everyone: true}
		return nil
	}
	var kinds principalKinds
	if err := decode(data, &kinds); err != nil {
		return fmt.Errorf("principal %s: %w", data, err)
	}
	*p = Principal{AWS: kinds.AWS, Federated: kinds.Federated, Service: kinds.Service, CanonicalUser: kinds.CanonicalUser}
	if p.IsZero() {
		return errors.New("a principal that names nobody")
	}
	return nil
}

// decode reads one JSON value and nothing behind it. A field that the language does not have is an error: read
// over, it would make a policy look wider or narrower than it is.
func decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("text after its end")
	}
	return nil
}

// JSON is the document without whitespace: the form whose length AWS counts against its limits.
func (d Document) JSON(kind Kind) (string, error) {
	if err := d.Validate(kind); err != nil {
		return "", err
	}
	text, err := encode(d)
	if err != nil {
		return "", fmt.Errorf("write a policy: %w", err)
	}
	return string(text), nil
}

// encode is json.Marshal without the escapes for HTML, which count.
func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
