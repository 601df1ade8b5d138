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
	every := root.Flags().Int("every", 1, "strike each `n`th operation of the environments only")
	ofExamples := root.Flags().Int("examples", 12, "strike each `n`th operation of the examples only, but lose the process after each")
	write := root.Flags().Bool("write", false, "keep the numbers, for docs/reliability.md")
	only := root.Flags().String("only", "", "one `part` alone, as JSON; its cases as JSON")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := find()
		if err != nil {
			return err
		}
		if *every < 1 || *ofExamples < 1 {
			return fmt.Errorf("--every %d, --examples %d: allowed: 1 and more", *every, *ofExamples)
		}
		if *only == "" {
			return run(cmd.Context(), p, *every, *ofExamples, *write, out)
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
	Every int
}

// subject is the name of the environment or the example.
func (o part) subject() string { return cmp.Or(o.Example, o.Environment) }

// parts are all that is tried, each with enough operations to be worth a process.
func parts(p project.Project, every, ofExamples int) []part {
	var all []part
	add := func(example, environment, scenario string, every int) {
		if every > 1 && scenario != reliability.FromNothing || scenario == reliability.Drift {
			all = append(all, part{example, reliability.Part{Environment: environment, Scenario: scenario}, every})
			return
		}
		for _, fault := range reliability.Faults {
			of := part{example, reliability.Part{Environment: environment, Scenario: scenario, Fault: fault.Name}, every}
			if scenario == reliability.FromNothing && fault.Name == reliability.LostAfterwards.Name {
				of.Every = 1 // what AWS has and nobody knows is found by rules of each type's own
			}
			all = append(all, of)
		}
	}
	for _, scenario := range reliability.Scenarios {
		for _, environment := range p.Environments() {
			add("", environment, scenario, every)
		}
		for _, e := range examples.All {
			add(e.Name, e.Stack, scenario, ofExamples)
		}
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
		cases, err = reliability.Run(ctx, program, in, o.Part, o.Every)
		return err
	})
	for i := range cases {
		cases[i].Stack = o.subject()
	}
	return cases, err
}

func run(ctx context.Context, p project.Project, every, ofExamples int, write bool, out io.Writer) error {
	started := time.Now()
	all := parts(p, every, ofExamples)
	cases := make([][]reliability.Case, len(all))
	lost := 0
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
