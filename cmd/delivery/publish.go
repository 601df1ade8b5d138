package main

import (
	"fmt"

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
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.publish(cmd, *dir, *bucket, *distribution) }
	return cmd
}

func (c *command) publish(cmd *cobra.Command, dir, bucket, distribution string) error {
	if dir == "" || bucket == "" {
		return fmt.Errorf("--dir %q, --bucket %q; allowed: both", dir, bucket)
	}
	cfg, err := config.LoadDefaultConfig(cmd.Context())
	if err != nil {
		return err
	}
	store := s3.NewFromConfig(cfg, func(o *s3.Options) {
		// An S3 that is not Amazon's has no host name per bucket.
		o.UsePathStyle = c.getenv("AWS_ENDPOINT_URL_S3") != "" || c.getenv("AWS_ENDPOINT_URL") != ""
	})
	result, err := publish.Publisher{
		S3: store, Bucket: bucket, CloudFront: cloudfront.NewFromConfig(cfg), Distribution: distribution, Out: cmd.OutOrStdout(),
	}.Publish(cmd.Context(), dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d files of older releases deleted\n", result.Deleted)
	return c.set(cmd, "release", result.Release)
}
