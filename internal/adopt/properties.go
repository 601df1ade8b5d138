package adopt

import (
	"strings"

	"sentry/internal/aws"
)

// properties are a resource's attributes as the Pulumi provider has them: the same values under other names, and what
// Terraform keeps as a list of at most one block as an object.
func properties(r Resource, token string) map[string]any {
	facts, ok := aws.FactsOf(token)
	if !ok {
		return nil
	}
	known := map[string]*aws.Property{}
	for _, side := range []map[string]*aws.Property{facts.Inputs, facts.Outputs} {
		for name, property := range side {
			known[name] = property
		}
	}
	found := fields(r.Attributes, known)
	found["id"] = r.text("id")
	return found
}

func fields(attributes map[string]any, known map[string]*aws.Property) map[string]any {
	found := map[string]any{}
	for attribute, value := range attributes {
		if name := pulumiName(attribute, known); name != "" {
			if converted := converted(value, known[name]); converted != nil {
				found[name] = converted
			}
		}
	}
	return found
}

func converted(value any, property *aws.Property) any {
	blocks, isList := value.([]any)
	switch {
	case property.Properties == nil:
		return value
	case isList && property.Type == "object":
		if len(blocks) == 0 {
			return nil
		}
		return converted(blocks[0], property)
	case isList:
		list := make([]any, 0, len(blocks))
		for _, block := range blocks {
			if fields, isBlock := block.(map[string]any); isBlock {
				list = append(list, fieldsOf(fields, property))
			}
		}
		return list
	}
	block, isBlock := value.(map[string]any)
	if !isBlock {
		return nil
	}
	return fieldsOf(block, property)
}

func fieldsOf(block map[string]any, property *aws.Property) map[string]any {
	return fields(block, property.Properties)
}

// pulumiName is what the Pulumi provider calls an attribute; empty when it has no such property. Lists of blocks are
// in the plural there.
// https://github.com/pulumi/pulumi-terraform-bridge/blob/main/pkg/tfbridge/names.go
func pulumiName(attribute string, known map[string]*aws.Property) string {
	words := strings.Split(attribute, "_")
	for i := 1; i < len(words); i++ {
		if words[i] != "" {
			words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
		}
	}
	name := strings.Join(words, "")
	for _, candidate := range []string{name, name + "s", name + "es", strings.TrimSuffix(name, "y") + "ies"} {
		if known[candidate] != nil {
			return candidate
		}
	}
	return ""
}
