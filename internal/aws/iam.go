package aws

// Tokens of the types.
const (
	IAMRole                           = "aws:iam/role:Role"
	IAMRolePolicy                     = "aws:iam/rolePolicy:RolePolicy"
	IAMPolicy                         = "aws:iam/policy:Policy"
	IAMRolePolicyAttachment           = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	IAMRolePoliciesExclusive          = "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive"
	IAMRolePolicyAttachmentsExclusive = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"
	IAMOpenIDConnectProvider          = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
)

var iam = []Type{
	{
		Token: IAMRole, Noun: "IAM Role", ID: "{name}", Name: "name",
		Outputs: "arn=arn:aws:iam::{account}:role{path}{name} uniqueId=AROA{hex16} " +
			"createDate=2026-01-01T00:00:00Z namePrefix=empty inlinePolicies=[] managedPolicyArns=[]",
		Global:  true,
		Taken:   "EntityAlreadyExists: Role with name {name} already exists.",
		Missing: "NoSuchEntity: The role with name %s cannot be found.",
		InUse:   "DeleteConflict: Cannot delete entity, must delete policies first (%s).",
		Owned:   []string{"role/{prefix}-backend-task-role", "role/{prefix}-ecs-task-execution-role"},
		Calls: Calls{
			Create: "iam:CreateRole iam:TagRole",
			Read:   "iam:GetRole iam:ListRolePolicies iam:GetRolePolicy iam:ListAttachedRolePolicies",
			Update: "iam:UpdateAssumeRolePolicy iam:UpdateRole iam:UpdateRoleDescription " +
				"iam:PutRolePermissionsBoundary iam:TagRole iam:UntagRole",
			Delete: "iam:ListInstanceProfilesForRole iam:DeleteRole",
		},
		Free: "IAM has no price",
		Into: ECSService,
	},
	{
		Token: IAMRolePolicy, Noun: "IAM Role Policy", ID: "{role}:{name}", Name: "name",
		Outputs: "namePrefix=empty",
		Global:  true,
		Refs:    []Ref{{Path: "role", To: IAMRole}},
		Owned:   []string{"role/{prefix}-backend-task-role", "role/{prefix}-ecs-task-execution-role"},
		Calls: Calls{
			Create: "iam:PutRolePolicy",
			Read:   "iam:GetRolePolicy",
			Update: "iam:PutRolePolicy",
			Delete: "iam:DeleteRolePolicy",
		},
		Free: "IAM has no price",
		Into: ECSService,
	},
	{
		Token: IAMPolicy, Noun: "IAM Policy", ID: "arn:aws:iam::{account}:policy{path}{name}", Name: "name",
		Outputs: "arn={id} policyId=ANPA{hex16} attachmentCount=0 namePrefix=empty",
		Global:  true,
		Taken:   "EntityAlreadyExists: A policy called {name} already exists. Duplicate names are not allowed.",
		Missing: "NoSuchEntity: Policy %s does not exist or is not attachable.",
		InUse:   "DeleteConflict: Cannot delete a policy attached to entities (%s).",
		Free:    "IAM has no price",
	},
	{
		Token: IAMRolePolicyAttachment, Noun: "IAM Role Policy Attachment", Import: "{role}/{policyArn}", ID: "{role}-{hex26}",
		Global: true,
		Refs:   []Ref{{Path: "role", To: IAMRole}, {Path: "policyArn", To: IAMPolicy}},
		Free:   "IAM has no price",
	},
	// The two that say "and no others": what a role has besides is taken away when they are made, and seen when they are
	// read.
	{
		Token: IAMRolePoliciesExclusive, Noun: "IAM Role Policies Exclusive", ID: "{roleName}", Global: true,
		Refs:  []Ref{{Path: "roleName", To: IAMRole, Part: true}},
		Owned: []string{"role/{prefix}-backend-task-role", "role/{prefix}-ecs-task-execution-role"},
		Calls: Calls{
			Create: "iam:ListRolePolicies iam:DeleteRolePolicy",
			Read:   "iam:ListRolePolicies",
			Update: "iam:ListRolePolicies iam:DeleteRolePolicy",
		},
		Free: "IAM has no price",
		Into: ECSService,
	},
	{
		Token: IAMRolePolicyAttachmentsExclusive, Noun: "IAM Role Policy Attachments Exclusive", ID: "{roleName}", Global: true,
		Refs:  []Ref{{Path: "roleName", To: IAMRole, Part: true}},
		Owned: []string{"role/{prefix}-backend-task-role", "role/{prefix}-ecs-task-execution-role"},
		Calls: Calls{
			Create: "iam:ListAttachedRolePolicies iam:DetachRolePolicy",
			Read:   "iam:ListAttachedRolePolicies",
			Update: "iam:ListAttachedRolePolicies iam:DetachRolePolicy",
		},
		Free: "IAM has no price",
		Into: ECSService,
	},
	{
		Token: IAMOpenIDConnectProvider, Noun: "IAM OIDC Provider", ID: "arn:aws:iam::{account}:oidc-provider/{host}",
		Outputs: "arn={id} thumbprintLists=[]",
		Global:  true,
		Taken:   "EntityAlreadyExists: Provider with url {url} already exists.",
		Free:    "IAM has no price",
	},
}
