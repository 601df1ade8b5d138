package cost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sentry/internal/checkout"
)

// ErrUnpriced is returned, after the report has been written, when something in it has no price.
var ErrUnpriced = errors.New("not everything has a price")

// UnpricedExit is the exit code for ErrUnpriced; any other error is 1.
const UnpricedExit = 3

// Command is the command line of cmd/cost for a program.
func Command(program Program) (*cobra.Command, error) {
	names, err := UsageNames()
	if err != nil {
		return nil, err
	}
	c := &command{program: program, values: map[string]*float64{}}
	root := &cobra.Command{
		Use:   "cost",
		Short: "What the stacks cost a month, from the resources that the program registers",
		Long: `What the stacks cost a month at AWS's list prices, from the resources that the program registers, with an
image released. Exit code 3: something has no price, and is named in the last lines.`,
		Example: `  cost                      both stacks beside each other
  cost -s staging           one stack, with formulas and assumptions
  cost -s staging --task-hours 260
  cost savings              what arm64, spot, no Container Insights would save
  cost diff --base main     what the changes since main cost`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE:         c.show,
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&c.stack, "stack", "s", "", "one stack; without it all that have a stack file")
	flags.StringVarP(&c.dir, "dir", "C", ".", "the project's directory")
	root.Flags().BoolVar(&c.json, "json", false, "as JSON, a list of reports")
	root.Flags().BoolVar(&c.markdown, "markdown", false, "as a Markdown table")
	for _, a := range names {
		c.values[a.Name] = flags.Float64(a.Name, a.Value, fmt.Sprintf("%s: %s (without the flag, the stack's of usage.yaml)", a.Unit, a.Text))
	}

	diff := &cobra.Command{
		Use:   "diff --base <ref>",
		Short: "What the changes since a commit cost a month, as Markdown",
		Long: `What the changes since a commit cost a month, as Markdown. The base is priced by its own program and its own
prices, in a work tree of its own.`,
		Args: cobra.NoArgs,
		RunE: c.diff,
	}
	diff.Flags().StringVar(&c.base, "base", "", "the commit to compare with, such as origin/main")
	if err := diff.MarkFlagRequired("base"); err != nil {
		return nil, err
	}
	savings := &cobra.Command{
		Use:   "savings",
		Short: "What each of the usual measures would save a month",
		Args:  cobra.NoArgs,
		RunE:  c.savings,
	}
	root.AddCommand(diff, savings)
	return root, nil
}

type command struct {
	program        Program
	dir, stack     string
	base           string
	json, markdown bool
	values         map[string]*float64
}

// given are the assumptions that flags set.
func (c *command) given(flags *pflag.FlagSet) map[string]float64 {
	given := map[string]float64{}
	flags.Visit(func(f *pflag.Flag) {
		if value, ok := c.values[f.Name]; ok {
			given[f.Name] = *value
		}
	})
	return given
}

func (c *command) stacks() ([]string, error) {
	stacks, err := Stacks(c.dir)
	switch {
	case err != nil || c.stack == "":
		return stacks, err
	case slices.Contains(stacks, c.stack):
		return []string{c.stack}, nil
	}
	return nil, fmt.Errorf("--stack: %q has no stack file; there are: %s", c.stack, strings.Join(stacks, ", "))
}

func (c *command) reports(cmd *cobra.Command) ([]Report, error) {
	stacks, err := c.stacks()
	if err != nil {
		return nil, err
	}
	var reports []Report
	for _, stack := range stacks {
		report, err := Stack(c.program, c.dir, stack, c.given(cmd.Flags()))
		if err != nil {
			return nil, err
		}
		reports = append(reports, report)
	}
	return reports, nil
}

// Stack prices one stack of the project in dir; given are assumptions in place of usage.yaml's.
func Stack(program Program, dir, stack string, given map[string]float64) (Report, error) {
	prices, err := ListPrices()
	if err != nil {
		return Report{}, err
	}
	usage, err := UsageOf(stack, given)
	if err != nil {
		return Report{}, err
	}
	recording, err := Record(program, dir, stack)
	if err != nil {
		return Report{}, err
	}
	return Estimate(stack, recording.Resources, prices, usage), nil
}

func (c *command) show(cmd *cobra.Command, _ []string) error {
	reports, err := c.reports(cmd)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	switch {
	case c.json:
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(reports)
	case c.markdown:
		_, err = io.WriteString(out, Markdown(reports))
	case len(reports) == 1:
		err = reports[0].Print(out)
	default:
		err = PrintAll(out, reports)
	}
	return errors.Join(err, unpriced(reports))
}

func unpriced(reports []Report) error {
	for _, r := range reports {
		if len(r.Unpriced) > 0 {
			return ErrUnpriced
		}
	}
	return nil
}

func (c *command) savings(cmd *cobra.Command, _ []string) error {
	prices, err := ListPrices()
	if err != nil {
		return err
	}
	stacks, err := c.stacks()
	if err != nil {
		return err
	}
	var result error
	t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STACK\tWHAT\tSAVES A MONTH\tIN RETURN")
	for _, stack := range stacks {
		usage, err := UsageOf(stack, c.given(cmd.Flags()))
		if err != nil {
			return err
		}
		recording, err := Record(c.program, c.dir, stack)
		if err != nil {
			return err
		}
		for _, s := range Savings(stack, recording.Resources, prices, usage) {
			amount := dollars(s.Amount)
			if len(s.Unpriced) > 0 {
				amount, result = "not priced", ErrUnpriced
				s.InReturn = s.Unpriced[0]
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", stack, s.What, amount, s.InReturn)
		}
	}
	return errors.Join(t.Flush(), result)
}

func (c *command) diff(cmd *cobra.Command, _ []string) error {
	after, err := c.reports(cmd)
	if err != nil {
		return err
	}
	before, err := c.reportsOfBase(cmd)
	var missing *noCommandError
	switch {
	case errors.As(err, &missing):
		fmt.Fprintf(cmd.OutOrStdout(), "%v; so this is the whole price.\n\n%s", missing, Markdown(after))
	case err != nil:
		return err
	default:
		fmt.Fprint(cmd.OutOrStdout(), Difference("`"+c.base+"`", before, after))
	}
	return unpriced(after)
}

// noCommandError says that a commit is older than this command.
type noCommandError struct{ base string }

func (e *noCommandError) Error() string {
	return fmt.Sprintf("`%s` has no cmd/cost to price it with", e.base)
}

// reportsOfBase runs the base's own code in a work tree of its own.
func (c *command) reportsOfBase(cmd *cobra.Command) ([]Report, error) {
	project, remove, err := checkout.At(cmd.Context(), c.dir, c.base)
	if err != nil {
		return nil, fmt.Errorf("--base: %w", err)
	}
	defer func() { _ = remove() }() // what stays of it is in the system's folder for temporary files
	if _, err := os.Stat(filepath.Join(project, "cmd", "cost", "main.go")); err != nil {
		return nil, &noCommandError{c.base}
	}

	args := []string{"run", "./cmd/cost", "--json"}
	if c.stack != "" {
		args = append(args, "--stack", c.stack)
	}
	for name, value := range c.given(cmd.Flags()) {
		args = append(args, fmt.Sprintf("--%s=%s", name, decimals(value)))
	}
	output, runErr := c.run(project, "go", args...)
	var reports []Report
	// A base with something unpriced ends with an error, but has written its report.
	if err := json.Unmarshal(output, &reports); err != nil {
		return nil, fmt.Errorf("price %s with its own program: %w", c.base, errors.Join(runErr, err))
	}
	return reports, nil
}

func (c *command) run(dir, name string, args ...string) ([]byte, error) {
	command := exec.Command(name, args...)
	command.Dir = dir
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return output, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return output, nil
}
