// Command reliability interrupts deployments at every operation, in every way that it knows, and fails when one of
// them lost something: make reliability.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sentry/infra"
	"sentry/internal/cli"
	"sentry/internal/project"
	"sentry/internal/reliability"
	"sentry/internal/reliability/results"
	"sentry/internal/sandbox"
)

func main() { cli.Main(newCommand(os.Stdout)) }

func newCommand(out io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "reliability",
		Short: "Interrupt deployments at every operation, and look for what is lost",
		Long: "Interrupts deployments of every environment at every operation: AWS refuses it, the process is lost before or\n" +
			"after it, the answer does not arrive, Ctrl-C. After each, it does what docs/state.md says, and compares AWS and\n" +
			"the state with what an undisturbed deployment leaves.",
		Args: cobra.NoArgs,
	}
	find := cli.ProjectFlag(root)
	every := root.Flags().Int("every", 1, "strike each `n`th operation only")
	write := root.Flags().Bool("write", false, "keep the numbers, for docs/reliability.md")
	only := root.Flags().String("only", "", "one `part` alone, as JSON; its cases as JSON")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := find()
		if err != nil {
			return err
		}
		if *every < 1 {
			return fmt.Errorf("--every %d: allowed: 1 and more", *every)
		}
		if *only != "" {
			var part reliability.Part
			if err := json.Unmarshal([]byte(*only), &part); err != nil {
				return fmt.Errorf("--only %s: %w", *only, err)
			}
			cases, err := reliability.Run(cmd.Context(), infra.DeployIn, p, part, *every)
			if err != nil {
				return err
			}
			return json.NewEncoder(out).Encode(cases)
		}
		return run(cmd.Context(), p, *every, *write, out)
	}
	return root
}

func run(ctx context.Context, p project.Project, every int, write bool, out io.Writer) error {
	started := time.Now()
	parts := reliability.Parts(p)
	cases := make([][]reliability.Case, len(parts))
	lost := 0
	var printing sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, part := range parts {
		group.Go(func() (err error) {
			if cases[i], err = apart(groupCtx, p, part, every); err != nil {
				return err
			}
			printing.Lock()
			defer printing.Unlock()
			lost += tell(cases[i], out)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	found := results.Results{Rows: reliability.Rows(slices.Concat(cases...))}
	backend, failed := backendCases(ctx, p, out)
	found.Backend = backend
	lost += failed
	fmt.Fprintf(out, "\n%d interruptions, lost = %d, %s\n", found.Struck(), lost, time.Since(started).Round(time.Second))
	if write {
		if err := found.Write(p.Dir); err != nil {
			return err
		}
	}
	if lost > 0 {
		return errors.New("something was lost: see the lines that begin with LOST")
	}
	return nil
}

// tell prints cases, and counts the lost ones.
func tell(cases []reliability.Case, out io.Writer) (lost int) {
	for _, c := range cases {
		if c.Lost != "" {
			lost++
			fmt.Fprintf(out, "LOST %s, %s, %s, %s: %s\n", c.Stack, c.Scenario, c.Operation, c.Fault, c.Lost)
		}
	}
	for _, r := range reliability.Rows(cases) {
		fmt.Fprintf(out, "  %-11s %-24s %-36s %3d of %3d, lost %d\n", r.Stack, r.Scenario, r.Fault, r.Struck, r.Operations, r.Lost)
	}
	return lost
}

// apart runs a part in a process of its own: each engine leaves half a megabyte behind, and a filter that every later
// one asks about every text.
func apart(ctx context.Context, p project.Project, part reliability.Part, every int) ([]reliability.Case, error) {
	only, err := json.Marshal(part)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.CommandContext(ctx, self, "-C", p.Dir, "--only", string(only), "--every", strconv.Itoa(every))
	child.Env = append(os.Environ(), "GOMAXPROCS=1") // as many run side by side as there are processors
	child.Stderr = os.Stderr
	text, err := child.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", only, err)
	}
	var cases []reliability.Case
	return cases, json.Unmarshal(text, &cases)
}

// backendCases are the misfortunes of the state, two at a time: each has a CLI of its own.
func backendCases(ctx context.Context, p project.Project, out io.Writer) (names []string, lost int) {
	environment := p.Environments()[0]
	errs := make([]error, len(reliability.BackendCases))
	var group sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, c := range reliability.BackendCases {
		names = append(names, c.Name)
		slots <- struct{}{}
		group.Go(func() {
			errs[i] = c.Run(ctx, sandbox.Options{Project: p, Program: infra.DeployIn}, environment)
			<-slots
		})
	}
	group.Wait()
	for i, err := range errs {
		if err != nil {
			lost++
			fmt.Fprintf(out, "LOST %s: %v\n", names[i], err)
		} else {
			fmt.Fprintf(out, "  %-11s %s\n", environment, names[i])
		}
	}
	return names, lost
}
