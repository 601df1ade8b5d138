package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind is what a document is attached to; AWS asks different things of each.
type Kind int

const (
	// Identity is what a role may do, or the boundary of that: it names resources, and nobody.
	Identity Kind = iota
	// Resource is who may do what with a bucket, a key, a queue.
	Resource
	// Trust is who may take a role: the role is the resource, and is not named.
	Trust
)

// Parse reads a document of a kind. Its errors are in AWS's words where AWS has some.
func Parse(kind Kind, text string) (Document, error) {
	var d Document
	if err := checkNames(text); err != nil {
		return Document{}, fmt.Errorf("Syntax errors in policy: %w", err)
	}
	if err := decode([]byte(text), &d); err != nil {
		return Document{}, fmt.Errorf("Syntax errors in policy: %w", err)
	}
	return d, d.Validate(kind)
}

// elements are the names of the language. AWS knows them in this case only, encoding/json in any.
var elements = []string{
	"Version", "Id", "Statement", "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
	"NotResource", "Condition", "AWS", "Federated", "Service", "CanonicalUser",
}

// checkNames refuses what encoding/json lets pass: a name that an object has twice, of which the last would win, an
// element in another case, and text after the document.
func checkNames(text string) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	var walk func() error
	walk = func() error {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		delimiter, opens := token.(json.Delim)
		if !opens {
			return nil
		}
		seen := map[string]bool{}
		for decoder.More() {
			if delimiter == '{' {
				name, err := decoder.Token()
				if err != nil {
					return err
				}
				if err := checkName(name.(string), seen); err != nil {
					return err
				}
			}
			if err := walk(); err != nil {
				return err
			}
		}
		_, err = decoder.Token() // the closing delimiter
		return err
	}
	if err := walk(); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("text after its end")
	}
	return nil
}

func checkName(name string, seen map[string]bool) error {
	if seen[name] {
		return fmt.Errorf("%q twice in one object", name)
	}
	seen[name] = true
	for _, element := range elements {
		if name != element && strings.EqualFold(name, element) {
			return fmt.Errorf("%q: allowed: %s", name, element)
		}
	}
	return nil
}

var (
	sidForm    = regexp.MustCompile(`^[0-9A-Za-z]*$`)
	actionForm = regexp.MustCompile(`^([a-zA-Z0-9-]+:[a-zA-Z0-9*?]+|\*)$`)
)

// Validate reports everything in a document of a kind that AWS would refuse.
func (d Document) Validate(kind Kind) error {
	var problems []error
	if d.Version != Version && d.Version != "2008-10-17" {
		problems = append(problems, fmt.Errorf("The policy must contain a valid version string, got %q", d.Version))
	}
	if len(d.Statement) == 0 {
		problems = append(problems, errors.New("Syntax errors in policy: no statement"))
	}
	seen := map[string]bool{}
	for _, s := range d.Statement {
		if s.Sid != "" && seen[s.Sid] {
			problems = append(problems, fmt.Errorf("Statement IDs (SID) in a single policy must be unique: %q", s.Sid))
		}
		seen[s.Sid] = true
		problems = append(problems, s.problems(kind)...)
	}
	return errors.Join(problems...)
}

func (s Statement) problems(kind Kind) []error {
	var problems []error
	refuse := func(refused bool, format string, args ...any) {
		if refused {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	refuse(kind != Resource && !sidForm.MatchString(s.Sid), "Statement IDs (SID) must be alpha-numeric, got %q", s.Sid)
	refuse(s.Effect != "Allow" && s.Effect != "Deny", "Invalid effect: %q", s.Effect)
	refuse(len(s.Action)+len(s.NotAction) == 0, "Policy statement must contain actions.")
	refuse(len(s.Action) > 0 && len(s.NotAction) > 0, "Policy statement must have either Action or NotAction.")
	refuse(len(s.Resource) > 0 && len(s.NotResource) > 0, "Policy statement must have either Resource or NotResource.")
	refuse(!s.Principal.IsZero() && !s.NotPrincipal.IsZero(), "Policy statement must have either Principal or NotPrincipal.")
	for _, action := range slices.Concat(s.Action, s.NotAction) {
		refuse(!actionForm.MatchString(action),
			"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. (%q)", action)
	}
	named, resources := !s.Principal.IsZero() || !s.NotPrincipal.IsZero(), slices.Concat(s.Resource, s.NotResource)
	switch kind {
	case Identity:
		refuse(named, "Policy document should not specify a principal.")
		refuse(len(resources) == 0, "Policy statement must contain resources.")
		for _, r := range resources {
			refuse(r != "*" && strings.Count(r, ":") < 5, `Resource %s must be in ARN format or "*".`, r)
		}
	case Resource:
		refuse(!named, "Missing required field Principal")
		refuse(len(resources) == 0, "Missing required field Resource")
	case Trust:
		refuse(!named, "AssumeRole policy must contain principals")
		refuse(len(resources) > 0, "Has prohibited field Resource")
		for _, action := range slices.Concat(s.Action, s.NotAction) {
			refuse(!strings.HasPrefix(strings.ToLower(action), "sts:"), "AssumeRole policy may only specify STS AssumeRole actions.")
		}
	}
	for operator, keys := range s.Condition {
		base, known := baseOperator(operator)
		refuse(!known, "Invalid Condition type : %s.", operator)
		for key, values := range keys {
			refuse(len(values) == 0, "condition %s %s has no value", operator, key)
			for _, v := range values {
				refuse((base == "Null" || base == "Bool") && v != "true" && v != "false",
					"condition %s %s: %q is neither true nor false", operator, key, v)
			}
		}
	}
	return problems
}

// operators are the condition operators.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = []string{
	"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
	"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan",
	"NumericGreaterThanEquals", "DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan",
	"DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals",
	"ArnNotLike", "Null",
}

// baseOperator is an operator without what may stand around it: for which values it must hold, and whether the key
// must be there.
func baseOperator(name string) (base string, known bool) {
	set, base, found := strings.Cut(name, ":")
	if !found {
		set, base = "", name
	}
	base, ifExists := strings.CutSuffix(base, "IfExists")
	known = slices.Contains(operators, base) && slices.Contains([]string{"", "ForAllValues", "ForAnyValue"}, set)
	// Null asks whether the key exists.
	return base, known && (base != "Null" || !ifExists && set == "")
}
