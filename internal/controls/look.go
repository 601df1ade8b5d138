package controls

import (
	"encoding/json"
	"slices"

	"sentry/internal/policy"
	"sentry/internal/sandbox"
)

// look is one resource among all that were registered with it.
type look struct {
	r   sandbox.Resource
	in  map[string]any
	all []sandbox.Resource
}

// at is an input, nil when it is not set. Steps are keys, and numbers of elements.
func (l look) at(path ...any) any { return at(l.in, path...) }

func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

func (l look) text(path ...any) string {
	text, _ := l.at(path...).(string)
	return text
}

// is compares inputs: pairs of a key and its value.
func (l look) is(pairs ...any) bool {
	for i := 0; i < len(pairs); i += 2 {
		if l.at(pairs[i]) != pairs[i+1] {
			return false
		}
	}
	return true
}

// others are the resources of a type that were registered with this one.
func (l look) others(token string) []look {
	var found []look
	for _, r := range l.all {
		if r.Type == token {
			found = append(found, look{r, r.Inputs.Mappable(), l.all})
		}
	}
	return found
}

// has reports whether one of the resources of a type holds.
func (l look) has(token string, holds func(look) bool) bool {
	return slices.ContainsFunc(l.others(token), holds)
}

// setting is what is set for this bucket, of a type that does so.
func (l look) setting(token string, holds func(look) bool) bool {
	return l.has(token, func(o look) bool { return o.at("bucket") == l.at("bucket") && holds(o) })
}

// there holds for whatever is there.
func there(look) bool { return true }

// statements are those of a policy; of a document that AWS would refuse there are none, and ok is false.
func (l look) statements(kind policy.Kind, key string) (found []policy.Statement, ok bool) {
	d, err := policy.Parse(kind, l.text(key))
	return d.Statement, err == nil
}

// each reports whether all statements of the policy with an effect hold.
func (l look) each(kind policy.Kind, effect string, holds func(policy.Statement) bool) bool {
	statements, ok := l.statements(kind, "policy")
	return ok && !slices.ContainsFunc(statements, func(s policy.Statement) bool { return s.Effect == effect && !holds(s) })
}

// containers are those of a task definition.
func (l look) containers() []look {
	var list []map[string]any
	if json.Unmarshal([]byte(l.text("containerDefinitions")), &list) != nil {
		return []look{{l.r, nil, l.all}} // which nothing holds for that has to be there
	}
	found := make([]look, len(list))
	for i, in := range list {
		found[i] = look{l.r, in, l.all}
	}
	return found
}

func eachContainer(holds func(look) bool) func(look) bool {
	return func(l look) bool {
		return !slices.ContainsFunc(l.containers(), func(c look) bool { return !holds(c) })
	}
}

// never is for what the programs do not do.
func never(look) bool { return false }

// absent: none of some inputs is set, or each is empty or false.
func absent(keys ...string) func(look) bool {
	return func(l look) bool {
		return !slices.ContainsFunc(keys, func(key string) bool {
			value := l.at(key)
			list, isList := value.([]any)
			return value != nil && value != false && value != "" && (!isList || len(list) > 0)
		})
	}
}

// condition is a condition's values; nil where the operator or the key is another one.
func condition(s policy.Statement, operator, key string) policy.Strings {
	return s.Condition[operator][key]
}

// withResource are the statements of a document that is attached to its only resource, and does not name it: ECR's and
// those of endpoints.
func withResource(text string) ([]policy.Statement, bool) {
	var d policy.Document
	if json.Unmarshal([]byte(text), &d) != nil {
		return nil, false
	}
	return d.Statement, len(d.Statement) > 0
}
