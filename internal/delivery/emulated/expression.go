package emulated

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/rhysd/actionlint"
)

// scope is what an expression of a workflow can refer to: contexts by name, and the functions that ask for the status
// of what came before.
type scope struct {
	contexts map[string]any
	status   map[string]bool // success, failure, cancelled
}

var embedded = regexp.MustCompile(`\$\{\{(.*?)\}\}`)

// text replaces the expressions in a text by their values.
func (s scope) text(raw string) string {
	return embedded.ReplaceAllStringFunc(raw, func(e string) string {
		return toText(s.value(embedded.FindStringSubmatch(e)[1]))
	})
}

// condition evaluates an `if`. One without a status function stands for success() too.
func (s scope) condition(raw string) bool {
	raw = strings.TrimSpace(raw)
	if m := embedded.FindStringSubmatch(raw); m != nil && m[0] == raw {
		raw = m[1]
	}
	if raw == "" {
		return s.status["success"]
	}
	asked := regexp.MustCompile(`\b(always|success|failure|cancelled)\(`).MatchString(raw)
	return truthy(s.value(raw)) && (asked || s.status["success"])
}

func (s scope) value(raw string) any {
	node, problem := actionlint.NewExprParser().Parse(actionlint.NewExprLexer(raw + "}}"))
	if problem != nil {
		panic(fmt.Sprintf("expression %q: %v", raw, problem))
	}
	return s.node(node)
}

func (s scope) node(n actionlint.ExprNode) any {
	switch n := n.(type) {
	case *actionlint.StringNode:
		return n.Value
	case *actionlint.IntNode:
		return float64(n.Value)
	case *actionlint.BoolNode:
		return n.Value
	case *actionlint.NullNode:
		return nil
	case *actionlint.NotOpNode:
		return !truthy(s.node(n.Operand))
	case *actionlint.CompareOpNode:
		equal := toText(s.node(n.Left)) == toText(s.node(n.Right))
		return equal == (n.Kind == actionlint.CompareOpNodeKindEq)
	case *actionlint.LogicalOpNode:
		left := s.node(n.Left)
		if truthy(left) == (n.Kind == actionlint.LogicalOpNodeKindAnd) {
			return s.node(n.Right)
		}
		return left
	case *actionlint.VariableNode:
		return s.contexts[n.Name]
	case *actionlint.ObjectDerefNode:
		switch receiver := s.node(n.Receiver).(type) {
		case map[string]any:
			return property(receiver, n.Property)
		case []any:
			var all []any
			for _, element := range receiver {
				if object, ok := element.(map[string]any); ok {
					all = append(all, property(object, n.Property))
				}
			}
			return all
		}
		return nil
	case *actionlint.ArrayDerefNode:
		object, _ := s.node(n.Receiver).(map[string]any) // anything else has no elements
		var all []any
		for _, element := range object {
			all = append(all, element)
		}
		return all
	case *actionlint.FuncCallNode:
		return s.call(n)
	}
	panic(fmt.Sprintf("this emulation does not know expressions of type %T", n))
}

// property is one of an object's, whose names have no case.
func property(object map[string]any, name string) any {
	for key, value := range object {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

func (s scope) call(n *actionlint.FuncCallNode) any {
	var args []any
	for _, a := range n.Args {
		args = append(args, s.node(a))
	}
	switch strings.ToLower(n.Callee) {
	case "always":
		return true
	case "success", "failure", "cancelled":
		return s.status[strings.ToLower(n.Callee)]
	case "tojson":
		raw, err := json.Marshal(args[0])
		if err != nil {
			panic(err)
		}
		return string(raw)
	case "fromjson":
		var value any
		if err := json.Unmarshal([]byte(toText(args[0])), &value); err != nil {
			panic(fmt.Sprintf("fromJSON(%q): %v", args[0], err))
		}
		return value
	case "join":
		var texts []string
		list, _ := args[0].([]any) // a text is a list of one
		for _, element := range list {
			texts = append(texts, toText(element))
		}
		return strings.Join(texts, toText(args[1]))
	}
	panic("this emulation does not know the function " + n.Callee)
}

func truthy(v any) bool { return v != nil && v != "" && v != false && v != float64(0) }

func toText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case map[string]any, []any:
		return "Object"
	}
	return fmt.Sprint(v)
}
