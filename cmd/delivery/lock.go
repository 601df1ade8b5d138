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
		if backend.Endpoint != "" {
			o.BaseEndpoint = &backend.Endpoint
		}
	})
	return lock.Store{S3: client, Backend: backend, Project: p.Name, Stack: stack}, nil
}

// look lists the locks with the runs that hold them.
func (c *command) look(ctx context.Context, store lock.Store) ([]lock.Lock, []lock.Life, string, error) {
	locks, err := store.List(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	if len(locks) == 0 {
		return nil, nil, fmt.Sprintf("Stack `%s` is not locked.", store.Stack), nil
	}
	client, err := github.New(c.getenv)
	if err != nil {
		return nil, nil, "", err
	}
	var lives []lock.Life
	var text strings.Builder
	fmt.Fprintf(&text, "### Locks of stack `%s`\n\n", store.Stack)
	for _, l := range locks {
		life, run, err := lock.Run(ctx, client, l, "deploy-"+store.Stack+".yml")
		if err != nil {
			return nil, nil, "", err
		}
		lives = append(lives, life)
		text.WriteString(lock.Describe(l, life, run, time.Now()))
	}
	return locks, lives, text.String(), nil
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
		switch {
		case lives[i] == lock.Alive:
			return fmt.Errorf("lock %s belongs to a deployment that is still running: cancel that run first, and wait for it to end", id)
		case lives[i] == lock.Unknown && !byHand:
			return fmt.Errorf("lock %s was not taken by a deployment run: ask %s, then tick the box that says so", id, locks[i].Holder())
		}
	}
	removed, err := store.Remove(cmd.Context(), id, `"`+strings.Trim(tag, `"`)+`"`)
	if err != nil {
		return err
	}
	return c.summarize(cmd, fmt.Sprintf("Removed lock `%s`, held by `%s`. If its update was cut short, `pulumi refresh` and the next deployment put the state right.\n",
		removed.ID, removed.Holder()))
}
