package preview

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sentry/internal/delivery/markdown"
)

// CommentLimit is the length of the longest comment GitHub accepts. GitHub counts
// characters; counting bytes instead keeps the text below the limit whatever is in it.
// https://github.com/orgs/community/discussions/41331
const CommentLimit = 65_536

const (
	secretText = "[secret]"
	// secretKey and unknownText are how the engine marks a secret and a value that
	// is known only after the update (sdk/go/common/resource: SigKey, plugin.UnknownStringValue).
	secretKey   = "4dabf18193072939515e22adb298388d"
	unknownText = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

	maxValue     = 160 // characters of one property's value
	maxProps     = 24  // properties of one resource
	dangerBudget = 20_000
	errorBudget  = 12_000
	driftBudget  = 8_000
)

// Options say what stands around the changes.
type Options struct {
	Stack  string // "staging"
	Commit string // may be empty
	RunURL string // may be empty
	// Stderr is what the CLI wrote to standard error, shown when the preview failed
	// without saying why in its JSON.
	Stderr string
	// Failed marks a preview whose command failed, whatever its JSON says.
	Failed bool
	// Note is a sentence under the heading, such as where the preview was made.
	Note string
	// Sections are put between the warnings and the list of changes, in this order:
	// the place for what other commands say about the same change, such as its price.
	Sections []Section
}

// Section is a titled piece of Markdown.
type Section struct{ Title, Markdown string }

// Marker is the hidden line that finds a stack's comment again.
func Marker(stack string) string { return "<!-- sentry-preview:" + markdown.Plain(stack) + " -->" }

// Render writes the preview as Markdown: heading, errors, then replacements and
// deletions in bold, then everything else folded. p may be nil when there was no
// preview to read. Nothing marked as a secret is shown. The text never exceeds
// CommentLimit: what does not fit is counted, not dropped silently.
func Render(p *Preview, o Options) string {
	if p == nil {
		p = &Preview{Failed: true}
	}
	failed := p.Failed || o.Failed

	var top strings.Builder
	top.WriteString(Marker(o.Stack) + "\n")
	if failed {
		fmt.Fprintf(&top, "### :x: Preview of %s failed\n\n", markdown.Code(o.Stack))
	} else {
		fmt.Fprintf(&top, "### Preview of %s: %s\n\n", markdown.Code(o.Stack), p.Counts())
	}
	var facts []string
	if o.Commit != "" {
		facts = append(facts, "commit "+markdown.Code(o.Commit))
	}
	if o.RunURL != "" {
		facts = append(facts, "[run]("+o.RunURL+")")
	}
	if len(facts) > 0 {
		top.WriteString(strings.Join(facts, " · ") + "\n\n")
	}
	if o.Note != "" {
		top.WriteString(o.Note + "\n\n")
	}
	if failed {
		writeErrors(&top, p, o.Stderr)
	}
	writeDangers(&top, p, dangerBudget)

	var tail strings.Builder
	if len(p.Drift) > 0 {
		tail.WriteString(markdown.Fold(markdown.Count(len(p.Drift), "resource")+" changed outside of Pulumi, which the update takes into account",
			markdown.Fence("diff", markdown.Cut(found(p.Drift), driftBudget))))
	}
	if warnings := p.messages("warning"); len(warnings) > 0 {
		tail.WriteString(markdown.Fold(markdown.Count(len(warnings), "warning"), markdown.Fence("", markdown.Cut(strings.Join(warnings, "\n"), 4000))))
	}

	// The folded list gets what is left after the sections, which come from commands
	// of this repository and are short.
	for _, s := range o.Sections {
		if text := strings.TrimSpace(s.Markdown); text != "" {
			section := fmt.Sprintf("#### %s\n\n%s\n\n", s.Title, text)
			if top.Len()+len(section)+tail.Len() > CommentLimit*3/4 {
				section = fmt.Sprintf("#### %s\n\nToo long to show here: see the run.\n\n", s.Title)
			}
			top.WriteString(section)
		}
	}
	const reserve = 300 // the fold's own markup and the note on what is missing
	top.WriteString(listChanges(p, failed, CommentLimit-top.Len()-tail.Len()-reserve))
	top.WriteString(tail.String())
	return markdown.Cut(top.String(), CommentLimit)
}

func writeErrors(b *strings.Builder, p *Preview, stderr string) {
	messages := p.messages("error")
	if len(messages) == 0 && strings.TrimSpace(stderr) != "" {
		messages = []string{strings.TrimSpace(stderr)}
	}
	if len(messages) == 0 {
		messages = []string{"pulumi gave no reason; its log is in the run"}
	}
	b.WriteString(markdown.Fence("", markdown.Cut(strings.Join(messages, "\n\n"), errorBudget)) + "\n")
	if p.HasChanges() {
		b.WriteString("What follows was computed before the failure and is **not complete**.\n\n")
	}
}

// writeDangers lists what takes away something that exists, within budget bytes.
func writeDangers(b *strings.Builder, p *Preview, budget int) {
	left, written := 0, 0
	for _, s := range p.Steps {
		if !s.dangerous() {
			continue
		}
		line := fmt.Sprintf("- **%s** %s **%s**", strings.ToUpper(s.operation()), markdown.Code(s.Type()), markdown.Escape(s.Name()))
		if len(s.Replaces) > 0 {
			reasons := slices.Sorted(slices.Values(s.Replaces))
			for i := range reasons {
				reasons[i] = markdown.Code(reasons[i])
			}
			line += " because of " + strings.Join(reasons, ", ")
		}
		if written+len(line) > budget {
			left++
			continue
		}
		b.WriteString(line + "\n")
		written += len(line) + 1
	}
	if left > 0 {
		fmt.Fprintf(b, "- **… and %d more replacements or deletions**: see the run\n", left)
	}
	if written > 0 || left > 0 {
		b.WriteString("\n")
	}
}

func listChanges(p *Preview, failed bool, budget int) string {
	var body strings.Builder
	total, left := 0, 0
	for _, s := range p.Steps {
		if !s.Acts() {
			continue
		}
		total++
		text := s.describe()
		if body.Len()+len(text) > budget {
			if text = s.title(); body.Len()+len(text) > budget {
				left++
				continue
			}
		}
		body.WriteString(text)
	}
	if total == 0 {
		if failed {
			return ""
		}
		return "Nothing would change.\n"
	}
	title := markdown.Count(total, "change")
	if left > 0 {
		title += fmt.Sprintf(", %d of them not shown for want of space", left)
	}
	return markdown.Fold(title, markdown.Fence("diff", body.String()))
}

// found lists what a refresh brought.
func found(drift []Step) string {
	var b strings.Builder
	for _, s := range drift {
		if s.New == nil {
			s.Op = "gone"
		} else {
			s.Op = "changed"
		}
		b.WriteString(s.describe())
	}
	return b.String()
}

// title is one line; its first character colors it in a block of type diff.
func (s Step) title() string {
	sign := map[string]string{"create": "+", "import": "+", "update": "!", "replace": "-", "delete": "-"}[s.Op]
	if s.revision() {
		sign = "!"
	}
	return fmt.Sprintf("%s %s %s %s\n", cmp.Or(sign, "#"), s.operation(), markdown.Plain(s.Type()), markdown.Plain(s.Name()))
}

// describe is the title and the properties that differ.
func (s Step) describe() string {
	lines := s.properties()
	var b strings.Builder
	b.WriteString(s.title())
	for i, l := range lines {
		if i == maxProps {
			fmt.Fprintf(&b, "      … and %d more properties\n", len(lines)-i)
			break
		}
		b.WriteString("      " + l + "\n")
	}
	return b.String()
}

func (s Step) properties() []string {
	switch {
	case s.Op == "delete" || s.Op == "discard":
		if s.Old != nil && s.Old.ID != "" {
			return []string{"id: " + show(s.Old.ID)}
		}
		return nil
	case s.New == nil:
		return nil
	}
	var lines []string
	for _, c := range s.Changes() {
		lines = append(lines, c.String())
	}
	return lines
}

// Change is a property that differs. Old is empty for one that is new, New for one that goes; both are JSON.
type Change struct {
	Path, Old, New string
}

func (c Change) String() string {
	switch {
	case c.Old == "" && c.New == "":
		return markdown.Plain(c.Path) + ": changed"
	case c.New == "":
		return markdown.Plain(c.Path) + ": " + c.Old + " → (removed)"
	case c.Old == "":
		return markdown.Plain(c.Path) + ": " + c.New
	case c.Old == secretText && c.New == secretText:
		return markdown.Plain(c.Path) + ": " + secretText + " (may differ)"
	}
	return markdown.Plain(c.Path) + ": " + c.Old + " → " + c.New
}

// Changes are the properties that the step changes, by their paths; those of a document in a text, such as container
// definitions, one by one. A step that changes nothing has none.
func (s Step) Changes() []Change {
	switch {
	case !s.Acts() && s.Op != "changed":
		return nil
	case s.New == nil:
		return []Change{{Path: s.operation()}}
	case s.Old == nil:
		return difference(nil, leaves(s.New, s.New.Inputs, nil))
	}
	keys := map[string]bool{}
	inputs := true
	for _, k := range s.Diffs {
		keys[topKey(k)] = true
	}
	for path, k := range s.Detailed {
		keys[topKey(path)] = true
		inputs = inputs && k.InputDiff
	}
	// A difference is between inputs, or between what the resource is and the new inputs, or (after a refresh)
	// between what it was and what it is.
	for _, pair := range [][2]map[string]any{
		{s.Old.Inputs, s.New.Inputs},
		{s.Old.Outputs, s.New.Inputs},
		{s.Old.Outputs, s.New.Outputs},
	} {
		if !inputs {
			inputs = true
			continue
		}
		if changes := difference(leaves(s.Old, pair[0], keys), leaves(s.New, pair[1], keys)); len(changes) > 0 {
			return changes
		}
	}
	var changes []Change
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		changes = append(changes, Change{Path: k})
	}
	return changes
}

// topKey is the first element of a property path: "tags.Name" and `tags["a"]` are in "tags".
func topKey(path string) string {
	if i := strings.IndexAny(path, ".["); i > 0 {
		return path[:i]
	}
	return path
}

// leaves flattens values to path → text. With keys, only those top-level properties.
// Strings that hold JSON documents (policies, container definitions) are looked into,
// so that a difference of one number is shown as one number.
func leaves(state *State, values map[string]any, keys map[string]bool) map[string]string {
	out := map[string]string{}
	for k, v := range values {
		if k == defaultsKey || len(keys) > 0 && !keys[k] {
			continue
		}
		if slices.Contains(state.AdditionalSecretOutputs, k) {
			out[k] = secretText
			continue
		}
		flatten(k, v, out)
	}
	return out
}

func flatten(path string, v any, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		if _, secret := v[secretKey]; secret {
			out[path] = secretText
			return
		}
		for k, e := range v {
			if k != defaultsKey {
				flatten(path+"."+k, e, out)
			}
		}
	case []any:
		for i, e := range v {
			flatten(fmt.Sprintf("%s[%d]", path, i), e, out)
		}
	case string:
		if t := strings.TrimSpace(v); strings.HasPrefix(t, "{") || strings.HasPrefix(t, "[") {
			var doc any
			if json.Unmarshal([]byte(t), &doc) == nil {
				flatten(path, doc, out)
				return
			}
		}
		out[path] = show(v)
	default:
		out[path] = show(v)
	}
}

func difference(before, after map[string]string) []Change {
	var changes []Change
	for path, old := range before {
		if _, stays := after[path]; !stays {
			changes = append(changes, Change{Path: path, Old: old})
		}
	}
	for path, value := range after {
		// A secret cannot be compared; a new one is not said to differ.
		if old, had := before[path]; !had || old != value || value == secretText {
			changes = append(changes, Change{path, old, value})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return changes
}

// show is a value as text of bounded length.
func show(v any) string {
	switch v {
	case secretText:
		return secretText
	case unknownText:
		return "(known after the update)"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "(not shown)"
	}
	return markdown.Plain(markdown.Cut(string(text), maxValue))
}

func (p *Preview) messages(severity string) []string {
	var out []string
	for _, d := range p.Diagnostics {
		if d.Severity != severity {
			continue
		}
		if text := d.Message; text != "" {
			if name := (Step{URN: d.URN}).Name(); d.URN != "" && !strings.Contains(text, name) {
				text = name + ": " + text
			}
			out = append(out, text)
		}
	}
	return out
}
