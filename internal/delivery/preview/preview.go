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
	"time"
)

// Preview is one answer of the engine, whichever form it came in.
type Preview struct {
	Steps       []Step
	Diagnostics []Diagnostic
	// Changes counts resources by operation: "create", "update", "replace",
	// "delete", "same". Empty when the engine did not reach its end.
	Changes  map[string]int
	Config   map[string]string
	Duration time.Duration
	// Failed is set when the engine reported an error. The steps are then those
	// that were computed before it, not all of them.
	Failed bool
}

// Step is what would happen to one resource.
type Step struct {
	Op  string // "create", "update", "replace", "delete", "import", "read", …
	URN string
	Old *State
	New *State
	// Diffs names the properties that differ, Replaces those of them that force a
	// replacement. Detailed maps property paths to the kind of difference.
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

// changes says whether the step does anything to the resource.
func (s Step) changes() bool {
	switch s.Op {
	case "same", "refresh", "read", "read-discard", "read-replacement":
		return false
	}
	return true
}

// dangerous says whether the step takes something away that exists.
func (s Step) dangerous() bool {
	return s.Op == "replace" || s.Op == "delete" || s.Op == "discard" || s.Op == "import-replacement"
}

// ErrNoPreview is returned for input without any JSON: the CLI failed before the
// engine started, and what it wrote to standard error says why.
var ErrNoPreview = errors.New("no preview in the input: pulumi stopped before the engine started")

// The forms of the CLI's output that Parse understands. Both are public: the
// digest of `pulumi preview --json` and `pulumi refresh --preview-only --json`
// (pkg/display/json.go), and the engine events of the Automation API and of
// PULUMI_ENABLE_STREAMING_JSON_PREVIEW (sdk/go/common/apitype/events.go), one a line.
type (
	digest struct {
		Config      map[string]string `json:"config"`
		Steps       []digestStep      `json:"steps"`
		Diagnostics []struct {
			URN      string `json:"urn"`
			Prefix   string `json:"prefix"`
			Message  string `json:"message"`
			Severity string `json:"severity"`
		} `json:"diagnostics"`
		Duration      time.Duration  `json:"duration"`
		ChangeSummary map[string]int `json:"changeSummary"`
	}
	digestStep struct {
		Op             string   `json:"op"`
		URN            string   `json:"urn"`
		OldState       *State   `json:"oldState"`
		NewState       *State   `json:"newState"`
		DiffReasons    []string `json:"diffReasons"`
		ReplaceReasons []string `json:"replaceReasons"`
		DetailedDiff   map[string]struct {
			Kind      string `json:"kind"`
			InputDiff bool   `json:"inputDiff"`
		} `json:"detailedDiff"`
	}
	event struct {
		Prelude *struct {
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
			DurationSeconds int            `json:"durationSeconds"`
			ResourceChanges map[string]int `json:"resourceChanges"`
			Result          string         `json:"result"`
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

// Parse reads either form; text before the first brace is skipped. It returns
// ErrNoPreview when there is no JSON at all.
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
	p := &Preview{}
	for n := 0; ; n++ {
		var value json.RawMessage
		if err := dec.Decode(&value); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read preview: value %d is not JSON: %w", n+1, err)
		}
		var probe struct {
			Sequence *int `json:"sequence"`
		}
		// A digest of the CLI has no sequence number; a list or a string is neither form.
		if err := json.Unmarshal(value, &probe); err != nil {
			return nil, fmt.Errorf("read preview: value %d is not an object of the engine: %w", n+1, err)
		}
		if probe.Sequence == nil && n == 0 {
			var d digest
			if err := json.Unmarshal(value, &d); err != nil {
				return nil, fmt.Errorf("read preview: %w", err)
			}
			p.fromDigest(d)
			break
		}
		var e event
		if err := json.Unmarshal(value, &e); err != nil {
			return nil, fmt.Errorf("read preview: event %d: %w", n+1, err)
		}
		p.add(e)
	}
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return strings.Compare(a.URN, b.URN) })
	return p, nil
}

func (p *Preview) fromDigest(d digest) {
	p.Config, p.Changes, p.Duration = d.Config, d.ChangeSummary, d.Duration
	for _, s := range d.Steps {
		step := Step{Op: s.Op, URN: s.URN, Old: s.OldState, New: s.NewState, Diffs: s.DiffReasons, Replaces: s.ReplaceReasons}
		if len(s.DetailedDiff) > 0 {
			step.Detailed = map[string]Kind{}
			for path, k := range s.DetailedDiff {
				step.Detailed[path] = Kind(k)
			}
		}
		p.Steps = append(p.Steps, step)
	}
	for _, m := range d.Diagnostics {
		p.diagnose(m.URN, m.Prefix+m.Message, m.Severity)
	}
}

func (p *Preview) diagnose(urn, message, severity string) {
	message = strings.TrimPrefix(strings.TrimSpace(message), severity+": ")
	p.Diagnostics = append(p.Diagnostics, Diagnostic{URN: urn, Message: message, Severity: severity})
	p.Failed = p.Failed || severity == "error"
}

// add takes one engine event in. The engine reports a replacement as three steps
// (create-replacement, replace, delete-replaced); the middle one stands for all.
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
		p.Changes = e.Summary.ResourceChanges
		p.Duration = time.Duration(e.Summary.DurationSeconds) * time.Second
		p.Failed = p.Failed || (e.Summary.Result != "" && e.Summary.Result != "succeeded")
	case e.Pre != nil:
		if step := e.Pre.step(); step.counts() {
			p.Steps = append(p.Steps, step)
		}
	case e.Outputs != nil:
		// What a refresh found is known only after it has read the resource.
		for i, s := range p.Steps {
			if s.URN == e.Outputs.Metadata.URN && s.Op == "refresh" {
				p.Steps[i] = e.Outputs.step()
			}
		}
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
func (p *Preview) HasChanges() bool { return slices.ContainsFunc(p.Steps, Step.changes) }

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
		if !s.changes() {
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
// It is computed from the steps when the engine did not get to its own summary.
func (p *Preview) Counts() string {
	counts := maps.Clone(p.Changes)
	if len(counts) == 0 {
		counts = map[string]int{}
		for _, s := range p.Steps {
			counts[s.Op]++
		}
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
	if len(parts) == 0 {
		return "no changes"
	}
	return strings.Join(parts, ", ")
}
