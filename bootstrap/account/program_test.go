package account

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sentry/internal/golden"
	"sentry/internal/sandbox"
)

func record(t *testing.T, config map[string]string) (*sandbox.Recording, error) {
	t.Helper()
	return recordIn(sandbox.NewCloud(), config)
}

func recordIn(cloud *sandbox.Cloud, config map[string]string) (*sandbox.Recording, error) {
	all, err := Config{Region: region, Repository: repository, Environments: environments}.Settings()
	if err != nil {
		return nil, err
	}
	maps.Copy(all, config)
	var problem error // as the program returns it; the SDK puts it into a list of its own
	recording, err := sandbox.Record(func(ctx *pulumi.Context) error {
		problem = Deploy(ctx)
		return problem
	}, sandbox.MockOptions{Project: Project, Stack: Stack, Config: all, Cloud: cloud})
	return recording, cmp.Or(problem, err)
}

func mustRecord(t *testing.T, config map[string]string) *sandbox.Recording {
	t.Helper()
	recording, err := record(t, config)
	require.NoError(t, err)
	return recording
}

func only1(t *testing.T, r *sandbox.Recording, token string) sandbox.Resource {
	t.Helper()
	found := r.ByType(token)
	require.Len(t, found, 1, token)
	return found[0]
}

func name(u string) string {
	if u == "" {
		return ""
	}
	return string(urn.URN(u).Type()) + "::" + urn.URN(u).Name()
}

// Everything that is registered for two environments, with all inputs.
func TestGolden(t *testing.T) {
	config, err := Config{Region: region, Repository: repository, Environments: environments[:2]}.Settings()
	require.NoError(t, err)
	recording := mustRecord(t, config)
	golden.Inputs(t, "testdata/account.yaml", recording, "a name or parent that changed is a delete and a create in a live "+
		"account (the state bucket and the key among them), and each line of a policy is somebody's right")
	golden.Order(t, "testdata/order.yaml", recording)
}

// withForeignProvider is an account that has GitHub's provider already.
func withForeignProvider(t *testing.T) *sandbox.Cloud {
	t.Helper()
	cloud := sandbox.NewCloud()
	_, err := sandbox.Record(func(ctx *pulumi.Context) error {
		_, err := iam.NewOpenIdConnectProvider(ctx, "of-something-else", &iam.OpenIdConnectProviderArgs{
			Url: pulumi.String("https://" + oidcHost), ClientIdLists: pulumi.StringArray{pulumi.String(oidcAudience)},
		})
		return err
	}, sandbox.MockOptions{Project: "other", Stack: "x", Cloud: cloud})
	require.NoError(t, err)
	return cloud
}

func TestAForeignProviderIsUsedAndLeftAlone(t *testing.T) {
	_, err := recordIn(withForeignProvider(t), nil)
	require.ErrorContains(t, err, "EntityAlreadyExists", "the sandbox lets an account have two of GitHub's providers")
	recording, err := recordIn(withForeignProvider(t), map[string]string{Project + ":oidcProviderArn": providerARN})
	require.NoError(t, err)
	assert.Empty(t, recording.ByType(tokenProvider),
		"the account's provider is taken over: removing this stack would cut off everybody who uses it")
	assert.Equal(t, providerARN, recording.Outputs["oidcProviderArn"])
	assert.Empty(t, problems(t, recording))
}

func TestOutputsAndTags(t *testing.T) {
	recording := mustRecord(t, map[string]string{"aws:region": "eu-west-1", Project + ":bucketSuffix": "octo"})
	assert.Equal(t, map[string]any{
		"region":                    "eu-west-1",
		"backendUrl":                "s3://sentry-pulumi-state-octo?region=eu-west-1",
		"oidcProviderArn":           "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
		"stagingSecretsProvider":    "awskms://alias/sentry-pulumi?region=eu-west-1&context_stack=staging",
		"stagingPreviewRoleArn":     "arn:aws:iam::123456789012:role/sentry-preview-staging",
		"stagingDeployRoleArn":      "arn:aws:iam::123456789012:role/sentry-deploy-staging",
		"productionSecretsProvider": "awskms://alias/sentry-pulumi?region=eu-west-1&context_stack=production",
		"productionPreviewRoleArn":  "arn:aws:iam::123456789012:role/sentry-preview-production",
		"productionDeployRoleArn":   "arn:aws:iam::123456789012:role/sentry-deploy-production",
		"staging-euSecretsProvider": "awskms://alias/sentry-pulumi?region=eu-west-1&context_stack=staging-eu",
		"staging-euPreviewRoleArn":  "arn:aws:iam::123456789012:role/sentry-preview-staging-eu",
		"staging-euDeployRoleArn":   "arn:aws:iam::123456789012:role/sentry-deploy-staging-eu",
	}, recording.Outputs)
	provider := only1(t, recording, "pulumi:providers:aws")
	assert.Contains(t, provider.Inputs["defaultTags"].String(), "shared", "the tags say that these belong to an environment")
	for _, r := range recording.Resources {
		switch {
		case r.Type == "pulumi:providers:aws" || r.Type == "pulumi:pulumi:Stack":
		case !r.Custom:
			assert.True(t, strings.HasPrefix(r.Type, "sentry:bootstrap:"), r.Type)
		default:
			assert.Contains(t, name(r.Parent), "sentry:bootstrap:", "%s has no component", r.Name)
			assert.Contains(t, r.Provider, provider.URN, "%s uses another provider: no region, no tags, no account check", r.Name)
		}
	}
}

func TestAPreviewRegistersTheSame(t *testing.T) {
	settings, err := Config{Region: region, Repository: repository, Environments: environments}.Settings()
	require.NoError(t, err)
	dry, err := sandbox.Record(Deploy, sandbox.MockOptions{Project: Project, Stack: Stack, DryRun: true, Config: settings})
	require.NoError(t, err)
	var previewed, done []string
	for _, r := range dry.Resources {
		previewed = append(previewed, r.URN)
	}
	for _, r := range mustRecord(t, nil).Resources {
		done = append(done, r.URN)
	}
	assert.Equal(t, done, previewed)
}

func TestConfigurationErrors(t *testing.T) {
	const head = "the account cannot be prepared, nothing was changed:\n"
	const nameRule = "allowed: up to 25 lower-case letters, digits and single hyphens between them, not beginning with deploy or preview"
	const domainRule = "allowed: both, such as app.example.com and Z0123456789ABCDEFGHIJ, or neither"
	for what, c := range map[string]struct {
		config map[string]string
		want   string
	}{
		"nothing set": {
			map[string]string{"aws:region": "", Project + ":repository": "", Project + ":repositoryId": "", Project + ":ownerId": "", Project + ":environments": ""},
			"aws:region: not set; allowed: a region's code, such as us-east-1\n" +
				"sentry-bootstrap:repository: not set; allowed: a GitHub repository as owner/name, such as octo-org/sentry\n" +
				"sentry-bootstrap:repositoryId: not set; allowed: GitHub's number of the repository\n" +
				"sentry-bootstrap:environments: not set; allowed: the environments to prepare",
		},
		"all wrong at once": {
			map[string]string{
				"aws:region": "us-east", Project + ":repository": "https://github.com/octo-org/sentry", Project + ":bucketSuffix": "Octo_",
				Project + ":awsAccountId": "1234", Project + ":oidcProviderArn": "arn:aws:iam::123456789012:oidc-provider/example.com", Project + ":imports": `{"x":"y"}`,
			},
			`aws:region: "us-east"; allowed: a region's code, such as us-east-1` + "\n" +
				`sentry-bootstrap:repository: "https://github.com/octo-org/sentry"; allowed: a GitHub repository as owner/name, such as octo-org/sentry` + "\n" +
				`sentry-bootstrap:bucketSuffix: "Octo_"; allowed: up to 43 lower-case letters, digits and single hyphens between them` + "\n" +
				`sentry-bootstrap:awsAccountId: "1234"; allowed: 12 digits` + "\n" +
				`sentry-bootstrap:oidcProviderArn: "arn:aws:iam::123456789012:oidc-provider/example.com"; allowed: arn:aws:iam::<account>:oidc-provider/token.actions.githubusercontent.com` + "\n" +
				`sentry-bootstrap:imports: "x"; allowed: ids by <type token>::<logical name>`,
		},
		"a wildcard for a repository": {
			map[string]string{Project + ":repository": "octo-org/*"},
			`sentry-bootstrap:repository: "octo-org/*"; allowed: a GitHub repository as owner/name, such as octo-org/sentry`,
		},
		"a clone URL's ending": {
			map[string]string{Project + ":repository": "octo-org/sentry.git"},
			`sentry-bootstrap:repository: "octo-org/sentry.git"; allowed: a GitHub repository as owner/name, such as octo-org/sentry`,
		},
		"a suffix that is too long": {
			map[string]string{Project + ":bucketSuffix": strings.Repeat("a", 44)},
			`sentry-bootstrap:bucketSuffix: "` + strings.Repeat("a", 44) + `"; allowed: up to 43 lower-case letters, digits and single hyphens between them`,
		},
		"imports that are no object": {
			map[string]string{Project + ":imports": "[]"},
			`sentry-bootstrap:imports: read []: json: cannot unmarshal array into Go value of type map[string]string`,
		},
		"environments whose names mean something else": {
			map[string]string{Project + ":environments": `[{"name":"deploy-eu","region":"us-east-1"},{"name":"a--b","region":"us-east"},` +
				`{"name":"` + strings.Repeat("a", 26) + `","region":"us-east-1"},{"name":"x","region":"us-east-1","bucketSuffix":"X"}]`},
			`sentry-bootstrap:environments: name "deploy-eu"; ` + nameRule + "\n" +
				`sentry-bootstrap:environments: name "a--b"; ` + nameRule + "\n" +
				`sentry-bootstrap:environments: region "us-east" of a--b; allowed: a region's code, such as us-east-1` + "\n" +
				`sentry-bootstrap:environments: name "` + strings.Repeat("a", 26) + `"; ` + nameRule + "\n" +
				`sentry-bootstrap:environments: bucketSuffix "X" of x; allowed: lower-case letters, digits and single hyphens between them`,
		},
		"values that would be patterns in a policy": {
			map[string]string{Project + ":environments": `[{"name":"x","region":"us-east-1","domain":"*.example.com","zoneId":"*",` +
				`"kmsKeyArn":"arn:aws:kms:us-east-1:123456789012:key/*"},{"name":"y","region":"us-east-1","domain":"app.example.com"}]`},
			`sentry-bootstrap:environments: https.domain "*.example.com" and zoneId "*" of x; ` + domainRule + "\n" +
				`sentry-bootstrap:environments: kmsKeyArn "arn:aws:kms:us-east-1:123456789012:key/*" of x; ` +
				"allowed: arn:aws:kms:<region>:<account>:key/<id>\n" +
				`sentry-bootstrap:environments: https.domain "app.example.com" and zoneId "" of y; ` + domainRule,
		},
		"an environment twice": {
			map[string]string{Project + ":environments": `[{"name":"a","region":"us-east-1"},{"name":"a","region":"us-east-1"}]`},
			`sentry-bootstrap:environments: "a"; allowed: each environment once`,
		},
	} {
		t.Run(what, func(t *testing.T) {
			recording, err := record(t, c.config)
			assert.EqualError(t, err, head+c.want)
			for _, r := range recording.Resources {
				assert.Equal(t, "pulumi:pulumi:Stack", r.Type, "registered in spite of the error")
			}
		})
	}
	_, err := record(t, map[string]string{Project + ":awsAccountId": "210987654321"})
	assert.ErrorContains(t, err, "AWS account ID not allowed", "the wrong account is prepared")
}

func TestComponentsRefuseMissingArguments(t *testing.T) {
	_, err := NewStateBackend(nil, "x", nil)
	assert.EqualError(t, err, "state backend: the bucket's name or the account is missing")
	_, err = NewGitHub(nil, "x", &GitHubArgs{Repository: repository})
	assert.EqualError(t, err, "GitHub: the repository or the key is missing")
}

// What an interrupted run may have created is looked for by these names; one that is missing here makes the
// next run fail with "already exists".
func TestNamedKnowsEveryNameThatAWSTakesOnce(t *testing.T) {
	found := map[string]string{}
	for _, r := range mustRecord(t, nil).Resources {
		physical := map[string]resource.PropertyKey{
			"aws:s3/bucketV2:BucketV2": "bucket", "aws:kms/alias:Alias": "name", "aws:kms/key:Key": "description", "aws:iam/role:Role": "name",
			"aws:iam/policy:Policy": "name", "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "url",
		}
		if key, ok := physical[r.Type]; ok {
			found[r.Type+"::"+r.Name] = r.Inputs[key].StringValue()
		}
	}
	named := map[string]string{}
	for _, e := range append(Named("sentry-pulumi-state-123456789012", environments), OIDCProvider) {
		named[e.ImportKey()] = e.Physical
	}
	assert.Equal(t, found, named)
}

// An interrupted run's resources are taken over as they are: the engine refuses an import that differs from the program.
func TestWhatIsFoundIsTakenOverAsItIs(t *testing.T) {
	imports := map[string]string{}
	for _, e := range append(Named("sentry-pulumi-state-123456789012", environments), OIDCProvider) {
		imports[e.ImportKey()] = e.Physical
	}
	text, err := json.Marshal(imports)
	require.NoError(t, err)
	recording := mustRecord(t, map[string]string{Project + ":imports": string(text)})
	for _, r := range recording.Resources {
		_, found := imports[r.Type+"::"+r.Name]
		assert.Equal(t, found, slices.Equal([]string{"*"}, r.IgnoreChanges), "%s %s: the next run fails with \"already exists\"", r.Type, r.Name)
		delete(imports, r.Type+"::"+r.Name)
	}
	assert.Empty(t, imports)
}

func TestTheProjectFileDeclaresTheKeys(t *testing.T) {
	text, err := os.ReadFile("../Pulumi.yaml")
	require.NoError(t, err)
	var file struct {
		Name   string
		Config map[string]any
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	assert.Equal(t, Project, file.Name)
	settings, err := Config{}.Settings()
	require.NoError(t, err)
	delete(settings, Project+":"+keyImports) // cmd/bootstrap's own business
	assert.ElementsMatch(t, slices.Collect(maps.Keys(settings)), slices.Collect(maps.Keys(file.Config)),
		"the project file and the program disagree on the keys")
}
