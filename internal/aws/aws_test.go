package aws_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sentry/internal/aws"
)

// What an entry names, the provider must have: a typo would make the sandbox lenient without a word.
func TestEntriesNameWhatTheProviderHas(t *testing.T) {
	for _, entry := range aws.Types() {
		facts, known := aws.FactsOf(entry.Token)
		if !assert.True(t, known, "%s: the provider has no such type", entry.Token) {
			continue
		}
		has := func(name string) bool { return facts.Inputs[name] != nil || facts.Outputs[name] != nil }
		for output := range strings.FieldsSeq(entry.Outputs) {
			name, _, ok := strings.Cut(output, "=")
			assert.True(t, ok && has(name), "%s: Outputs has %q, which is no input or output of the provider's", entry.Token, output)
		}
		if entry.Name != "" {
			assert.NotNil(t, facts.Inputs[entry.Name], "%s: Name is no input", entry.Token)
		}
		for _, ref := range entry.Refs {
			first, _, _ := strings.Cut(ref.Path, ".")
			assert.NotNil(t, facts.Inputs[first], "%s: Refs has %q, which is no input", entry.Token, ref.Path)
			target, ok := aws.Lookup(ref.To)
			if assert.True(t, ok, "%s: refers to %s, which has no entry", entry.Token, ref.To) && !ref.Part {
				assert.NotEmpty(t, target.Missing, "%s: %s refers to it, so it needs AWS's refusal of one that is not there", ref.To, entry.Token)
			}
			if ref.Holds != "" {
				assert.NotNil(t, facts.Inputs[ref.Holds], "%s: %s holds by %q, which is no input", entry.Token, ref.To, ref.Holds)
			}
		}
		if entry.Into != "" && entry.Into != aws.ItsUser {
			_, ok := aws.Lookup(entry.Into)
			assert.True(t, ok, "%s: drawn into %s, which has no entry", entry.Token, entry.Into)
		}
	}
}

func TestEntriesSayWhatTheTypeCosts(t *testing.T) {
	for _, entry := range aws.Types() {
		given := 0
		for _, is := range []bool{entry.Free != "", len(entry.Costs) > 0, entry.Priced} {
			if is {
				given++
			}
		}
		assert.Equal(t, 1, given, "%s: one of Free, Costs and Priced", entry.Token)
	}
}

func TestActionsAreActions(t *testing.T) {
	form := regexp.MustCompile(`^[a-z0-9-]+:[A-Z][A-Za-z0-9]+$`)
	for _, entry := range aws.Types() {
		for _, action := range entry.Calls.All() {
			assert.Regexp(t, form, action, entry.Token)
		}
		if len(entry.Calls.All()) > 0 {
			assert.NotEmpty(t, entry.Calls.Read, "%s: each create and refresh reads the resource", entry.Token)
		}
	}
}

func TestTokensAreThereOnce(t *testing.T) {
	var tokens []string
	for _, entry := range aws.Types() {
		assert.NotContains(t, tokens, entry.Token, "two entries for one type: the second one wins without a word")
		tokens = append(tokens, entry.Token)
	}
	assert.True(t, slices.IsSorted(aws.KnownToTheProvider()))
}
