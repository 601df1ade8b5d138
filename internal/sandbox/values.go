package sandbox

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// attrs are a resource's properties as plain values: string, float64, bool, nil, []any, attrs'
// underlying map type, or [Unknown] for what only a deployment can tell.
type attrs map[string]any

type unknown struct{}

// Unknown stands in [Recording.Outputs] and inside the catalogue for a value that a preview cannot know.
var Unknown any = unknown{}

func (unknown) String() string { return "unknown" }

// plain turns Pulumi's property values into attrs: secrets are unwrapped, references become ids.
func plain(m resource.PropertyMap) attrs {
	out := make(attrs, len(m))
	for k, v := range m {
		out[string(k)] = plainValue(v)
	}
	return out
}

func plainValue(v resource.PropertyValue) any {
	switch {
	case v.IsComputed():
		return Unknown
	case v.IsOutput():
		if !v.OutputValue().Known {
			return Unknown
		}
		return plainValue(v.OutputValue().Element)
	case v.IsSecret():
		return plainValue(v.SecretValue().Element)
	case v.IsResourceReference():
		return plainValue(v.ResourceReferenceValue().ID)
	case v.IsArray():
		out := make([]any, len(v.ArrayValue()))
		for i, e := range v.ArrayValue() {
			out[i] = plainValue(e)
		}
		return out
	case v.IsObject():
		return map[string]any(plain(v.ObjectValue()))
	default:
		return v.V
	}
}

// properties is the way back; unknown values become computed ones.
func properties(a attrs) resource.PropertyMap {
	out := make(resource.PropertyMap, len(a))
	for k, v := range a {
		out[resource.PropertyKey(k)] = property(v)
	}
	return out
}

func property(v any) resource.PropertyValue {
	switch v := v.(type) {
	case unknown:
		return resource.MakeComputed(resource.NewProperty(""))
	case []any:
		out := make([]resource.PropertyValue, len(v))
		for i, e := range v {
			out[i] = property(e)
		}
		return resource.NewProperty(out)
	case attrs:
		return resource.NewProperty(properties(v))
	case map[string]any:
		return resource.NewProperty(properties(v))
	default:
		return resource.NewPropertyValue(v)
	}
}

// str is the string at a dotted path, "" when absent, unknown or no string.
func (a attrs) str(path string) string {
	s, _ := a.at(path).(string)
	return s
}

// num is the number at a dotted path and whether there is one.
func (a attrs) num(path string) (float64, bool) {
	n, ok := a.at(path).(float64)
	return n, ok
}

func (a attrs) yes(path string) bool {
	b, _ := a.at(path).(bool)
	return b
}

// strings are the strings at a path: one, or those of all elements of the lists on the way.
func (a attrs) strings(path string) []string { return stringsAt(map[string]any(a), path) }

func stringsAt(v any, path string) []string {
	switch v := v.(type) {
	case string:
		if path == "" {
			return []string{v}
		}
	case map[string]any:
		part, rest, _ := strings.Cut(path, ".")
		return stringsAt(v[part], rest)
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, stringsAt(e, path)...)
		}
		return out
	}
	return nil
}

func (a attrs) at(path string) any {
	var v any = map[string]any(a)
	for part := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			if _, isUnknown := v.(unknown); isUnknown {
				return Unknown
			}
			return nil
		}
		v = m[part]
	}
	return v
}

func (a attrs) has(path string) bool { return a.at(path) != nil }

func (a attrs) known(path string) bool { return !hasUnknown(a.at(path)) }

func (a attrs) tags(key string) map[string]any {
	m, _ := a[key].(map[string]any)
	return m
}

func hasUnknown(v any) bool {
	switch v := v.(type) {
	case unknown:
		return true
	case []any:
		return slices.ContainsFunc(v, hasUnknown)
	case map[string]any:
		for _, e := range v {
			if hasUnknown(e) {
				return true
			}
		}
	}
	return false
}

// sameJSON reports whether two documents mean the same: spacing, the order of keys, and a list of one
// element against that element (IAM's two ways to write it) do not count.
func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return reflect.DeepEqual(normalJSON(x), normalJSON(y))
}

// containerDefaults are what ECS adds to a container definition on its own.
var containerDefaults = map[string]any{"essential": true, "protocol": "tcp", "cpu": float64(0)}

func normalJSON(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			out = append(out, normalJSON(e))
		}
		if len(out) == 1 {
			return out[0]
		}
		if named(v) {
			slices.SortFunc(out, func(a, b any) int {
				return strings.Compare(attrs(a.(map[string]any)).str("name"), attrs(b.(map[string]any)).str("name"))
			})
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			list, isList := e.([]any)
			if e == nil || isList && len(list) == 0 || e == containerDefaults[k] {
				continue
			}
			out[k] = normalJSON(e)
		}
		if reflect.DeepEqual(out["hostPort"], out["containerPort"]) {
			delete(out, "hostPort")
		}
		return out
	}
	return v
}

// named reports whether a list holds objects with names only, like ECS's environment: its order means nothing.
func named(list []any) bool {
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok || attrs(m).str("name") == "" {
			return false
		}
	}
	return true
}

// literal reads a default of the catalogue: true, 7, [] and {} are what they look like, all else is text.
func literal(s string) any {
	switch s {
	case "true", "false":
		return s == "true"
	case "[]":
		return []any{}
	case "{}":
		return map[string]any{}
	case "empty":
		return ""
	case "managed":
		return "Managed by Pulumi"
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return n
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
