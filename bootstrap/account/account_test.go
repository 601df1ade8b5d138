package account

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

const region = "us-east-1"

var repository = Repository{Name: "octo-org/sentry", ID: "456789", OwnerID: "123456"}

// environments: the name of one is the beginning of another's, one is guarded, and one has been deployed.
var environments = []Environment{
	{Name: "staging", Region: region, Subnets: []string{"subnet-0aa1", "subnet-0aa2"}},
	{Name: "production", Region: region, Guarded: true},
	{Name: "staging-eu", Region: region},
}

var place = Place{
	Account:     sandbox.AccountID,
	StateBucket: BucketName(sandbox.AccountID),
	KeyARN:      "arn:aws:kms:us-east-1:123456789012:key/1111aaaa-22bb-33cc-44dd-5555eeee6666",
}

// others are all environments but one.
func others(of Environment) []Environment {
	return slices.DeleteFunc(slices.Clone(environments), func(e Environment) bool { return e.Name == of.Name })
}

// recordProgram runs infra/ with the fixture's staging under an environment's name, and settings on top.
func recordProgram(t *testing.T, environment string, settings map[string]string) *sandbox.Recording {
	t.Helper()
	dir := fixture.Project(t)
	if file := filepath.Join(dir, "Pulumi."+environment+".yaml"); environment != "staging" && environment != "production" {
		fixture.Copy(t, filepath.Join(dir, "Pulumi.staging.yaml"), file)
		fixture.Replace(t, file, "10.0.0.0/16", "10.9.0.0/16")
	}
	p, err := project.Open(dir)
	require.NoError(t, err)
	recording, err := sandbox.RecordStack(infra.DeployIn, p, environment, sandbox.StackOptions{Config: settings})
	require.NoError(t, err)
	return recording
}

// documents are all policies that the program writes for some environments, by name.
func documents(t *testing.T, place Place, environments ...Environment) map[string]policy.Document {
	t.Helper()
	all := map[string]policy.Document{}
	for _, e := range environments {
		for role, rights := range map[string]func(Environment, Place) (map[string]policy.Document, error){
			DeployRole(e.Name): DeployRights, PreviewRole(e.Name): PreviewRights,
		} {
			parts, err := rights(e, place)
			require.NoError(t, err)
			for file, document := range parts {
				all[role+"-"+file] = document
			}
		}
		all[BoundaryName(e.Name)] = Boundary(e, place)
	}
	return all
}

func evaluated(t *testing.T, kind policy.Kind, documents ...policy.Document) evaluate.Policies {
	t.Helper()
	p, err := evaluate.Of(kind, documents...)
	require.NoError(t, err)
	return p
}

func rightsOf(t *testing.T, rights func(Environment, Place) (map[string]policy.Document, error), e Environment) evaluate.Policies {
	t.Helper()
	parts, err := rights(e, place)
	require.NoError(t, err)
	return evaluated(t, policy.Identity, slices.Collect(maps.Values(parts))...)
}
