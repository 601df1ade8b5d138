package infra_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

func withHTTPS(t *testing.T, value string) deployed {
	t.Helper()
	return with(t, map[string]string{"sentry:https": value})
}

// at is what stands at a path of an input document: names of fields, and numbers of elements.
func at(t *testing.T, document any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			fields, ok := document.(map[string]any)
			require.True(t, ok, "no fields at %v of %v", step, path)
			document = fields[step]
		case int:
			elements, ok := document.([]any)
			require.True(t, ok && step < len(elements), "no element %d of %v", step, path)
			document = elements[step]
		}
	}
	return document
}

func TestNothingIsInFrontWithoutTheKey(t *testing.T) { // G1
	for _, value := range []string{"", "false"} {
		d := withHTTPS(t, value)
		for _, r := range d.Resources {
			assert.NotContains(t, r.Type, "Edge", "a stack without the key pays for a load balancer")
			assert.NotContains(t, r.Type, "aws:lb/")
			assert.NotContains(t, r.Type, "aws:cloudfront/")
		}
		assert.NotContains(t, d.Outputs, "apiUrl", "the pipeline takes plain HTTP for an address that does not change")
		assert.NotContains(t, d.Outputs, "distributionId")
	}
}

func TestOneAddress(t *testing.T) { // G1, F8
	d := withHTTPS(t, "true")
	distribution := d.resource(t, aws.CloudFrontDistribution, "sentry-staging")
	address := "https://" + distribution.Outputs.Mappable()["domainName"].(string)
	assert.Equal(t, address, d.Outputs["frontendUrl"])
	assert.Equal(t, address+"/api", d.Outputs["apiUrl"])
	assert.EqualValues(t, distribution.ID, d.Outputs["distributionId"], "the pipeline cannot tell CloudFront of a new site")

	site := at(t, d.inputs(t, aws.CloudFrontDistribution, "sentry-staging"), "defaultCacheBehavior")
	api := at(t, d.inputs(t, aws.CloudFrontDistribution, "sentry-staging"), "orderedCacheBehaviors", 0)
	assert.Equal(t, "/api/*", at(t, api, "pathPattern"))
	for what, behavior := range map[string]any{"site": site, "api": api} {
		assert.Equal(t, "redirect-to-https", at(t, behavior, "viewerProtocolPolicy"), "the %s speaks plain HTTP", what)
		assert.Equal(t, "67f7725c-6f97-4210-82d7-5512b31e9d03", at(t, behavior, "responseHeadersPolicyId"), "the %s has no security headers", what)
	}
	assert.Equal(t, "658327ea-f89d-4fab-a63d-7e88639e58f6", at(t, site, "cachePolicyId"), "each visit loads the whole site from S3")
	assert.Equal(t, "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", at(t, api, "cachePolicyId"), "one visitor gets another one's answers")
	assert.Equal(t, "216adef6-5c7f-47e4-b989-5492eafa07d3", at(t, api, "originRequestPolicyId"), "cookies, queries or headers do not reach the backend")
	assert.Equal(t, []any{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}, at(t, api, "allowedMethods"), "the API cannot be written to")
	assert.Empty(t, distribution.Inputs.Mappable()["customErrorResponses"], "the API's 404 becomes the site")
}

// A backend sees the same paths with HTTPS as without, unless it asks for the prefix.
func TestPrefixOfTheAPI(t *testing.T) { // G1
	associations := func(value string) []any {
		behavior := at(t, withHTTPS(t, value).inputs(t, aws.CloudFrontDistribution, "sentry-staging"), "orderedCacheBehaviors", 0)
		list, _ := at(t, behavior, "functionAssociations").([]any)
		return list
	}
	require.Len(t, associations("true"), 1, "a backend that knows nothing of /api answers 404 to each request")
	assert.Equal(t, "viewer-request", at(t, associations("true"), 0, "eventType"))
	assert.Empty(t, associations(`{"keepApiPrefix":true}`), "a backend that knows /api gets requests without it")
}

// The functions run in CloudFront; node runs them as well.
func TestEdgeFunctions(t *testing.T) { // G1
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	for file, paths := range map[string]map[string]string{
		"site.js": {
			"/": "/index.html", "/clips/42": "/index.html", "/clips/": "/index.html", "/v1.2/about": "/index.html",
			"/index.html": "/index.html", "/assets/app.3f2a.js": "/assets/app.3f2a.js",
		},
		"strip.js": {"/api/health": "/health", "/api/": "/", "/api/v1/api/x": "/v1/api/x", "/apiary": "/apiary"},
	} {
		code, err := os.ReadFile(filepath.Join("edge", file))
		require.NoError(t, err)
		for path, want := range paths {
			call := fmt.Sprintf("%s;console.log(handler({request: {uri: %q}}).uri)", code, path)
			got, err := exec.CommandContext(t.Context(), node, "-e", call).CombinedOutput()
			require.NoError(t, err, "%s", got)
			assert.Equal(t, want, strings.TrimSpace(string(got)), "%s leads %s astray", file, path)
		}
	}
}

func TestOnlyCloudFrontReachesTheTasks(t *testing.T) { // G1
	d := withHTTPS(t, "true")
	tasks := d.resource(t, aws.EC2SecurityGroup, "sentry-staging-tasks").ID
	balancer := d.resource(t, aws.EC2SecurityGroup, "sentry-staging-load-balancer").ID
	var rules []string
	for _, r := range d.ByType(aws.EC2SecurityGroupIngressRule) {
		in := r.Inputs.Mappable()
		source := in["prefixListId"]
		if group := in["referencedSecurityGroupId"]; group != nil {
			source = group
		}
		rules = append(rules, fmt.Sprint(in["securityGroupId"], " ", in["fromPort"], " from ", source, in["cidrIpv4"]))
	}
	assert.ElementsMatch(t, []string{
		fmt.Sprint(tasks, " 8080 from ", balancer, "<nil>"), fmt.Sprint(balancer, " 80 from pl-3b927c52<nil>"),
	}, rules, "port 8080 is still open to the world, or the load balancer to others than CloudFront")

	input := d.inputs(t, aws.LBLoadBalancer, "sentry-staging")
	assert.Equal(t, true, input["internal"], "the load balancer has public addresses, at a price")
	assert.Equal(t, []any{balancer}, input["securityGroups"])
	assert.Equal(t, true, input["dropInvalidHeaderFields"], "requests can be smuggled")
	var isolated []any
	for _, r := range d.ByType(aws.EC2Subnet) {
		if strings.Contains(r.Name, "isolated") {
			isolated = append(isolated, r.ID)
			assert.Equal(t, false, r.Inputs.Mappable()["mapPublicIpOnLaunch"])
		}
	}
	assert.Equal(t, isolated, input["subnets"])
	assert.Len(t, isolated, 2, "the load balancer needs two zones")
	assert.Empty(t, d.ByType("aws:ec2/natGateway:NatGateway"))
	for _, r := range d.ByType(aws.EC2Route) {
		assert.NotContains(t, r.Name, "isolated", "the isolated subnets have a way to the internet")
	}
	service := d.inputs(t, aws.ECSService, "sentry-staging-backend")
	assert.Equal(t, true, at(t, service, "networkConfiguration", "assignPublicIp"), "without NAT the tasks cannot pull their image")
}

func TestSiteIsPrivateBehindTheDistribution(t *testing.T) { // G1
	for _, public := range []string{"true", "false"} {
		d := with(t, map[string]string{"sentry:https": "true", "sentry:publicFrontend": public})
		assert.Empty(t, d.ByType(aws.S3BucketWebsiteConfiguration), "the site is open in plain HTTP, too")
		block := d.resource(t, aws.S3BucketPublicAccessBlock, "sentry-staging-frontend")
		assert.Equal(t, true, block.Inputs.Mappable()["restrictPublicBuckets"])
		rights := parse[policy](t, d.inputs(t, aws.S3BucketPolicy, "sentry-staging-frontend")["policy"])
		distribution := d.resource(t, aws.CloudFrontDistribution, "sentry-staging")
		assert.Equal(t, []string{"s3:GetObject"}, rights.actions("Allow"))
		assert.Equal(t, map[string]any{"Service": "cloudfront.amazonaws.com"}, rights.Statement[1].Principal)
		assert.Equal(t, distribution.Outputs.Mappable()["arn"], rights.Statement[1].Condition["StringEquals"]["aws:SourceArn"],
			"anybody's distribution can serve the bucket")
		assert.Contains(t, block.DependsOn, distribution.URN, "the old address of the site closes minutes before the new one answers")
	}
}

func TestRequestsReachHealthyTasksOnly(t *testing.T) { // G1, G4
	d := with(t, map[string]string{
		"sentry:https": "true", "sentry:container": `{"healthCheck":{"path":"/ready","interval":20,"timeout":4,"retries":4,"startPeriod":90}}`,
	})
	group := d.inputs(t, aws.LBTargetGroup, "sentry-staging-backend")
	assert.Equal(t, map[string]any{
		"path": "/ready", "matcher": "200", "interval": 20.0, "timeout": 4.0, "healthyThreshold": 2.0, "unhealthyThreshold": 4.0,
	}, group["healthCheck"])
	assert.EqualValues(t, 30, group["deregistrationDelay"], "each deployment waits five minutes for tasks that have nothing to do")
	assert.Equal(t, "ip", group["targetType"])
	service := d.resource(t, aws.ECSService, "sentry-staging-backend")
	assert.Equal(t, []any{map[string]any{
		"containerName": "backend", "containerPort": 8080.0, "targetGroupArn": d.resource(t, aws.LBTargetGroup, "sentry-staging-backend").ID,
	}}, service.Inputs.Mappable()["loadBalancers"])
	assert.EqualValues(t, 90, service.Inputs.Mappable()["healthCheckGracePeriodSeconds"], "tasks are killed while they start")
	assert.Contains(t, service.DependsOn, d.resource(t, aws.LBListener, "sentry-staging-http").URN, "ECS refuses a group that no listener uses")
}

func TestDomain(t *testing.T) { // G2
	const domain = `{"domain":"app.example.com","zoneId":"Z0123456789"}`
	d := withHTTPS(t, domain)
	assert.Equal(t, "https://app.example.com", d.Outputs["frontendUrl"])
	assert.Equal(t, "https://app.example.com/api", d.Outputs["apiUrl"])
	distribution := d.inputs(t, aws.CloudFrontDistribution, "sentry-staging")
	assert.Equal(t, []any{"app.example.com"}, distribution["aliases"])
	assert.Equal(t, map[string]any{
		"acmCertificateArn": d.resource(t, aws.ACMCertificate, "sentry-staging").ID, "sslSupportMethod": "sni-only", "minimumProtocolVersion": "TLSv1.2_2021",
	}, distribution["viewerCertificate"], "browsers are warned, or may speak TLS 1.0")
	kinds := map[string]any{}
	for _, r := range d.ByType(aws.Route53Record) {
		assert.Equal(t, "Z0123456789", r.Inputs.Mappable()["zoneId"])
		kinds[r.Inputs.Mappable()["type"].(string)] = r.Inputs.Mappable()["name"]
	}
	assert.Equal(t, "app.example.com", kinds["A"])
	assert.Equal(t, "app.example.com", kinds["AAAA"], "visitors with IPv6 only do not find the site")
	assert.Contains(t, kinds["CNAME"], ".app.example.com.", "the certificate is never issued")
	assert.Len(t, d.ByType(aws.Provider), 1, "a second provider in the region of the first")

	elsewhere := with(t, map[string]string{
		"sentry:https": domain, "aws:region": "eu-central-1", "sentry:availabilityZones": `["eu-central-1a","eu-central-1b"]`, "sentry:image": "",
	})
	assert.Contains(t, elsewhere.resource(t, aws.ACMCertificate, "sentry-staging").ID, "arn:aws:acm:us-east-1:", "CloudFront takes no other certificates")
	assert.Contains(t, elsewhere.resource(t, aws.LBLoadBalancer, "sentry-staging").ID, ":eu-central-1:")
	for _, r := range elsewhere.ByType(aws.Provider) {
		assert.Equal(t, "staging", at(t, r.Inputs.Mappable(), "defaultTags", "tags", "Environment"), "what the provider %s makes cannot be told from production's", r.Name)
	}
}

func TestDeletionProtectionOfTheLoadBalancer(t *testing.T) {
	assert.Equal(t, false, withHTTPS(t, "true").inputs(t, aws.LBLoadBalancer, "sentry-staging")["enableDeletionProtection"],
		"the key cannot be switched off again")
	assert.Equal(t, true, withHTTPS(t, `{"deletionProtection":true}`).inputs(t, aws.LBLoadBalancer, "sentry-staging")["enableDeletionProtection"])
}

func TestUploadsFromBrowsers(t *testing.T) { // G11
	origins := func(changes map[string]string) map[string]any {
		d := with(t, changes)
		found := map[string]any{}
		for _, r := range d.ByType(aws.S3BucketCORSConfiguration) {
			found[r.Name] = at(t, r.Inputs.Mappable(), "corsRules", 0, "allowedOrigins")
		}
		return found
	}
	assert.Empty(t, origins(nil), "a stack without the key lets sites use its buckets")
	assert.Equal(t, map[string]any{
		"sentry-staging-artifacts": []any{"http://localhost:3000"}, "sentry-staging-clips": []any{"http://localhost:3000"},
	}, origins(map[string]string{"sentry:corsOrigins": `["http://localhost:3000"]`}))
	d := withHTTPS(t, "true")
	assert.Equal(t, []any{d.Outputs["frontendUrl"]},
		at(t, d.inputs(t, aws.S3BucketCORSConfiguration, "sentry-staging-clips"), "corsRules", 0, "allowedOrigins"), "the site itself cannot upload")
}

// What a preview of a new environment cannot know must not stop it, whatever is switched on.
func TestPreviewOfANewEnvironmentWithHTTPS(t *testing.T) {
	recording, err := run(t, "staging", sandbox.StackOptions{DryRun: true, Config: map[string]string{
		"sentry:https":      `{"domain":"app.example.com","zoneId":"Z0123456789"}`,
		"sentry:monitoring": `{"alarmEmail":"ops@example.com","dashboard":true}`,
		"sentry:scaling":    `{"maxCount":3,"requestsTarget":100}`,
	}})
	require.NoError(t, err)
	assert.Equal(t, "https://app.example.com", recording.Outputs["frontendUrl"])
	text, err := json.Marshal(recording.Outputs["distributionId"])
	require.NoError(t, err)
	assert.NotContains(t, string(text), "E0", "the preview claims to know what AWS has not said yet")
}
