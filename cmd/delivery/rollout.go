package main

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"sentry/internal/delivery/rollout"
)

func (c *command) rolloutCommand() *cobra.Command {
	return group("rollout", "The roll-out of a release", c.verifyCommand())
}

func (c *command) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Wait until a service runs a task definition, and fail when it does not",
		Args:  cobra.NoArgs,
	}
	writes(cmd, "failure")
	flags := cmd.Flags()
	var t rollout.Target
	flags.StringVar(&t.Cluster, "cluster", "", "`name` or ARN of the cluster")
	flags.StringVar(&t.Service, "service", "", "`name` of the service")
	flags.StringVar(&t.TaskDefinition, "task-definition", "", "full `ARN` of the revision that should run")
	flags.IntVar(&t.DesiredCount, "desired-count", -1, "the `number` of tasks asked for; 0 makes a service without tasks a success; -1: not known")
	watch := watchFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v, err := watch(cmd)
		if err != nil {
			return err
		}
		return c.verify(cmd, v, t)
	}
	return cmd
}

var taskDefinitionARN = regexp.MustCompile(`^arn:[a-z-]+:ecs:.+:task-definition/.+:\d+$`)

func (c *command) verify(cmd *cobra.Command, v rollout.Verifier, t rollout.Target) error {
	if t.Cluster == "" || t.Service == "" || !taskDefinitionARN.MatchString(t.TaskDefinition) {
		return fmt.Errorf("--cluster %q, --service %q, --task-definition %q; allowed: all three, the last as a full ARN with its revision",
			t.Cluster, t.Service, t.TaskDefinition)
	}
	return c.failing(cmd, v.Verify(cmd.Context(), t))
}
