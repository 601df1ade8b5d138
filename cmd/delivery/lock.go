package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/github"
	"sentry/internal/delivery/lock"
)

func (c *command) lockCommand() *cobra.Command {
	return group("lock", "The locks of a stack in the state bucket", c.lockShowCommand(), c.lockRemoveCommand())
}

func backendFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("backend", "", "the `URL` of the state backend; default PULUMI_BACKEND_URL, then Pulumi.yaml")
}

// locks opens the locks of a stack.
func (c *command) locks(ctx context.Context, stack, url string) (lock.Store, error) {
	p, err := c.checked(stack)
	if err != nil {
		return lock.Store{}, err
	}
	backend, err := lock.ParseBackend(cmp.Or(url, c.getenv("PULUMI_BACKEND_URL"), p.Backend))
	if err != nil {
		return lock.Store{}, err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return lock.Store{}, err
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.Region = cmp.Or(backend.Region, o.Region)
		o.UsePathStyle = backend.PathStyle
		o.DisableLogOutputChecksumValidationSkipped = true
		if backend.Endpoint != "" {
			o.BaseEndpoint = &backend.Endpoint
		}
	})
	return lock.Store{S3: client, Backend: backend, Project: p.Name, Stack: stack}, nil
}

// look lists the locks, whether the runs that hold them still live, and both as Markdown.
func (c *command) look(ctx context.Context, store lock.Store) ([]lock.Lock, []lock.Life, string, error) {
	locks, err := store.List(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	if len(locks) == 0 {
		return nil, nil, fmt.Sprintf("Stack `%s` is not locked.", store.Stack), nil
	}
	var lives []lock.Life
	var text strings.Builder
	fmt.Fprintf(&text, "### Locks of stack `%s`\n\n", store.Stack)
	for _, l := range locks {
		life, err := c.life(ctx, l)
		if err != nil {
			fmt.Fprintf(&text, "GitHub could not be asked: %v\n\n", err)
		}
		lives = append(lives, life)
		text.WriteString(lock.Describe(l, life, time.Now()))
	}
	return locks, lives, text.String(), nil
}

// life asks GitHub about the run that a lock names; about a person's lock there is nothing to ask.
func (c *command) life(ctx context.Context, l lock.Lock) (lock.Life, error) {
	id, isRun := l.Run()
	if !isRun {
		return lock.NoRun, nil
	}
	client, err := github.New(c.getenv)
	if err != nil {
		return lock.Unknown, err
	}
	run, err := client.Run(ctx, id)
	switch {
	case err != nil:
		return lock.Unknown, err
	case run.Status == "completed":
		return lock.Dead, nil
	}
	return lock.Alive, nil
}

func (c *command) lockShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show -s <stack>",
		Short: "Show who holds a stack's lock, since when, and whether its run still lives",
		Args:  cobra.NoArgs,
	}
	stack, backend := cli.StackFlag(cmd), backendFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		store, err := c.locks(cmd.Context(), *stack, *backend)
		if err != nil {
			return err
		}
		_, _, text, err := c.look(cmd.Context(), store)
		if err != nil {
			return err
		}
		return c.summarize(cmd, text)
	}
	return cmd
}

func (c *command) lockRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove -s <stack>",
		Short: "Remove one lock, if it is unchanged and its run does not live",
		Args:  cobra.NoArgs,
	}
	stack, backend := cli.StackFlag(cmd), backendFlag(cmd)
	id := cmd.Flags().String("lock", "", "the `lock`, as delivery lock show names it")
	tag := cmd.Flags().String("tag", "", "its `tag`, as delivery lock show gives it")
	byHand := cmd.Flags().Bool("taken-by-hand", false, "remove it although no deployment run took it: its holder has been asked")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		store, err := c.locks(cmd.Context(), *stack, *backend)
		if err != nil {
			return err
		}
		return c.removeLock(cmd, store, *id, *tag, *byHand)
	}
	return cmd
}

func (c *command) removeLock(cmd *cobra.Command, store lock.Store, id, tag string, byHand bool) error {
	locks, lives, text, err := c.look(cmd.Context(), store)
	if err != nil {
		return err
	}
	if err := c.summarize(cmd, text); err != nil {
		return err
	}
	if i := slices.IndexFunc(locks, func(l lock.Lock) bool { return l.ID == id }); i >= 0 {
		if err := removable(locks[i], lives[i], byHand); err != nil {
			return err
		}
	}
	removed, err := store.Remove(cmd.Context(), id, `"`+strings.Trim(tag, `"`)+`"`)
	if err != nil {
		return err
	}
	return c.summarize(cmd, fmt.Sprintf("Removed lock `%s`, held by `%s`. If its update was cut short, delivery recover goes on from there.\n",
		removed.ID, removed.Holder()))
}

// removable says why a lock has to stay.
func removable(l lock.Lock, life lock.Life, byHand bool) error {
	switch {
	case life == lock.Alive:
		return fmt.Errorf("lock %s belongs to a deployment that has not ended: cancel that run first, and wait for it to end", l.ID)
	case life == lock.Unknown:
		return fmt.Errorf("lock %s belongs to a deployment run, and whether that has ended could not be asked: set GITHUB_REPOSITORY and GITHUB_TOKEN", l.ID)
	case life == lock.NoRun && !byHand:
		return fmt.Errorf("lock %s was not taken by a deployment run: ask %s, then remove it with --taken-by-hand", l.ID, l.Holder())
	}
	return nil
}
