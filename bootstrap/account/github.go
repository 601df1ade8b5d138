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

// GitHub is who may do what from GitHub's workflows, without any stored key: the OIDC provider, a role that
// reads, and one role per environment that deploys (C5, B2).
type GitHub struct {
	pulumi.ResourceState

	ProviderARN    pulumi.StringOutput
	PreviewRoleARN pulumi.StringOutput
	// DeployRoleARNs by environment.
	DeployRoleARNs map[string]pulumi.StringOutput
}

// GitHubArgs are the arguments of [NewGitHub].
type GitHubArgs struct {
	// Repository is owner/name.
	Repository string
	// Place with everything but the key, which KeyARN names once it exists.
	Place  Place
	KeyARN pulumi.StringInput
	// OIDCProviderARN, when set, is an existing provider to use instead of creating one: an account can have
	// only one for GitHub.
	OIDCProviderARN string
	// Imports as in [Config].
	Imports map[string]string
}

// NewGitHub creates the provider (or uses the one that there is), the roles with their policies, and the
// permissions boundaries for the roles of infra/.
func NewGitHub(ctx *pulumi.Context, name string, args *GitHubArgs, opts ...pulumi.ResourceOption) (*GitHub, error) {
	if args == nil || args.Repository == "" || args.KeyARN == nil {
		return nil, errors.New("GitHub: the repository or the key is missing")
	}
	github := &GitHub{DeployRoleARNs: map[string]pulumi.StringOutput{}}
	if err := ctx.RegisterComponentResource("sentry:bootstrap:GitHub", name, github, opts...); err != nil {
		return nil, fmt.Errorf("register %q: %w", name, err)
	}
	if err := github.setProvider(ctx, name, args); err != nil {
		return nil, fmt.Errorf("create GitHub's OIDC provider: %w", err)
	}

	var err error
	github.PreviewRoleARN, err = github.newRole(ctx, name+"-preview", args, role{
		name:        PreviewRole,
		description: "Pull requests and drift detection of " + args.Repository + ": reads, changes nothing",
		subjects:    previewSubjects(args.Repository),
		rights: func(place Place) (map[string]policy.Document, error) {
			document, err := PreviewRights(place)
			return map[string]policy.Document{previewPolicies[0]: document}, err
		},
		policies: previewPolicies,
	})
	if err != nil {
		return nil, err
	}
	for _, environment := range Environments {
		if err := github.newBoundary(ctx, name+"-"+environment+"-boundary", environment, args); err != nil {
			return nil, err
		}
		github.DeployRoleARNs[environment], err = github.newRole(ctx, name+"-deploy-"+environment, args, role{
			name:        DeployRole(environment),
			description: "Deployments of " + args.Repository + " to " + environment,
			subjects:    []string{deploySubject(args.Repository, environment)},
			rights:      func(place Place) (map[string]policy.Document, error) { return DeployRights(environment, place) },
			policies:    deployPolicies,
		})
		if err != nil {
			return nil, err
		}
	}

	outputs := pulumi.Map{"providerArn": github.ProviderARN, "previewRoleArn": github.PreviewRoleARN}
	for environment, arn := range github.DeployRoleARNs {
		outputs[environment+"DeployRoleArn"] = arn
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
	}, options(g, args.Imports, "aws:iam/openIdConnectProvider:OpenIdConnectProvider", name+"-oidc")...)
	if err != nil {
		return err
	}
	g.ProviderARN = provider.Arn
	return nil
}

// role is one role that workflows may take.
type role struct {
	name, description string
	subjects          []string
	rights            func(Place) (map[string]policy.Document, error)
	// policies are the keys of what rights returns, known before the key's ARN is.
	policies []string
}

func (g *GitHub) newRole(ctx *pulumi.Context, name string, args *GitHubArgs, r role) (pulumi.StringOutput, error) {
	created, err := iam.NewRole(ctx, name, &iam.RoleArgs{
		Name:        pulumi.String(r.name),
		Description: pulumi.String(r.description),
		AssumeRolePolicy: g.ProviderARN.ApplyT(func(arn string) (string, error) {
			return Trust(arn, r.subjects...).JSON()
		}).(pulumi.StringOutput),
		MaxSessionDuration: pulumi.Int(sessionSeconds),
	}, options(g, args.Imports, "aws:iam/role:Role", name)...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("create role %q: %w", r.name, err)
	}
	for _, file := range r.policies {
		document := args.KeyARN.ToStringOutput().ApplyT(func(arn string) (string, error) {
			place := args.Place
			place.KeyARN = arn
			documents, err := r.rights(place)
			if err != nil {
				return "", err
			}
			if found := slices.Sorted(maps.Keys(documents)); !slices.Equal(found, r.policies) {
				return "", fmt.Errorf("role %s: policies %v, expected %v", r.name, found, r.policies)
			}
			return documents[file].JSON()
		}).(pulumi.StringOutput)
		attached, err := iam.NewPolicy(ctx, name+"-"+file, &iam.PolicyArgs{
			Name:        pulumi.String(r.name + "-" + file),
			Description: pulumi.String(r.description),
			Policy:      document,
		}, options(g, args.Imports, "aws:iam/policy:Policy", name+"-"+file)...)
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

func (g *GitHub) newBoundary(ctx *pulumi.Context, name, environment string, args *GitHubArgs) error {
	document, err := Boundary(environment, args.Place).JSON()
	if err != nil {
		return err
	}
	if _, err := iam.NewPolicy(ctx, name, &iam.PolicyArgs{
		Name:        pulumi.String(BoundaryName(environment)),
		Description: pulumi.String("The most that a role made by a deployment of " + environment + " can do"),
		Policy:      pulumi.String(document),
	}, options(g, args.Imports, "aws:iam/policy:Policy", name)...); err != nil {
		return fmt.Errorf("create boundary of %s: %w", environment, err)
	}
	return nil
}
