package sandbox

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sentry/internal/aws"
)

// problem is one input that the provider does not accept.
type problem struct{ property, reason string }

func (p problem) String() string {
	if p.property == "" {
		return p.reason
	}
	return p.property + ": " + p.reason
}

// refusal is all problems as one error, nil when there are none.
func refusal(problems []problem) error {
	if len(problems) == 0 {
		return nil
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.String()
	}
	return errors.New(strings.Join(texts, "; "))
}

// checkInputs is the provider's Check: unknown and missing inputs and fields, wrong types, invented names, and what
// AWS would refuse whatever the cloud holds. auto is the name to invent.
func (c *call) checkInputs(auto string) []problem {
	problems := fields(c.typ, "", c.facts.Inputs, c.in)
	if c.Name != "" && !c.in.has(c.Name) && !c.in.has("namePrefix") && !c.in.has("bucketPrefix") && c.takes(c.Name) {
		c.in[c.Name] = auto
		c.in["__defaults"] = []any{c.Name}
	}
	if c.check != nil && len(problems) == 0 {
		if err := c.check(c); err != nil {
			problems = append(problems, problem{"", err.Error()})
		}
	}
	return problems
}

// fields compares the fields of an object with what the provider knows of it.
func fields(typ, path string, known map[string]*aws.Property, values map[string]any) []problem {
	var problems []problem
	for _, key := range sortedKeys(values) {
		switch property := known[key]; {
		case strings.HasPrefix(key, "__"):
		case property == nil:
			problems = append(problems, problem{path + key, fmt.Sprintf("Invalid or unknown key. %s has no input %q", typ, path+key)})
		default:
			problems = append(problems, value(typ, path+key, property.Type, property, values[key])...)
		}
	}
	for _, key := range sortedKeys(known) {
		if known[key].Required && values[key] == nil {
			problems = append(problems, problem{path + key, fmt.Sprintf(
				"Missing required argument. The argument %q is required, but no definition was found.", path+key)})
		}
	}
	return problems
}

// value compares one value with its type. Numbers and booleans are accepted as text and text as numbers, as the
// bridge between Pulumi and Terraform does.
// https://github.com/pulumi/pulumi-terraform-bridge/blob/main/pkg/tfbridge/typechecker.go
func value(typ, path, want string, property *aws.Property, v any) []problem {
	if _, isUnknown := v.(unknown); v == nil || isUnknown || want == "any" || want == "asset" {
		return nil
	}
	wrong := []problem{{path, fmt.Sprintf("expected %s type, got %s type", want, kindOf(v))}}
	if element, isArray := strings.CutPrefix(want, "array of "); isArray {
		list, ok := v.([]any)
		if !ok {
			return wrong
		}
		var problems []problem
		for i, e := range list {
			problems = append(problems, value(typ, path+"["+strconv.Itoa(i)+"]", element, property, e)...)
		}
		return problems
	}
	if element, isMap := strings.CutPrefix(want, "map of "); isMap {
		entries, ok := v.(map[string]any)
		if !ok {
			return wrong
		}
		var problems []problem
		for _, key := range sortedKeys(entries) {
			problems = append(problems, value(typ, path+"."+key, element, property, entries[key])...)
		}
		return problems
	}
	if want == "object" {
		object, ok := v.(map[string]any)
		if !ok {
			return wrong
		}
		return fields(typ, path+".", property.Properties, object)
	}
	if coerced(want, v) == nil {
		return wrong
	}
	return nil
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	}
	return "object"
}

// coerced is a value as the provider keeps it in a property of a simple type; nil when it cannot.
func coerced(want string, v any) any {
	switch v := v.(type) {
	case string:
		switch want {
		case "string":
			return v
		case "boolean":
			if v == "true" || v == "false" {
				return v == "true"
			}
		case "integer", "number":
			if n, err := strconv.ParseFloat(v, 64); err == nil {
				return n
			}
		}
	case float64:
		switch want {
		case "string":
			return strconv.FormatFloat(v, 'f', -1, 64)
		case "integer", "number":
			return v
		}
	case bool:
		switch want {
		case "string":
			return strconv.FormatBool(v)
		case "boolean":
			return v
		}
	}
	return nil
}
