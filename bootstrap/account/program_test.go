package account

import (
	"cmp"
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
	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
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

func TestManifest(t *testing.T) {
	type entry struct {
		Type, Name, Parent string
		Protect            bool `yaml:",omitempty"`
		Physical           string
	}
	var entries []entry
	for _, r := range mustRecord(t, nil).Resources {
		e := entry{Type: r.Type, Name: r.Name, Parent: name(r.Parent), Protect: r.Protect}
		for _, key := range []resource.PropertyKey{"name", "bucket", "url"} {
			if value, ok := r.Inputs[key]; ok && value.IsString() {
				e.Physical = value.StringValue()
			}
		}
		entries = append(entries, e)
	}
	got, err := yaml.Marshal(entries)
	require.NoError(t, err)
	golden.Equal(t, "testdata/manifest.yaml", string(got), "a name or parent that changed is a delete and a create in a "+
		"live account (the state bucket and the key among them)")
}

func TestPoliciesInTheProgramAreTheComputedOnes(t *testing.T) {
	recording := mustRecord(t, nil)
	key := only1(t, recording, "aws:kms/key:Key").Outputs["arn"].StringValue()
	here := place
	here.KeyARN = key

	written := map[string]string{}
	for _, p := range recording.ByType(tokenPolicy) {
		written[p.Inputs["name"].StringValue()] = p.Inputs["policy"].StringValue()
	}
	for policyName, document := range documents(t, here, environments...) {
		text, err := document.JSON(policy.Identity)
		require.NoError(t, err)
		assert.Equal(t, text, written[policyName], policyName)
		delete(written, policyName)
	}
	assert.Empty(t, written, "policies that no test looks at")

	attached := map[string][]string{}
	for _, a := range recording.ByType("aws:iam/rolePolicyAttachment:RolePolicyAttachment") {
		role, arn := a.Inputs["role"].StringValue(), a.Inputs["policyArn"].StringValue()
		attached[role] = append(attached[role], strings.TrimPrefix(arn, "arn:aws:iam::123456789012:policy/"))
	}
	want := map[string][]string{}
	for _, e := range environments {
		for role, files := range map[string][]string{PreviewRole(e.Name): previewPolicies, DeployRole(e.Name): deployPolicies} {
			for _, file := range files {
				want[role] = append(want[role], role+"-"+file)
			}
		}
	}
	for role := range attached {
		slices.Sort(attached[role])
	}
	assert.Equal(t, want, attached, "a role has another role's rights")
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

func TestTrustsInTheProgram(t *testing.T) {
	provider := only1(t, mustRecord(t, nil), "aws:iam/openIdConnectProvider:OpenIdConnectProvider")
	assert.Equal(t, "https://token.actions.githubusercontent.com", provider.Inputs["url"].StringValue())
	assert.Equal(t, "sts.amazonaws.com", provider.Inputs["clientIdLists"].ArrayValue()[0].StringValue())

	const existing = providerARN
	_, err := recordIn(withForeignProvider(t), nil)
	require.ErrorContains(t, err, "EntityAlreadyExists", "the sandbox lets an account have two of GitHub's providers")
	for _, config := range []map[string]string{nil, {Project + ":oidcProviderArn": existing}} {
		in := sandbox.NewCloud()
		if config != nil {
			in = withForeignProvider(t)
		}
		recording, err := recordIn(in, config)
		require.NoError(t, err)
		if config != nil {
			assert.Empty(t, recording.ByType("aws:iam/openIdConnectProvider:OpenIdConnectProvider"),
				"the account's provider is taken over: removing this stack would cut off everybody who uses it")
			assert.Equal(t, existing, recording.Outputs["oidcProviderArn"])
		}
		for _, r := range recording.ByType(tokenRole) {
			document, err := policy.Parse(policy.Trust, r.Inputs["assumeRolePolicy"].StringValue())
			require.NoError(t, err)
			assert.Equal(t, trusts()[r.Inputs["name"].StringValue()], document, "%s trusts something else than what the tests look at", r.Name)
			assert.EqualValues(t, 3600, r.Inputs["maxSessionDuration"].NumberValue())
		}
	}
}

// B1.
func TestStateBucket(t *testing.T) {
	recording := mustRecord(t, nil)
	bucket := only1(t, recording, "aws:s3/bucketV2:BucketV2")
	assert.Equal(t, "sentry-pulumi-state-123456789012", bucket.Inputs["bucket"].StringValue())
	assert.True(t, bucket.Protect, "pulumi destroy removes the states of all environments")
	assert.NotContains(t, bucket.Inputs, resource.PropertyKey("forceDestroy"))

	block := only1(t, recording, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
	for _, key := range []resource.PropertyKey{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
		assert.True(t, block.Inputs[key].IsBool() && block.Inputs[key].BoolValue(), "%s is off: the state can be made public", key)
	}
	versioning := only1(t, recording, "aws:s3/bucketVersioningV2:BucketVersioningV2").Inputs["versioningConfiguration"].ObjectValue()
	assert.Equal(t, "Enabled", versioning["status"].StringValue(), "an overwritten state is gone")
	encryption := only1(t, recording, "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2").
		Inputs["rules"].ArrayValue()[0].ObjectValue()["applyServerSideEncryptionByDefault"].ObjectValue()
	assert.Equal(t, "AES256", encryption["sseAlgorithm"].StringValue())
	rule := only1(t, recording, "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2").Inputs["rules"].ArrayValue()[0].ObjectValue()
	assert.Equal(t, "Enabled", rule["status"].StringValue())
	assert.EqualValues(t, 90, rule["noncurrentVersionExpiration"].ObjectValue()["noncurrentDays"].NumberValue())
	assert.NotContains(t, rule, resource.PropertyKey("expiration"), "the current state expires")
	ownership := only1(t, recording, "aws:s3/bucketOwnershipControls:BucketOwnershipControls").Inputs["rule"].ObjectValue()
	assert.Equal(t, "BucketOwnerEnforced", ownership["objectOwnership"].StringValue())

	document, err := policy.Parse(policy.Resource, only1(t, recording, "aws:s3/bucketPolicy:BucketPolicy").Inputs["policy"].StringValue())
	require.NoError(t, err)
	tls := evaluated(t, policy.Resource, document)
	for _, of := range []string{"", "/.pulumi/meta.yaml"} {
		for secure, want := range map[string]evaluate.Decision{"false": evaluate.Denied, "true": evaluate.NotMentioned} {
			r := request("s3:GetObject", "arn:aws:s3:::sentry-pulumi-state-123456789012"+of, "aws:SecureTransport", secure)
			assert.Equal(t, want, tls.Decide(r), "%s, TLS %s", r.Resource, secure)
		}
	}
}

func TestKey(t *testing.T) {
	recording := mustRecord(t, nil)
	key := only1(t, recording, "aws:kms/key:Key")
	assert.True(t, key.Inputs["enableKeyRotation"].BoolValue(), "the key never changes")
	assert.True(t, key.Protect, "pulumi destroy makes the secrets of all stacks unreadable")
	assert.EqualValues(t, 30, key.Inputs["deletionWindowInDays"].NumberValue())
	alias := only1(t, recording, "aws:kms/alias:Alias")
	assert.Equal(t, "alias/sentry-pulumi", alias.Inputs["name"].StringValue())
	assert.Equal(t, key.Outputs["keyId"], alias.Inputs["targetKeyId"])
}

func TestOutputsAndTags(t *testing.T) {
	recording := mustRecord(t, map[string]string{"aws:region": "eu-west-1", Project + ":bucketSuffix": "octo"})
	assert.Equal(t, map[string]any{
		"region":                   "eu-west-1",
		"backendUrl":               "s3://sentry-pulumi-state-octo?region=eu-west-1",
		"secretsProvider":          "awskms://alias/sentry-pulumi?region=eu-west-1",
		"oidcProviderArn":          "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
		"stagingPreviewRoleArn":    "arn:aws:iam::123456789012:role/sentry-preview-staging",
		"stagingDeployRoleArn":     "arn:aws:iam::123456789012:role/sentry-deploy-staging",
		"productionPreviewRoleArn": "arn:aws:iam::123456789012:role/sentry-preview-production",
		"productionDeployRoleArn":  "arn:aws:iam::123456789012:role/sentry-deploy-production",
		"staging-euPreviewRoleArn": "arn:aws:iam::123456789012:role/sentry-preview-staging-eu",
		"staging-euDeployRoleArn":  "arn:aws:iam::123456789012:role/sentry-deploy-staging-eu",
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
	for what, c := range map[string]struct {
		config map[string]string
		want   string
	}{
		"nothing set": {
			map[string]string{"aws:region": "", Project + ":repository": "", Project + ":environments": ""},
			"aws:region: not set; allowed: a region's code, such as us-east-1\n" +
				"sentry-bootstrap:repository: not set; allowed: a GitHub repository as owner/name, such as octo-org/sentry\n" +
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
	assert.EqualError(t, err, "state backend: the bucket's name is missing")
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
