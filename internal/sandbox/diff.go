package sandbox

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"sentry/internal/aws"
)

// Replacing are the inputs that would replace a resource which exists with some properties, and has just been imported.
func Replacing(token string, inputs, properties map[string]any) ([]string, error) {
	c, err := NewCloud().call(token, "", settings{}, attrs(inputs))
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, d := range c.diff(c.inputsOf(attrs(properties), nil), attrs(properties)) {
		if d.replaces {
			keys = append(keys, d.key)
		}
	}
	return keys, nil
}

// change is one input that differs, and whether it replaces the resource.
type change struct {
	key      string
	kind     string // add, delete or update
	replaces bool
}

// diff compares inputs with what exists, as the provider does: a missing input means its default, or where AWS
// fills it in, what AWS has.
func (c *call) diff(oldInputs, state attrs) []change {
	var changes []change
	for _, key := range sortedKeys(c.facts.Inputs) {
		property := c.facts.Inputs[key]
		wanted, isSet := c.in[key]
		_, wasSet := oldInputs[key]
		kind := "update"
		if !isSet {
			if property.Keeps || !wasSet && property.Default == nil && isZero(state[key]) {
				continue
			}
			wanted = property.Default
			if wasSet {
				kind = "delete"
			}
		}
		have, exists := state[key]
		if !exists {
			have, kind = property.Default, "add"
		}
		if c.ignored(key) || c.same(key, property, wanted, have) {
			continue
		}
		changes = append(changes, change{key, kind, replaces(property, have, wanted, c.in)})
	}
	if c.takes("tags") && !slices.ContainsFunc(changes, func(d change) bool { return d.key == "tags" }) &&
		!hasUnknown(c.allTags()) && !maps.EqualFunc(c.allTags(), state.tags("tagsAll"), reflect.DeepEqual) {
		changes = append(changes, change{"tagsAll", "update", false})
	}
	return changes
}

// isZero: of an input that was never given, and that AWS does not keep, the provider tells no, nought or nothing at all
// from being left out as little as its schema does.
func isZero(v any) bool {
	return emptyIsNil(v) == nil || reflect.ValueOf(v).IsZero()
}

// ignored: a service's triggers count only together with forceNewDeployment.
// https://github.com/hashicorp/terraform-provider-aws/blob/v5.100.0/internal/service/ecs/service.go
func (c *call) ignored(key string) bool {
	return c.typ == aws.ECSService && key == "triggers" && !c.in.yes("forceNewDeployment")
}

func (c *call) same(key string, property *aws.Property, a, b any) bool {
	if hasUnknown(a) {
		return false
	}
	a, b = stored(property, a), stored(property, b)
	x, isText := a.(string)
	y, wasText := b.(string)
	if isText && wasText {
		if property.JSON {
			return sameJSON(x, y)
		}
		if key == "cluster" || key == "taskDefinition" {
			// The provider accepts a name where AWS answers with an ARN.
			return x == y || x != "" && strings.HasSuffix(y, "/"+x)
		}
	}
	return reflect.DeepEqual(emptyIsNil(a), emptyIsNil(b))
}

// replaces says whether a change of a property replaces the resource; inputs are all new ones.
func replaces(property *aws.Property, before, after any, inputs attrs) bool {
	before, after = emptyIsNil(before), emptyIsNil(after)
	if reflect.DeepEqual(before, after) {
		return false
	}
	on := property.ReplacesOn
	whole := property.Replaces && on == nil
	for setting, answer := range property.ReplacesIf {
		input, value, _ := strings.Cut(setting, "=")
		if inputs.str(input) != value && (value != "true" || !inputs.yes(input)) {
			continue
		}
		steps, isList := strings.CutPrefix(answer, "on ")
		whole, on = answer == "yes", nil
		if isList {
			on = strings.Split(steps, ", ")
		}
	}
	if whole && (property.Properties == nil || before == nil || after == nil) {
		return true
	}
	if slices.ContainsFunc(stepsOf(before, after), func(step string) bool { return slices.Contains(on, step) }) {
		return true
	}
	was, isObject := before.(map[string]any)
	is, stillObject := after.(map[string]any)
	if isObject && stillObject {
		for name, field := range property.Properties {
			if replaces(field, was[name], is[name], inputs) {
				return true
			}
		}
	}
	had, isList := before.([]any)
	has, stillList := after.([]any)
	if !isList || !stillList || property.Properties == nil {
		return false
	}
	if len(had) != len(has) {
		return whole
	}
	element := &aws.Property{Type: "object", Properties: property.Properties}
	for i := range had {
		if replaces(element, had[i], has[i], inputs) {
			return true
		}
	}
	return false
}

// stepsOf names what happens between two values, in the words of the facts.
func stepsOf(before, after any) []string {
	switch {
	case before == nil:
		return []string{"set"}
	case after == nil:
		return []string{"unset"}
	}
	steps := []string{"change", "back"}
	switch was := before.(type) {
	case string:
		if is, ok := after.(string); ok {
			steps = append(steps, was+" to "+is)
		}
	case float64:
		if is, ok := after.(float64); ok && is > was {
			steps = append(steps, "up")
		} else if ok {
			steps = append(steps, "down")
		}
	case bool:
		if after == true {
			steps = append(steps, "to true")
		}
	case []any:
		if is, ok := after.([]any); ok && len(is) > len(was) {
			steps = append(steps, "grow")
		} else if ok && len(is) < len(was) {
			steps = append(steps, "shrink")
		}
	}
	return steps
}

func emptyIsNil(v any) any {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return nil
		}
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = emptyIsNil(e)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if e = emptyIsNil(e); e != nil && e != "" {
				out[k] = e
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}

// stored is a value as the provider keeps it: of the property's type.
func stored(property *aws.Property, v any) any {
	if simple := coerced(property.Type, v); simple != nil {
		return simple
	}
	return v
}

func (c *call) allTags() map[string]any {
	all := map[string]any{}
	maps.Copy(all, c.settings.tags)
	if c.in.has("tags") && c.in.tags("tags") == nil {
		return map[string]any{"": Unknown}
	}
	maps.Copy(all, c.in.tags("tags"))
	return all
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// preview is what a create or update will leave, as far as one can know without asking AWS.
// state is nil for a create.
func (c *call) preview(state attrs) attrs {
	out := attrs{}
	if state == nil {
		for _, properties := range []map[string]*aws.Property{c.facts.Inputs, c.facts.Outputs} {
			for key, property := range properties {
				if property.Unknown {
					out[key] = Unknown
				}
			}
		}
	}
	maps.Copy(out, state)
	c.fill(out)
	if state != nil && c.plan != nil {
		c.out, c.self = out, &Object{Props: state}
		c.plan(c)
	}
	return out
}

// fill puts inputs, the provider's defaults, and tags into the outputs.
func (c *call) fill(out attrs) {
	for key, property := range c.facts.Inputs {
		if v, ok := c.in[key]; ok {
			out[key] = stored(property, v)
		} else if property.Default != nil {
			out[key] = property.Default
		}
	}
	if c.takes("tags") {
		out["tagsAll"] = c.allTags()
	}
}

// inputsOf is a resource's inputs as an import or refresh finds them: those that were set before, or for
// an import those that differ from the defaults.
func (c *call) inputsOf(props, before attrs) attrs {
	out := attrs{}
	for key, property := range c.facts.Inputs {
		v, exists := props[key]
		_, wasSet := before[key]
		unset := reflect.DeepEqual(v, property.Default) || emptyIsNil(v) == nil || v == ""
		if property.Default == nil {
			unset = unset || v == false || v == 0.0 // to the provider, nothing is set then
		}
		if !exists || !wasSet && (before != nil || unset) {
			continue
		}
		out[key] = v
	}
	if d, ok := before["__defaults"]; ok {
		out["__defaults"] = d
	}
	return out
}
