// Package pricelist reads AWS's public price lists, which ask for no credentials.
package pricelist

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
)

// Public is the address of AWS's own lists.
const Public = "https://pricing.us-east-1.amazonaws.com"

// Wanted is a price: Offer is the service whose list has it, Usage the usage type there, without the region's prefix,
// and Where the attributes that narrow it down.
type Wanted struct {
	Offer, Usage string
	Where        map[string]string
}

// Lists are the price lists at an address, which has no slash at the end. Log gets a line for each list; that of EC2
// has hundreds of megabytes.
// https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/bulk-api-reading-price-list-files.html
type Lists struct {
	Address string
	Log     io.Writer
}

// Find looks prices up by name, in US dollars for the lists' unit, on demand. Missing says of the others why.
func (l Lists) Find(ctx context.Context, region string, wanted map[string]Wanted) (amounts map[string]float64, missing map[string]string, err error) {
	var services struct {
		Offers map[string]struct{ CurrentRegionIndexURL string }
	}
	if err := l.get(ctx, "/offers/v1.0/aws/index.json", func(d *json.Decoder) error { return d.Decode(&services) }); err != nil {
		return nil, nil, err
	}
	byOffer := map[string]map[string]*listed{}
	for name, w := range wanted {
		if byOffer[w.Offer] == nil {
			byOffer[w.Offer] = map[string]*listed{}
		}
		byOffer[w.Offer][name] = &listed{wanted: w, amounts: map[string]float64{}}
	}
	amounts, missing = map[string]float64{}, map[string]string{}
	for _, offer := range slices.Sorted(maps.Keys(byOffer)) {
		unread := l.read(ctx, services.Offers[offer].CurrentRegionIndexURL, region, byOffer[offer])
		if unread != nil && !errors.Is(unread, errNotListed) {
			return nil, nil, fmt.Errorf("read the price list of %s: %w", offer, unread)
		}
		for name, found := range byOffer[offer] {
			amount, err := found.amount()
			if err = cmp.Or(unread, err); err != nil {
				missing[name] = fmt.Sprintf("%s, usage type %s: %v", offer, found.wanted.Usage, err)
			} else {
				amounts[name] = amount
			}
		}
	}
	if len(amounts) == 0 {
		return nil, nil, fmt.Errorf("AWS's lists have nothing of all this in %q; allowed: a region's code, such as eu-central-1", region)
	}
	return amounts, missing, nil
}

var errNotListed = errors.New("not listed")

// read fills in what one service's list has.
func (l Lists) read(ctx context.Context, regionIndex, region string, found map[string]*listed) error {
	if regionIndex == "" {
		return fmt.Errorf("%w: the service has no list", errNotListed)
	}
	var index struct {
		Regions map[string]struct{ CurrentVersionURL string }
	}
	if err := l.get(ctx, regionIndex, func(d *json.Decoder) error { return d.Decode(&index) }); err != nil {
		return err
	}
	list, ok := index.Regions[region]
	if !ok {
		return fmt.Errorf("%w: the service's list has no such region", errNotListed)
	}
	fmt.Fprintf(l.Log, "%s%s\n", l.Address, list.CurrentVersionURL)
	return l.get(ctx, list.CurrentVersionURL, func(d *json.Decoder) error { return scan(d, found) })
}

func (l Lists) get(ctx context.Context, path string, read func(*json.Decoder) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.Address+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s", l.Address, path, response.Status)
	}
	if err := read(json.NewDecoder(response.Body)); err != nil {
		return fmt.Errorf("%s%s: %w", l.Address, path, err)
	}
	return nil
}

// listed is what a list has for one price.
type listed struct {
	wanted Wanted
	// exact are the products whose usage type has no prefix, as in us-east-1; prefixed those with a region's.
	exact, prefixed []string
	amounts         map[string]float64 // by product
}

// A region's prefix is EUC1-, or for KMS eu-central-1-. Other prefixes make another usage type: SpotUsage-.
var regionPrefix = regexp.MustCompile(`^(?:[A-Z]{2,}[0-9]*|[a-z]{2}(?:-[a-z]+)+-[0-9])-`)

// product takes a product that is this price's.
func (l *listed) product(sku string, attributes map[string]string) {
	for key, want := range l.wanted.Where {
		if attributes[key] != want {
			return
		}
	}
	switch usage := attributes["usagetype"]; {
	case usage == l.wanted.Usage:
		l.exact = append(l.exact, sku)
	case regionPrefix.ReplaceAllString(usage, "") == l.wanted.Usage:
		l.prefixed = append(l.prefixed, sku)
	}
}

// amount is the price's, when the list has just one.
func (l *listed) amount() (float64, error) {
	products := l.exact
	if len(products) == 0 {
		products = l.prefixed
	}
	var amounts []float64
	for _, sku := range products {
		if amount, ok := l.amounts[sku]; ok && !slices.Contains(amounts, amount) {
			amounts = append(amounts, amount)
		}
	}
	switch len(amounts) {
	case 0:
		return 0, fmt.Errorf("%w: no such product", errNotListed)
	case 1:
		return amounts[0], nil
	}
	return 0, fmt.Errorf("the list has %d prices, %v", len(amounts), amounts)
}

// dimension is a step of a price: what is used from BeginRange on costs PricePerUnit.
type dimension struct {
	BeginRange   string
	PricePerUnit struct{ USD string }
}

// firstPaid is the price after what is free in the list itself.
func firstPaid(dimensions []dimension) (float64, bool) {
	slices.SortFunc(dimensions, func(a, b dimension) int {
		from, _ := strconv.ParseFloat(a.BeginRange, 64)
		to, _ := strconv.ParseFloat(b.BeginRange, 64)
		return int(min(1, max(-1, from-to)))
	})
	for _, d := range dimensions {
		if amount, err := strconv.ParseFloat(d.PricePerUnit.USD, 64); err == nil && amount > 0 {
			return amount, true
		}
	}
	return 0, false
}

// scan reads a list of products, then of their terms, one at a time: the list of EC2 does not fit into memory.
func scan(d *json.Decoder, found map[string]*listed) error {
	return object(d, func(key string) error {
		switch key {
		case "products":
			return object(d, func(sku string) error {
				var product struct{ Attributes map[string]string }
				if err := d.Decode(&product); err != nil {
					return err
				}
				for _, l := range found {
					l.product(sku, product.Attributes)
				}
				return nil
			})
		case "terms":
			return object(d, func(kind string) error {
				if kind != "OnDemand" {
					return skip(d)
				}
				return object(d, func(sku string) error { return term(d, sku, found) })
			})
		}
		return skip(d)
	})
}

func term(d *json.Decoder, sku string, found map[string]*listed) error {
	var terms map[string]struct{ PriceDimensions map[string]dimension }
	if err := d.Decode(&terms); err != nil {
		return err
	}
	var dimensions []dimension
	for _, term := range terms {
		for _, dimension := range term.PriceDimensions {
			dimensions = append(dimensions, dimension)
		}
	}
	if amount, ok := firstPaid(dimensions); ok {
		for _, l := range found {
			if slices.Contains(l.exact, sku) || slices.Contains(l.prefixed, sku) {
				l.amounts[sku] = amount
			}
		}
	}
	return nil
}

// object reads an object whose values are read by value.
func object(d *json.Decoder, value func(key string) error) error {
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return errors.Join(err, fmt.Errorf("%v in place of an object", token))
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if err := value(key.(string)); err != nil { // a key of an object is text
			return err
		}
	}
	_, err := d.Token()
	return err
}

// skip reads over a value, however large.
func skip(d *json.Decoder) error {
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
