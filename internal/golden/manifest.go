package golden

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sentry/internal/sandbox"
)

// entry is what identifies a resource, and how the engine treats it.
type entry struct {
	Type          string   `yaml:"type"`
	Name          string   `yaml:"name"`
	Parent        string   `yaml:"parent"`
	Provider      string   `yaml:"provider,omitempty"`
	IgnoreChanges []string `yaml:"ignoreChanges,omitempty"`
	Timeouts      string   `yaml:"timeouts,omitempty"`
	Protect       bool     `yaml:"protect,omitempty"`
	Retain        bool     `yaml:"retainOnDelete,omitempty"`
}

// Manifest compares the list of everything that a program registered, by identity, with the golden file, and says
// of each difference what the next update would do with the live resource.
func Manifest(t *testing.T, file string, recording *sandbox.Recording) {
	t.Helper()
	text, err := yaml.Marshal(entries(recording))
	require.NoError(t, err)
	wanted, found := parse(t, Read(t, file, string(text))), parse(t, string(text))
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		e, ok := found[key]
		switch w := wanted[key]; {
		case !ok:
			t.Errorf("%s is gone: the next update deletes it in the live environment", key)
		case e.Parent != w.Parent:
			t.Errorf("%s moved from %q to %q: a new URN, so the live resource is deleted and made again", key, w.Parent, e.Parent)
		default:
			assert.Equal(t, w, e, "%s is treated differently by the engine", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if _, ok := wanted[key]; !ok {
			t.Errorf("%s is new: the next update creates it; if that is meant, go test <this package> -update", key)
		}
	}
}

func entries(recording *sandbox.Recording) []entry {
	list := make([]entry, len(recording.Resources))
	for i, r := range recording.Resources {
		provider := ""
		if end := strings.LastIndex(r.Provider, "::"); end >= 0 { // <urn>::<id>
			provider = resource.URN(r.Provider[:end]).Name()
		}
		list[i] = entry{
			Type: r.Type, Name: r.Name, Parent: short(r.Parent), Provider: provider,
			IgnoreChanges: r.IgnoreChanges, Protect: r.Protect, Retain: r.RetainOnDelete,
			Timeouts: r.CustomTimeouts.Create,
		}
	}
	return list
}

// Inputs compares everything that a program registered, with all inputs, with the golden file; documents inside of inputs
// are written out, of a policy a line is a statement. A test that names what must be there does not see what should not.
func Inputs(t *testing.T, file string, recording *sandbox.Recording, consequence string) {
	t.Helper()
	type entry struct {
		Type, Name, Parent string
		Protect            bool           `yaml:",omitempty"`
		Inputs             map[string]any `yaml:",omitempty"`
	}
	var entries []entry
	for _, r := range recording.Resources {
		inputs := r.Inputs.Mappable()
		for key, value := range inputs {
			if text, isText := value.(string); isText {
				inputs[key] = written(text)
			}
		}
		parent := ""
		if r.Parent != "" {
			parent = string(resource.URN(r.Parent).Type()) + "::" + resource.URN(r.Parent).Name()
		}
		entries = append(entries, entry{r.Type, r.Name, parent, r.Protect, inputs})
	}
	got, err := yaml.Marshal(entries)
	require.NoError(t, err)
	Equal(t, file, string(got), consequence)
}

// Order compares what each resource waits for with the golden file: in a mock everything is there at once, so that no other
// test sees a wait that is gone.
func Order(t *testing.T, file string, recording *sandbox.Recording) {
	t.Helper()
	waits := map[string][]string{}
	for _, r := range recording.Resources {
		for _, urn := range r.DependsOn {
			waits[short(r.URN)] = append(waits[short(r.URN)], short(urn))
		}
	}
	got, err := yaml.Marshal(waits)
	require.NoError(t, err)
	Equal(t, file, string(got), "AWS refuses, or serves for a moment, what is made before that which it needs")
}

// short is a URN's type and name.
func short(urn string) string {
	if urn == "" {
		return ""
	}
	return string(resource.URN(urn).Type()) + " " + resource.URN(urn).Name()
}

// written is what a text means: a policy's statements, another document's values, or the text.
func written(text string) any {
	var document struct{ Statement []json.RawMessage }
	if json.Unmarshal([]byte(text), &document) == nil && document.Statement != nil {
		lines := make([]string, len(document.Statement))
		for i, s := range document.Statement {
			lines[i] = string(s)
		}
		return lines
	}
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		var value any
		if json.Unmarshal([]byte(text), &value) == nil {
			return value
		}
	}
	return text
}

// parse is a manifest by type and name.
func parse(t *testing.T, text string) map[string]entry {
	t.Helper()
	var list []entry
	require.NoError(t, yaml.Unmarshal([]byte(text), &list))
	byID := map[string]entry{}
	for _, e := range list {
		byID[e.Type+" "+e.Name] = e
	}
	require.Len(t, byID, len(list), "two resources share type and name")
	return byID
}
