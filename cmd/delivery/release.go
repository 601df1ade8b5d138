package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/rollout"
	"sentry/internal/delivery/update"
)

func (c *command) releaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release -s <stack>",
		Short: "Make a stack run an image and change nothing else; say what became of it",
		Args:  cobra.NoArgs,
	}
	writes(cmd, "image", "previous", "failure")
	image := cmd.Flags().String("image", "", "the `image`, <repository>@sha256:<digest>")
	return c.watched(cmd, func(cmd *cobra.Command, s update.Stack, v rollout.Verifier) error {
		return c.failing(cmd, c.release(cmd, s, v, *image))
	})
}

// watched gives a verb -s and the flags of what watches a roll-out, and does it with both.
func (c *command) watched(cmd *cobra.Command, do func(*cobra.Command, update.Stack, rollout.Verifier) error) *cobra.Command {
	stack, watch := cli.StackFlag(cmd), watchFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := c.stack(cmd, *stack)
		if err != nil {
			return err
		}
		v, err := watch(cmd)
		if err != nil {
			return err
		}
		return do(cmd, s, v)
	}
	return cmd
}

// watchFlags give a verb what it needs to watch a roll-out.
func watchFlags(cmd *cobra.Command) func(*cobra.Command) (rollout.Verifier, error) {
	timeout := cmd.Flags().Duration("timeout", 15*time.Minute, "how long a roll-out may stay in progress")
	interval := cmd.Flags().Duration("interval", 10*time.Second, "pause between two questions")
	logs := cmd.Flags().Bool("show-logs", false, "show the last log lines of tasks that stopped")
	return func(cmd *cobra.Command) (rollout.Verifier, error) {
		cfg, err := config.LoadDefaultConfig(cmd.Context())
		return rollout.Verifier{
			ECS: ecs.NewFromConfig(cfg), Logs: cloudwatchlogs.NewFromConfig(cfg), Out: cmd.OutOrStdout(), Interval: *interval, Timeout: *timeout, ShowLogs: *logs,
		}, err
	}
}

// failing writes the output failure for the report, when the error is a roll-out's.
func (c *command) failing(cmd *cobra.Command, err error) error {
	var failure *rollout.Failure
	if errors.As(err, &failure) {
		return errors.Join(err, c.set(cmd, "failure", failure.Error()))
	}
	return err
}

// release updates and watches at once: Pulumi waits until the service is steady, and says neither that it never will be
// nor that it is steady on the old version.
func (c *command) release(cmd *cobra.Command, s update.Stack, v rollout.Verifier, image string) error {
	before, err := s.Released(cmd.Context())
	if err != nil {
		return err
	}
	if err := c.set(cmd, "image", image, "previous", before.Image); err != nil {
		return err
	}
	running, err := v.Primary(cmd.Context(), before.Cluster, before.Service)
	if err != nil {
		return err
	}

	updating, stop := context.WithCancel(cmd.Context())
	defer stop()
	watching, enough := context.WithCancel(cmd.Context())
	defer enough()
	watched := make(chan error, 1)
	go func() {
		err := v.Follow(watching, rollout.Target{Cluster: before.Cluster, Service: before.Service, TaskDefinition: running, DesiredCount: -1})
		var failure *rollout.Failure
		if errors.As(err, &failure) {
			fmt.Fprintln(cmd.ErrOrStderr(), "The roll-out has failed; the update need not wait for it any longer.")
			stop()
		}
		watched <- err
	}()
	updateErr := s.Release(updating, image)
	enough()
	var failure *rollout.Failure
	if err := <-watched; errors.As(err, &failure) {
		return errors.Join(failure, updateErr)
	}
	if updateErr != nil {
		return updateErr
	}
	now, err := s.Released(cmd.Context())
	if err != nil {
		return err
	}
	return v.Verify(cmd.Context(), targetOf(now))
}

// targetOf is what should run when a release is done.
func targetOf(r update.Release) rollout.Target {
	return rollout.Target{Cluster: r.Cluster, Service: r.Service, TaskDefinition: r.TaskDefinition, DesiredCount: r.DesiredCount}
}
