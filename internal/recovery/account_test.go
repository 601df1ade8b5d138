package recovery

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const arnOf = "arn:aws:%s:%s:123456789012:%s"

func arn(service, region, resource string) string {
	return fmt.Sprintf(arnOf, service, region, resource)
}

// emulated is an account that denies one operation.
func emulated(t *testing.T, denied string) Account {
	t.Helper()
	listed := map[string][]string{
		"eu-west-1": {
			arn("ecs", "eu-west-1", "task-definition/sentry-eu-backend:1"), arn("ecs", "eu-west-1", "task-definition/sentry-eu-backend:2"),
			arn("ecs", "eu-west-1", "task-definition/sentry-eu-backend:3"), arn("ecs", "eu-west-1", "cluster/old"), arn("ecs", "eu-west-1", "service/old/backend"), arn("ecs", "eu-west-1", "service/new/backend"),
			arn("ec2", "eu-west-1", "vpc/vpc-1"),
		},
		"us-east-1": {arn("cloudfront", "", "distribution/E1"), arn("ec2", "us-east-1", "vpc/vpc-2")},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body := string(text)
		status := func(living string) map[string]any {
			if strings.Contains(body, living) {
				return map[string]any{"status": "ACTIVE"}
			}
			return map[string]any{"status": "INACTIVE"}
		}
		var out any
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if operation == "" {
			operation, _, _ = strings.Cut(strings.TrimPrefix(body, "Action="), "&")
		}
		if operation == "" {
			operation = "ListOriginAccessControls"
		}
		if operation == denied {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"__type":"AccessDeniedException"}`)
			return
		}
		switch operation {
		case "GetResources":
			_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "emulated/")
			var found []any
			for _, arn := range listed[strings.Split(rest, "/")[1]] {
				found = append(found, map[string]any{"ResourceARN": arn, "Tags": []any{map[string]any{"Key": "Name", "Value": "x"}}})
			}
			page := map[string]any{"ResourceTagMappingList": found}
			if len(found) > 1 { // two pages
				if strings.Contains(body, `"PaginationToken":"more"`) {
					page["ResourceTagMappingList"] = found[1:]
				} else {
					page["ResourceTagMappingList"], page["PaginationToken"] = found[:1], "more"
				}
			}
			out = page
			assert.Contains(t, body, `{"Key":"Environment","Values":["eu"]}`)
			assert.Contains(t, body, `{"Key":"Project","Values":["sentry"]}`)
		case "DescribeTaskDefinition":
			if strings.Contains(body, ":3") {
				w.WriteHeader(http.StatusBadRequest)
				out = map[string]any{"__type": "ClientException", "message": "Unable to describe task definition."}
				break
			}
			out = map[string]any{"taskDefinition": status(":2")}
		case "DescribeClusters":
			out = map[string]any{"clusters": []any{}}
		case "DescribeServices":
			out = map[string]any{"services": []any{status("new")}}
		case "ListOriginAccessControls":
			summary := "<Items><OriginAccessControlSummary><Id>%s</Id><Name>%s</Name></OriginAccessControlSummary></Items>"
			if r.URL.Query().Get("Marker") == "" {
				fmt.Fprintf(w, "<OriginAccessControlList><NextMarker>E2</NextMarker>"+summary+"</OriginAccessControlList>", "E1", "other")
			} else {
				fmt.Fprintf(w, "<OriginAccessControlList>"+summary+"</OriginAccessControlList>", "E2", "sentry-eu-site")
			}
			return
		default:
			fmt.Fprint(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(server.Close)
	return Account{
		AWS: aws.Config{
			Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("emulated", "x", ""),
		},
		Project: "sentry", Environment: "eu",
	}
}

// What ECS only keeps on record is not there, what belongs to no region is listed in us-east-1, and what can have no
// tags is found by its name.
func TestTagged(t *testing.T) {
	found, err := emulated(t, "").Tagged(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []Tagged{
		{ARN: arn("cloudfront", "", "origin-access-control/E1"), Name: "other", Anybodys: true},
		{ARN: arn("cloudfront", "", "origin-access-control/E2"), Name: "sentry-eu-site", Anybodys: true},
		{ARN: arn("ecs", "eu-west-1", "task-definition/sentry-eu-backend:2"), Name: "x"},
		{ARN: arn("ecs", "eu-west-1", "service/new/backend"), Name: "x"},
		{ARN: arn("ec2", "eu-west-1", "vpc/vpc-1"), Name: "x"},
		{ARN: arn("cloudfront", "", "distribution/E1"), Name: "x"},
	}, found)
}

// What may not be looked at would be taken for absent, and made a second time.
func TestWhatIsDeniedIsNotAbsent(t *testing.T) {
	for _, denied := range []string{
		"GetCallerIdentity", "GetResources", "ListOriginAccessControls", "DescribeTaskDefinition", "DescribeClusters", "DescribeServices",
	} {
		_, err := emulated(t, denied).Tagged(t.Context())
		require.ErrorContains(t, err, "StatusCode: 403", denied)
	}
}
