package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/lock"
	"sentry/internal/delivery/update"
	"sentry/internal/project"
	"sentry/internal/recovery"
)

func (c *command) recoverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recover -s <stack>",
		Short: "Put a stack in order after an update that was cut short",
		Long: `Brings a stack's state together with what AWS has, by names and by the tags Project and Environment. What AWS has
and the state does not know is taken into the state, what AWS has twice is marked for the next update to delete, and what
was begun and does not exist is forgotten. The lock of a run that has ended is removed.

It shows what it would do; with --yes it does it. It changes the state and nothing in AWS, and all at once.`,
		Args: cobra.NoArgs,
	}
	stack, backend := cli.StackFlag(cmd), backendFlag(cmd)
	yes := cmd.Flags().Bool("yes", false, "do it, instead of showing it")
	byHand := cmd.Flags().Bool("taken-by-hand", false, "remove a lock, too, that no deployment run took: its holder has been asked")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := c.checked(*stack)
		if err != nil {
			return err
		}
		locks, err := c.locks(cmd.Context(), *stack, *backend)
		if err != nil {
			return err
		}
		account, err := accountOf(cmd.Context(), p, *stack)
		if err != nil {
			return err
		}
		r := recoverer{command: c, cmd: cmd, project: p, locks: locks, account: account, kept: recovery.CLI{Run: update.CLI(p.Dir), Stack: *stack}}
		return r.recover(*yes, *byHand)
	}
	return cmd
}

// accountOf is the AWS account of an environment, in the environment's region.
func accountOf(ctx context.Context, p project.Project, environment string) (recovery.Account, error) {
	settings, err := p.Config(environment)
	if err != nil {
		return recovery.Account{}, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(settings["aws:region"]))
	if err != nil {
		return recovery.Account{}, err
	}
	return recovery.Account{AWS: cfg, Project: p.Name, Environment: environment}, nil
}

type recoverer struct {
	*command
	cmd     *cobra.Command
	project project.Project
	locks   lock.Store
	account recovery.Cloud
	kept    recovery.CLI // the stack in its backend
}

func (r recoverer) recover(yes, byHand bool) error {
	stale, err := r.stale(byHand)
	if err != nil {
		return err
	}
	before, err := r.kept.Export(r.cmd.Context())
	if err != nil {
		return err
	}
	report, after, err := r.onACopy(before)
	if err != nil {
		return err
	}
	fmt.Fprint(r.cmd.OutOrStdout(), report)
	if report.Empty() && len(stale) == 0 {
		return nil
	}
	if !yes {
		fmt.Fprintln(r.cmd.OutOrStdout(), "Nothing has been changed yet: run this again with --yes.")
		return nil
	}
	for _, l := range stale {
		if _, err := r.locks.Remove(r.cmd.Context(), l.ID, l.ETag); err != nil {
			return err
		}
		fmt.Fprintf(r.cmd.OutOrStdout(), "Removed lock %s, held by %s.\n", l.ID, l.Holder())
	}
	return r.keep(before, after)
}

// stale are the locks whose holders are gone. A lock that is held is an error.
func (r recoverer) stale(byHand bool) ([]lock.Lock, error) {
	locks, lives, text, err := r.look(r.cmd.Context(), r.locks)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(r.cmd.OutOrStdout(), text)
	for i, l := range locks {
		if err := removable(l, lives[i], byHand); err != nil {
			return nil, err
		}
	}
	return locks, nil
}

// onACopy recovers a copy of the state.
func (r recoverer) onACopy(state apitype.UntypedDeployment) (recovery.Report, apitype.UntypedDeployment, error) {
	dir, err := os.MkdirTemp("", "sentry-recover-")
	if err != nil {
		return recovery.Report{}, state, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	url, err := recovery.Copy(dir, r.project.Name, r.kept.Stack, state)
	if err != nil {
		return recovery.Report{}, state, err
	}
	copied := recovery.CLI{Run: update.CLI(r.project.Dir, "PULUMI_BACKEND_URL="+url), Stack: r.kept.Stack}
	report, err := recovery.Recover(r.cmd.Context(), copied, r.account)
	if err != nil {
		return report, state, fmt.Errorf("%w\nNothing has been changed", err)
	}
	after, err := copied.Export(r.cmd.Context())
	return report, after, err
}

// keep puts the recovered state in the place of the one that it was made from, and looks whether all is in order.
func (r recoverer) keep(before, after apitype.UntypedDeployment) error {
	now, err := r.kept.Export(r.cmd.Context())
	if err != nil {
		return err
	}
	if !bytes.Equal(now.Deployment, before.Deployment) {
		return errors.New("somebody has changed the state in the meantime; it was left alone: run this again")
	}
	if err := r.kept.Import(r.cmd.Context(), after); err != nil {
		return err
	}
	again, _, err := r.onACopy(after)
	switch {
	case err != nil:
		return err
	case !again.OnlyStrangers():
		return fmt.Errorf("looked at again, there is more to do:\n%s", again)
	case !again.Empty():
		return errors.New("the state is in order, but AWS has more: delete by hand what is not known, and run this again")
	}
	fmt.Fprintln(r.cmd.OutOrStdout(), "Done, and looked at again: state and AWS agree. The next update goes on from here.")
	return nil
}
