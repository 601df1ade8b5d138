// Command cost says what the environments cost a month: go run ./cmd/cost -s staging.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sentry/infra"
	"sentry/internal/cli"
	"sentry/internal/cost"
	"sentry/internal/project"
)

func main() {
	root, err := newCommand()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
	cli.Main(root)
}

// errUnpriced is returned after the report has been written.
var errUnpriced = &cli.ExitError{Code: 3, Err: errors.New("not everything has a price: see the last lines")}

// command is what the verbs share.
type command struct {
	project func() (project.Project, error)
	stack   string
	usage   map[string]*float64 // by name; every assumption is a flag
}

func newCommand() (*cobra.Command, error) {
	assumptions, err := cost.UsageNames()
	if err != nil {
		return nil, err
	}
	c := &command{usage: map[string]*float64{}}
	root := &cobra.Command{
		Use:   "cost",
		Short: "What the environments cost a month, from the resources that the program registers",
		Long: `What the environments cost a month at AWS's list prices, from the resources that the program registers, with an
image released. The assumptions are those of internal/cost/usage.yaml, unless a flag says otherwise. Exit code 3
of the compiled command (go run knows only 1): something has no price, and is named in the last lines.`,
		Example: `  cost                      all environments beside each other
  cost -s staging           one of them, with formulas and assumptions
  cost -s staging --task-hours 260
  cost savings              what arm64, spot, no Container Insights would save
  cost diff --base main     what the changes since main cost
  cost prices --region eu-central-1
                            write down that region's list prices`,
		Args: cobra.NoArgs,
	}
	c.project = cli.ProjectFlag(root)
	flags := root.PersistentFlags()
	flags.StringVarP(&c.stack, "stack", "s", "", "one `stack`; without it all that have a stack file")
	for _, a := range assumptions {
		c.usage[a.Name] = flags.Float64(a.Name, a.Value, a.Unit+": "+a.Text)
	}
	asJSON := root.Flags().Bool("json", false, "as JSON, a list of reports")
	asMarkdown := root.Flags().Bool("markdown", false, "as a Markdown table")
	root.RunE = func(cmd *cobra.Command, _ []string) error { return c.show(cmd, *asJSON, *asMarkdown) }
	root.AddCommand(c.diffCommand(), c.savingsCommand(), c.pricesCommand())
	return root, nil
}

// given are the assumptions that flags set.
func (c *command) given(flags *pflag.FlagSet) map[string]float64 {
	given := map[string]float64{}
	flags.Visit(func(f *pflag.Flag) {
		if value, ok := c.usage[f.Name]; ok {
			given[f.Name] = *value
		}
	})
	return given
}

// stacks are those to look at: the one that --stack names, or all.
func (c *command) stacks() (project.Project, []string, error) {
	p, err := c.project()
	if err != nil || c.stack == "" {
		return p, p.Environments(), err
	}
	return p, []string{c.stack}, p.Check(c.stack)
}

func (c *command) reports(cmd *cobra.Command) ([]cost.Report, error) {
	p, stacks, err := c.stacks()
	if err != nil {
		return nil, err
	}
	var reports []cost.Report
	for _, stack := range stacks {
		report, err := cost.Stack(infra.DeployIn, p, stack, c.given(cmd.Flags()))
		if err != nil {
			return nil, err
		}
		reports = append(reports, report)
	}
	return reports, nil
}

func (c *command) show(cmd *cobra.Command, asJSON, asMarkdown bool) error {
	reports, err := c.reports(cmd)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	switch {
	case asJSON:
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(rounded(reports))
	case asMarkdown:
		_, err = io.WriteString(out, cost.Markdown(reports))
	case len(reports) == 1:
		err = reports[0].Print(out)
	default:
		err = cost.PrintAll(out, reports)
	}
	return errors.Join(err, unpriced(reports))
}

func rounded(reports []cost.Report) []cost.Report {
	all := make([]cost.Report, len(reports))
	for i, r := range reports {
		all[i] = r.Rounded()
	}
	return all
}

func unpriced(reports []cost.Report) error {
	for _, r := range reports {
		if len(r.Unpriced) > 0 {
			return errUnpriced
		}
	}
	return nil
}
