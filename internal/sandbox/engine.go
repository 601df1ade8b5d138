package sandbox

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"

	"sentry/internal/aws"
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

// Backend is Pulumi's address of a bucket that a program has created in the sandbox's AWS. Like the real one,
// it holds objects once the bucket exists; the sandbox keeps them in a folder of its own state bucket.
func (sb *Sandbox) Backend(bucket string) (string, error) {
	if !slices.ContainsFunc(sb.Cloud.Objects(), func(o Object) bool { return o.Type == aws.S3Bucket && o.ID == bucket }) {
		return "", fmt.Errorf("NoSuchBucket: the sandbox's AWS has no bucket %s", bucket)
	}
	address, err := url.Parse(sb.state.url)
	if err != nil {
		return "", fmt.Errorf("find the sandbox's state backend: %w", err)
	}
	address.Path = "/" + bucket
	return address.String(), nil
}
