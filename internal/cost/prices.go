// Package cost computes what a stack costs a month at AWS's list prices, from the resources that the program
// registers. What it cannot price it reports; nothing is silently zero.
package cost

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"sentry/internal/pricelist"
)

//go:embed prices.yaml
var pricesFile []byte

//go:embed prices
var amounts embed.FS

// BaseRegion is the region whose prices stand in for one that has none of its own.
const BaseRegion = "us-east-1"

// Prices are the list prices of one region.
type Prices struct {
	// Date is when the prices were written down, YYYY-MM-DD.
	Date, Region string
	Prices       map[string]Price
}

// Price is what prices.yaml says of a price, and its amount.
type Price struct {
	// USD is in US dollars: the region's, or in prices.yaml the same in all regions.
	USD float64
	// Per is the unit that is billed.
	Per string
	// Source is AWS's page.
	Source string
	// Wanted is where AWS's price lists have it, and Times what turns the lists' unit into Per (1 when 0). Without an
	// offer there the amount is written by hand.
	pricelist.Wanted `yaml:",inline"`
	Times            float64
	// Free is what each account has free in every month.
	Free float64
}

// catalogue is prices.yaml.
func catalogue() (map[string]Price, error) {
	var prices map[string]Price
	decoder := yaml.NewDecoder(bytes.NewReader(pricesFile))
	decoder.KnownFields(true)
	if err := decoder.Decode(&prices); err != nil {
		return nil, fmt.Errorf("parse prices.yaml: %w", err)
	}
	return prices, nil
}

// amountsOf is a file below prices.
type amountsOf struct {
	Date string
	USD  map[string]float64
}

func readAmounts(region string) (amountsOf, error) {
	var read amountsOf
	text, err := amounts.ReadFile("prices/" + region + ".yaml")
	if err != nil {
		return read, err
	}
	if err := yaml.Unmarshal(text, &read); err != nil {
		return read, fmt.Errorf("parse prices/%s.yaml: %w", region, err)
	}
	return read, nil
}

// ListPrices are the prices of a region, or those of [BaseRegion] when there are none.
func ListPrices(region string) (Prices, error) {
	known, err := catalogue()
	if err != nil {
		return Prices{}, err
	}
	own, err := readAmounts(region)
	if errors.Is(err, fs.ErrNotExist) {
		region = BaseRegion
		own, err = readAmounts(region)
	}
	if err != nil {
		return Prices{}, err
	}
	prices := Prices{Date: own.Date, Region: region, Prices: map[string]Price{}}
	for name, price := range known {
		if amount, ok := own.USD[name]; ok {
			price.USD = amount
		}
		if price.USD > 0 {
			prices.Prices[name] = price
		}
	}
	return prices, nil
}

// File is the text of prices/<region>.yaml as AWS's lists have it today, and what they do not have. An amount that
// was written by hand stays.
func File(ctx context.Context, lists pricelist.Lists, region, today string) (text string, missing []string, err error) {
	known, err := catalogue()
	if err != nil {
		return "", nil, err
	}
	before, err := readAmounts(region)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	wanted := map[string]pricelist.Wanted{}
	for name, price := range known {
		if price.Offer != "" {
			wanted[name] = price.Wanted
		}
	}
	usd, problems, err := lists.Find(ctx, region, wanted)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# US dollars at list price; internal/cost/prices.yaml says for what.\ndate: %q\nusd:\n", today)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		price := known[name]
		amount, ok := usd[name]
		if price.Offer == "" {
			amount, ok = before.USD[name]
			problems[name] = "in no list; write it by hand, from " + price.Source
		}
		switch {
		case ok:
			fmt.Fprintf(&b, "  %s: %s\n", name, decimals(rounded(amount*max(1, price.Times), 12)))
		case price.USD == 0:
			missing = append(missing, name+": "+problems[name])
		}
	}
	return b.String(), missing, nil
}
