package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/bootstrap/account"
)

// at is the account as the AWS SDK sees it behind a server.
func at(t *testing.T, handler http.Handler) *realAWS {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	a, err := newRealAWS(t.Context(), "us-east-1")
	require.NoError(t, err)
	a.id = "123456789012"
	return a
}

func bucketNamed(name string) account.Existing {
	return account.Existing{Token: "aws:s3/bucketV2:BucketV2", Physical: name}
}

func TestRealBucket(t *testing.T) {
	a := at(t, gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	id, err := a.Find(t.Context(), bucketNamed("state"))
	require.NoError(t, err)
	assert.Empty(t, id)
	require.NoError(t, a.Empty(t.Context(), "state"), "a bucket that is gone is empty")

	_, err = a.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("state")})
	require.NoError(t, err)
	id, err = a.Find(t.Context(), bucketNamed("state"))
	require.NoError(t, err)
	assert.Equal(t, "state", id)

	_, err = a.s3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String("state"), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	})
	require.NoError(t, err)
	for _, key := range []string{"kept", "kept", "deleted"} {
		_, err = a.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("state"), Key: &key, Body: strings.NewReader("x")})
		require.NoError(t, err)
	}
	_, err = a.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("state"), Key: aws.String("deleted")})
	require.NoError(t, err)
	require.NoError(t, a.Empty(t.Context(), "state"))
	left, err := a.s3.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String("state")})
	require.NoError(t, err)
	assert.Empty(t, left.Versions, "S3 does not delete a bucket with old versions")
	assert.Empty(t, left.DeleteMarkers, "S3 does not delete a bucket with delete markers")
}

func TestSomebodyElsesBucket(t *testing.T) {
	a := at(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "123456789012", r.Header.Get("X-Amz-Expected-Bucket-Owner"))
		w.WriteHeader(http.StatusForbidden)
	}))
	_, err := a.Find(t.Context(), bucketNamed("state"))
	assert.ErrorIs(t, err, errTaken)
}

// An account that has a role, a policy, GitHub's provider and two keys, as IAM, KMS and STS answer.
func TestRealAccount(t *testing.T) {
	const provider = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
	answers := map[string]string{
		"GetCallerIdentity": `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
		"GetRole sentry-preview": `<GetRoleResponse><GetRoleResult><Role><RoleName>sentry-preview</RoleName><Arn>a</Arn><Path>/</Path><RoleId>r</RoleId>` +
			`<CreateDate>2026-01-02T03:04:05Z</CreateDate></Role></GetRoleResult></GetRoleResponse>`,
		"GetPolicy arn:aws:iam::123456789012:policy/sentry-staging-boundary": `<GetPolicyResponse><GetPolicyResult><Policy/></GetPolicyResult></GetPolicyResponse>`,
		"GetOpenIDConnectProvider " + provider: `<GetOpenIDConnectProviderResponse><GetOpenIDConnectProviderResult><ClientIDList><member>sts.amazonaws.com</member></ClientIDList>` +
			`<Tags><member><Key>Project</Key><Value>sentry</Value></member></Tags></GetOpenIDConnectProviderResult></GetOpenIDConnectProviderResponse>`,
		"ListKeys":             `{"Keys":[{"KeyId":"hidden"},{"KeyId":"going"}],"Truncated":true,"NextMarker":"more"}`,
		"ListKeys more":        `{"Keys":[{"KeyId":"ours"}]}`,
		"DescribeKey going":    fmt.Sprintf(`{"KeyMetadata":{"KeyId":"going","Description":%q,"KeyState":"PendingDeletion"}}`, account.KeyDescription),
		"DescribeKey ours":     fmt.Sprintf(`{"KeyMetadata":{"KeyId":"ours","Description":%q,"KeyState":"Enabled"}}`, account.KeyDescription),
		"DescribeKey alias/ok": `{"KeyMetadata":{"KeyId":"ours"}}`,
	}
	a := at(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		if target := r.Header.Get("X-Amz-Target"); target != "" {
			_, action, _ := strings.Cut(target, ".")
			_, key, _ := strings.Cut(string(body), `":"`) // the only field: a key's id, or where the next page begins
			key, _, _ = strings.Cut(key, `"`)
			if answer, ok := answers[strings.TrimSpace(action+" "+key)]; ok {
				fmt.Fprint(w, answer)
				return
			}
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"NotFoundException","message":"none"}`)
			return
		}
		form, err := url.ParseQuery(string(body))
		assert.NoError(t, err)
		name := form.Get("RoleName") + form.Get("PolicyArn") + form.Get("OpenIDConnectProviderArn")
		if answer, ok := answers[strings.TrimSpace(form.Get("Action")+" "+name)]; ok {
			fmt.Fprint(w, answer)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>none</Message></Error></ErrorResponse>`)
	}))
	a.id = ""
	id, err := a.Account(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "123456789012", id)
	for e, want := range map[account.Existing]string{
		{Token: "aws:iam/role:Role", Physical: "sentry-preview"}:              "sentry-preview",
		{Token: "aws:iam/role:Role", Physical: "sentry-deploy-staging"}:       "",
		{Token: "aws:iam/policy:Policy", Physical: "sentry-staging-boundary"}: "arn:aws:iam::123456789012:policy/sentry-staging-boundary",
		{Token: "aws:iam/policy:Policy", Physical: "other"}:                   "",
		{Token: "aws:kms/alias:Alias", Physical: "alias/ok"}:                  "alias/ok",
		{Token: "aws:kms/alias:Alias", Physical: "alias/none"}:                "",
		{Token: "aws:kms/key:Key", Physical: account.KeyDescription}:          "ours",
		{Token: "aws:kms/key:Key", Physical: "another"}:                       "",
	} {
		got, err := a.Find(t.Context(), e)
		require.NoError(t, err, e)
		assert.Equal(t, want, got, e)
	}
	_, err = a.Find(t.Context(), account.Existing{Token: "aws:ec2/vpc:Vpc"})
	assert.EqualError(t, err, "look for aws:ec2/vpc:Vpc: this type is not known here")
	found, err := a.Provider(t.Context())
	require.NoError(t, err)
	assert.Equal(t, providerOf(provider, true), found)
	answers["GetOpenIDConnectProvider "+provider] = strings.ReplaceAll(answers["GetOpenIDConnectProvider "+provider], "Project", "Owner")
	found, err = a.Provider(t.Context())
	require.NoError(t, err)
	assert.Equal(t, providerOf(provider, false), found, "another project's provider is taken over, and removed with this one")
	delete(answers, "GetOpenIDConnectProvider "+provider)
	found, err = a.Provider(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found.arn)
}

func providerOf(arn string, ours bool) provider {
	return provider{arn: arn, audiences: []string{"sts.amazonaws.com"}, ours: ours}
}

// An account that holds what environments are made of, as S3 and the index of tags answer.
func TestWhatLives(t *testing.T) {
	e := account.Environment{Name: "staging", Region: "eu-west-1"}
	buckets := account.Buckets(e, "123456789012")
	require.NotEmpty(t, buckets)
	status, pages := map[string]int{}, map[string]string{
		"":     `{"PaginationToken":"more","ResourceTagMappingList":[{"ResourceARN":"arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1"}]}`,
		"more": `{"PaginationToken":"","ResourceTagMappingList":[{"ResourceARN":"arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-2"}]}`,
	}
	a := at(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(max(status[strings.TrimPrefix(r.URL.Path, "/")], status["others"]))
			return
		}
		var asked struct {
			PaginationToken     string
			ResourceTypeFilters []string
			TagFilters          []struct {
				Key    string
				Values []string
			}
		}
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&asked))
		assert.Equal(t, []string{"ec2:subnet"}, asked.ResourceTypeFilters)
		assert.Equal(t, "[{Project [sentry]} {Environment [staging]}]", fmt.Sprint(asked.TagFilters), "the subnets of others are pinned")
		assert.Contains(t, r.Header.Get("Authorization"), "/eu-west-1/", "the environment's region is not asked")
		fmt.Fprint(w, pages[asked.PaginationToken])
	}))
	for _, c := range []struct {
		first, others int
		want          string
	}{
		{http.StatusOK, http.StatusNotFound, "bucket " + buckets[0]},
		{http.StatusMovedPermanently, http.StatusNotFound, "bucket " + buckets[0]}, // in another region
		{http.StatusForbidden, http.StatusForbidden, "subnet-1"},                   // another account's
		{http.StatusNotFound, http.StatusNotFound, "subnet-1"},
	} {
		status["others"], status[buckets[0]] = 0, c.first
		for _, other := range buckets[1:] {
			status[other] = c.others
		}
		what, err := a.Lives(t.Context(), e)
		require.NoError(t, err)
		assert.Equal(t, c.want, what, "an environment that lives loses its roles")
	}
	subnets, err := a.Subnets(t.Context(), e)
	require.NoError(t, err)
	assert.Equal(t, []string{"subnet-1", "subnet-2"}, subnets)
	pages[""] = `{"ResourceTagMappingList":[]}`
	what, err := a.Lives(t.Context(), e)
	require.NoError(t, err)
	assert.Empty(t, what)
	status["others"] = http.StatusInternalServerError
	_, err = a.Lives(t.Context(), e)
	require.ErrorContains(t, err, "look for aws:s3/bucketV2:BucketV2", "nothing is known, and taken for nothing there")
}

func TestRealBucketOfManyPages(t *testing.T) {
	var deleted []string
	refused := ""
	a := at(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			var asked struct {
				Object []struct {
					Key     string
					Version string `xml:"VersionId"`
				}
			}
			assert.NoError(t, xml.NewDecoder(r.Body).Decode(&asked))
			for _, o := range asked.Object {
				deleted = append(deleted, o.Key+"@"+o.Version)
			}
			fmt.Fprintf(w, "<DeleteResult>%s</DeleteResult>", refused)
			return
		}
		assert.Equal(t, "123456789012", r.Header.Get("X-Amz-Expected-Bucket-Owner"), "a stranger's bucket of the same name is emptied")
		switch r.URL.Query().Get("key-marker") {
		case "":
			fmt.Fprint(w, `<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>b</NextKeyMarker>`+
				`<Version><Key>a</Key><VersionId>1</VersionId></Version></ListVersionsResult>`)
		case "b": // a page of nothing, as S3 may send
			fmt.Fprint(w, `<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>c</NextKeyMarker></ListVersionsResult>`)
		default:
			fmt.Fprint(w, `<ListVersionsResult><DeleteMarker><Key>c</Key><VersionId>2</VersionId></DeleteMarker></ListVersionsResult>`)
		}
	}))
	require.NoError(t, a.Empty(t.Context(), "state"))
	assert.Equal(t, []string{"a@1", "c@2"}, deleted, "what is left keeps the bucket")
	refused = "<Error><Key>a</Key><Message>locked</Message></Error>"
	require.EqualError(t, a.Empty(t.Context(), "state"), "a: locked")
}
