package account

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/policy"
	"sentry/internal/policy/evaluate"
	"sentry/internal/sandbox"
)

func TestAnUnknownServiceIsAnErrorNotAWildcard(t *testing.T) {
	_, err := grant([]string{"redshift:CreateCluster"}, names{place, environments[0]})
	assert.EqualError(t, err, "action redshift:CreateCluster: no type in internal/aws says in Owned what it may be used on")
}

// Five environments with the longest names in one account. AWS's limits are those of an account that has not asked for
// more: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestFiveEnvironmentsFitIAMsLimits(t *testing.T) {
	const managed, trust, attached, roleName, policyName = 6144, 2048, 10, 64, 128
	const bucketLimit = 63 // S3's
	long := Place{
		Account: sandbox.AccountID, StateBucket: BucketName(strings.Repeat("s", maxBucketName-len(BucketName("")))), KeyARN: place.KeyARN,
	}
	var five []Environment
	for i := range 5 {
		name := fmt.Sprintf("e%d%s", i, strings.Repeat("x", maxEnvironmentName-2))
		suffix := strings.Repeat("s", bucketLimit-len("sentry-"+name+"-"+artifacts+"-"))
		five = append(five, Environment{
			Name: name, Region: "ap-northeast-1", BucketSuffix: suffix, Guarded: i%2 == 0, Exec: true,
			Domain: strings.Repeat("d", 60) + ".com", ZoneID: "Z0123456789ABCDEFGHIJ",
			KMSKeyARN: "arn:aws:kms:ap-northeast-1:123456789012:key/0123abcd-0123-0123-0123-0123456789ab", Subnets: []string{
				"subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "subnet-0123456789abcdef2", "subnet-0123456789abcdef3",
			},
		})
	}
	require.NoError(t, Config{Region: region, Repository: repository, Environments: five}.Validate())
	perRole := map[string]int{}
	for name, document := range documents(t, long, five...) {
		text, err := document.JSON(policy.Identity)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(text), managed, "IAM refuses %s", name)
		assert.LessOrEqual(t, len(name), policyName, "IAM refuses a policy name of more than 128 characters")
		perRole[name[:strings.LastIndex(name, "-")]]++
	}
	for role, count := range perRole {
		assert.LessOrEqual(t, count, attached, role)
		assert.LessOrEqual(t, len(role), roleName, "IAM refuses a role name of more than 64 characters")
	}
	longest := Repository{Name: strings.Repeat("o", 39) + "/" + strings.Repeat("r", 100), ID: "9999999999", OwnerID: "9999999999"}
	for _, document := range []policy.Document{PreviewTrust(providerARN, longest, five[1]), DeployTrust(providerARN, longest, five[0])} {
		text, err := document.JSON(policy.Trust)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(text), trust)
	}
}

// B2: role × action × resource.
func TestWhoMayDoWhat(t *testing.T) {
	all, reads := everyAction()
	for _, e := range environments {
		deploy, preview := rightsOf(t, DeployRights, e), rightsOf(t, PreviewRights, e)
		for _, action := range all {
			for i, c := range asked(t, action, e.Name) {
				assert.True(t, allowed(c, deploy), "%s %s #%d: a deployment stops in the middle", e.Name, action, i)
				assert.Equal(t, slices.Contains(reads, action), allowed(c, preview), "preview of %s, %s #%d", e.Name, action, i)
			}
			for _, other := range others(e) {
				for i, c := range asked(t, action, other.Name) {
					assert.Equal(t, tellsNothingApart(action), allowed(c, deploy),
						"%s #%d: the deploy role of %s reaches into %s", action, i, e.Name, other.Name)
					assert.Equal(t, tellsNothingApart(action) && slices.Contains(reads, action), allowed(c, preview),
						"%s #%d: the preview role of %s reaches into %s", action, i, e.Name, other.Name)
				}
			}
		}
	}
}

// What the program makes is what the roles may touch, under the name that it really has.
func TestTheRightsNameEveryBucket(t *testing.T) {
	for _, suffix := range []string{"", "octo"} {
		e := Environment{Name: "staging", Region: region, BucketSuffix: suffix}
		deploy := rightsOf(t, DeployRights, e)
		for _, bucket := range recordProgram(t, e.Name, map[string]string{"sentry:bucketSuffix": suffix}).ByType(TokenBucket) {
			name := bucket.Inputs["bucket"].StringValue()
			r := request("s3:CreateBucket", "arn:aws:s3:::"+name)
			assert.Equal(t, evaluate.Allowed, deploy.Decide(r), "the deploy role may not make %s", name)
			r.Resource += "-of-a-stranger"
			assert.Equal(t, evaluate.NotMentioned, deploy.Decide(r), "the deploy role reaches what only begins like %s", name)
		}
	}
}

// E4: an environment that was taken over keeps its buckets' names.
func TestTheRightsNameBucketsThatKeptTheirNames(t *testing.T) {
	kept := environments[0]
	kept.BucketNames = map[string]string{clips: "clips-of-old"}
	n := names{place, kept}
	assert.Equal(t, []string{"arn:aws:s3:::clips-of-old"}, n.buckets(clips), "the deployments have no right to the bucket that there is")
	assert.Equal(t, names{place, environments[0]}.buckets(artifacts), n.buckets(artifacts))
	assert.Equal(t, []string{"arn:aws:s3:::clips-of-old/*"}, n.objects(clips))

	kept.BucketNames = map[string]string{clips: "*"}
	assert.ErrorContains(t, Config{Region: region, Repository: repository, Environments: []Environment{kept}}.Validate(),
		`bucket name "*" for clips of `+kept.Name)
}

func TestMergingChangesNothing(t *testing.T) {
	n := names{place, environments[0]}
	all, _ := everyAction()
	merged, err := grant(all, n)
	require.NoError(t, err)
	var plain policy.Statements
	for _, action := range all {
		found, err := limits(action, n)
		require.NoError(t, err)
		for _, l := range found {
			plain = append(plain, policy.Statement{Effect: "Allow", Action: policy.Strings{action}, Resource: l.resources, Condition: l.condition})
		}
	}
	// Every pair of an action and a resource that either form names, with the context of each environment.
	resources := map[string]bool{}
	for _, s := range plain {
		for _, resource := range s.Resource {
			resources[strings.ReplaceAll(resource, "*", "x")] = true
		}
	}
	long := evaluated(t, policy.Identity, policy.Document{Version: policy.Version, Statement: plain})
	short := evaluated(t, policy.Identity, policy.Document{Version: policy.Version, Statement: merged})
	for _, action := range all {
		for resource := range resources {
			for _, e := range environments {
				r := request(action, resource, resourceTag, e.Name,
					"iam:PermissionsBoundary", "arn:aws:iam::123456789012:policy/"+BoundaryName(e.Name))
				assert.Equal(t, long.Decide(r), short.Decide(r), "%s on %s", action, resource)
			}
		}
	}
}

// A deployment writes the buckets' policies: what one of them would grant to its own role is denied all the same.
func TestDataIsDeniedToTheWorkflowsWhateverABucketSays(t *testing.T) {
	e := environments[0]
	n := names{place, e}
	for role, rights := range map[string]evaluate.Policies{DeployRole(e.Name): rightsOf(t, DeployRights, e), PreviewRole(e.Name): rightsOf(t, PreviewRights, e)} {
		for i, bucket := range n.buckets(artifacts, clips) {
			open := evaluated(t, policy.Resource, policy.Document{Version: policy.Version, Statement: policy.Statements{{
				Effect: "Allow", Principal: policy.Principal{AWS: policy.Strings{ofIAM + "role/" + role}}, Action: policy.Strings{"s3:*"},
				Resource: n.objects(artifacts, clips)[i : i+1],
			}}})
			for _, action := range []string{"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:RestoreObject"} {
				asks := request(action, bucket+"/1")
				asks.Principal = "arn:aws:sts::123456789012:assumed-role/" + role + "/run"
				require.Equal(t, evaluate.Allowed, open.Decide(asks), "the bucket is not open: this proves nothing")
				assert.Equal(t, evaluate.Denied, evaluate.Account{Identity: rights, Resource: &open}.Decide(asks), "%s: %s of %s", role, action, bucket)
			}
		}
	}
}
