// Package evaluate decides, offline, what policies allow. Only tests import it.
//
// It knows the part of the language that this repository writes. Everything else (policy variables, NotPrincipal,
// numeric, date and address operators) is refused by [Of] instead of being read over: a condition that is skipped
// would make a policy look wider or narrower than it is.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
package evaluate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sentry/internal/policy"
)

// Decision is what policies say about a request. Only [Allowed] lets it through.
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

// Request is one action on one resource. AWS asks once per resource that a call touches: creating a subnet is a
// request for the subnet and one for the VPC.
type Request struct {
	// Action is service:Name, in any case.
	Action string
	// Resource is an ARN, or "*" for actions that AWS does not tie to a resource.
	Resource string
	// Context holds the condition keys of the request; names are compared without regard to case, and a key that is
	// absent differs from one that is empty.
	Context map[string][]string
	// Principal is who asks: the ARN of a user or of a role's session, a service's name, the ARN of an identity
	// provider, or "" for somebody without credentials. Only statements with a Principal look at it.
	Principal string
}

// Policies are documents of one kind that are looked at together: all of an identity, or those of one resource.
type Policies struct {
	kind       policy.Kind
	statements []policy.Statement
}

// Of refuses documents that AWS would refuse, and those that this package cannot evaluate.
func Of(kind policy.Kind, documents ...policy.Document) (Policies, error) {
	p := Policies{kind: kind}
	for _, d := range documents {
		if err := errors.Join(d.Validate(kind), known(d)); err != nil {
			return Policies{}, err
		}
		for _, s := range d.Statement {
			s.Action, s.NotAction = lower(s.Action), lower(s.NotAction)
			p.statements = append(p.statements, s)
		}
	}
	return p, nil
}

func lower(texts []string) []string {
	folded := make([]string, len(texts))
	for i, text := range texts {
		folded[i] = strings.ToLower(text)
	}
	return folded
}

func known(d policy.Document) error {
	var problems []error
	if d.Version != policy.Version {
		problems = append(problems, fmt.Errorf("version %s is not known here", d.Version))
	}
	for _, s := range d.Statement {
		if !s.NotPrincipal.IsZero() {
			problems = append(problems, errors.New("NotPrincipal is not known here"))
		}
		texts := slices.Concat(s.Action, s.NotAction, s.Resource, s.NotResource)
		for name, keys := range s.Condition {
			if _, ok := lookUp(name); !ok {
				problems = append(problems, fmt.Errorf("operator %s is not known here", name))
			}
			for _, values := range keys {
				texts = append(texts, values...)
			}
		}
		for _, text := range texts {
			if strings.Contains(text, "${") {
				problems = append(problems, fmt.Errorf("the policy variable in %q is not known here", text))
			}
		}
	}
	return errors.Join(problems...)
}

// Decide is what these policies by themselves say.
func (p Policies) Decide(r Request) Decision {
	decision := NotMentioned
	r.Action = strings.ToLower(r.Action)
	for _, s := range p.statements {
		if p.kind != policy.Identity && !covers(s.Principal, r.Principal) || !matches(s, r) {
			continue
		}
		if s.Effect == "Deny" {
			return Denied
		}
		decision = Allowed
	}
	return decision
}

// Account is all that decides a request of somebody within one account. Boundary and Resource may be nil.
type Account struct {
	Identity           Policies
	Boundary, Resource *Policies
}

// Decide is AWS's answer. A deny anywhere wins. A grant of the resource's own policy adds to the identity's: to one
// that names a role it does so within the role's boundary, to one that names a session, a user or a service beyond
// it, and to one that names an account it leaves the decision to the account's own policies.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-single-account.html
func (a Account) Decide(r Request) Decision {
	identity, boundary, resource := a.Identity.Decide(r), Allowed, NotMentioned
	if a.Boundary != nil {
		boundary = a.Boundary.Decide(r)
	}
	if a.Resource != nil {
		resource = a.Resource.Decide(r)
	}
	switch {
	case identity == Denied || boundary == Denied || resource == Denied:
		return Denied
	case resource == Allowed && a.Resource.grants(r, bySession):
		return Allowed
	case boundary == Allowed && (identity == Allowed || resource == Allowed && a.Resource.grants(r, byRole)):
		return Allowed
	}
	return NotMentioned
}

// grants reports whether an allow that names the asker as narrowly as that applies.
func (p Policies) grants(r Request, narrow func(s policy.Principal, who string) bool) bool {
	r.Action = strings.ToLower(r.Action)
	return slices.ContainsFunc(p.statements, func(s policy.Statement) bool {
		return s.Effect == "Allow" && matches(s, r) && narrow(s.Principal, r.Principal)
	})
}

func bySession(p policy.Principal, who string) bool {
	return slices.Contains(slices.Concat(p.AWS, p.Federated, p.Service), who)
}

// byRole: by the role's ARN, or as one of all.
func byRole(p policy.Principal, who string) bool {
	return p.Everyone || slices.ContainsFunc(p.AWS, func(name string) bool {
		return name == "*" || isSessionOf(who, name)
	})
}

func covers(p policy.Principal, who string) bool {
	return p.Everyone || bySession(p, who) || byRole(p, who) || slices.ContainsFunc(p.AWS, func(name string) bool {
		id, isRoot := strings.CutSuffix(name, ":root")
		if isRoot {
			id = arnPart(id+":", 4)
		}
		return len(id) == 12 && id == arnPart(who, 4)
	})
}

// isSessionOf compares arn:aws:sts::<account>:assumed-role/<name>/<session> with arn:aws:iam::<account>:role/<path><name>.
func isSessionOf(who, role string) bool {
	session := strings.Split(arnPart(who, 5), "/")
	return strings.HasPrefix(arnPart(role, 5), "role/") && len(session) == 3 && session[0] == "assumed-role" &&
		arnPart(who, 4) == arnPart(role, 4) && session[1] == role[strings.LastIndex(role, "/")+1:]
}

func arnPart(arn string, i int) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return ""
	}
	return parts[i]
}
