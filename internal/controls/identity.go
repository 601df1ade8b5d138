package controls

import (
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

const (
	// taskRole ends the logical names of the roles that tasks have.
	taskRole = "-task -execution"
	oidc     = "token.actions.githubusercontent.com:"
)

var (
	roles    = []string{aws.IAMRole}
	policies = []string{aws.IAMPolicy, aws.IAMRolePolicy}
	keys     = []string{aws.KMSKey}
)

// allows reports whether all that a policy allows holds.
func allows(holds func(policy.Statement) bool) func(look) bool {
	return func(l look) bool { return l.each(policy.Identity, "Allow", holds) }
}

// trusts reports whether all statements of a role's trust hold; there is one, and no denial.
func trusts(holds func(policy.Statement) bool) func(look) bool {
	return func(l look) bool {
		statements, ok := l.statements(policy.Trust, "assumeRolePolicy")
		return ok && len(statements) == 1 && statements[0].Effect == "Allow" && holds(statements[0])
	}
}

func named(s policy.Statement) bool {
	return len(s.NotAction)+len(s.NotResource) == 0 &&
		!slices.ContainsFunc(s.Action, func(a string) bool { return strings.ContainsAny(a, "*?") })
}

// anywhere are the actions that AWS ties to no resource and that give nothing away; a shell's channels are the task's own.
var anywhere = []string{
	"ecr:GetAuthorizationToken", "logs:DescribeLogGroups", "sts:GetCallerIdentity", "ssmmessages:CreateControlChannel",
	"ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
}

func narrowed(s policy.Statement) bool {
	return !slices.Contains(s.Resource, "*") || len(s.Condition) > 0 ||
		!slices.ContainsFunc(s.Action, func(a string) bool { return !slices.Contains(anywhere, a) })
}

// escalates are the actions by which a role, or whoever it makes, gets more rights, and the condition that bounds each;
// without one, the action is not to be had.
// https://docs.prowler.com/checks/aws/iam-policies/
var escalates = map[string]string{
	"iam:PutRolePolicy": "iam:PermissionsBoundary", "iam:PassRole": "iam:PassedToService", "iam:CreateServiceLinkedRole": "iam:AWSServiceName",
	"iam:AddUserToGroup": "", "iam:AttachGroupPolicy": "", "iam:AttachRolePolicy": "", "iam:AttachUserPolicy": "", "iam:CreateAccessKey": "",
	"iam:CreateLoginProfile": "", "iam:CreateOpenIDConnectProvider": "", "iam:CreatePolicy": "", "iam:CreatePolicyVersion": "", "iam:CreateRole": "",
	"iam:CreateUser": "", "iam:DeleteRolePermissionsBoundary": "", "iam:PutGroupPolicy": "", "iam:PutRolePermissionsBoundary": "",
	"iam:PutUserPolicy": "", "iam:SetDefaultPolicyVersion": "", "iam:UpdateAssumeRolePolicy": "", "iam:UpdateLoginProfile": "",
	"lambda:CreateFunction": "", "ecs:RunTask": "", "ecs:ExecuteCommand": "", "ssm:SendCommand": "", "sts:AssumeRole": "", "cloudformation:CreateStack": "",
}

func bounded(s policy.Statement) bool {
	return !slices.ContainsFunc(s.Action, func(action string) bool {
		key, escalating := escalates[action]
		return escalating && (key == "" || condition(s, "StringEquals", key) == nil || slices.Contains(s.Resource, "*"))
	})
}

// escaped: what reads or changes data, secrets, or who may.
func escaped(prefixes ...string) func(policy.Statement) bool {
	return func(s policy.Statement) bool {
		return !slices.Contains(s.Resource, "*") || !slices.ContainsFunc(s.Action, func(action string) bool {
			return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(action, p) })
		})
	}
}

func byECS(s policy.Statement) bool {
	return slices.Equal(s.Principal.Service, policy.Strings{"ecs-tasks.amazonaws.com"})
}

func byGitHub(s policy.Statement) bool {
	return len(s.Principal.Federated) == 1 && strings.HasSuffix(s.Principal.Federated[0], ":oidc-provider/token.actions.githubusercontent.com")
}

func keyStatements(l look, holds func(policy.Statement) bool) bool {
	return l.each(policy.Resource, "Allow", holds)
}

var identity = []Control{
	{
		IDs:     "IAM.1 IAM.21 CIS-1.16 CKV_AWS_1 CKV_AWS_49 CKV_AWS_62 CKV_AWS_63 CKV2_AWS_40 AVD-AWS-0057 AVD-AWS-0345 AVD-AWS-0346",
		Demands: "rights are named: no * among the actions", Types: policies, Why: "each action is written out (F10)", Holds: allows(named),
	},
	{
		IDs: "CKV_AWS_111 CKV_AWS_290 CKV_AWS_355 CKV_AWS_356", Demands: "no right on everything", Types: policies,
		Why: "`*` only where AWS knows no resource, and then with a condition (namespace, tag, region), which some scanners do not read; " +
			"without one: who am I, ECR's token, names of log groups, a shell's channels", Holds: allows(narrowed),
	},
	{
		IDs: "CKV_AWS_110 CKV_AWS_286", Demands: "no way to more rights", Types: policies,
		Why: "a deployment gives rights to the tasks' roles alone, within their boundary; roles and trusts are bootstrap's", Holds: allows(bounded),
	},
	{
		IDs: "AVD-AWS-0342", Demands: "no role is passed on", Types: policies, Status: Accepted,
		Why:   "a service needs its two roles: they are named, and passed to ECS tasks only",
		Holds: allows(func(s policy.Statement) bool { return !slices.Contains(s.Action, "iam:PassRole") }),
	},
	{
		IDs: "CKV_AWS_107 CKV_AWS_108 CKV_AWS_109 CKV_AWS_287 CKV_AWS_288 CKV_AWS_289", Demands: "no credentials, data and permissions of everything",
		Types: policies, Why: "secrets, objects, keys and policies are named",
		Holds: allows(escaped("iam:Put", "iam:Update", "kms:", "s3:Get", "s3:Put", "secretsmanager:", "ssm:Get", "sts:Assume", "ecr:Set")),
	},
	{
		IDs: "KMS.1 KMS.2", Demands: "no decryption with all keys", Types: policies, Why: "one key, and one environment's secrets",
		Holds: allows(func(s policy.Statement) bool {
			return !slices.ContainsFunc(s.Action, func(a string) bool { return strings.HasPrefix(a, "kms:") }) ||
				!slices.ContainsFunc(s.Resource, func(r string) bool { return strings.Contains(r, "*") })
		}),
	},
	{
		IDs: "own", Demands: "a bucket is the account's own", Types: policies, Why: "`aws:ResourceAccount`, as names of buckets are anybody's",
		Holds: allows(func(s policy.Statement) bool {
			ofS3 := slices.ContainsFunc(s.Action, func(a string) bool { return strings.HasPrefix(a, "s3:") && a != "s3:CreateBucket" })
			return !ofS3 || condition(s, "StringEquals", "aws:ResourceAccount") != nil
		}),
	},
	{
		IDs: "own", Demands: "metrics go into the environment's namespace", Types: policies, Why: "`cloudwatch:namespace`",
		Holds: allows(func(s policy.Statement) bool {
			return !slices.Contains(s.Action, "cloudwatch:PutMetricData") || condition(s, "StringEquals", "cloudwatch:namespace") != nil
		}),
	},
	{
		IDs: "CKV_AWS_60 CKV_AWS_61", Demands: "no account, and not everybody, may take a role", Types: roles, Why: "ECS, or GitHub's tokens (C5)",
		Holds: trusts(func(s policy.Statement) bool { return byECS(s) || byGitHub(s) }),
	},
	{
		IDs: "own", Demands: "no other account's ECS may (confused deputy)", Types: roles, Only: taskRole, Why: "account and ARN of the task (F10)",
		Holds: trusts(func(s policy.Statement) bool {
			return byECS(s) && condition(s, "StringEquals", "aws:SourceAccount") != nil && condition(s, "ArnLike", "aws:SourceArn") != nil
		}),
	},
	{
		IDs: "CKV_AWS_358", Demands: "GitHub's tokens are those of one repository, and say what for", Types: roles, Not: taskRole,
		Why: "whole subjects, the audience, and the number of the repository, which a new one of the same name has not",
		Holds: trusts(func(s policy.Statement) bool {
			subjects := condition(s, "StringEquals", oidc+"sub")
			return byGitHub(s) && len(s.Condition) == 1 && len(subjects) > 0 && !strings.ContainsAny(strings.Join(subjects, ""), "*?") &&
				slices.Equal(condition(s, "StringEquals", oidc+"aud"), policy.Strings{"sts.amazonaws.com"}) &&
				len(condition(s, "StringEquals", oidc+"repository_id")) == 1 && slices.Equal(s.Action, policy.Strings{"sts:AssumeRoleWithWebIdentity"})
		}),
	},
	{
		IDs: "own", Demands: "the provider takes tokens of GitHub for AWS only", Types: []string{aws.IAMOpenIDConnectProvider}, Why: "one audience",
		Holds: func(l look) bool {
			return l.is("url", "https://token.actions.githubusercontent.com") && l.at("clientIdLists", 0) == "sts.amazonaws.com" && l.at("clientIdLists", 1) == nil
		},
	},
	{
		IDs: "own", Demands: "credentials of workflows end within the hour", Types: roles, Not: taskRole, Why: "AWS's shortest default",
		Holds: func(l look) bool { return l.is("maxSessionDuration", 3600.0) },
	},
	{
		IDs: "CKV_AWS_274 CKV2_AWS_56", Demands: "no policies of AWS's", Types: []string{aws.IAMRolePolicyAttachment, aws.IAMRolePolicyAttachmentsExclusive},
		Why: "they change without asking",
		Holds: func(l look) bool {
			all, _ := l.at("policyArns").([]any)
			return len(all) == 0 && !strings.HasPrefix(l.text("policyArn"), "arn:aws:iam::aws:")
		},
	},
	{
		IDs: "own", Demands: "a role has no rights but those in this table", Types: []string{aws.IAMRole, aws.IAMRolePoliciesExclusive},
		Why:   "neither inline nor managed policies stand in a role; what is added to a task's role by hand is drift, and taken back",
		Holds: absent("inlinePolicies", "managedPolicyArns", "forceDetachPolicies"),
	},
	{
		IDs: "own", Demands: "tasks' roles are capped by a boundary", Types: roles, Only: taskRole, Status: ByKey,
		Why: "bootstrap's have one; a program that makes its roles itself, in an account without bootstrap, has none",
		Key: "`sentry:bootstrapped`, or `sentry:permissionsBoundary`", With: map[string]string{"sentry:permissionsBoundary": "sentry-staging-boundary"},
		Holds: func(l look) bool { return strings.HasSuffix(l.text("permissionsBoundary"), "-boundary") },
	},
	{
		IDs: "own", Demands: "… and those of workflows", Types: roles, Not: taskRole, Status: Accepted,
		Why:   "their policies are bootstrap's, and no workflow can change them: a boundary would be the same text again",
		Holds: func(l look) bool { return l.text("permissionsBoundary") != "" },
	},
	{
		IDs: "KMS.3 CKV_AWS_227", Demands: "the key of the states' secrets stays", Types: keys, Why: "protected in Pulumi; KMS waits 30 days",
		Holds: func(l look) bool {
			return l.r.Protect && l.is("deletionWindowInDays", 30.0) && absent("isEnabled", "multiRegion", "bypassPolicyLockoutSafetyCheck")(l)
		},
	},
	{
		IDs: "KMS.4 CIS-3.6 CKV_AWS_7 AVD-AWS-0065", Demands: "it changes every year", Types: keys, Why: "rotation",
		Holds: func(l look) bool { return l.is("enableKeyRotation", true) },
	},
	{
		IDs: "KMS.5 CKV_AWS_33 CKV2_AWS_64", Demands: "its policy is said, and opens it to nobody else", Types: keys, Why: "the account's IAM decides",
		Holds: func(l look) bool {
			return l.text("policy") != "" && keyStatements(l, func(s policy.Statement) bool {
				return !s.Principal.Everyone && len(s.Principal.AWS) == 1 && strings.HasSuffix(s.Principal.AWS[0], ":root") &&
					len(s.Principal.Service)+len(s.Principal.Federated) == 0
			})
		},
	},
	{
		IDs: "own", Demands: "it encrypts for one environment at a time", Types: []string{aws.KMSKey, aws.KMSAlias}, Why: "the environment is in the encryption context",
		Holds: func(l look) bool {
			if l.r.Type == aws.KMSAlias {
				return l.text("targetKeyId") != ""
			}
			statements, ok := l.statements(policy.Resource, "policy")
			return ok && slices.ContainsFunc(statements, func(s policy.Statement) bool {
				return s.Effect == "Deny" && condition(s, "Null", "kms:EncryptionContext:stack") != nil
			})
		},
	},
}
