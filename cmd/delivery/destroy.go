package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/teardown"
	"sentry/internal/project"
)

func (c *command) destroyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "destroy -s <stack>",
		Short: "Destroy an environment with all that it holds",
		Long: `Empties the environment's buckets, old versions included, and its image repository, and destroys it. Run again
after an interruption, it goes on. It refuses a guarded environment, one whose stack file says sentry:protect: true.`,
		Args: cobra.NoArgs,
	}
	stack := cli.StackFlag(cmd)
	confirm := cmd.Flags().String("confirm", "", "the `stack` once more: nothing brings back what it holds")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.destroy(cmd, *stack, *confirm) }
	return cmd
}

func (c *command) destroy(cmd *cobra.Command, stack, confirm string) error {
	p, err := c.checked(stack)
	if err != nil {
		return err
	}
	if p.Guarded(stack) {
		return fmt.Errorf("%s is guarded: set %s:%s to false in its stack file, have that approved and deployed, and come again",
			stack, p.Name, project.Guard)
	}
	s, err := c.stack(cmd, stack)
	if err != nil {
		return err
	}
	outputs, err := s.Outputs(cmd.Context())
	if err != nil {
		return err
	}
	var buckets []string
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		if strings.HasSuffix(name, "BucketName") {
			buckets = append(buckets, outputs[name])
		}
	}
	_, repository, _ := strings.Cut(outputs["ecrRepositoryUrl"], "/")
	if confirm != stack {
		return fmt.Errorf("--confirm %q; allowed: %s, which deletes the environment and for good all that is in %s and in the images' repository %s",
			confirm, stack, strings.Join(buckets, ", "), repository)
	}
	if err := c.empty(cmd, outputs["region"], buckets, repository); err != nil {
		return err
	}
	if err := s.Run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), "destroy", "--yes", "--stack", stack, "--non-interactive"); err != nil {
		return fmt.Errorf("destroy %s (run this again when the backend has written in the meantime): %w", stack, err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is destroyed. Its history is left: pulumi stack rm %s\n", stack, stack)
	return nil
}

// empty does nothing for what is gone already: after a destroy the outputs are.
func (c *command) empty(cmd *cobra.Command, region string, buckets []string, repository string) error {
	cfg, err := config.LoadDefaultConfig(cmd.Context(), config.WithDefaultRegion(region))
	if err != nil {
		return err
	}
	emptier := teardown.Emptier{S3: c.s3(cfg), ECR: ecr.NewFromConfig(cfg), Out: cmd.OutOrStdout()}
	for _, bucket := range buckets {
		if err := emptier.Bucket(cmd.Context(), bucket); err != nil {
			return err
		}
	}
	if repository == "" {
		return nil
	}
	return emptier.Repository(cmd.Context(), repository)
}
