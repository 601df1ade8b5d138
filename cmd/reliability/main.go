// Command reliability interrupts deployments at every operation, in every way that it knows, and fails when one of
// them lost something: make reliability.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sentry/examples"
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
		Long: "Interrupts deployments of every environment and example at every operation: AWS refuses it, the process is\n" +
			"lost before or after it, the answer does not arrive, Ctrl-C. After each, it does what docs/state.md says, and\n" +
			"compares AWS and the state with what an undisturbed deployment leaves.",
		Args: cobra.NoArgs,
	}
	find := cli.ProjectFlag(root)
	whole := root.Flags().Bool("whole", false, "strike each operation of everything by everything; takes half an hour")
	write := root.Flags().Bool("write", false, "keep the numbers, for docs/reliability.md")
	only := root.Flags().String("only", "", "one `part` alone, as JSON; its cases as JSON")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := find()
		if err != nil {
			return err
		}
		if *only == "" {
			return run(cmd.Context(), p, *whole, *write, out)
		}
		var one part
		if err := json.Unmarshal([]byte(*only), &one); err != nil {
			return fmt.Errorf("--only %s: %w", *only, err)
		}
		cases, err := one.run(cmd.Context(), p)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(cases)
	}
	return root
}

// part is what one process tries: a part of an environment, or of an example.
type part struct {
	Example string
	reliability.Part
}

// subject is the name of the environment or the example.
func (o part) subject() string { return cmp.Or(o.Example, o.Environment) }

// What is not struck at each operation, unless the whole is asked for: it has to end while somebody waits.
const (
	everyOfExamples = 40
	everyByAlike    = 8
)

// parts are all that is tried, each with enough operations to be worth a process.
func parts(p project.Project, whole bool) []part {
	var all []part
	for _, scenario := range reliability.Scenarios {
		for _, environment := range p.Environments() {
			of := reliability.Part{Environment: environment, Scenario: scenario}
			if !whole {
				of.Alike = everyByAlike
			}
			all = append(all, byFault("", of)...)
		}
		for _, e := range examples.All {
			of := reliability.Part{Environment: e.Stack, Scenario: scenario}
			if whole {
				all = append(all, byFault(e.Name, of)...)
			} else {
				of.Every, of.Alike = everyOfExamples, everyByAlike
				all = append(all, part{e.Name, of})
			}
		}
	}
	return all
}

func byFault(example string, of reliability.Part) []part {
	if slices.Contains(reliability.Short, of.Scenario) {
		return []part{{example, of}}
	}
	var all []part
	for _, fault := range reliability.Faults {
		of.Fault = fault.Name
		all = append(all, part{example, of})
	}
	return all
}

// in calls what wants the program and the project of a part.
func (o part) in(p project.Project, call func(sandbox.Program, project.Project) error) error {
	if o.Example == "" {
		return call(infra.DeployIn, p)
	}
	i := slices.IndexFunc(examples.All, func(e examples.Example) bool { return e.Name == o.Example })
	if i < 0 {
		return fmt.Errorf("no example %q", o.Example)
	}
	return examples.All[i].In(p.Dir, func(example project.Project) error { return call(examples.All[i].Program, example) })
}

// run interrupts what the part is of.
func (o part) run(ctx context.Context, p project.Project) (cases []reliability.Case, err error) {
	err = o.in(p, func(program sandbox.Program, in project.Project) error {
		cases, err = reliability.Run(ctx, program, in, o.Part)
		return err
	})
	for i := range cases {
		cases[i].Stack = o.subject()
	}
	return cases, err
}

func run(ctx context.Context, p project.Project, whole, write bool, out io.Writer) error {
	started := time.Now()
	all := parts(p, whole)
	cases := make([][]reliability.Case, len(all))
	var found results.Results
	var ofBackend strings.Builder
	lost, lostByBackend := 0, 0
	var backend sync.WaitGroup
	backend.Go(func() { found.Backend, lostByBackend = backendCases(ctx, p, &ofBackend) }) // it waits most of the time
	var printing sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, one := range all {
		group.Go(func() (err error) {
			if cases[i], err = apart(groupCtx, p, one); err != nil {
				return err
			}
			printing.Lock()
			defer printing.Unlock()
			lost += tell(cases[i], out)
			return nil
		})
	}
	err := group.Wait()
	backend.Wait()
	if err != nil {
		return err
	}
	fmt.Fprint(out, ofBackend.String())
	lost += lostByBackend
	found.Rows = reliability.Rows(slices.Concat(cases...))
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
func apart(ctx context.Context, p project.Project, one part) ([]reliability.Case, error) {
	only, err := json.Marshal(one)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.CommandContext(ctx, self, "-C", p.Dir, "--only", string(only))
	child.Env = append(os.Environ(), "GOMAXPROCS=1") // as many run side by side as there are processors
	child.Stderr = os.Stderr
	text, err := child.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", only, err)
	}
	var cases []reliability.Case
	return cases, json.Unmarshal(text, &cases)
}

// backendCases are the misfortunes of the state, with the CLI.
func backendCases(ctx context.Context, p project.Project, out io.Writer) (names []string, lost int) {
	environment := p.Environments()[0]
	tell := func(name string, err error) {
		if err != nil {
			lost++
			fmt.Fprintf(out, "LOST %s, %s: %v\n", environment, name, err)
		} else {
			fmt.Fprintf(out, "  %-11s %s\n", environment, name)
		}
	}
	err := reliability.Misfortunes(ctx, sandbox.Options{Project: p, Program: infra.DeployIn}, environment, func(c reliability.BackendCase, err error) {
		names = append(names, c.Name)
		tell(c.Name, err)
	})
	if err != nil {
		tell("the state's misfortunes", err)
	}
	return names, lost
}
