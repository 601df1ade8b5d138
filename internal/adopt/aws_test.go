package adopt_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/adopt"
)

// elsewhere leads the SDK to a server of the test's, and away from the machine's credentials.
func elsewhere(t *testing.T, handler http.Handler) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_MAX_ATTEMPTS": "1", "AWS_PROFILE": "", "AWS_ENDPOINT_URL_EC2": "",
	} {
		t.Setenv(name, value)
	}
}

func TestStatesInS3(t *testing.T) {
	store := s3mem.New()
	require.NoError(t, store.CreateBucket("terraform-state"))
	text := stateFile(t, "staging")
	_, err := store.PutObject("terraform-state", "staging/terraform.tfstate", map[string]string{}, strings.NewReader(text), int64(len(text)), nil)
	require.NoError(t, err)
	elsewhere(t, gofakes3.New(store, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())

	state, err := adopt.Load(t.Context(), "s3://terraform-state/staging/terraform.tfstate")
	require.NoError(t, err)
	assert.Equal(t, read(t, text), state)

	_, err = adopt.Load(t.Context(), "s3://terraform-state/other")
	require.ErrorContains(t, err, "--state s3://terraform-state/other: fetch the object: ")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	_, err = adopt.Load(t.Context(), "s3://terraform-state/other")
	require.ErrorContains(t, err, "no region is set: set AWS_REGION to the bucket's")
}

func TestRulesInAWS(t *testing.T) {
	const item = `<item><securityGroupRuleId>%s</securityGroupRuleId><groupId>sg-1</groupId><isEgress>%t</isEgress><ipProtocol>%s</ipProtocol>` +
		`<fromPort>%d</fromPort><toPort>%d</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4></item>`
	elsewhere(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseForm())
		assert.Equal(t, "DescribeSecurityGroupRules", r.Form.Get("Action"))
		assert.Equal(t, "sg-1", r.Form.Get("Filter.1.Value.1"))
		assert.Contains(t, r.Header.Get("Authorization"), "/us-east-1/ec2/aws4_request", "AWS takes no request that is not signed")
		rule, next := fmt.Sprintf(item, "sgr-1", false, "tcp", 8080, 8080), "<nextToken>more</nextToken>"
		if r.Form.Get("NextToken") == "more" {
			rule, next = fmt.Sprintf(item, "sgr-2", true, "-1", -1, -1), ""
		}
		fmt.Fprintf(w, `<DescribeSecurityGroupRulesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><securityGroupRuleSet>%s</securityGroupRuleSet>%s`+
			`</DescribeSecurityGroupRulesResponse>`, rule, next)
	}))
	rules, err := adopt.RulesInAWS("us-east-1")(t.Context(), "sg-1")
	require.NoError(t, err)
	assert.Equal(t, []adopt.Rule{
		{ID: "sgr-1", Protocol: "tcp", From: 8080, To: 8080, CIDR: "0.0.0.0/0"},
		{ID: "sgr-2", Egress: true, Protocol: "-1", From: -1, To: -1, CIDR: "0.0.0.0/0"},
	}, rules)
}

func TestAWSRefuses(t *testing.T) {
	elsewhere(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized.</Message></Error></Errors></Response>`)
	}))
	_, err := adopt.RulesInAWS("us-east-1")(t.Context(), "sg-1")
	require.ErrorIs(t, err, adopt.ErrUnreachable)
	require.ErrorContains(t, err, "403 Forbidden: UnauthorizedOperation You are not authorized.")

	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err = adopt.RulesInAWS("us-east-1")(t.Context(), "sg-1")
	require.ErrorIs(t, err, adopt.ErrUnreachable)
	require.ErrorContains(t, err, "no credentials: set AWS_PROFILE")
}
