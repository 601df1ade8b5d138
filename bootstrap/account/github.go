package account

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/internal/policy"
)

// sessionSeconds is the longest that a workflow keeps a role's credentials. A deployment that waits for a
// roll-out and its rollback takes less.
const sessionSeconds = 3600

// GitHub is who may do what from GitHub's workflows, without any stored key: the OIDC provider, and for each
// environment a role that reads and one that deploys (C5, B2).
type GitHub struct {
	pulumi.ResourceState

	ProviderARN pulumi.StringOutput
	// Roles by environment.
	Roles map[string]Roles
}

// Roles are the ARNs of one environment's roles.
type Roles struct{ Preview, Deploy pulumi.StringOutput }

// GitHubArgs are the arguments of [NewGitHub].
type GitHubArgs struct {
	Repository   Repository
	Environments []Environment
	// Place with everything but the key, which KeyARN names once it exists.
	Place  Place
	KeyARN pulumi.StringInput
	// OIDCProviderARN, when set, is an existing provider to use instead of creating one: an account can have
	// only one for GitHub.
	OIDCProviderARN string
	// Imports as in [Config].
	Imports map[string]string
}

// NewGitHub creates the provider (or uses the one that there is), the roles with their policies, and what a deployment
// needs and must not be able to make itself: the roles of the tasks, within a boundary.
func NewGitHub(ctx *pulumi.Context, name string, args *GitHubArgs, opts ...pulumi.ResourceOption) (*GitHub, error) {
	if args == nil || args.Repository.ID == "" || args.KeyARN == nil {
		return nil, errors.New("GitHub: the repository or the key is missing")
	}
	github := &GitHub{Roles: map[string]Roles{}}
	if err := ctx.RegisterComponentResource("sentry:bootstrap:GitHub", name, github, opts...); err != nil {
		return nil, fmt.Errorf("register %q: %w", name, err)
	}
	if err := github.setProvider(ctx, name, args); err != nil {
		return nil, fmt.Errorf("create GitHub's OIDC provider: %w", err)
	}
	outputs := pulumi.Map{"providerArn": github.ProviderARN}
	for _, environment := range args.Environments {
		roles, err := github.newRoles(ctx, name, args, environment)
		if err != nil {
			return nil, err
		}
		github.Roles[environment.Name] = roles
		outputs[environment.Name+"PreviewRoleArn"], outputs[environment.Name+"DeployRoleArn"] = roles.Preview, roles.Deploy
	}
	if err := ctx.RegisterResourceOutputs(github, outputs); err != nil {
		return nil, fmt.Errorf("register outputs of %q: %w", name, err)
	}
	return github, nil
}

func (g *GitHub) setProvider(ctx *pulumi.Context, name string, args *GitHubArgs) error {
	if args.OIDCProviderARN != "" {
		g.ProviderARN = pulumi.String(args.OIDCProviderARN).ToStringOutput()
		return nil
	}
	// AWS knows the certificates of GitHub itself and ignores thumbprints.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html
	provider, err := iam.NewOpenIdConnectProvider(ctx, name+"-oidc", &iam.OpenIdConnectProviderArgs{
		Url:           pulumi.String("https://" + oidcHost),
		ClientIdLists: pulumi.StringArray{pulumi.String(oidcAudience)},
	}, options(g, args.Imports, tokenProvider, name+"-oidc")...)
	if err != nil {
		return err
	}
	g.ProviderARN = provider.Arn
	return nil
}

func (g *GitHub) newRoles(ctx *pulumi.Context, name string, args *GitHubArgs, environment Environment) (roles Roles, err error) {
	if err := g.newTaskRoles(ctx, name+"-"+environment.Name, environment, args); err != nil {
		return roles, err
	}
	roles.Preview, err = g.newRole(ctx, name+"-preview-"+environment.Name, args, role{
		name:        PreviewRole(environment.Name),
		description: "Previews and drift detection of " + environment.Name + " by " + args.Repository.Name + ": reads, changes nothing",
		trust:       PreviewTrust,
		environment: environment,
		rights:      PreviewRights,
		policies:    previewPolicies,
	})
	if err != nil {
		return roles, err
	}
	roles.Deploy, err = g.newRole(ctx, name+"-deploy-"+environment.Name, args, role{
		name:        DeployRole(environment.Name),
		description: "Deployments of " + args.Repository.Name + " to " + environment.Name,
		trust:       DeployTrust,
		environment: environment,
		rights:      DeployRights,
		policies:    deployPolicies,
	})
	return roles, err
}

// role is one role that workflows may take.
type role struct {
	name, description string
	environment       Environment
	trust             func(providerARN string, repository Repository, environment Environment) policy.Document
	rights            func(Environment, Place) (map[string]policy.Document, error)
	// policies are the keys of what rights returns, known before the key's ARN is.
	policies []string
}

// document is one of the role's policies.
func (r role) document(place Place, file string) (string, error) {
	documents, err := r.rights(r.environment, place)
	if err != nil {
		return "", err
	}
	if found := slices.Sorted(maps.Keys(documents)); !slices.Equal(found, r.policies) {
		return "", fmt.Errorf("role %s: policies %v, expected %v", r.name, found, r.policies)
	}
	return documents[file].JSON(policy.Identity)
}

func (g *GitHub) newRole(ctx *pulumi.Context, name string, args *GitHubArgs, r role) (pulumi.StringOutput, error) {
	created, err := iam.NewRole(ctx, name, &iam.RoleArgs{
		Name:        pulumi.String(r.name),
		Description: pulumi.String(r.description),
		AssumeRolePolicy: g.ProviderARN.ApplyT(func(arn string) (string, error) {
			return r.trust(arn, args.Repository, r.environment).JSON(policy.Trust)
		}).(pulumi.StringOutput),
		MaxSessionDuration: pulumi.Int(sessionSeconds),
	}, options(g, args.Imports, TokenRole, name)...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("create role %q: %w", r.name, err)
	}
	for _, file := range r.policies {
		document := args.KeyARN.ToStringOutput().ApplyT(func(arn string) (string, error) {
			place := args.Place
			place.KeyARN = arn
			return r.document(place, file)
		}).(pulumi.StringOutput)
		attached, err := iam.NewPolicy(ctx, name+"-"+file, &iam.PolicyArgs{
			Name:        pulumi.String(r.name + "-" + file),
			Description: pulumi.String(r.description),
			Policy:      document,
		}, options(g, args.Imports, TokenPolicy, name+"-"+file)...)
		if err != nil {
			return pulumi.StringOutput{}, fmt.Errorf("create policy %s of role %q: %w", file, r.name, err)
		}
		if _, err := iam.NewRolePolicyAttachment(ctx, name+"-"+file, &iam.RolePolicyAttachmentArgs{
			Role:      created.Name,
			PolicyArn: attached.Arn,
		}, pulumi.Parent(g)); err != nil {
			return pulumi.StringOutput{}, fmt.Errorf("attach policy %s to role %q: %w", file, r.name, err)
		}
	}
	return created.Arn, nil
}

// newTaskRoles makes the roles of an environment's tasks, which infra/ uses and gives their rights, and the boundary of
// those.
func (g *GitHub) newTaskRoles(ctx *pulumi.Context, name string, environment Environment, args *GitHubArgs) error {
	document, err := Boundary(environment, args.Place).JSON(policy.Identity)
	if err != nil {
		return err
	}
	boundary, err := iam.NewPolicy(ctx, name+"-boundary", &iam.PolicyArgs{
		Name: pulumi.String(BoundaryName(environment.Name)),
		// Another description is another policy, and AWS does not delete one that bounds a role.
		Description: pulumi.String("The most that a role made by a deployment of " + environment.Name + " can do"),
		Policy:      pulumi.String(document),
	}, options(g, args.Imports, TokenPolicy, name+"-boundary")...)
	if err != nil {
		return fmt.Errorf("create boundary of %s: %w", environment.Name, err)
	}
	trust, err := TasksTrust(environment, args.Place).JSON(policy.Trust)
	if err != nil {
		return err
	}
	for end, role := range taskRoles(environment.Name) {
		if _, err := iam.NewRole(ctx, name+"-"+end, &iam.RoleArgs{
			Name:                pulumi.String(role),
			AssumeRolePolicy:    pulumi.String(trust),
			PermissionsBoundary: boundary.Arn,
			Tags:                pulumi.StringMap{"Environment": pulumi.String(environment.Name)},
		}, options(g, args.Imports, TokenRole, name+"-"+end)...); err != nil {
			return fmt.Errorf("create role %q: %w", role, err)
		}
	}
	return nil
}
