package golden

import (
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
	short := func(urn string) string {
		if urn == "" {
			return ""
		}
		return string(resource.URN(urn).Type()) + " " + resource.URN(urn).Name()
	}
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
