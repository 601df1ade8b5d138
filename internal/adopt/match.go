package adopt

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// matcher finds the program's resource for each of the state's.
type matcher struct {
	plan *Plan
	// ids are the ids and ARNs of matched resources, and what they are in the recording.
	ids map[string]string
	// taken are the URNs of the program's resources that are the state's.
	taken map[string]bool
}

func (m *matcher) row(r candidate) Row {
	k := kinds[r.Type]
	row := Row{Address: r.Address, Part: r.part}
	made, found := m.find(k, r.Resource)
	switch {
	case found && made.Type == aws.IAMRole && m.plan.bootstrapped():
		m.taken[made.URN] = true
		row.Verdict, row.Why = Superseded, "bootstrap makes the roles of the tasks, and takes this one over by its name (docs/bootstrap.md)"
	case found:
		m.taken[made.URN] = true
		m.ids[r.text("id")] = made.ID
		if arn, isText := made.Outputs.Mappable()["arn"].(string); isText && r.text("arn") != "" {
			m.ids[r.text("arn")] = arn
		}
		row.Verdict, row.Token, row.Name, row.made = Imported, made.Type, made.Name, &made
		row.ID = importID(r.Resource, made.Type)
		switch {
		case made.Type == aws.EC2RouteTableAssociation:
			row.Moved, row.Why = true, "once its subnet has a route table of its own; the steps say how"
		case row.ID == "":
			m.askFor(&row, r.Resource)
		}
	case k.superseded != "":
		row.Verdict, row.Why = Superseded, k.superseded
	case k.advice != "":
		row.Verdict, row.Why = Refused, k.advice
	default:
		row.Verdict, row.Why = Refused, "the program makes none that is called so"
	}
	return row
}

// askFor is about a rule whose id the state does not know.
func (m *matcher) askFor(row *Row, r Resource) {
	if m.plan.options.Rules == nil {
		row.Ask = r.query(m.plan.options.State.Region())
		return
	}
	delete(m.taken, row.made.URN)
	*row = Row{Address: row.Address, Part: row.Part, Verdict: Superseded, Why: "AWS has this rule no more; the first update makes it again"}
}

// bootstrapped: the tasks' roles are not this stack's.
func (p *Plan) bootstrapped() bool {
	values, err := p.options.Project.Values(p.Environment)
	return err == nil && fmt.Sprint(values[p.options.Project.Name+":bootstrapped"]) == "true"
}

// find is the program's resource of a kind that has what tells the resources of that kind apart.
func (m *matcher) find(k kind, r Resource) (sandbox.Resource, bool) {
	if k.token == "" {
		return sandbox.Resource{}, false
	}
	have := m.inSandbox(properties(r, k.token))
	for _, made := range m.plan.recording.ByType(k.token) {
		inputs := made.Inputs.Mappable()
		same := func(name string) bool { return reflect.DeepEqual(plain(inputs[name]), have[name]) }
		if !m.taken[made.URN] && !slices.ContainsFunc(k.by, func(name string) bool { return !same(name) }) {
			return made, true
		}
	}
	return sandbox.Resource{}, false
}

// inSandbox are properties in terms of the recording: its ids of what was matched, and its account.
func (m *matcher) inSandbox(properties map[string]any) map[string]any {
	translated, _ := m.translate(properties).(map[string]any)
	return translated
}

func (m *matcher) translate(value any) any {
	switch value := value.(type) {
	case string:
		if id, known := m.ids[value]; known && value != "" {
			return id
		}
		return m.plan.toSandbox(value)
	case []any:
		list := make([]any, len(value))
		for i, element := range value {
			list[i] = m.translate(element)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, field := range value {
			object[name] = m.translate(field)
		}
		return object
	}
	return value
}

// replacing says what of an imported resource the next update would replace it for. The provider's own facts say which
// inputs do that.
func (m *matcher) replacing(r Resource, row Row) []string {
	have := m.inSandbox(properties(r, row.Token))
	inputs := row.made.Inputs.Mappable()
	for _, ignored := range row.made.IgnoreChanges {
		delete(inputs, ignored)
	}
	keys, err := sandbox.Replacing(row.Token, plainObject(inputs), have)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", r.Address, err)}
	}
	problems := make([]string, len(keys))
	for i, key := range keys {
		problems[i] = fmt.Sprintf("%s: its %s is %s, and the program's %s: it would be replaced",
			r.Address, key, shown(have[key]), shown(plain(inputs[key])))
	}
	return problems
}

// shown is a value for a message.
func shown(value any) string {
	if value == nil || value == "" {
		return "not set"
	}
	return fmt.Sprintf("%v", value)
}

// importID is what `pulumi import` finds a resource by; empty where the state does not say it.
func importID(r Resource, token string) string {
	entry, ok := aws.Lookup(token)
	if !ok || entry.Import == "" {
		return r.text("id")
	}
	have := properties(r, token)
	return aws.Expand(entry.Import, func(name string) string {
		text, _ := have[name].(string)
		return text
	})
}

// identityOf are the inputs that tell a resource of the program from others of its type, for a message.
func identityOf(made sandbox.Resource) string {
	inputs := made.Inputs.Mappable()
	for _, k := range kinds {
		if k.token != made.Type {
			continue
		}
		var known []string
		for _, name := range k.by {
			known = append(known, fmt.Sprintf("%s %v", name, plain(inputs[name])))
		}
		if len(known) > 0 {
			return " (" + strings.Join(known, ", ") + ")"
		}
	}
	return ""
}

// plain is a recorded value in the forms of JSON.
func plain(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i, element := range value {
			list[i] = plain(element)
		}
		return list
	case map[string]any:
		return plainObject(value)
	case int:
		return float64(value)
	}
	return value
}

func plainObject(values map[string]any) map[string]any {
	object := make(map[string]any, len(values))
	for name, value := range values {
		object[name] = plain(value)
	}
	return object
}
