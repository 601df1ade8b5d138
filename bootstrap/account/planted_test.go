package account

import (
	"encoding/json"
	"os"
	"slices"
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
	Resource string // type::name
	Input    string
	Value    any            // in place of the input's; none takes the input away
	Add      map[string]any // a statement, added to the policy in the input
	Remove   bool           // the resource
	Open     bool           // the resource's protection is off
}

// Each of these would get through if only what must be there were looked at. testdata/planted.yaml has room for more.
func TestPlantedViolationsAreFound(t *testing.T) {
	text, err := os.ReadFile("testdata/planted.yaml")
	require.NoError(t, err)
	var plants []plant
	require.NoError(t, yaml.Unmarshal(text, &plants))
	clean := mustRecord(t, nil)
	for _, p := range plants {
		t.Run(p.What, func(t *testing.T) {
			assert.NotEmpty(t, problems(t, p.in(t, clean)), "no rule finds it")
		})
	}
}

func (p plant) in(t *testing.T, clean *sandbox.Recording) *sandbox.Recording {
	t.Helper()
	changed := &sandbox.Recording{Resources: slices.Clone(clean.Resources)}
	i := slices.IndexFunc(changed.Resources, func(r sandbox.Resource) bool { return r.Type+"::"+r.Name == p.Resource })
	require.GreaterOrEqual(t, i, 0, p.Resource)
	if p.Remove {
		changed.Resources = slices.Delete(changed.Resources, i, i+1)
		return changed
	}
	r := &changed.Resources[i]
	r.Inputs = r.Inputs.Copy()
	key := resource.PropertyKey(p.Input)
	switch {
	case p.Open:
		r.Protect = false
	case p.Add != nil:
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.Inputs[key].StringValue()), &document))
		document["Statement"] = append(document["Statement"].([]any), p.Add)
		written, err := json.Marshal(document)
		require.NoError(t, err)
		r.Inputs[key] = resource.NewProperty(string(written))
	case p.Value != nil:
		r.Inputs[key] = resource.NewPropertyValue(p.Value)
	default:
		require.Contains(t, r.Inputs, key)
		delete(r.Inputs, key)
	}
	return changed
}
