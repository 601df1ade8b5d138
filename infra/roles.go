package infra

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"
)

// roles are the ARNs of the roles that a task has. They are known once the roles have their rights: a task that
// starts earlier fails.
type roles struct {
	// execution is what ECS itself uses to start a task (A12), task is what the backend runs as (A13).
	execution, task pulumi.StringOutput
}

// executionRoleName and taskRoleName are fixed: the deploy roles name them in their own rights.
func executionRoleName(name string) string { return name + "-ecs-task-execution-role" }

func taskRoleName(name string) string { return name + "-backend-task-role" }

func newRoles(
	ctx *pulumi.Context, name string, args *ServiceArgs, repositoryARN pulumi.StringOutput, child pulumi.ResourceOption,
) (roles, error) {
	execution := pulumix.Apply2Err(repositoryARN, args.LogGroup, func(repositoryARN, logGroup string) (string, error) {
		return executionPolicy(repositoryARN, logGroup, args).json()
	})
	task := pulumix.Apply3Err(args.ArtifactsBucket, args.ClipsBucket, args.LogGroup, func(artifacts, clips, logGroup string) (string, error) {
		return taskPolicy(args.Account.bucketARN(artifacts), args.Account.bucketARN(clips), logGroup, args).json()
	})
	var made roles
	var err error
	if made.execution, err = newRole(ctx, name+"-execution", executionRoleName(name), args, execution, args.Adopted.ExecutionPolicies, child); err != nil {
		return roles{}, err
	}
	if made.task, err = newRole(ctx, name+"-task", taskRoleName(name), args, task, args.Adopted.TaskPolicies, child); err != nil {
		return roles{}, err
	}
	return made, nil
}

// newRole gives a role for tasks of this account its rights, besides which it keeps adopted policies, and returns its ARN.
func newRole(
	ctx *pulumi.Context, logical, name string, args *ServiceArgs,
	policy pulumix.Output[string], adopted []string, child pulumi.ResourceOption,
) (pulumi.StringOutput, error) {
	role, err := findRole(ctx, logical, name, args, child)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	rights, err := iam.NewRolePolicy(ctx, logical, &iam.RolePolicyArgs{
		Name:   pulumi.String(name),
		Role:   role.Name,
		Policy: pulumix.Cast[pulumi.StringOutput](policy),
	}, child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("give the role %q its rights: %w", name, err)
	}
	if err := newExclusive(ctx, logical, name, adopted, role, rights, child); err != nil {
		return pulumi.StringOutput{}, err
	}
	return after(ctx, role.Arn, rights), nil
}

// findRole makes the role, unless bootstrap has: then a deployment has no right to change whom it trusts, and uses it as
// it is.
func findRole(ctx *pulumi.Context, logical, name string, args *ServiceArgs, child pulumi.ResourceOption) (*iam.Role, error) {
	if args.Bootstrapped {
		role, err := iam.GetRole(ctx, logical, pulumi.ID(name), nil, child)
		if err != nil {
			return nil, fmt.Errorf("find the role %q, which bootstrap makes: %w", name, err)
		}
		return role, nil
	}
	trust, err := tasksTrust(args.Account).json()
	if err != nil {
		return nil, err
	}
	roleArgs := &iam.RoleArgs{Name: pulumi.String(name), AssumeRolePolicy: pulumi.String(trust)}
	if args.PermissionsBoundary != "" {
		roleArgs.PermissionsBoundary = pulumi.String(args.Account.iamARN("policy/" + args.PermissionsBoundary))
	}
	role, err := iam.NewRole(ctx, logical, roleArgs, child)
	if err != nil {
		return nil, fmt.Errorf("create the role %q: %w", name, err)
	}
	return role, nil
}

// newExclusive says that a role has no rights but its own and adopted ones: what somebody adds by hand is seen as drift, and taken back. The
// role's own rights stand before any others go: tasks may be running with those.
func newExclusive(
	ctx *pulumi.Context, logical, policy string, adopted []string, role *iam.Role, rights pulumi.Resource, child pulumi.ResourceOption,
) error {
	inline, attached := []string{policy}, []string{}
	for _, other := range adopted {
		if strings.HasPrefix(other, "arn:") {
			attached = append(attached, other)
		} else {
			inline = append(inline, other)
		}
	}
	last := pulumi.DependsOn([]pulumi.Resource{rights})
	if _, err := iam.NewRolePoliciesExclusive(ctx, logical, &iam.RolePoliciesExclusiveArgs{
		RoleName: role.Name, PolicyNames: pulumi.ToStringArray(inline),
	}, child, last); err != nil {
		return fmt.Errorf("give the role %q no other policies: %w", policy, err)
	}
	if _, err := iam.NewRolePolicyAttachmentsExclusive(ctx, logical, &iam.RolePolicyAttachmentsExclusiveArgs{
		RoleName: role.Name, PolicyArns: pulumi.ToStringArray(attached),
	}, child, last); err != nil {
		return fmt.Errorf("attach no policies to the role %q: %w", policy, err)
	}
	return nil
}
