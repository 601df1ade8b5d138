package controls

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sentry/internal/sandbox"
)

// plant is a mistake, or a malice, in one resource.
type plant struct {
	What     string
	Program  string // bootstrap, or else the environment staging
	With     map[string]string
	Resource string // type::name
	Input    string
	Value    any            // in place of the input's; without any of these the input is taken away
	Add      map[string]any // a statement, added to the policy in the input
	Replace  []string       // a text in the input, and another
	Inputs   map[string]any // several inputs; null takes one away
	Remove   bool           // the resource
}

func TestPlantedViolationsAreFound(t *testing.T) {
	text, err := os.ReadFile("testdata/planted.yaml")
	require.NoError(t, err)
	var plants []plant
	require.NoError(t, yaml.Unmarshal(text, &plants))
	for _, p := range plants {
		t.Run(p.What, func(t *testing.T) {
			run := environment(t, "staging", p.With)
			if p.Program == "bootstrap" {
				run = bootstrapped(t, p.With)
			}
			require.Empty(t, violations(run.resources))
			assert.NotEmpty(t, violations(p.in(t, run.resources)), "no control finds it")
		})
	}
}

// violations are the controls that are met by all that is registered, and are not.
func violations(resources []sandbox.Resource) []string {
	var found []string
	for _, c := range All() {
		if broken, _ := c.Broken(resources); c.Status == Met && len(broken) > 0 {
			found = append(found, c.Demands+": "+strings.Join(broken, ", "))
		}
	}
	return found
}

func (p plant) in(t *testing.T, clean []sandbox.Resource) []sandbox.Resource {
	t.Helper()
	changed := slices.Clone(clean)
	i := slices.IndexFunc(changed, func(r sandbox.Resource) bool { return r.Type+"::"+r.Name == p.Resource })
	require.GreaterOrEqual(t, i, 0, p.Resource)
	if p.Remove {
		return slices.Delete(changed, i, i+1)
	}
	r := &changed[i]
	r.Inputs = r.Inputs.Copy()
	key := resource.PropertyKey(p.Input)
	switch {
	case p.Inputs != nil:
		for name, value := range p.Inputs {
			r.Inputs[resource.PropertyKey(name)] = resource.NewPropertyValue(value)
		}
	case p.Add != nil:
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.Inputs[key].StringValue()), &document))
		document["Statement"] = append(document["Statement"].([]any), p.Add)
		written, err := json.Marshal(document)
		require.NoError(t, err)
		r.Inputs[key] = resource.NewProperty(string(written))
	case p.Replace != nil:
		before := r.Inputs[key].StringValue()
		require.Contains(t, before, p.Replace[0])
		r.Inputs[key] = resource.NewProperty(strings.ReplaceAll(before, p.Replace[0], p.Replace[1]))
	case p.Value != nil:
		r.Inputs[key] = resource.NewPropertyValue(p.Value)
	default:
		require.Contains(t, r.Inputs, key)
		delete(r.Inputs, key)
	}
	return changed
}
