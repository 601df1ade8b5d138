package pricelist_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/pricelist"
)

// lists are answers in the documented format, cut down to some products.
func lists(t *testing.T) (pricelist.Lists, *strings.Builder) {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	t.Cleanup(server.Close)
	var log strings.Builder
	return pricelist.Lists{Address: server.URL, Log: &log}, &log
}

func TestFind(t *testing.T) {
	l, log := lists(t)
	amounts, missing, err := l.Find(t.Context(), "eu-central-1", map[string]pricelist.Wanted{
		"cpu":     {Offer: "AmazonECS", Usage: "Fargate-vCPU-Hours:perCPU"},
		"arm":     {Offer: "AmazonECS", Usage: "Fargate-ARM-vCPU-Hours:perCPU"},
		"memory":  {Offer: "AmazonECS", Usage: "Fargate-GB-Hours"},
		"storage": {Offer: "AmazonS3", Usage: "TimedStorage-ByteHrs", Where: map[string]string{"volumeType": "Standard"}},
		"any":     {Offer: "AmazonS3", Usage: "TimedStorage-ByteHrs"},
		"writes":  {Offer: "AmazonS3", Usage: "Requests-Tier1"},
		"others":  {Offer: "AmazonNothing", Usage: "Hours"},
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{
		"cpu":     0.04656,   // neither spot's nor a reservation's
		"arm":     0.03725,   //
		"storage": 0.0245,    // the first step, in whatever order
		"writes":  0.0000054, // the first step that is paid
	}, amounts)
	assert.Equal(t, map[string]string{
		"memory": "AmazonECS, usage type Fargate-GB-Hours: not listed: no such product",
		"any":    "AmazonS3, usage type TimedStorage-ByteHrs: the list has 2 prices, [0.0245 0.03]",
		"others": "AmazonNothing, usage type Hours: not listed: the service has no list",
	}, missing, "a price was guessed")
	assert.Equal(t, 2, strings.Count(log.String(), "/eu-central-1/index.json\n"), "a long download without a word")
}

func TestARegionThatAWSDoesNotHave(t *testing.T) {
	l, _ := lists(t)
	wanted := map[string]pricelist.Wanted{"cpu": {Offer: "AmazonECS", Usage: "Fargate-vCPU-Hours:perCPU"}}
	_, _, err := l.Find(t.Context(), "eu-nowhere-1", wanted)
	require.ErrorContains(t, err, `in "eu-nowhere-1"; allowed: a region's code`, "an empty list of prices would be written")
	l.Address += "/nowhere"
	_, _, err = l.Find(t.Context(), "eu-central-1", wanted)
	require.ErrorContains(t, err, "404")
}

// In us-east-1 usage types have no prefix, and those of other regions with one may stand beside them.
func TestTheRegionWithoutAPrefix(t *testing.T) {
	const list = `{"version":"x","notes":[["a"],{"b":[1]}],"products":{
		"1":{"sku":"1","attributes":{"usagetype":"Hours"}},"2":{"sku":"2","attributes":{"usagetype":"Hours"}},
		"3":{"sku":"3","attributes":{"usagetype":"USW2-Hours"}}},
		"terms":{"Reserved":{"1":[{"x":["y"]}]},"OnDemand":{
		"1":{"1.a":{"priceDimensions":{"z":{"beginRange":"0","pricePerUnit":{"USD":"0.5"}}}}},
		"2":{"2.a":{"priceDimensions":{"z":{"beginRange":"0","pricePerUnit":{"USD":"0.5"}}}}},
		"3":{"3.a":{"priceDimensions":{"z":{"beginRange":"0","pricePerUnit":{"USD":"0.7"}}}}}}}}`
	answers := map[string]string{
		"/offers/v1.0/aws/index.json": `{"offers":{"AmazonX":{"currentRegionIndexUrl":"/x"},"AmazonBroken":{"currentRegionIndexUrl":"/broken"}}}`,
		"/x":                          `{"regions":{"us-east-1":{"currentVersionUrl":"/list"}}}`,
		"/list":                       list,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	l := pricelist.Lists{Address: server.URL, Log: &strings.Builder{}}
	wanted := map[string]pricelist.Wanted{"hours": {Offer: "AmazonX", Usage: "Hours"}}
	amounts, missing, err := l.Find(t.Context(), "us-east-1", wanted)
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"hours": 0.5}, amounts, "another region's price is taken, or one price that stands there twice is none")
	assert.Empty(t, missing)

	wanted["others"] = pricelist.Wanted{Offer: "AmazonBroken", Usage: "Hours"}
	_, _, err = l.Find(t.Context(), "us-east-1", wanted)
	require.ErrorContains(t, err, "read the price list of AmazonBroken: ", "a list that could not be read is taken for one without the price")
	delete(wanted, "others")
	answers["/list"] = `["no object"]`
	_, _, err = l.Find(t.Context(), "us-east-1", wanted)
	require.ErrorContains(t, err, "[ in place of an object")
}
