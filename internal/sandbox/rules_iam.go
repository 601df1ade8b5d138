package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/aws"
)

// document is an IAM policy document; elements that AWS allows as one value or a list stay any.
type document struct {
	Version   string
	Statement statements
}

type statements []statement

// UnmarshalJSON accepts a single statement where a list is usual, as IAM does.
func (s *statements) UnmarshalJSON(text []byte) error {
	var one statement
	if json.Unmarshal(text, &one) == nil {
		*s = statements{one}
		return nil
	}
	return json.Unmarshal(text, (*[]statement)(s))
}

type statement struct {
	Sid, Effect                                                       string
	Principal, NotPrincipal, Action, NotAction, Resource, NotResource any
	Condition                                                         map[string]map[string]any
}

// parsePolicy applies what holds for every kind of policy: identity, trust and resource policies.
func parsePolicy(text string) (document, error) {
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, fmt.Errorf("MalformedPolicyDocument: Syntax errors in policy: %w", err)
	}
	if len(d.Statement) == 0 {
		return d, errors.New("MalformedPolicyDocument: Syntax errors in policy: no statement")
	}
	if d.Version != "2012-10-17" && d.Version != "2008-10-17" {
		return d, fmt.Errorf("MalformedPolicyDocument: The policy must contain a valid version string, got %q", d.Version)
	}
	seen := map[string]bool{}
	for _, s := range d.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" {
			return d, fmt.Errorf("MalformedPolicyDocument: Invalid effect: %q", s.Effect)
		}
		if !regexp.MustCompile(`^[0-9A-Za-z]*$`).MatchString(s.Sid) {
			return d, fmt.Errorf("MalformedPolicyDocument: Statement IDs (SID) must be alpha-numeric. "+
				"Check that your input satisfies the regular expression [0-9A-Za-z]*, got %q", s.Sid)
		}
		if s.Sid != "" && seen[s.Sid] {
			return d, fmt.Errorf("MalformedPolicyDocument: Statement IDs (SID) in a single policy must be unique: %q", s.Sid)
		}
		seen[s.Sid] = true
		actions := append(list(s.Action), list(s.NotAction)...)
		if len(actions) == 0 {
			return d, errors.New("MalformedPolicyDocument: Policy statement must contain actions.")
		}
		for _, a := range actions {
			if a != "*" && !strings.Contains(a, ":") {
				return d, fmt.Errorf("MalformedPolicyDocument: Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. (%q)", a)
			}
		}
	}
	return d, nil
}

// list is the strings of an element that may be one string or several.
func list(v any) []string { return attrs{"v": v}.strings("v") }

// checkIdentityPolicy checks a policy of a role or a policy of its own, which may have limit characters.
func checkIdentityPolicy(limit int) func(*call) error {
	return func(c *call) error { return identityPolicy(c.in, limit) }
}

func identityPolicy(in attrs, limit int) error {
	text := in.str("policy")
	if text == "" {
		return nil
	}
	d, err := parsePolicy(text)
	if err != nil {
		return err
	}
	if len(text) > limit {
		return fmt.Errorf("LimitExceeded: Cannot exceed quota for PolicySize: %d", limit)
	}
	for _, s := range d.Statement {
		if s.Principal != nil || s.NotPrincipal != nil {
			return errors.New("MalformedPolicyDocument: Policy document should not specify a principal.")
		}
		resources := append(list(s.Resource), list(s.NotResource)...)
		if len(resources) == 0 {
			return errors.New("MalformedPolicyDocument: Policy statement must contain resources.")
		}
		for _, r := range resources {
			if r != "*" && strings.Count(r, ":") < 5 {
				return fmt.Errorf("MalformedPolicyDocument: Resource %s must be in ARN format or \"*\".", r)
			}
		}
	}
	return nil
}

func checkRole(c *call) error {
	if name := c.in.str("name"); len(name) > 64 || name != "" && !regexp.MustCompile(`^[\w+=,.@-]+$`).MatchString(name) {
		return fmt.Errorf("ValidationError: role name %q must have at most 64 characters of [\\w+=,.@-]", name)
	}
	text := c.in.str("assumeRolePolicy")
	if text == "" {
		return nil
	}
	d, err := parsePolicy(text)
	if err != nil {
		return err
	}
	for _, s := range d.Statement {
		if s.Resource != nil || s.NotResource != nil {
			return errors.New("MalformedPolicyDocument: Has prohibited field Resource")
		}
		if s.Principal == nil && s.NotPrincipal == nil {
			return errors.New("MalformedPolicyDocument: AssumeRole policy must contain principals")
		}
		for _, a := range list(s.Action) {
			if !strings.HasPrefix(a, "sts:") {
				return errors.New("MalformedPolicyDocument: AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
	}
	return nil
}

// trusted checks the principals of the policy in an input.
func trusted(input string) func(*call) error {
	return func(c *call) error { return c.principals(input) }
}

// principals checks that a policy names roles and identity providers of this account that exist.
func (c *call) principals(key string) error {
	text := c.in.str(key)
	if text == "" {
		return nil
	}
	d, err := parsePolicy(text)
	if err != nil {
		return err
	}
	for _, s := range d.Statement {
		who, _ := s.Principal.(map[string]any)
		for _, arn := range append(list(who["AWS"]), list(who["Federated"])...) {
			for prefix, typ := range map[string]string{":role/": aws.IAMRole, ":oidc-provider/": aws.IAMOpenIDConnectProvider} {
				if strings.HasPrefix(arn, "arn:aws:iam::"+AccountID+prefix) && c.find(typ, arn) == nil {
					return fmt.Errorf("MalformedPolicyDocument: Invalid principal in policy: \"AWS\":%q", arn)
				}
			}
		}
	}
	return nil
}

// attachOnce is AWS's AttachRolePolicy: a policy is attached to a role or it is not, and attaching it again, such as
// after a run that was lost before it could record the first time, changes nothing.
func attachOnce(c *call) error {
	c.cloud.objects = slices.DeleteFunc(c.cloud.objects, func(o *Object) bool {
		return o.Type == c.typ && o.Props.str("role") == c.in.str("role") && o.Props.str("policyArn") == c.in.str("policyArn")
	})
	return nil
}

func checkIdentityProvider(c *call) error {
	if url := c.in.str("url"); url != "" && !strings.HasPrefix(url, "https://") {
		return fmt.Errorf("ValidationError: Invalid Open ID Connect Provider URL %q", url)
	}
	return nil
}
