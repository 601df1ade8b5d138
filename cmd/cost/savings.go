package main

import (
	"errors"
	"fmt"
	"io"

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
	p, stacks, err := c.stacks()
	if err != nil {
		return err
	}
	var result error
	rows := [][]string{{"STACK", "WHAT", ">SAVES", "IN RETURN"}}
	for _, stack := range stacks {
		usage, err := cost.UsageOf(stack, c.given(cmd.Flags()))
		if err != nil {
			return err
		}
		recording, err := sandbox.RecordStack(infra.DeployIn, p, stack, sandbox.StackOptions{Released: true})
		if err != nil {
			return err
		}
		prices, err := cost.ListPrices(cost.Region(recording.Resources))
		if err != nil {
			return err
		}
		for _, s := range cost.Savings(stack, recording.Resources, prices, usage) {
			amount := fmt.Sprintf("$%.2f", s.Amount)
			if len(s.Unpriced) > 0 {
				amount, result = "not priced", errUnpriced
				s.InReturn = s.Unpriced[0]
			}
			rows = append(rows, []string{stack, s.What, amount, s.InReturn})
		}
	}
	_, err = io.WriteString(cmd.OutOrStdout(), cost.Columns("", rows))
	return errors.Join(err, result)
}
