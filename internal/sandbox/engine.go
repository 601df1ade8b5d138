package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
)

// Command is the Pulumi CLI of the sandbox, for a program that opens its stacks itself. It wants [Environment].
func (sb *Sandbox) Command() auto.PulumiCommand { return sb.cli }

// Environment leads a Pulumi process to this sandbox's AWS, and to nobody's real one. The backend is not in it.
func (sb *Sandbox) Environment() map[string]string {
	return map[string]string{
		"PULUMI_HOME":                                 filepath.Join(sb.dir, "home"),
		"PULUMI_DEBUG_PROVIDERS":                      fmt.Sprintf("aws:%d,awsx:%d", sb.provider.port, sb.provider.port),
		"PULUMI_SKIP_UPDATE_CHECK":                    "true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
		"AWS_ACCESS_KEY_ID":                           "sandbox",
		"AWS_SECRET_ACCESS_KEY":                       "sandbox",
		"AWS_REGION":                                  DefaultRegion,
		"AWS_EC2_METADATA_DISABLED":                   "true",
		"AWS_CONFIG_FILE":                             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE":                 os.DevNull,
	}
}

// Backend is Pulumi's address of a bucket that a program has created in the sandbox's AWS: like the real S3,
// it holds objects once the bucket exists.
func (sb *Sandbox) Backend(ctx context.Context, bucket string) (string, error) {
	exists := slices.ContainsFunc(sb.Cloud.Objects(), func(o Object) bool { return o.Type == tBucket && o.ID == bucket })
	if !exists {
		return "", fmt.Errorf("NoSuchBucket: the sandbox's AWS has no bucket %s", bucket)
	}
	address, err := url.Parse(sb.state.url)
	if err != nil {
		return "", err
	}
	endpoint := address.Query().Get("endpoint")
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, endpoint+"/"+bucket, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("create bucket %s in the sandbox's S3: %w", bucket, err)
	}
	defer response.Body.Close()
	// It may be there from the last time.
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusConflict {
		return "", fmt.Errorf("create bucket %s in the sandbox's S3: %s", bucket, response.Status)
	}
	address.Host = bucket
	return address.String(), nil
}
