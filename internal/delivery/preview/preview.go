// Package preview reads what `pulumi preview` says it would do and turns it into
// a comment for a pull request, a page of a run's summary, or a fingerprint that
// tells whether two previews promise the same.
package preview

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/delivery/markdown"
)

// Preview is one answer of the engine.
type Preview struct {
	Steps []Step
	// Drift are the resources that a refresh found to be other than the state says, or gone. The steps take what
	// the refresh brought into account.
	Drift       []Step
	Diagnostics []Diagnostic
	Config      map[string]string
	// Outputs are what the stack's outputs will be, as far as they are known, and are texts and no secrets.
	Outputs map[string]string
	// Failed is set when the engine reported an error. The steps are then those that were computed before it, not
	// all of them.
	Failed bool
}

// Step is what would happen to one resource.
type Step struct {
	Op  string // "create", "update", "replace", "delete", "import", "read", …
	URN string
	Old *State
	New *State
	// Diffs names the properties that differ, Replaces those of them that force a replacement. Detailed maps
	// property paths to the kind of difference.
	Diffs    []string
	Replaces []string
	Detailed map[string]Kind
}

// Kind is one entry of the engine's detailed difference.
type Kind struct {
	Kind      string
	InputDiff bool // inputs against inputs, not old outputs against new inputs
}

// State is a resource before or after a step.
type State struct {
	ID                      string         `json:"id"`
	Inputs                  map[string]any `json:"inputs"`
	Outputs                 map[string]any `json:"outputs"`
	AdditionalSecretOutputs []string       `json:"additionalSecretOutputs"`
}

// Diagnostic is a message of the engine or the program.
type Diagnostic struct {
	URN      string
	Message  string
	Severity string // "info", "info#err", "warning" or "error"
}

// Type is the resource's type token, without those of its parents.
func (s Step) Type() string {
	parts := strings.SplitN(s.URN, "::", 4)
	if len(parts) < 4 {
		return ""
	}
	return parts[2][strings.LastIndex(parts[2], "$")+1:]
}

// Name is the resource's logical name.
func (s Step) Name() string {
	parts := strings.SplitN(s.URN, "::", 4)
	if len(parts) < 4 {
		return s.URN
	}
	return parts[3]
}

// Acts says whether the step does anything to the resource.
func (s Step) Acts() bool {
	switch s.Op {
	case "same", "refresh", "read", "read-discard", "read-replacement":
		return false
	}
	return true
}

// revision says whether the step is a new revision of a task definition. The engine calls it a replacement, because
// AWS has no other way to change one; nothing is taken away by it.
func (s Step) revision() bool {
	return s.Op == "replace" && s.Type() == "aws:ecs/taskDefinition:TaskDefinition"
}

// operation is the step's, in words for people.
func (s Step) operation() string {
	if s.revision() {
		return "new revision"
	}
	return markdown.Plain(s.Op)
}

// dangerous says whether the step takes something away that exists.
func (s Step) dangerous() bool {
	return !s.revision() && (s.Op == "replace" || s.Op == "delete" || s.Op == "discard" || s.Op == "import-replacement")
}

// ErrNoPreview is returned for input without any JSON: the CLI failed before the
// engine started, and what it wrote to standard error says why.
var ErrNoPreview = errors.New("no preview in the input: pulumi stopped before the engine started")

// event is an engine event (sdk/go/common/apitype/events.go), of which `pulumi preview --json` prints one a line when
// PULUMI_ENABLE_STREAMING_JSON_PREVIEW is set, and `pulumi refresh --json` and the Automation API always do.
type (
	event struct {
		Sequence *int `json:"sequence"`
		Prelude  *struct {
			Config map[string]string `json:"config"`
		} `json:"preludeEvent"`
		Diagnostic *struct {
			URN       string `json:"urn"`
			Message   string `json:"message"`
			Severity  string `json:"severity"`
			Ephemeral bool   `json:"ephemeral"`
		} `json:"diagnosticEvent"`
		Pre     *resourceEvent `json:"resourcePreEvent"`
		Outputs *resourceEvent `json:"resOutputsEvent"`
		Failed  *resourceEvent `json:"resOpFailedEvent"`
		Error   *struct {
			Error string `json:"error"`
		} `json:"errorEvent"`
		Summary *struct {
			Result string `json:"result"`
		} `json:"summaryEvent"`
	}
	resourceEvent struct {
		Metadata struct {
			Op           string   `json:"op"`
			URN          string   `json:"urn"`
			Old          *State   `json:"old"`
			New          *State   `json:"new"`
			Keys         []string `json:"keys"`
			Diffs        []string `json:"diffs"`
			DetailedDiff map[string]struct {
				Kind      string `json:"diffKind"`
				InputDiff bool   `json:"inputDiff"`
			} `json:"detailedDiff"`
		} `json:"metadata"`
	}
)

// Parse reads engine events; text before the first brace is skipped. It returns ErrNoPreview when there is no JSON at
// all.
func Parse(r io.Reader) (*Preview, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read preview: %w", err)
	}
	start := bytes.IndexByte(raw, '{')
	if start < 0 {
		return nil, ErrNoPreview
	}
	dec := json.NewDecoder(bytes.NewReader(raw[start:]))
	p := &Preview{Outputs: map[string]string{}}
	for n := 1; ; n++ {
		var e event
		switch err := dec.Decode(&e); {
		case errors.Is(err, io.EOF):
			slices.SortStableFunc(p.Steps, func(a, b Step) int { return strings.Compare(a.URN, b.URN) })
			return p, nil
		case err != nil:
			return nil, fmt.Errorf("read preview: event %d: %w", n, err)
		case e.Sequence == nil:
			return nil, fmt.Errorf("read preview: value %d is no event of the engine: it has no sequence number", n)
		}
		p.add(e)
	}
}

func (p *Preview) diagnose(urn, message, severity string) {
	message = strings.TrimPrefix(strings.TrimSpace(message), severity+": ")
	p.Diagnostics = append(p.Diagnostics, Diagnostic{URN: urn, Message: message, Severity: severity})
	p.Failed = p.Failed || severity == "error"
}

// add takes one engine event in. The engine reports a replacement as three steps (create-replacement, replace,
// delete-replaced); the middle one stands for all.
func (p *Preview) add(e event) {
	switch {
	case e.Prelude != nil:
		p.Config = e.Prelude.Config
	case e.Diagnostic != nil && !e.Diagnostic.Ephemeral && e.Diagnostic.Severity != "debug":
		p.diagnose(e.Diagnostic.URN, e.Diagnostic.Message, e.Diagnostic.Severity)
	case e.Error != nil:
		p.diagnose("", e.Error.Error, "error")
	case e.Failed != nil:
		p.Failed = true
	case e.Summary != nil:
		p.Failed = p.Failed || (e.Summary.Result != "" && e.Summary.Result != "succeeded")
	case e.Pre != nil:
		if step := e.Pre.step(); step.counts() {
			p.Steps = append(p.Steps, step)
		}
	case e.Outputs != nil:
		p.addOutputs(e.Outputs.step())
	}
}

// addOutputs takes in what is known only after a resource has been read or planned.
func (p *Preview) addOutputs(s Step) {
	if s.Type() == "pulumi:pulumi:Stack" && s.New != nil {
		for key, value := range s.New.Outputs {
			if text, isText := value.(string); isText && text != secretText && text != unknownText {
				p.Outputs[key] = text
			}
		}
		return
	}
	for i, known := range p.Steps {
		if known.URN != s.URN || known.Op != "refresh" {
			continue
		}
		// The engine calls a finding of `pulumi refresh` what it does to the state, and one of `--refresh` a
		// refresh, whatever it found.
		if s.Op == "refresh" && (s.New == nil || len(s.Diffs) > 0) {
			p.Drift = append(p.Drift, s)
		}
		p.Steps[i] = s
	}
}

func (e resourceEvent) step() Step {
	m := e.Metadata
	s := Step{Op: m.Op, URN: m.URN, Old: m.Old, New: m.New, Diffs: m.Diffs, Replaces: m.Keys}
	for path, k := range m.DetailedDiff {
		if s.Detailed == nil {
			s.Detailed = map[string]Kind{}
		}
		s.Detailed[path] = Kind(k)
	}
	return s
}

// counts leaves out the halves of a replacement and the providers that the engine
// makes by itself, as the CLI's own display does.
func (s Step) counts() bool {
	switch s.Op {
	case "create-replacement", "delete-replaced", "discard-replaced", "remove-pending-replace":
		return false
	}
	return !strings.HasPrefix(s.Type(), "pulumi:providers:") || !strings.HasPrefix(s.Name(), "default")
}

// HasChanges says whether anything would be created, changed or removed.
func (p *Preview) HasChanges() bool { return slices.ContainsFunc(p.Steps, Step.Acts) }

// Digest is a fingerprint (64 hex digits) of what the preview promises: operations,
// resources, the properties that differ with their old and new values, and the
// configuration. Two previews with the same digest promise the same. Times, order,
// ids that are not known yet and messages do not count; the values of secrets cannot
// be told apart, because the CLI never prints them.
func (p *Preview) Digest() string {
	type line struct {
		Op, URN, ID      string
		Diffs, Replaces  []string
		Detailed         map[string]Kind
		OldInput, Inputs map[string]any
	}
	var lines []line
	for _, s := range p.Steps {
		if !s.Acts() {
			continue
		}
		l := line{
			Op: s.Op, URN: s.URN, Detailed: s.Detailed,
			Diffs: slices.Sorted(slices.Values(s.Diffs)), Replaces: slices.Sorted(slices.Values(s.Replaces)),
		}
		if s.Old != nil {
			l.ID, l.OldInput = s.Old.ID, s.Old.Inputs
		}
		if s.New != nil {
			l.Inputs = withoutAutoNames(s.New.Inputs)
		}
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b line) int { return strings.Compare(a.URN+a.Op, b.URN+b.Op) })
	// Marshalling maps sorts their keys, and these types cannot fail to marshal:
	// everything in them came out of JSON.
	text, err := json.Marshal(struct {
		Config map[string]string
		Steps  []line
	}{p.Config, lines})
	if err != nil {
		text = []byte(err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// defaultsKey lists, among a resource's inputs, those that the provider filled in itself.
const defaultsKey = "__defaults"

var autoName = regexp.MustCompile(`-[0-9a-f]{7}$`)

// withoutAutoNames takes out the random end of names that the provider makes up: it is
// another one in each preview of a resource that does not exist yet.
func withoutAutoNames(inputs map[string]any) map[string]any {
	defaults, _ := inputs[defaultsKey].([]any) // absent: the program named everything
	out := maps.Clone(inputs)
	for _, d := range defaults {
		if key, ok := d.(string); ok {
			if name, ok := out[key].(string); ok {
				out[key] = autoName.ReplaceAllString(name, "-(random)")
			}
		}
	}
	return out
}

// Counts is the summary line: "1 to create, 2 to update", or "no changes".
func (p *Preview) Counts() string {
	counts := map[string]int{}
	for _, s := range p.Steps {
		counts[s.operation()]++
	}
	var parts []string
	for _, op := range []string{"create", "import", "update", "replace", "delete"} {
		if n := counts[op]; n > 0 {
			part := fmt.Sprintf("%d to %s", n, op)
			if op == "replace" || op == "delete" {
				part = "**" + part + "**"
			}
			parts = append(parts, part)
		}
	}
	if n := counts["new revision"]; n > 0 {
		parts = append(parts, markdown.Count(n, "new revision"))
	}
	if len(parts) == 0 {
		return "no changes"
	}
	return strings.Join(parts, ", ")
}
