package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// schema is a Pulumi package schema, as far as it says something about resources.
// https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
type schema struct {
	Version string `json:"version"`
	Config  struct {
		Variables map[string]schemaProperty `json:"variables"`
	} `json:"config"`
	Resources map[string]struct {
		InputProperties map[string]schemaProperty `json:"inputProperties"`
		RequiredInputs  []string                  `json:"requiredInputs"`
		Properties      map[string]schemaProperty `json:"properties"`
	} `json:"resources"`
	Types map[string]struct {
		Type       string                    `json:"type"`
		Properties map[string]schemaProperty `json:"properties"`
		Required   []string                  `json:"required"`
		Enum       []any                     `json:"enum"`
	} `json:"types"`
}

type schemaProperty struct {
	schemaType
	Default              any  `json:"default"`
	Secret               bool `json:"secret"`
	WillReplaceOnChanges bool `json:"willReplaceOnChanges"`
	ReplaceOnChanges     bool `json:"replaceOnChanges"`
}

type schemaType struct {
	Type                 string       `json:"type"`
	Ref                  string       `json:"$ref"`
	Items                *schemaType  `json:"items"`
	AdditionalProperties *schemaType  `json:"additionalProperties"`
	OneOf                []schemaType `json:"oneOf"`
}

// Rewrite writes facts.json anew from the provider's schema, as `pulumi package get-schema aws` prints it: the types
// that the file has, and those in add. What only the provider's plans tell (what AWS fills in, keeps, and which
// steps replace) is in no schema; it stays as it is for the inputs that stay.
func Rewrite(schemaText io.Reader, add []string, out io.Writer) error {
	var s schema
	if err := json.NewDecoder(schemaText).Decode(&s); err != nil {
		return fmt.Errorf("read the provider's schema: %w", err)
	}
	facts := factsOfProvider{Version: s.Version, Provider: decoded().Provider, Types: map[string]*Facts{}}
	tokens := slices.Concat(KnownToTheProvider(), add)
	slices.Sort(tokens)
	for _, token := range slices.Compact(tokens) {
		resource, ok := s.Resources[token]
		if !ok {
			return fmt.Errorf("the schema of pulumi-aws %s has no resource %s: take it out of internal/aws", s.Version, token)
		}
		before, known := decoded().Types[token]
		if !known {
			before = &Facts{}
		}
		now := &Facts{DeleteBeforeReplace: before.DeleteBeforeReplace, Inputs: map[string]*Property{}, Outputs: map[string]*Property{}}
		for name, declared := range resource.InputProperties {
			now.Inputs[name] = s.property(declared, slices.Contains(resource.RequiredInputs, name), before.Inputs[name])
		}
		for name, declared := range resource.Properties {
			if now.Inputs[name] != nil {
				continue
			}
			old := before.Outputs[name]
			if old == nil {
				old = &Property{Unknown: true} // what is no input is AWS's to say
			}
			now.Outputs[name] = s.property(declared, false, old)
		}
		facts.Types[token] = now
	}
	return writeFacts(out, facts)
}

// property is what the schema says of a property, and of the rest what was known before.
func (s schema) property(declared schemaProperty, required bool, before *Property) *Property {
	p := &Property{}
	if before != nil {
		*p = *before
	} else {
		p.Replaces = declared.WillReplaceOnChanges || declared.ReplaceOnChanges
	}
	p.Required, p.Secret = required, declared.Secret
	if declared.Default != nil {
		p.Default = declared.Default
	}
	p.Type, p.Properties = s.typeOf(declared.schemaType, p.Properties)
	return p
}

// typeOf is a type in the words of [Property], with the fields of objects.
func (s schema) typeOf(t schemaType, before map[string]*Property) (string, map[string]*Property) {
	switch {
	case len(t.OneOf) > 0, t.Ref == "pulumi.json#/Any", t.Ref == "pulumi.json#/Json":
		return "any", nil
	case strings.HasPrefix(t.Ref, "pulumi.json#/"):
		return "asset", nil
	case t.Items != nil:
		element, fields := s.typeOf(*t.Items, before)
		return "array of " + element, fields
	case t.AdditionalProperties != nil:
		element, fields := s.typeOf(*t.AdditionalProperties, before)
		return "map of " + element, fields
	case t.Ref == "":
		return t.Type, nil
	}
	target := s.Types[strings.TrimPrefix(t.Ref, "#/types/")]
	if target.Properties == nil {
		if target.Enum != nil {
			return target.Type, nil
		}
		return "any", nil // a resource of another package
	}
	fields := map[string]*Property{}
	for name, declared := range target.Properties {
		fields[name] = s.property(declared, slices.Contains(target.Required, name), before[name])
	}
	return "object", fields
}

// writeFacts writes a type on a line, so that a difference shows which types changed.
func writeFacts(out io.Writer, facts factsOfProvider) error {
	line := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			return err.Error() // plain data: cannot be
		}
		return string(text)
	}
	lines := make([]string, 0, len(facts.Types))
	for _, token := range slices.Sorted(maps.Keys(facts.Types)) {
		lines = append(lines, line(token)+":"+line(facts.Types[token]))
	}
	_, err := fmt.Fprintf(out, "{\n\"version\": %s,\n\"provider\": %s,\n\"types\": {\n%s\n}\n}\n",
		line(facts.Version), line(facts.Provider), strings.Join(lines, ",\n"))
	return err
}
