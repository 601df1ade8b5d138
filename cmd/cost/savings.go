package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sentry/infra"
	"sentry/internal/cost"
	"sentry/internal/sandbox"
)

func (c *command) savingsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "savings",
		Short: "What each of the usual measures would save a month",
		Args:  cobra.NoArgs,
		RunE:  c.savings,
	}
}

func (c *command) savings(cmd *cobra.Command, _ []string) error {
	prices, err := cost.ListPrices()
	if err != nil {
		return err
	}
	p, stacks, err := c.stacks()
	if err != nil {
		return err
	}
	var result error
	t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STACK\tWHAT\tSAVES A MONTH\tIN RETURN")
	for _, stack := range stacks {
		usage, err := cost.UsageOf(stack, c.given(cmd.Flags()))
		if err != nil {
			return err
		}
		recording, err := sandbox.RecordStack(infra.DeployIn, p, stack, sandbox.StackOptions{Released: true})
		if err != nil {
			return err
		}
		for _, s := range cost.Savings(stack, recording.Resources, prices, usage) {
			amount := fmt.Sprintf("$%.2f", s.Amount)
			if len(s.Unpriced) > 0 {
				amount, result = "not priced", errUnpriced
				s.InReturn = s.Unpriced[0]
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", stack, s.What, amount, s.InReturn)
		}
	}
	return errors.Join(t.Flush(), result)
}
