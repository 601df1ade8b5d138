package main

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
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
	timeout := flags.Duration("timeout", 15*time.Minute, "how long the roll-out may stay in progress")
	interval := flags.Duration("interval", 15*time.Second, "pause between two questions")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.verify(cmd, t, *interval, *timeout) }
	return cmd
}

var taskDefinitionARN = regexp.MustCompile(`^arn:[a-z-]+:ecs:.+:task-definition/.+:\d+$`)

func (c *command) verify(cmd *cobra.Command, t rollout.Target, interval, timeout time.Duration) error {
	if t.Cluster == "" || t.Service == "" || !taskDefinitionARN.MatchString(t.TaskDefinition) {
		return fmt.Errorf("--cluster %q, --service %q, --task-definition %q; allowed: all three, the last as a full ARN with its revision",
			t.Cluster, t.Service, t.TaskDefinition)
	}
	cfg, err := config.LoadDefaultConfig(cmd.Context())
	if err != nil {
		return err
	}
	err = rollout.Verifier{
		ECS: ecs.NewFromConfig(cfg), Logs: cloudwatchlogs.NewFromConfig(cfg), Out: cmd.OutOrStdout(), Interval: interval, Timeout: timeout,
	}.Verify(cmd.Context(), t)
	var failure *rollout.Failure
	if errors.As(err, &failure) {
		return errors.Join(err, c.set(cmd, "failure", failure.Error()))
	}
	return err
}
