package main

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"

	"sentry/internal/delivery/publish"
)

func (c *command) publishCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "publish", Short: "Publish a built site to a bucket", Args: cobra.NoArgs}
	writes(cmd, "release")
	dir := cmd.Flags().String("dir", "", "the `folder` of the build, with index.html")
	bucket := cmd.Flags().String("bucket", "", "`name` of the bucket")
	distribution := cmd.Flags().String("distribution", "", "`id` of the CloudFront distribution in front of it, if any")
	immutable := cmd.Flags().String("immutable", "assets", "the `folder` of the build whose files have a hash of their content in their names; cached for a year")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.publish(cmd, *dir, publish.Publisher{Bucket: *bucket, Distribution: *distribution, Immutable: *immutable, Out: cmd.OutOrStdout()})
	}
	return cmd
}

func (c *command) publish(cmd *cobra.Command, dir string, p publish.Publisher) error {
	if dir == "" || p.Bucket == "" {
		return fmt.Errorf("--dir %q, --bucket %q; allowed: both", dir, p.Bucket)
	}
	cfg, err := config.LoadDefaultConfig(cmd.Context())
	if err != nil {
		return err
	}
	p.CloudFront = cloudfront.NewFromConfig(cfg)
	p.S3 = c.s3(cfg)
	result, err := p.Publish(cmd.Context(), dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d files of older releases deleted\n", result.Deleted)
	return c.set(cmd, "release", result.Release)
}

// s3 is a client for the buckets. An S3 that is not Amazon's has no host name per bucket.
func (c *command) s3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = c.getenv("AWS_ENDPOINT_URL_S3") != "" || c.getenv("AWS_ENDPOINT_URL") != ""
		o.DisableLogOutputChecksumValidationSkipped = true
	})
}
