package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sentry/internal/cost"
	"sentry/internal/pricelist"
)

func (c *command) pricesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prices --region <region>",
		Short: "Write down a region's list prices, from AWS's public price lists",
		Long: `Writes internal/cost/prices/<region>.yaml from AWS's public price lists, which ask for no credentials. What the
lists do not have is named; amounts that were written by hand stay. The list of EC2 (for NAT gateways) has some
hundred megabytes.`,
		Args: cobra.NoArgs,
	}
	region := cmd.Flags().String("region", "", "the `region`'s code")
	address := cmd.Flags().String("lists", pricelist.Public, "the `address` of the price lists")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *region == "" {
			return errors.New("--region is not set; allowed: a region's code, such as eu-central-1")
		}
		p, err := c.project()
		if err != nil {
			return err
		}
		lists := pricelist.Lists{Address: *address, Log: cmd.ErrOrStderr()}
		text, missing, err := cost.File(cmd.Context(), lists, *region, time.Now().UTC().Format(time.DateOnly))
		if err != nil {
			return fmt.Errorf("--region %s: %w", *region, err)
		}
		file := filepath.Join(p.Dir, "internal", "cost", "prices", *region+".yaml")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "Written:", file)
		for _, what := range missing {
			fmt.Fprintln(cmd.OutOrStdout(), "Missing:", what)
		}
		return nil
	}
	return cmd
}
