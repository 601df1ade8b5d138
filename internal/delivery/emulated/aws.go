// Package emulated plays AWS and GitHub for the tests of the delivery commands, in this process.
package emulated

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// Isolate gives this process made-up credentials for the time of a test: neither the user's AWS settings (a profile
// that may not exist, an endpoint) nor the machine's own reach it.
func Isolate(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // remembers the value
			require.NoError(t, os.Unsetenv(name))
		}
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "emulated", "AWS_SECRET_ACCESS_KEY": "emulated", "AWS_REGION": "us-east-1",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
}

// Serve answers requests at an address of this machine until the end of the test.
func Serve(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// S3 is an S3 with one bucket, and the objects in it by key.
func S3(t *testing.T, bucket string, objects map[string]string) (client *s3.Client, url string) {
	t.Helper()
	url = Serve(t, gofakes3.New(s3mem.New()).Server())
	client = s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &url, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("emulated", "emulated", ""),
		Logger:      logging.Nop{}, // it would say at each answer that there is no checksum
	})
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	require.NoError(t, err)
	for key, body := range objects {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
		require.NoError(t, err)
	}
	return client, url
}

// TasksOnly stands in front of an S3 whose buckets have the program's policy: it denies deleting objects, until it is
// deleted itself.
func TasksOnly(t *testing.T, behind string) (url string) {
	t.Helper()
	target, err := neturl.Parse(behind)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	opened := map[string]bool{}
	var mu sync.Mutex
	return Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch query := r.URL.Query(); {
		case r.Method == http.MethodDelete && query.Has("policy"):
			opened[r.URL.Path] = true
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodPost && query.Has("delete") && !opened[r.URL.Path]:
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`<Error><Code>AccessDenied</Code><Message>with an explicit deny in a resource-based policy</Message></Error>`))
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
}

// Keys are the keys of the objects in a bucket, in order.
func Keys(t *testing.T, client *s3.Client, bucket string) []string {
	t.Helper()
	out, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	require.NoError(t, err)
	var keys []string
	for _, o := range out.Contents {
		keys = append(keys, aws.ToString(o.Key))
	}
	return keys
}
