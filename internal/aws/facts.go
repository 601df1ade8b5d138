package aws

import (
	_ "embed"
	"encoding/json"
	"maps"
	"slices"
	"sync"
)

// facts.json holds what the AWS provider itself answers about its types, those with an entry here and others that a
// program may use; cmd/facts rewrites it from the provider's schema.
//
//go:embed facts.json
var factsFile []byte

// Facts are what the provider says of one type.
type Facts struct {
	// DeleteBeforeReplace: a replacement deletes first, whatever the program says.
	DeleteBeforeReplace bool `json:"deleteBeforeReplace,omitempty"`
	// Inputs by name; each is an output, too. Outputs are those that are no input.
	Inputs  map[string]*Property `json:"inputs"`
	Outputs map[string]*Property `json:"outputs"`
}

// Property is an input or output, or a field of one.
type Property struct {
	// Type is string, integer, number, boolean, any, asset, object, "array of …" or "map of …"; Properties has the
	// fields of objects.
	Type       string               `json:"type"`
	Properties map[string]*Property `json:"properties,omitempty"`
	Required   bool                 `json:"required,omitempty"`
	// Default is what the plan of a new resource holds when the input is left out.
	Default any `json:"default,omitempty"`
	// Autoname: Pulumi invents a name when it is left out.
	Autoname bool `json:"autoname,omitempty"`
	Secret   bool `json:"secret,omitempty"`
	// JSON: two spellings of one document are no change.
	JSON bool `json:"json,omitempty"`
	// Computed: AWS fills it in when it is left out. Unknown: a preview of a new resource does not know it (an
	// input: when it is left out). Keeps: leaving it out again is no change, what AWS has stays.
	Computed bool `json:"computed,omitempty"`
	Unknown  bool `json:"unknown,omitempty"`
	Keeps    bool `json:"keeps,omitempty"`
	// Replaces: a changed value replaces the resource; of an object or a list of objects it is about adding and
	// removing it, a change inside replaces when the changed field does.
	Replaces bool `json:"replaces,omitempty"`
	// ReplacesOn: only these changes replace: set (there was nothing before), unset, grow, shrink, up, down,
	// change, back, or "A to B".
	ReplacesOn []string `json:"replacesOn,omitempty"`
	// ReplacesIf has another answer (yes, no, "on …") under a setting, "input=value".
	ReplacesIf map[string]string `json:"replacesIf,omitempty"`
}

type factsOfProvider struct {
	// Version of pulumi-aws.
	Version  string
	Provider map[string]*Property
	Types    map[string]*Facts
}

// Once a process: it takes about 3 ms.
var decoded = sync.OnceValue(func() factsOfProvider {
	var facts factsOfProvider
	if err := json.Unmarshal(factsFile, &facts); err != nil {
		panic("internal/aws/facts.json: " + err.Error()) // a part of the program, covered by each test of this package
	}
	return facts
})

// FactsOf are the provider's facts about a type or, for [Provider], about its own configuration.
func FactsOf(token string) (*Facts, bool) {
	if token == Provider {
		inputs := maps.Clone(decoded().Provider)
		inputs["version"] = &Property{Type: "string"} // added by the engine
		return &Facts{Inputs: inputs}, true
	}
	facts, ok := decoded().Types[token]
	return facts, ok
}

// Version is the version of pulumi-aws that the facts are about.
func Version() string { return decoded().Version }

// KnownToTheProvider are the tokens of all types that the facts are about, with an entry or without.
func KnownToTheProvider() []string { return slices.Sorted(maps.Keys(decoded().Types)) }
