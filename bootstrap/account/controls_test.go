package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sentry/internal/aws"
	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
	"sentry/internal/sandbox"
)

// inputs are those that a type may have here. What is not in the list has not been thought about: a managed policy on
// a role, a bucket that is emptied when it is deleted.
var inputs = map[string]string{
	tokenProvider:                      "clientIdLists url",
	TokenRole:                          "assumeRolePolicy description maxSessionDuration name permissionsBoundary tags",
	TokenPolicy:                        "description name policy",
	aws.IAMRolePolicyAttachment:        "policyArn role",
	TokenKey:                           "deletionWindowInDays description enableKeyRotation policy",
	TokenAlias:                         "name targetKeyId",
	TokenBucket:                        "bucket",
	aws.S3BucketLifecycleConfiguration: "bucket rules",
	aws.S3BucketOwnershipControls:      "bucket rule",
	aws.S3BucketPolicy:                 "bucket policy",
	aws.S3BucketPublicAccessBlock:      "blockPublicAcls blockPublicPolicy bucket ignorePublicAcls restrictPublicBuckets",
	aws.S3BucketServerSideEncryptionConfiguration: "bucket rules",
	aws.S3BucketVersioning:                        "bucket versioningConfiguration",
}

func TestNothingIsOpen(t *testing.T) {
	assert.Empty(t, problems(t, mustRecord(t, nil)))
}

// problems are what somebody could use, or lose, of what the program registers.
func problems(t *testing.T, recording *sandbox.Recording) []string {
	t.Helper()
	var found []string
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	there := map[string]bool{}
	for _, r := range recording.Resources {
		if !r.Custom || !strings.HasPrefix(r.Type, "aws:") {
			continue
		}
		there[r.Type] = true
		for key := range r.Inputs {
			if !slices.Contains(strings.Fields(inputs[r.Type]), string(key)) {
				say("%s %s: %s is not among the inputs that were thought about", r.Type, r.Name, key)
			}
		}
	}
	for token := range inputs {
		if !there[token] && token != tokenProvider {
			say("there is no %s", token)
		}
	}
	for _, r := range recording.Resources {
		in := r.Inputs.Mappable()
		switch r.Type {
		case TokenRole:
			roleProblems(recording, in, say)
		case TokenPolicy:
			policyProblems(in, say)
		case TokenKey:
			keyProblems(r, in, say)
		case tokenProvider:
			if in["url"] != "https://"+oidcHost || len(in["clientIdLists"].([]any)) != 1 || at(in, "clientIdLists", 0) != oidcAudience {
				say("tokens of %v for %v are taken", in["url"], in["clientIdLists"])
			}
		}
		if strings.HasPrefix(r.Type, "aws:s3/") {
			bucketProblems(r, in, say)
		}
	}
	return found
}

type sayer func(format string, args ...any)

// roleProblems: whom it trusts, what it may do, and for how long.
func roleProblems(recording *sandbox.Recording, in map[string]any, say sayer) {
	name, _ := in["name"].(string)
	want, ofWorkflows := trusts(repository)[name]
	text, _ := in["assumeRolePolicy"].(string)
	var own Environment
	for _, e := range environments {
		if slices.Contains(slices.Collect(maps.Values(taskRoles(e.Name))), name) {
			own, want = e, TasksTrust(e, place)
			if in["permissionsBoundary"] != ofIAM+"policy/"+BoundaryName(e.Name) {
				say("%s has no boundary: a deployment gives it any rights", name)
			}
		}
		if name == DeployRole(e.Name) || name == PreviewRole(e.Name) {
			own = e
		}
	}
	if expected, err := want.JSON(policy.Trust); err != nil || text != expected {
		say("%s trusts %s", name, text)
	}
	if ofWorkflows && in["maxSessionDuration"] != float64(sessionSeconds) {
		say("%s: its credentials are valid for %v s", name, in["maxSessionDuration"])
	}
	attached := attachments(recording, name)
	if !ofWorkflows {
		if len(attached) > 0 {
			say("%s has rights of its own: the program gives them", name)
		}
		return
	}
	rights, err := evaluate.Of(policy.Identity, attached...)
	if err != nil || len(attached) == 0 {
		say("%s: %d policies, %v", name, len(attached), err)
		return
	}
	for _, other := range others(own) {
		for _, attempts := range []map[string]evaluate.Request{
			withRoles(own.Name, other.Name), inTheNetwork(own.Name, other.Name), withData(own.Name, other.Name), withTasks(own.Name, other.Name),
		} {
			for what, r := range attempts {
				if rights.Decide(r) == evaluate.Allowed {
					say("%s %s", name, what)
				}
			}
		}
	}
}

// attachments are the policies of a role.
func attachments(recording *sandbox.Recording, role string) []policy.Document {
	var found []policy.Document
	for _, a := range recording.ByType(aws.IAMRolePolicyAttachment) {
		if a.Inputs["role"].StringValue() != role {
			continue
		}
		for _, p := range recording.ByType(TokenPolicy) {
			if p.Outputs["arn"].StringValue() == a.Inputs["policyArn"].StringValue() {
				d, err := policy.Parse(policy.Identity, p.Inputs["policy"].StringValue())
				if err != nil {
					d = policy.Document{} // which evaluate refuses
				}
				found = append(found, d)
			}
		}
	}
	return found
}

func policyProblems(in map[string]any, say sayer) {
	text, _ := in["policy"].(string)
	d, err := policy.Parse(policy.Identity, text)
	if err != nil {
		say("%s: %v", in["name"], err)
	}
	for _, s := range d.Statement {
		if s.Effect == "Deny" {
			continue
		}
		if len(s.NotAction)+len(s.NotResource) > 0 {
			say("%s allows all but something", in["name"])
		}
		for _, action := range s.Action {
			if strings.Contains(action, "*") {
				say("%s allows %s", in["name"], action)
			}
			if slices.Contains(s.Resource, "*") && s.Condition == nil && action != "sts:GetCallerIdentity" && action != "ecr:GetAuthorizationToken" {
				say("%s allows %s anywhere", in["name"], action)
			}
		}
	}
}

func keyProblems(r sandbox.Resource, in map[string]any, say sayer) {
	if !r.Protect {
		say("the key can be destroyed, and every secret with it")
	}
	if in["enableKeyRotation"] != true {
		say("the key never changes")
	}
	if in["deletionWindowInDays"] != float64(30) {
		say("a key that was deleted is gone after %v days", in["deletionWindowInDays"])
	}
	text, _ := in["policy"].(string)
	d, err := policy.Parse(policy.Resource, text)
	p, unknown := evaluate.Of(policy.Resource, d)
	if err != nil || unknown != nil {
		say("the key's policy: %v %v", err, unknown)
		return
	}
	for who, want := range map[string]evaluate.Decision{
		"arn:aws:sts::123456789012:assumed-role/x/y": evaluate.Allowed, "arn:aws:sts::210987654321:assumed-role/x/y": evaluate.NotMentioned,
		"": evaluate.NotMentioned, "s3.amazonaws.com": evaluate.NotMentioned,
	} {
		for _, action := range []string{"kms:Decrypt", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} {
			use := request(action, "*", "kms:EncryptionContext:stack", "staging")
			if use.Principal = who; p.Decide(use) != want {
				say("the key: %s by %q is %s", action, who, p.Decide(use))
			}
		}
	}
	bare := request("kms:Encrypt", "*")
	if bare.Principal = "arn:aws:sts::123456789012:assumed-role/x/y"; p.Decide(bare) != evaluate.Denied {
		say("the key encrypts without an environment: every role can decrypt that")
	}
}

// bucketProblems: B1.
func bucketProblems(r sandbox.Resource, in map[string]any, say sayer) {
	switch r.Type {
	case TokenBucket:
		if !r.Protect {
			say("the states of all environments can be destroyed")
		}
	case aws.S3BucketPublicAccessBlock:
		for _, key := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
			if in[key] != true {
				say("%s is off: the state can be made public", key)
			}
		}
	case aws.S3BucketVersioning:
		if at(in, "versioningConfiguration", "status") != "Enabled" {
			say("an overwritten state is gone")
		}
	case aws.S3BucketServerSideEncryptionConfiguration:
		if at(in, "rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm") != "AES256" {
			say("the state is not encrypted at rest")
		}
	case aws.S3BucketOwnershipControls:
		if at(in, "rule", "objectOwnership") != "BucketOwnerEnforced" {
			say("access lists are on: an object can be somebody else's")
		}
	case aws.S3BucketLifecycleConfiguration:
		if at(in, "rules", 0, "noncurrentVersionExpiration", "noncurrentDays") != float64(90) || at(in, "rules", 0, "expiration") != nil ||
			at(in, "rules", 0, "status") != "Enabled" || at(in, "rules", 1) != nil {
			say("the state expires, or its past does too early: %v", in["rules"])
		}
	case aws.S3BucketPolicy:
		text, _ := in["policy"].(string)
		d, err := policy.Parse(policy.Resource, text)
		p, unknown := evaluate.Of(policy.Resource, d)
		if err != nil || unknown != nil {
			say("the bucket's policy: %v %v", err, unknown)
			return
		}
		for _, key := range []string{"", "/.pulumi/meta.yaml"} {
			for secure, want := range map[string]evaluate.Decision{"false": evaluate.Denied, "true": evaluate.NotMentioned} {
				ask := request("s3:GetObject", "arn:aws:s3:::sentry-pulumi-state-123456789012"+key, "aws:SecureTransport", secure)
				if ask.Principal = "arn:aws:sts::210987654321:assumed-role/x/y"; p.Decide(ask) != want {
					say("the bucket, TLS %s: %s of %q is %s", secure, ask.Action, key, p.Decide(ask))
				}
			}
		}
	}
}

// at is a value inside of objects and lists, nil when there is none.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}
