package evaluate

import (
	"slices"
	"strings"
	"unicode/utf8"

	"sentry/internal/policy"
)

// matches says nothing of the principal. Actions are in lower case on both sides: their case does not count.
func matches(s policy.Statement, r Request) bool {
	switch {
	case len(s.Action) > 0 && !matchesAny(s.Action, r.Action),
		len(s.NotAction) > 0 && matchesAny(s.NotAction, r.Action),
		len(s.Resource) > 0 && !matchesAny(s.Resource, r.Resource),
		len(s.NotResource) > 0 && matchesAny(s.NotResource, r.Resource):
		return false
	}
	for name, keys := range s.Condition {
		op, _ := lookUp(name) // Of has refused the others
		for key, values := range keys {
			if !op.holds(r.value(key), values) {
				return false
			}
		}
	}
	return true
}

// value returns nil for a key that the request does not carry.
func (r Request) value(key string) []string {
	for name, values := range r.Context {
		if strings.EqualFold(name, key) {
			return values
		}
	}
	return nil
}

func matchesAny(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return Match(pattern, text) })
}

// Match compares as IAM does: * stands for any run of characters, including / and :, ? for exactly one.
func Match(pattern, text string) bool {
	// star and mark remember the last * and where its run ends so far; on a mismatch the run grows by one.
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			t += width(text[t:])
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark += width(text[mark:])
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// width is how many bytes the first character has.
func width(text string) int {
	_, size := utf8.DecodeRuneInString(text)
	return size
}

// operator is a condition operator: how one value of the policy compares with one of the request.
type operator struct {
	compare  func(policyValue, requestValue string) bool
	negated  bool
	null     bool
	ifExists bool
	// set is ForAllValues or ForAnyValue, for a key with several values.
	set string
}

// operators without what may stand around them.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = map[string]operator{
	"StringEquals":    {compare: func(p, r string) bool { return p == r }},
	"StringNotEquals": {compare: func(p, r string) bool { return p == r }, negated: true},
	"StringLike":      {compare: Match},
	"StringNotLike":   {compare: Match, negated: true},
	"ArnEquals":       {compare: matchARN},
	"ArnLike":         {compare: matchARN},
	"ArnNotEquals":    {compare: matchARN, negated: true},
	"ArnNotLike":      {compare: matchARN, negated: true},
	"Bool":            {compare: strings.EqualFold},
	"Null":            {null: true},
}

func lookUp(name string) (operator, bool) {
	set, base, found := strings.Cut(name, ":")
	if !found {
		set, base = "", name
	}
	base, ifExists := strings.CutSuffix(base, "IfExists")
	op, known := operators[base]
	op.ifExists, op.set = ifExists, set
	return op, known
}

func (o operator) holds(actual, wanted []string) bool {
	one := func(a string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return o.compare(w, a) }) != o.negated
	}
	switch {
	case o.null: // a key without a value is as good as none
		return slices.Contains(wanted, map[bool]string{true: "true", false: "false"}[len(actual) == 0])
	case o.set == "ForAllValues": // also when there is none
		return !slices.ContainsFunc(actual, func(a string) bool { return !one(a) })
	case o.set == "ForAnyValue" && (len(actual) > 0 || !o.ifExists):
		return slices.ContainsFunc(actual, one)
	case actual == nil:
		return o.ifExists || o.negated
	case o.negated: // none of them may match
		return !slices.ContainsFunc(actual, func(a string) bool { return !one(a) })
	}
	return slices.ContainsFunc(actual, one)
}

// matchARN compares the six parts of an ARN one by one: a wildcard does not reach across a colon, except in the
// last part. A lone wildcard stands for every ARN.
func matchARN(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	patterns, parts := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(patterns) != 6 || len(parts) != 6 {
		return false
	}
	for i := range parts {
		if !Match(patterns[i], parts[i]) {
			return false
		}
	}
	return true
}
