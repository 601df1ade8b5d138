package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sentry/infra"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// tour runs every stack through its life, all of them at once in one cloud, as they would share AWS.
func (c *command) tour(ctx context.Context) (err error) {
	p, err := c.project()
	if err != nil {
		return err
	}
	sb, err := sandbox.New(ctx, sandbox.Options{Project: p, Program: infra.DeployIn, Log: c.log})
	if err != nil {
		return err
	}
	started := time.Now() // the first time, finding the CLI has taken minutes
	defer func() { err = errors.Join(err, sb.Close()) }()

	stacks := p.Environments()
	fmt.Fprintf(c.out, "Deploying %s with the Pulumi engine into a sandbox: no AWS account, nothing leaves this machine.\n\n",
		strings.Join(stacks, " and "))
	lines := &lines{w: c.out}
	tours := make([]*stackTour, len(stacks))
	errs := make([]error, len(stacks))
	var group sync.WaitGroup
	for i, name := range stacks {
		tours[i] = &stackTour{name: name, guarded: p.Guarded(name), sandbox: sb, lines: lines}
		group.Go(func() { errs[i] = tours[i].run(ctx) })
	}
	group.Wait()

	for _, t := range tours {
		if len(t.outputs) > 0 {
			fmt.Fprintf(c.out, "\nOutputs of %s\n", t.name)
			printOutputs(c.out, "  ", t.outputs)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "\nAll held: every preview was true, the second found nothing to do, nothing was left behind. %s\n", seconds(started))
	return nil
}

// lines lets several stacks write whole lines.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) print(stack, step, what string, started time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, "  %-12s%-15s%-24s%8s\n", stack, step, what, seconds(started))
}

func seconds(started time.Time) string { return fmt.Sprintf("%.1f s", time.Since(started).Seconds()) }

type stackTour struct {
	name    string
	guarded bool // Pulumi does not destroy it before the guard is taken away
	sandbox *sandbox.Sandbox
	lines   *lines
	outputs map[string]any
}

// run returns the first thing that did not hold.
func (t *stackTour) run(ctx context.Context) error {
	s, err := t.sandbox.Stack(ctx, t.name)
	if err != nil {
		return err
	}
	promised, err := t.step("preview", "to create", "create", func() (sandbox.Result, error) { return s.Preview(ctx) })
	if err != nil {
		return err
	}
	done, err := t.step("up", "created", "create", func() (sandbox.Result, error) { return s.Up(ctx) })
	if err != nil {
		return err
	}
	t.outputs = done.Outputs
	if promised.Counts["create"] != done.Counts["create"] {
		return fmt.Errorf("%s: the preview promised to create %d resources, up created %d", t.name, promised.Counts["create"], done.Counts["create"])
	}
	again, err := t.step("preview again", "unchanged", "same", func() (sandbox.Result, error) { return s.Preview(ctx) })
	if err != nil {
		return err
	}
	if again.Changed() {
		return fmt.Errorf("%s: the second preview should find nothing to do, and finds:\n  %s", t.name, strings.Join(again.Strings(), "\n  "))
	}
	if t.guarded {
		if err := s.SetConfig(map[string]string{project.Guard: "false"}); err != nil {
			return err
		}
		if _, err := t.step("unguard", "unchanged", "same", func() (sandbox.Result, error) { return s.Up(ctx) }); err != nil {
			return err
		}
	}
	if _, err := t.step("destroy", "deleted", "delete", func() (sandbox.Result, error) { return s.Destroy(ctx) }); err != nil {
		return err
	}
	for _, o := range t.sandbox.Cloud.Objects() {
		if strings.HasPrefix(o.URN, "urn:pulumi:"+t.name+"::") {
			return fmt.Errorf("%s: destroy left %s %s (%s) behind", t.name, o.Type, o.Name(), o.ID)
		}
	}
	return nil
}

func (t *stackTour) step(name, what, count string, run func() (sandbox.Result, error)) (sandbox.Result, error) {
	started := time.Now()
	r, err := run()
	if err != nil {
		t.lines.print(t.name, name, "failed", started)
		return r, fmt.Errorf("%s of %s: %w", name, t.name, err)
	}
	t.lines.print(t.name, name, fmt.Sprintf("%d resources %s", r.Counts[count], what), started)
	return r, nil
}
