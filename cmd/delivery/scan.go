package main

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/spf13/cobra"

	"sentry/internal/delivery/scan"
)

func (c *command) scanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scan",
		Short: "Refuse an image in which ECR's scan has found critical vulnerabilities",
		Args:  cobra.NoArgs,
	}
	writes(cmd, "failure")
	image := cmd.Flags().String("image", "", "the `image`, <repository>@sha256:<digest>")
	accept := cmd.Flags().String("accept", "", "`names` of vulnerabilities that may be released, with commas or blanks between them; or all")
	timeout := cmd.Flags().Duration("timeout", 5*time.Minute, "how long to wait for the scan")
	interval := cmd.Flags().Duration("interval", 5*time.Second, "pause between two questions")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.LoadDefaultConfig(cmd.Context())
		if err != nil {
			return err
		}
		accepted := strings.FieldsFunc(*accept, func(r rune) bool { return r == ',' || r == ' ' })
		return c.scan(cmd, *image, scan.Scanner{ECR: ecr.NewFromConfig(cfg), Out: cmd.OutOrStdout(), Interval: *interval, Timeout: *timeout, Accepted: accepted})
	}
	return cmd
}

func (c *command) scan(cmd *cobra.Command, image string, s scan.Scanner) error {
	repository, digest, err := scan.Parse(image)
	if err != nil {
		return err
	}
	err = s.Check(cmd.Context(), repository, digest)
	var found *scan.Critical
	if errors.As(err, &found) {
		return errors.Join(err, c.set(cmd, "failure", found.Error()))
	}
	return err
}
