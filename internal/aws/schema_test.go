package aws

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// schemaText is a schema in which every known type has its inputs as they are known, and more declares.
func schemaText(t *testing.T, change func(resources, types map[string]any)) *bytes.Reader {
	t.Helper()
	resources, types := map[string]any{}, map[string]any{}
	for token, facts := range decoded().Types {
		inputs, required := declare(types, token, facts.Inputs)
		properties, _ := declare(types, token+"/out", facts.Outputs)
		for name, property := range inputs {
			properties[name] = property
		}
		resources[token] = map[string]any{"inputProperties": inputs, "requiredInputs": required, "properties": properties}
	}
	change(resources, types)
	text, err := json.Marshal(map[string]any{"version": Version(), "resources": resources, "types": types})
	require.NoError(t, err)
	return bytes.NewReader(text)
}

// declare writes properties as a schema has them.
func declare(types map[string]any, path string, properties map[string]*Property) (declared map[string]any, required []string) {
	declared = map[string]any{}
	for name, p := range properties {
		if p.Required {
			required = append(required, name)
		}
		declared[name] = map[string]any{"secret": p.Secret}
		spec := declared[name].(map[string]any)
		for kind := p.Type; ; {
			switch {
			case strings.HasPrefix(kind, "array of "):
				inner := map[string]any{}
				spec["type"], spec["items"] = "array", inner
				kind, spec = strings.TrimPrefix(kind, "array of "), inner
				continue
			case strings.HasPrefix(kind, "map of "):
				inner := map[string]any{}
				spec["type"], spec["additionalProperties"] = "object", inner
				kind, spec = strings.TrimPrefix(kind, "map of "), inner
				continue
			case kind == "object":
				fields, needed := declare(types, path+"/"+name, p.Properties)
				types[path+"/"+name] = map[string]any{"type": "object", "properties": fields, "required": needed}
				spec["$ref"] = "#/types/" + path + "/" + name
			case kind == "any":
				spec["$ref"] = "pulumi.json#/Any"
			case kind == "asset":
				spec["$ref"] = "pulumi.json#/Asset"
			default:
				spec["type"] = kind
			}
			break
		}
	}
	return declared, required
}

func TestRewritingFromTheSameSchemaChangesNothing(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Rewrite(schemaText(t, func(_, _ map[string]any) {}), nil, &out))
	var again factsOfProvider
	require.NoError(t, json.Unmarshal(out.Bytes(), &again))
	assert.Equal(t, decoded(), again)
	assert.True(t, string(factsFile) == out.String(), "facts.json is not in the form in which cmd/facts writes it")
}

func TestRewritingFollowsTheSchema(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Rewrite(schemaText(t, func(resources, types map[string]any) {
		group := resources[CloudWatchLogGroup].(map[string]any)
		inputs := group["inputProperties"].(map[string]any)
		delete(inputs, "skipDestroy")
		delete(group["properties"].(map[string]any), "skipDestroy")
		inputs["tier"] = map[string]any{"type": "string", "willReplaceOnChanges": true, "default": "hot"}
		group["requiredInputs"] = []string{"name"}
		types["aws:new/shape:Shape"] = map[string]any{
			"type": "object", "required": []string{"size"},
			"properties": map[string]any{"size": map[string]any{"type": "integer"}},
		}
		resources["aws:new/thing:Thing"] = map[string]any{
			"inputProperties": map[string]any{"shapes": map[string]any{"type": "array", "items": map[string]any{"$ref": "#/types/aws:new/shape:Shape"}}},
			"properties":      map[string]any{"arn": map[string]any{"type": "string"}},
		}
	}), []string{"aws:new/thing:Thing"}, &out))
	var now factsOfProvider
	require.NoError(t, json.Unmarshal(out.Bytes(), &now))

	group := now.Types[CloudWatchLogGroup]
	assert.NotContains(t, group.Inputs, "skipDestroy", "an input that the provider dropped is still accepted")
	assert.True(t, group.Inputs["name"].Required)
	assert.True(t, group.Inputs["name"].Autoname, "what only plans tell is lost")
	assert.Equal(t, &Property{Type: "string", Replaces: true, Default: "hot"}, group.Inputs["tier"])

	thing := now.Types["aws:new/thing:Thing"]
	assert.Equal(t, "array of object", thing.Inputs["shapes"].Type)
	assert.True(t, thing.Inputs["shapes"].Properties["size"].Required)
	assert.True(t, thing.Outputs["arn"].Unknown, "a preview would claim to know the ARN")

	err := Rewrite(schemaText(t, func(resources, _ map[string]any) { delete(resources, KMSKey) }), nil, &out)
	require.EqualError(t, err, "the schema of pulumi-aws "+Version()+" has no resource "+KMSKey+": take it out of internal/aws")
	require.ErrorContains(t, Rewrite(strings.NewReader("{"), nil, &out), "read the provider's schema")
}
