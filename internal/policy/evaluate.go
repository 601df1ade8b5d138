package policy

import (
	"slices"
	"strings"
)

// Decision is what a set of policies says about a request. Only [Allowed] lets it through.
type Decision int

// The three answers: nothing said, an allow and no deny, a deny (which no allow can undo).
const (
	NotMentioned Decision = iota
	Allowed
	Denied
)

// String names the decision as AWS's policy simulator does.
func (d Decision) String() string {
	return [...]string{"implicitDeny", "allowed", "explicitDeny"}[d]
}

// Request is one action on one resource. AWS asks once per resource that a call touches: creating a
// subnet is a request for the subnet and one for the VPC.
type Request struct {
	// Action is service:Name, in any case.
	Action string
	// Resource is an ARN, or "*" for actions that AWS does not tie to a resource.
	Resource string
	// Context holds the condition keys of the request; names are compared without regard to case, and
	// a key that is absent differs from one that is empty.
	Context map[string][]string
	// Principal is who asks: an ARN, a service name, or the ARN of an identity provider. Only
	// statements with a Principal look at it.
	Principal string
}

// Decide evaluates one kind of policy (all policies of an identity, or one resource's policy).
func Decide(request Request, documents ...Document) Decision {
	decision := NotMentioned
	for _, d := range documents {
		for _, s := range d.Statement {
			if !s.matches(request) {
				continue
			}
			if s.Effect == "Deny" {
				return Denied
			}
			decision = Allowed
		}
	}
	return decision
}

// Within is the answer for an identity whose rights are capped by a permissions boundary: both must
// allow, and a deny in either wins.
func Within(request Request, boundary Document, identity ...Document) Decision {
	limit, decision := Decide(request, boundary), Decide(request, identity...)
	switch {
	case limit == Denied || decision == Denied:
		return Denied
	case limit == Allowed && decision == Allowed:
		return Allowed
	default:
		return NotMentioned
	}
}

func (s Statement) matches(r Request) bool {
	switch {
	case len(s.Action) > 0 && !matchesAny(s.Action, r.Action, true),
		len(s.NotAction) > 0 && matchesAny(s.NotAction, r.Action, true),
		len(s.Resource) > 0 && !matchesAny(s.Resource, r.Resource, false),
		len(s.NotResource) > 0 && matchesAny(s.NotResource, r.Resource, false),
		!s.Principal.matches(r.Principal):
		return false
	}
	for name, keys := range s.Condition {
		// An operator that Validate would refuse never lets an Allow match; Parse has refused it before.
		op, known := lookUp(name)
		if !known {
			return false
		}
		for key, values := range keys {
			if !op.holds(r.value(key), values) {
				return false
			}
		}
	}
	return true
}

func (p Principal) matches(who string) bool {
	names := slices.Concat(p.AWS, p.Federated, p.Service)
	if p.Everyone || len(names) == 0 {
		return true
	}
	return slices.Contains(names, "*") || slices.Contains(names, who)
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

func matchesAny(patterns []string, text string, foldCase bool) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if foldCase {
			return Match(strings.ToLower(pattern), strings.ToLower(text))
		}
		return Match(pattern, text)
	})
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
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// operator is a condition operator: how one value of the policy compares with one of the request.
type operator struct {
	compare  func(policyValue, requestValue string) bool
	negated  bool
	ifExists bool
	null     bool
}

// operators without their IfExists form.
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
	base, ifExists := strings.CutSuffix(name, "IfExists")
	op, known := operators[base]
	op.ifExists = ifExists
	// Null with IfExists has no meaning; AWS refuses it.
	return op, known && (!op.null || !ifExists)
}

func (o operator) holds(actual, wanted []string) bool {
	if o.null {
		return slices.Contains(wanted, map[bool]string{true: "true", false: "false"}[actual == nil])
	}
	if actual == nil {
		return o.ifExists || o.negated
	}
	found := slices.ContainsFunc(wanted, func(w string) bool {
		return slices.ContainsFunc(actual, func(a string) bool { return o.compare(w, a) })
	})
	return found != o.negated
}

// matchARN compares the six parts of an ARN one by one: a wildcard does not reach across a colon, except
// in the last part.
func matchARN(pattern, arn string) bool {
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
