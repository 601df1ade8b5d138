package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
)

func (c *command) releaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release -s <stack>",
		Short: "Make a stack run an image, and change nothing else",
		Args:  cobra.NoArgs,
	}
	writes(cmd, "image", "task-definition", "cluster", "service", "desired-count")
	stack := cli.StackFlag(cmd)
	image := cmd.Flags().String("image", "", "the `image`, <repository>@sha256:<digest>")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := c.stack(cmd, *stack)
		if err != nil {
			return err
		}
		r, err := s.Release(cmd.Context(), *image)
		if err != nil {
			return err
		}
		return c.set(cmd, "image", r.Image, "task-definition", r.TaskDefinition, "cluster", r.Cluster, "service", r.Service,
			"desired-count", strconv.Itoa(r.DesiredCount))
	}
	return cmd
}
