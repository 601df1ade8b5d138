package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/emulated"
	"sentry/internal/fixture"
)

const clips = "sentry-staging-clips-123456789012"

// environment is a deployed staging: its outputs by a stand-in for the Pulumi CLI, a versioned bucket and a repository.
func (r *runner) environment() (bucket *s3.Client, images func() int, destroyed func() string) {
	r.t.Helper()
	client, behind := emulated.S3(r.t, clips, nil)
	url := emulated.TasksOnly(r.t, behind)
	r.t.Setenv("AWS_ENDPOINT_URL_S3", url)
	r.env["AWS_ENDPOINT_URL_S3"] = url
	_, err := client.PutBucketVersioning(r.t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String(clips), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	})
	require.NoError(r.t, err)
	for _, body := range []string{"old", "new"} {
		_, err := client.PutObject(r.t.Context(), &s3.PutObjectInput{Bucket: aws.String(clips), Key: aws.String("clip"), Body: strings.NewReader(body)})
		require.NoError(r.t, err)
	}
	_, err = client.DeleteObject(r.t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(clips), Key: aws.String("clip")})
	require.NoError(r.t, err)

	left := []map[string]string{{"imageDigest": "sha256:a", "imageTag": "1"}, {"imageDigest": "sha256:a", "imageTag": "2"}, {"imageDigest": "sha256:b"}}
	r.awsAt("ECR", http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		answer := map[string]any{"imageIds": left}
		if strings.HasSuffix(q.Header.Get("X-Amz-Target"), ".BatchDeleteImage") {
			var asked struct {
				Images []map[string]string `json:"imageIds"`
			}
			assert.NoError(r.t, json.NewDecoder(q.Body).Decode(&asked))
			assert.Len(r.t, asked.Images, 2, "an image is deleted once, whatever its tags")
			left, answer = nil, map[string]any{"failures": []any{}}
		}
		assert.NoError(r.t, json.NewEncoder(w).Encode(answer))
	}))

	folder := r.t.TempDir()
	script := `#!/bin/sh
case "$1" in
stack) echo '{"region":"us-east-1","clipsBucketName":"` + clips + `","ecrRepositoryUrl":"123456789012.dkr.ecr.us-east-1.amazonaws.com/sentry-staging-backend"}' ;;
destroy) echo "$@" >` + folder + `/destroyed ;;
esac
`
	require.NoError(r.t, os.WriteFile(filepath.Join(folder, "pulumi"), []byte(script), 0o755))
	r.t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	return client, func() int { return len(left) }, func() string {
		text, _ := os.ReadFile(filepath.Join(folder, "destroyed"))
		return strings.TrimSpace(string(text))
	}
}

func versions(t *testing.T, client *s3.Client) int {
	t.Helper()
	found, err := client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(clips)})
	require.NoError(t, err)
	return len(found.Versions) + len(found.DeleteMarkers)
}

func TestDestroyEmptiesWhatIsVersioned(t *testing.T) {
	r := newRunner(t)
	bucket, images, destroyed := r.environment()
	require.Equal(t, 3, versions(t, bucket))

	for _, word := range []string{"", "production"} {
		err := r.run("destroy", "-s", "staging", "--confirm", word)
		require.ErrorContains(t, err, `--confirm "`+word+`"; allowed: staging, which deletes the environment and for good all that is in `+clips)
	}
	assert.Equal(t, 3, versions(t, bucket), "something was deleted before it was confirmed")
	assert.Empty(t, destroyed())

	require.NoError(t, r.run("destroy", "-s", "staging", "--confirm", "staging"))
	assert.Zero(t, versions(t, bucket), "AWS refuses to delete a bucket that holds old versions")
	assert.Zero(t, images(), "AWS refuses to delete a repository that holds images")
	assert.Equal(t, "destroy --yes --stack staging --non-interactive", destroyed())

	require.NoError(t, r.run("destroy", "-s", "staging", "--confirm", "staging"), "it cannot be run again after an interruption")
}

func TestDestroyRefusesAGuardedEnvironment(t *testing.T) {
	r := newRunner(t)
	bucket, _, destroyed := r.environment()
	fixture.Replace(t, filepath.Join(r.dir, "Pulumi.staging.yaml"), "config:\n", "config:\n  sentry:protect: \"true\"\n")
	err := r.run("destroy", "-s", "staging", "--confirm", "staging")
	require.ErrorContains(t, err, "staging is guarded: set sentry:protect to false in its stack file")
	assert.Equal(t, 3, versions(t, bucket), "the data of a guarded environment is gone")
	assert.Empty(t, destroyed())
}
