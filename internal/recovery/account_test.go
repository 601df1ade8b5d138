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

// What ECS only keeps on record is not there, what belongs to no region is listed in us-east-1, and what can have no
// tags is found by its name.
func TestTagged(t *testing.T) {
	arn := func(service, region, resource string) string { return fmt.Sprintf(arnOf, service, region, resource) }
	listed := map[string][]string{
		"eu-west-1": {
			arn("ecs", "eu-west-1", "task-definition/sentry-eu-backend:1"), arn("ecs", "eu-west-1", "task-definition/sentry-eu-backend:2"),
			arn("ecs", "eu-west-1", "cluster/old"), arn("ecs", "eu-west-1", "service/old/backend"), arn("ecs", "eu-west-1", "service/new/backend"),
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
		switch operation {
		case "GetResources":
			_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "emulated/")
			var found []any
			for _, arn := range listed[strings.Split(rest, "/")[1]] {
				found = append(found, map[string]any{"ResourceARN": arn, "Tags": []any{map[string]any{"Key": "Name", "Value": "x"}}})
			}
			out = map[string]any{"ResourceTagMappingList": found}
			assert.Contains(t, body, `{"Key":"Environment","Values":["eu"]}`)
			assert.Contains(t, body, `{"Key":"Project","Values":["sentry"]}`)
		case "DescribeTaskDefinition":
			out = map[string]any{"taskDefinition": status(":2")}
		case "DescribeClusters":
			out = map[string]any{"clusters": []any{}}
		case "DescribeServices":
			out = map[string]any{"services": []any{status("new")}}
		default:
			if strings.Contains(r.URL.Path, "origin-access-control") {
				fmt.Fprint(w, "<OriginAccessControlList><Items><OriginAccessControlSummary><Id>E2</Id><Name>sentry-eu-site</Name></OriginAccessControlSummary></Items></OriginAccessControlList>")
				return
			}
			fmt.Fprint(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(out)
	}))
	defer server.Close()
	found, err := Account{
		AWS:     aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("emulated", "x", "")},
		Project: "sentry", Environment: "eu",
	}.Tagged(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []Tagged{
		{ARN: arn("cloudfront", "", "origin-access-control/E2"), Name: "sentry-eu-site", Anybodys: true},
		{ARN: arn("ecs", "eu-west-1", "task-definition/sentry-eu-backend:2"), Name: "x"},
		{ARN: arn("ecs", "eu-west-1", "service/new/backend"), Name: "x"},
		{ARN: arn("ec2", "eu-west-1", "vpc/vpc-1"), Name: "x"},
		{ARN: arn("cloudfront", "", "distribution/E1"), Name: "x"},
	}, found)
}
