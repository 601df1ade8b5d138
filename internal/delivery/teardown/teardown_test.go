package teardown_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/emulated"
	"sentry/internal/delivery/teardown"
)

// account is a bucket and a repository of two pages each. refused is what AWS answers of one deletion.
type account struct {
	t       *testing.T
	refused string
	denied  string // the request that is denied as a whole
	asked   []string
	owners  []string // as each request to S3 names them
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	body := string(text)
	_, operation, isECR := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !isECR {
		a.owners = append(a.owners, r.Header.Get("X-Amz-Expected-Bucket-Owner"))
	}
	switch q := r.URL.Query(); {
	case a.denied != "" && (operation == a.denied || !isECR && r.Method == a.denied):
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusForbidden)
		if isECR {
			fmt.Fprint(w, `{"__type":"AccessDeniedException","message":"not allowed"}`)
		} else {
			fmt.Fprint(w, `<Error><Code>AccessDenied</Code><Message>not allowed</Message></Error>`)
		}
	case isECR:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch {
		case operation == "ListImages" && strings.Contains(body, "more"):
			fmt.Fprint(w, `{"imageIds":[{"imageDigest":"sha256:c"}]}`)
		case operation == "ListImages":
			fmt.Fprint(w, `{"imageIds":[{"imageDigest":"sha256:a","imageTag":"1"},{"imageDigest":"sha256:a","imageTag":"2"},{"imageDigest":"sha256:b"}],"nextToken":"more"}`)
		default:
			var in struct {
				ImageIDs []struct{ ImageDigest string } `json:"imageIds"`
			}
			assert.NoError(a.t, json.Unmarshal(text, &in))
			for _, image := range in.ImageIDs {
				a.asked = append(a.asked, image.ImageDigest)
			}
			fmt.Fprintf(w, `{"failures":[{"failureCode":%q,"failureReason":"because"}]}`, a.refused)
		}
	case r.Method == http.MethodDelete:
		a.asked = append(a.asked, "policy")
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet && q.Get("key-marker") == "":
		fmt.Fprint(w, `<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>`+
			`<Version><Key>a</Key><VersionId>1</VersionId></Version><DeleteMarker><Key>a</Key><VersionId>2</VersionId></DeleteMarker></ListVersionsResult>`)
	case r.Method == http.MethodGet:
		fmt.Fprint(w, `<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>b</Key><VersionId>3</VersionId></Version></ListVersionsResult>`)
	default:
		a.asked = append(a.asked, fmt.Sprintf("%d versions", strings.Count(body, "<VersionId>")))
		if a.refused == "" {
			fmt.Fprint(w, `<DeleteResult></DeleteResult>`)
		} else {
			fmt.Fprintf(w, `<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>%s</Message></Error></DeleteResult>`, a.refused)
		}
	}
}

func (a *account) emptier(t *testing.T) (teardown.Emptier, *bytes.Buffer) {
	t.Helper()
	a.t, a.asked = t, nil
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(emulated.Serve(t, a)), Credentials: credentials.NewStaticCredentialsProvider("emulated", "x", "")}
	var out bytes.Buffer
	return teardown.Emptier{S3: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), ECR: ecr.NewFromConfig(cfg), Out: &out}, &out
}

// Every page, every version and every marker of a deletion: AWS refuses to delete a bucket that holds one.
func TestAllPagesAreEmptied(t *testing.T) {
	a := &account{}
	e, out := a.emptier(t)
	require.NoError(t, e.Bucket(t.Context(), "bucket"))
	assert.Equal(t, []string{"policy", "2 versions", "1 versions"}, a.asked)
	assert.Equal(t, "bucket: 3 objects and versions deleted\n", out.String())
	for _, harmless := range []string{"ImageNotFound", "ImageReferencedByManifestList"} {
		a.refused = harmless
		e, out = a.emptier(t)
		require.NoError(t, e.Repository(t.Context(), "repository"))
		assert.Equal(t, []string{"sha256:a", "sha256:b", "sha256:c"}, a.asked, "an image is deleted once, whatever its tags")
		assert.Equal(t, "repository: 3 images deleted\n", out.String())
	}
}

// Somebody else's bucket of that name is neither listed nor emptied.
func TestTheOwnerIsNamedWithEachRequest(t *testing.T) {
	a := &account{}
	e, _ := a.emptier(t)
	_, err := teardown.Versions(t.Context(), e.S3, &s3.ListObjectVersionsInput{
		Bucket: aws.String("bucket"), ExpectedBucketOwner: aws.String("123456789012"),
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"123456789012", "123456789012", "123456789012", "123456789012"}, a.owners)
}

// AWS answers with what it refused, and calls the request a success.
func TestWhatIsNotDeletedIsAnError(t *testing.T) {
	a := &account{refused: "KmsError"}
	e, _ := a.emptier(t)
	require.ErrorContains(t, e.Bucket(t.Context(), "bucket"), "empty bucket bucket: a: KmsError")
	require.ErrorContains(t, e.Repository(t.Context(), "repository"), "delete the images of repository: because")
}

func TestWhatIsDeniedIsAnError(t *testing.T) {
	for denied, want := range map[string]string{
		http.MethodDelete: "the policy of bucket bucket", http.MethodGet: "list its objects: ", http.MethodPost: "empty bucket bucket: ",
		"ListImages": "list the images of repository: ", "BatchDeleteImage": "delete the images of repository: ",
	} {
		e, _ := (&account{denied: denied}).emptier(t)
		err := errors.Join(e.Bucket(t.Context(), "bucket"), e.Repository(t.Context(), "repository"))
		require.ErrorContains(t, err, want, denied)
		require.ErrorContains(t, err, "AccessDenied", denied)
	}
}
