package sandbox

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

const (
	malformedIAM = "MalformedPolicyDocument"
	malformedS3  = "MalformedPolicy"
)

// policyOf is a policy among the inputs, the zero value while it is not known; refusal is what AWS calls one that it
// does not take.
func (c *call) policyOf(key string, kind policy.Kind, refusal string) (policy.Document, error) {
	text := c.in.str(key)
	if text == "" {
		return policy.Document{}, nil
	}
	d, err := policy.Parse(kind, text)
	if err != nil {
		return d, fmt.Errorf("%s: %w", refusal, err)
	}
	return d, nil
}

// checkIdentityPolicy checks a policy of a role or a policy of its own, which may have limit characters.
func checkIdentityPolicy(limit int) func(*call) error {
	return func(c *call) error {
		if _, err := c.policyOf("policy", policy.Identity, malformedIAM); err != nil {
			return err
		}
		if len(c.in.str("policy")) > limit {
			return fmt.Errorf("LimitExceeded: Cannot exceed quota for PolicySize: %d", limit)
		}
		return nil
	}
}

func checkRole(c *call) error {
	if name := c.in.str("name"); len(name) > 64 || name != "" && !regexp.MustCompile(`^[\w+=,.@-]+$`).MatchString(name) {
		return fmt.Errorf("ValidationError: role name %q must have at most 64 characters of [\\w+=,.@-]", name)
	}
	_, err := c.policyOf("assumeRolePolicy", policy.Trust, malformedIAM)
	return err
}

// trusted checks the principals of the policy in an input.
func trusted(input string, kind policy.Kind) func(*call) error {
	return func(c *call) error {
		d, err := c.policyOf(input, kind, malformedIAM)
		return errors.Join(err, c.principals(d, malformedIAM))
	}
}

// principals refuses a policy that names a role or an identity provider of this account that does not exist.
func (c *call) principals(d policy.Document, refusal string) error {
	for _, s := range d.Statement {
		for _, arn := range slices.Concat(s.Principal.AWS, s.Principal.Federated) {
			for prefix, typ := range map[string]string{":role/": aws.IAMRole, ":oidc-provider/": aws.IAMOpenIDConnectProvider} {
				if strings.HasPrefix(arn, "arn:aws:iam::"+AccountID+prefix) && c.find(typ, arn) == nil {
					return fmt.Errorf("%s: Invalid principal in policy: \"AWS\":%q", refusal, arn)
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

// dropOthers and lookForOthers are what the provider does for "these and no others": what a role has besides is deleted
// when that is said, and among what is read later.
// https://github.com/hashicorp/terraform-provider-aws/blob/v5.100.0/internal/service/iam/role_policies_exclusive.go
func dropOthers(typ, name, allowed string) func(*call) error {
	return func(c *call) error {
		c.cloud.objects = slices.DeleteFunc(c.cloud.objects, func(o *Object) bool {
			return o.Type == typ && o.Props.str("role") == c.in.str("roleName") && !slices.Contains(c.in.strings(allowed), o.Props.str(name))
		})
		return nil
	}
}

func lookForOthers(typ, name, allowed string) func(*call, attrs) {
	return func(c *call, props attrs) {
		var found []string
		for _, o := range c.cloud.objects {
			if o.Type == typ && o.Props.str("role") == props.str("roleName") {
				found = append(found, o.Props.str(name))
			}
		}
		known := props.strings(allowed) // a set: what is in it stays where it is
		rank := func(name string) int {
			if i := slices.Index(known, name); i >= 0 {
				return i
			}
			return len(known)
		}
		slices.SortStableFunc(found, func(a, b string) int { return rank(a) - rank(b) })
		has := []any{}
		for _, policy := range found {
			has = append(has, policy)
		}
		props[allowed] = has
	}
}
