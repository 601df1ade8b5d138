package cost_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/aws"
	"sentry/internal/cost"
	"sentry/internal/fixture"
	"sentry/internal/golden"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// price runs the program with the stack files of a project.
func price(t *testing.T, dir, stack string, given map[string]float64) cost.Report {
	t.Helper()
	p, err := project.Open(dir)
	require.NoError(t, err)
	report, err := cost.Stack(infra.DeployIn, p, stack, given)
	require.NoError(t, err)
	for _, line := range report.Lines {
		assert.NotZero(t, line.Amount, "%s: a line for nothing: %s", stack, line.What)
	}
	return report
}

func amount(t *testing.T, r cost.Report, what string) float64 {
	t.Helper()
	for _, line := range r.Lines {
		if line.What == what {
			return line.Amount
		}
	}
	t.Fatalf("%s pays nothing for %q; it pays for %v", r.Stack, what, r.Lines)
	return 0
}

// edited is a project with a changed stack file; edits are old, new, old, new …
func edited(t *testing.T, stack string, edits ...string) string {
	t.Helper()
	dir := fixture.Project(t)
	for i := 0; i < len(edits); i += 2 {
		fixture.Replace(t, filepath.Join(dir, "Pulumi."+stack+".yaml"), edits[i], edits[i+1])
	}
	return dir
}

func TestA19BothStacksCostWhatWasPromised(t *testing.T) {
	t.Parallel()
	for stack, limits := range map[string][2]float64{"staging": {15, 30}, "production": {50, 100}} {
		r := price(t, fixture.Project(t), stack, nil)
		assert.Empty(t, r.Unpriced, "%s: the total leaves something out", stack)
		assert.GreaterOrEqual(t, r.Total, limits[0], stack)
		assert.LessOrEqual(t, r.Total, limits[1], "%s costs more than the product may", stack)
	}
}

// The same by hand, in tenths of a cent, from AWS's pages: nothing of it is read from the files here.
func TestTotalsByHand(t *testing.T) {
	t.Parallel()
	verbose := price(t, fixture.Project(t), "staging", map[string]float64{"insights-event-kb": 3})
	assert.InDelta(t, 0.263, amount(t, verbose, "Container Insights: events"), 0.001) // 4 × 43,800 × 3 kB = 0.5256 GB × 0.50
	staging := price(t, fixture.Project(t), "staging", nil)
	assert.InDelta(t, 7.388, amount(t, staging, "Fargate: CPU (x86)"), 0.001)             // 1 × 0.25 × 730 × 0.04048
	assert.InDelta(t, 1.622, amount(t, staging, "Fargate: memory (x86)"), 0.001)          // 1 × 0.5 × 730 × 0.004445
	assert.InDelta(t, 3.650, amount(t, staging, "Public IPv4 addresses of tasks"), 0.001) // 1 × 730 × 0.005
	assert.InDelta(t, 11.400, amount(t, staging, "Container Insights: metrics"), 0.001)   // 38 × 0.30
	assert.InDelta(t, 0.088, amount(t, staging, "Container Insights: events"), 0.001)     // 4 × 43,800 × 1 kB = 0.1752 GB × 0.50
	assert.InDelta(t, 0.250, amount(t, staging, "Log lines taken in"), 0.001)             // 0.5 × 0.50
	assert.InDelta(t, 0.200, amount(t, staging, "Images in ECR"), 0.001)                  // 2 × 0.10
	assert.InDelta(t, 0.115, amount(t, staging, "S3 storage: clips"), 0.001)              // 5 × 0.023
	assert.InDelta(t, 0.180, amount(t, staging, "Data to the internet"), 0.001)           // 2 × 0.09
	assert.InDelta(t, 0.0005, amount(t, staging, "Log lines kept"), 0.0001)               // 0.5 × 0.15 × 7/30.4 × 0.03
	assert.InDelta(t, 0.050+0.040, amount(t, staging, "S3 requests: writes")+amount(t, staging, "S3 requests: reads"), 0.001)

	production := price(t, fixture.Project(t), "production", nil)
	assert.InDelta(t, 29.550, amount(t, production, "Fargate: CPU (x86)"), 0.001)            // 2 × 0.5 × 730 × 0.04048
	assert.InDelta(t, 6.490, amount(t, production, "Fargate: memory (x86)"), 0.001)          // 2 × 1 × 730 × 0.004445
	assert.InDelta(t, 7.300, amount(t, production, "Public IPv4 addresses of tasks"), 0.001) // 2 × 730 × 0.005
	assert.InDelta(t, 0.131, amount(t, production, "Container Insights: events"), 0.001)     // 6 × 43,800 × 1 kB = 0.2628 GB × 0.50
	for _, r := range []cost.Report{staging, production} {
		sum := 0.0
		for _, line := range r.Lines {
			sum += line.Amount
		}
		assert.InDelta(t, sum, r.Total, 1e-9, "%s: the total is not the sum of its lines", r.Stack)
	}
}

// F12: a cost table that stayed while the machines grew.
func TestF12ChangedConfigurationChangesThePrice(t *testing.T) {
	t.Parallel()
	before := price(t, fixture.Project(t), "production", nil)
	for name, test := range map[string]struct {
		edits  []string
		factor float64
		what   string
	}{
		"twice the CPU":                {[]string{"taskCpu: 512", "taskCpu: 1024", "taskMemory: 1024", "taskMemory: 2048"}, 2, "Fargate: CPU (x86)"},
		"twice the memory":             {[]string{"taskMemory: 1024", "taskMemory: 2048"}, 2, "Fargate: memory (x86)"},
		"twice the tasks":              {[]string{"desiredCount: 2", "desiredCount: 4"}, 2, "Public IPv4 addresses of tasks"},
		"twice the memory of the logs": {[]string{"logRetentionDays: 30", "logRetentionDays: 60"}, 2, "Log lines kept"},
	} {
		after := price(t, edited(t, "production", test.edits...), "production", nil)
		assert.InDelta(t, test.factor*amount(t, before, test.what), amount(t, after, test.what), 1e-9, name)
		assert.Greater(t, after.Total, before.Total, name)
	}
	asleep := price(t, edited(t, "production", "desiredCount: 2", "desiredCount: 0"), "production", nil)
	assert.NotContains(t, cost.Markdown([]cost.Report{asleep}), "Fargate", "a service without tasks pays for tasks")
	assert.InDelta(t, 8*0.30, amount(t, asleep, "Container Insights: metrics"), 1e-9, "asleep, only the counts of tasks and services are reported")
}

func TestARegionWithoutPricesIsSaid(t *testing.T) {
	t.Parallel()
	dir := edited(t, "staging", "aws:region: us-east-1", "aws:region: eu-west-1",
		"us-east-1a", "eu-west-1a", "us-east-1b", "eu-west-1b")
	r := price(t, dir, "staging", nil)
	assert.Equal(t, "eu-west-1", r.Region)
	assert.Equal(t, "us-east-1", r.PricesRegion)
	assert.Empty(t, r.Unpriced, "a region without prices is no failed step: everything has an amount")
	var out strings.Builder
	require.NoError(t, r.Print(&out))
	headline, _, _ := strings.Cut(out.String(), "\n")
	assert.Contains(t, headline, "us-east-1's list prices of ", "the headline promises prices of another region")
	assert.Contains(t, headline, "cost prices --region eu-west-1")
	assert.Contains(t, cost.Markdown([]cost.Report{r}), "there are no prices for eu-west-1 yet")
}

// Your bill is lower than the list: what every account has free, each price once.
func TestFreeAllowances(t *testing.T) {
	t.Parallel()
	prices, err := cost.ListPrices(cost.BaseRegion)
	require.NoError(t, err)
	usage, err := cost.UsageOf("staging", map[string]float64{"internet-out-gb": 150, "app-metrics": 4})
	require.NoError(t, err)
	alarm := registered(aws.CloudWatchMetricAlarm, map[string]any{"period": 60})
	service := registered(aws.ECSService, map[string]any{"desiredCount": 0})
	r := cost.Estimate("staging", slices.Repeat([]sandbox.Resource{alarm, service}, 12), prices, usage)
	assert.InDelta(t, 12*0.10+150*0.09+4*0.30, r.Total, 1e-9)
	assert.InDelta(t, (12-10)*0.10+(150-100)*0.09, r.WithFree, 1e-9, "10 alarms, 100 GB and 10 metrics are free")
}

// registered is a resource as a program would register it.
func registered(token string, inputs map[string]any) sandbox.Resource {
	urn := "urn:pulumi:staging::sentry::sentry:infra:Service$" + token + "::sentry-staging-thing"
	return sandbox.Resource{
		Type: token, Name: "sentry-staging-thing", URN: urn, Custom: true,
		Inputs: resource.NewPropertyMapFromMap(inputs), Outputs: resource.PropertyMap{},
	}
}

// scheduled sets how many tasks of the service backend may run from a time on.
func scheduled(expression string, tasks int) sandbox.Resource {
	return registered("aws:appautoscaling/scheduledAction:ScheduledAction", map[string]any{
		"resourceId": "service/cluster/backend", "schedule": expression, "scalableTargetAction": map[string]any{"maxCapacity": tasks},
	})
}

// sized sets an input of the task definition.
func sized(resources []sandbox.Resource, key resource.PropertyKey, value any) []sandbox.Resource {
	resources[0].Inputs[key] = resource.NewPropertyValue(value)
	return resources
}

func named(r sandbox.Resource, purpose string) sandbox.Resource {
	r.Name = "sentry-staging-" + purpose
	return r
}

// insights is a cluster with enhanced Container Insights.
func insights(name string) sandbox.Resource {
	cluster := registered(aws.ECSCluster, map[string]any{"settings": []any{map[string]any{"name": "containerInsights", "value": "enhanced"}}})
	cluster.Outputs["name"], cluster.Outputs["arn"] = resource.NewProperty(name), resource.NewProperty("arn:of:"+name)
	return cluster
}

func TestPriceOfSingleResources(t *testing.T) {
	t.Parallel()
	prices, err := cost.ListPrices(cost.BaseRegion)
	require.NoError(t, err)
	usage, err := cost.UsageOf("staging", nil)
	require.NoError(t, err)
	task := func(platform map[string]any, service map[string]any) []sandbox.Resource {
		definition := registered("aws:ecs/taskDefinition:TaskDefinition", map[string]any{"cpu": "1024", "memory": "2048"})
		if platform != nil {
			definition.Inputs["runtimePlatform"] = resource.NewPropertyValue(platform)
		}
		definition.Outputs["arn"] = resource.NewProperty("arn")
		service["taskDefinition"] = "arn"
		return []sandbox.Resource{definition, registered("aws:ecs/service:Service", service)}
	}
	const data = 2 * 0.09 // the assumed data to the internet
	for name, test := range map[string]struct {
		resources []sandbox.Resource
		total     float64
		unpriced  string
	}{
		"a load balancer on the internet": {[]sandbox.Resource{registered("aws:lb/loadBalancer:LoadBalancer", map[string]any{
			"subnets": []any{"a", "b"},
		})}, 730 * (0.0225 + 0.008 + 2*0.005), ""},
		"an internal load balancer": {[]sandbox.Resource{registered("aws:lb/loadBalancer:LoadBalancer", map[string]any{
			"internal": true, "subnets": []any{"a", "b"},
		})}, 730 * (0.0225 + 0.008), ""},
		"a NAT gateway with its address": {[]sandbox.Resource{
			registered("aws:ec2/natGateway:NatGateway", nil), registered("aws:ec2/eip:Eip", nil),
		}, 730*(0.045+0.005) + 10*0.045, ""},
		"an interface endpoint": {[]sandbox.Resource{registered("aws:ec2/vpcEndpoint:VpcEndpoint", map[string]any{
			"vpcEndpointType": "Interface", "subnetIds": []any{"a", "b"},
		})}, 2*730*0.01 + 10*0.01, ""},
		"an alarm":                    {[]sandbox.Resource{registered("aws:cloudwatch/metricAlarm:MetricAlarm", map[string]any{"period": 60})}, 0.10, ""},
		"an alarm of high resolution": {[]sandbox.Resource{registered("aws:cloudwatch/metricAlarm:MetricAlarm", map[string]any{"period": 10})}, 0.30, ""},
		"an alarm on two metrics": {[]sandbox.Resource{registered("aws:cloudwatch/metricAlarm:MetricAlarm", map[string]any{
			"metricQueries": []any{
				map[string]any{"metric": map[string]any{"metricName": "a"}},
				map[string]any{"metric": map[string]any{"metricName": "b"}},
				map[string]any{"expression": "a/b"},
			},
		})}, 0.20, ""},
		"a dashboard":  {[]sandbox.Resource{registered("aws:cloudwatch/dashboard:Dashboard", nil)}, 3, ""},
		"a key":        {[]sandbox.Resource{registered("aws:kms/key:Key", nil)}, 1.03, ""},
		"a secret":     {[]sandbox.Resource{registered("aws:secretsmanager/secret:Secret", nil)}, 0.40, ""},
		"CloudFront":   {[]sandbox.Resource{registered("aws:cloudfront/distribution:Distribution", nil)}, 1*0.085 + 0.1*1.00, ""},
		"autoscaling":  {[]sandbox.Resource{registered("aws:appautoscaling/policy:Policy", map[string]any{"policyType": "TargetTrackingScaling"})}, 0.20, ""},
		"tasks on x86": {task(nil, map[string]any{"desiredCount": 3, "launchType": "FARGATE"}), data + 3*730*(0.04048+2*0.004445), ""},
		"tasks on arm64": {
			task(map[string]any{"cpuArchitecture": "ARM64"}, map[string]any{"desiredCount": 1, "launchType": "FARGATE"}),
			data + 730*(0.03238+2*0.00356), "",
		},
		"one task always, three of four of the others on spot": {task(nil, map[string]any{"desiredCount": 5, "capacityProviderStrategies": []any{
			map[string]any{"capacityProvider": "FARGATE", "base": 1, "weight": 1},
			map[string]any{"capacityProvider": "FARGATE_SPOT", "weight": 3},
		}}), data + 730*(2*(0.04048+2*0.004445)+3*(0.01334058+2*0.00146489)), ""},
		"tasks on spot and arm64": {task(map[string]any{"cpuArchitecture": "ARM64"}, map[string]any{"desiredCount": 1, "capacityProviderStrategies": []any{
			map[string]any{"capacityProvider": "FARGATE_SPOT", "weight": 1},
		}}), data + 730*(0.01067115+2*0.00117323), ""},
		"tasks that sleep at night and at weekends": {append(
			task(nil, map[string]any{"name": "backend", "desiredCount": 1, "launchType": "FARGATE"}),
			scheduled("cron(0 7 ? * MON,TUE,WED,THU,FRI *)", 1), scheduled("cron(30 19 ? * MON,TUE,WED,THU,FRI *)", 0),
		), data + 730*5*12.5/168*(0.04048+2*0.004445), ""},
		"a schedule in other words": {append(
			task(nil, map[string]any{"name": "backend", "desiredCount": 1, "launchType": "FARGATE"}), scheduled("rate(1 day)", 1),
		), data + 730*(0.04048+2*0.004445), `the schedule "rate(1 day)" has no rule`},
		"a cluster with enhanced Container Insights": {[]sandbox.Resource{registered("aws:ecs/cluster:Cluster", map[string]any{
			"settings": []any{map[string]any{"name": "containerInsights", "value": "enhanced"}},
		})}, 3 * 0.07, ""},
		"a schedule that wakes up only": {append(
			task(nil, map[string]any{"name": "backend", "desiredCount": 1, "launchType": "FARGATE"}), scheduled("cron(0 7 ? * MON *)", 1),
		), data + 730*(0.04048+2*0.004445), ""},
		"a schedule that puts to sleep only": {append(
			task(nil, map[string]any{"name": "backend", "desiredCount": 1, "launchType": "FARGATE"}), scheduled("cron(0 19 ? * MON *)", 0),
		), data + 730*(0.04048+2*0.004445), ""},
		"tasks of weekends, and of the night before Monday": {append(
			task(nil, map[string]any{"name": "backend", "desiredCount": 1, "launchType": "FARGATE"}),
			scheduled("cron(0 8 ? * SAT *)", 1), scheduled("cron(0 20 ? * SAT *)", 0),
			scheduled("cron(0 22 ? * SUN *)", 1), scheduled("cron(0 2 ? * MON *)", 0),
		), data + 730*16.0/168*(0.04048+2*0.004445), ""},
		"a schedule at an hour that is none": {append(
			task(nil, map[string]any{"name": "backend", "desiredCount": 1, "launchType": "FARGATE"}), scheduled("cron(0 x ? * MON *)", 1),
		), data + 730*(0.04048+2*0.004445), `the schedule "cron(0 x ? * MON *)" has no rule`},
		"a base that is larger than the number of tasks": {task(nil, map[string]any{"desiredCount": 3, "capacityProviderStrategies": []any{
			map[string]any{"capacityProvider": "FARGATE", "base": 5},
		}}), data + 3*730*(0.04048+2*0.004445), ""},
		"tasks on a capacity of one's own": {task(nil, map[string]any{"desiredCount": 1, "capacityProviderStrategies": []any{
			map[string]any{"capacityProvider": "machines", "weight": 1},
		}}), data, `capacity provider "machines" has no price here`},
		"tasks with more storage than is included": {
			sized(task(nil, map[string]any{"desiredCount": 2, "launchType": "FARGATE"}), "ephemeralStorage", map[string]any{"sizeInGib": 50}),
			data + 2*730*(0.04048+2*0.004445+30*0.000111), "",
		},
		"tasks with a little more storage than is included": {
			sized(task(nil, map[string]any{"desiredCount": 1, "launchType": "FARGATE"}), "ephemeralStorage", map[string]any{"sizeInGib": 21}),
			data + 730*(0.04048+2*0.004445+0.000111), "",
		},
		"tasks with the storage that is included": {
			sized(task(nil, map[string]any{"desiredCount": 1, "launchType": "FARGATE"}), "ephemeralStorage", map[string]any{"sizeInGib": 20}),
			data + 730*(0.04048+2*0.004445), "",
		},
		"tasks on Windows": {
			task(map[string]any{"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}, map[string]any{"desiredCount": 1, "launchType": "FARGATE"}),
			data, "tasks on WINDOWS_SERVER_2022_CORE have no price here",
		},
		"tasks without CPU": {
			sized(task(nil, map[string]any{"desiredCount": 1, "launchType": "FARGATE"}), "cpu", "some"), data, "CPU and memory of sentry-staging-thing are not numbers",
		},
		"tasks without memory": {
			sized(task(nil, map[string]any{"desiredCount": 1, "launchType": "FARGATE"}), "memory", "some"), data, "CPU and memory of sentry-staging-thing are not numbers",
		},
		"tasks by default": {task(nil, map[string]any{"launchType": "FARGATE"}), data + 730*(0.04048+2*0.004445), ""},
		"tasks of another stack": {
			[]sandbox.Resource{registered(aws.ECSService, map[string]any{"taskDefinition": "arn", "launchType": "FARGATE"})},
			data, "its task definition is not a part of the stack",
		},
		"a cluster with Container Insights of another kind": {[]sandbox.Resource{registered(aws.ECSCluster, map[string]any{
			"settings": []any{map[string]any{"name": "containerInsights", "value": "profound"}},
		})}, 0, `Container Insights "profound" has no rule`},
		"a cluster's services are its own": {slices.Concat(
			[]sandbox.Resource{insights("a")}, task(nil, map[string]any{"cluster": "a", "desiredCount": 2, "launchType": "FARGATE"}),
			task(nil, map[string]any{"cluster": "arn:of:b", "desiredCount": 1, "launchType": "FARGATE"}),
		), data + 3*730*(0.04048+2*0.004445) + 0.07*(3+5+2*10+10+24*2), ""},
		"a database": {[]sandbox.Resource{registered(aws.RDSInstance, map[string]any{
			"engine": "postgres", "instanceClass": "db.t4g.micro", "storageType": "gp3", "allocatedStorage": 20,
		})}, 730*0.016 + 20*0.115, ""},
		"a database in two zones": {[]sandbox.Resource{registered(aws.RDSInstance, map[string]any{
			"engine": "postgres", "instanceClass": "db.t4g.micro", "storageType": "gp3", "allocatedStorage": 20, "multiAz": true,
		})}, 2 * (730*0.016 + 20*0.115), ""},
		"a cache of two nodes": {[]sandbox.Resource{registered(aws.ElastiCacheReplicationGroup, map[string]any{
			"engine": "valkey", "nodeType": "cache.t4g.micro", "numCacheClusters": 2,
		})}, 2 * 730 * 0.0128, ""},
		"a cache with shards": {[]sandbox.Resource{registered(aws.ElastiCacheReplicationGroup, map[string]any{
			"engine": "valkey", "nodeType": "cache.t4g.micro",
		})}, 0, "the number of its nodes is not known"},
		"a cache of another size": {[]sandbox.Resource{registered(aws.ElastiCacheReplicationGroup, map[string]any{
			"engine": "valkey", "nodeType": "cache.r7g.large", "numCacheClusters": 1,
		})}, 0, "Cache (cache.r7g.large) has no price valkey-cache.r7g.large in internal/cost/prices/us-east-1.yaml"},
		"an advanced parameter":     {[]sandbox.Resource{registered(aws.SSMParameter, map[string]any{"tier": "Advanced"})}, 0.05, ""},
		"a standard parameter":      {[]sandbox.Resource{registered(aws.SSMParameter, map[string]any{"tier": "Standard"})}, 0, ""},
		"mails":                     {[]sandbox.Resource{registered(aws.SNSTopicSubscription, map[string]any{"protocol": "email"})}, 0.1 * 0.02, ""},
		"messages to a queue":       {[]sandbox.Resource{registered(aws.SNSTopicSubscription, map[string]any{"protocol": "sqs"})}, 0, ""},
		"messages to a function":    {[]sandbox.Resource{registered(aws.SNSTopicSubscription, map[string]any{"protocol": "lambda"})}, 0, ""},
		"messages to a phone":       {[]sandbox.Resource{registered(aws.SNSTopicSubscription, map[string]any{"protocol": "sms"})}, 0, `deliveries by "sms" have no price here`},
		"scaling by steps":          {[]sandbox.Resource{registered(aws.AutoScalingPolicy, map[string]any{"policyType": "StepScaling"})}, 0, ""},
		"an alarm once in a minute": {[]sandbox.Resource{registered(aws.CloudWatchMetricAlarm, map[string]any{"period": 59})}, 0.30, ""},
		"log lines that stay":       {[]sandbox.Resource{named(registered(aws.CloudWatchLogGroup, nil), "backend")}, 0.25, "keeps its lines for ever"},
		"tasks on machines":         {task(nil, map[string]any{"desiredCount": 1, "launchType": "EC2"}), data, `launch type "EC2" has no price here`},
		"a type without an entry": {
			[]sandbox.Resource{registered("aws:neptune/cluster:Cluster", nil)},
			0,
			"aws:neptune/cluster:Cluster has no price (Free, Costs, or Priced and a rule in internal/cost) in internal/aws: add it to its entry in internal/aws/neptune.go",
		},
		"a bucket without an assumption":    {[]sandbox.Resource{registered("aws:s3/bucketV2:BucketV2", nil)}, 0.05 + 0.04, "usage.yaml has no thing-gb"},
		"a log group without an assumption": {[]sandbox.Resource{registered("aws:cloudwatch/logGroup:LogGroup", map[string]any{"retentionInDays": 7})}, 0, "usage.yaml has no thing-log-gb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := cost.Estimate("staging", test.resources, prices, usage)
			assert.InDelta(t, test.total, r.Total, 1e-6)
			if test.unpriced == "" {
				assert.Empty(t, r.Unpriced)
			} else {
				assert.Contains(t, strings.Join(r.Unpriced, "\n"), test.unpriced)
			}
		})
	}
}

func TestWhatIsFreeIsSaid(t *testing.T) {
	t.Parallel()
	prices, err := cost.ListPrices(cost.BaseRegion)
	require.NoError(t, err)
	usage, err := cost.UsageOf("staging", nil)
	require.NoError(t, err)
	asleep := registered(aws.ECSService, map[string]any{"desiredCount": 0})
	gateway := registered(aws.EC2VpcEndpoint, map[string]any{"vpcEndpointType": "Gateway"})
	cluster := registered(aws.ECSCluster, nil)
	other := registered(aws.ECSCluster, map[string]any{"settings": []any{map[string]any{"name": "containerInsights", "value": "disabled"}}})
	step := registered(aws.AutoScalingPolicy, map[string]any{"policyType": "StepScaling"})
	component, provider := registered("sentry:infra:Service", nil), registered(aws.Provider, map[string]any{"region": "us-east-1"})
	component.Custom = false
	r := cost.Estimate("staging", []sandbox.Resource{asleep, gateway, cluster, other, step, component, provider, asleep}, prices, usage)
	assert.Equal(t, []cost.FreeType{
		{Type: aws.ECSService, Reason: "a service without tasks", Count: 2},
		{Type: aws.EC2VpcEndpoint, Reason: "a gateway endpoint, unlike an interface endpoint", Count: 1},
		{Type: aws.ECSCluster, Reason: "without Container Insights a cluster has no price", Count: 2},
		{Type: aws.AutoScalingPolicy, Reason: "only what it starts has a price", Count: 1},
	}, r.Free, "it looks as if it were forgotten")
	assert.Empty(t, r.Unpriced)
	var names []string
	for _, a := range r.Usage {
		names = append(names, a.Name)
	}
	assert.Equal(t, []string{"app-metrics", "internet-out-gb"}, names, "assumptions that the price is not made of, or not all")
}

func TestTypesWhosePriceDependsOnTheirInputsHaveARule(t *testing.T) {
	t.Parallel()
	prices, err := cost.ListPrices(cost.BaseRegion)
	require.NoError(t, err)
	for _, entry := range aws.Types() {
		r := cost.Estimate("staging", []sandbox.Resource{registered(entry.Token, nil)}, prices, cost.Usage{})
		assert.NotContains(t, strings.Join(r.Unpriced, "\n"), "in internal/aws: add it", "%s is Priced, and internal/cost has no rule for it", entry.Token)
		for _, position := range entry.Costs {
			assert.Contains(t, prices.Prices, position.Price, "%s: prices.yaml lacks it", entry.Token)
		}
	}
}

func TestEveryPriceHasItsSource(t *testing.T) {
	t.Parallel()
	prices, err := cost.ListPrices(cost.BaseRegion)
	require.NoError(t, err)
	assert.Regexp(t, `^20\d\d-\d\d-\d\d$`, prices.Date)
	require.NotEmpty(t, prices.Prices)
	for name, p := range prices.Prices {
		assert.Positive(t, p.USD, name)
		assert.NotEmpty(t, p.Per, name)
		assert.Regexp(t, `^https://aws\.amazon\.com/.*pricing/`, p.Source, name)
	}
}

func TestFlagsChangeTheAssumptions(t *testing.T) {
	t.Parallel()
	usual := price(t, fixture.Project(t), "staging", nil)
	night := price(t, fixture.Project(t), "staging", map[string]float64{"task-hours": 365})
	assert.InDelta(t, amount(t, usual, "Fargate: CPU (x86)")/2, amount(t, night, "Fargate: CPU (x86)"), 1e-9)
	_, err := cost.UsageOf("staging", map[string]float64{"task-hours": -1})
	require.ErrorContains(t, err, "--task-hours: -1 hours is negative; allowed: 0 and more")
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err = cost.UsageOf("staging", map[string]float64{"task-hours": value})
		require.ErrorContains(t, err, "allowed: 0 and more", "the price is no number")
	}
	_, err = cost.UsageOf("staging", map[string]float64{"task-days": 1})
	require.ErrorContains(t, err, `"task-days" is not an assumption of usage.yaml`, "a figure that is misspelt changes nothing")
	nothing, err := cost.UsageOf("staging", map[string]float64{"task-hours": 0})
	require.NoError(t, err)
	assert.Zero(t, nothing["task-hours"].Value)
}

func TestSavings(t *testing.T) {
	t.Parallel()
	prices, err := cost.ListPrices(cost.BaseRegion)
	require.NoError(t, err)
	usage, err := cost.UsageOf("staging", nil)
	require.NoError(t, err)
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	recording, err := sandbox.RecordStack(infra.DeployIn, p, "staging", sandbox.StackOptions{Released: true})
	require.NoError(t, err)
	saved := map[string]float64{}
	for _, s := range cost.Savings("staging", recording.Resources, prices, usage) {
		assert.Empty(t, s.Unpriced, s.What)
		saved[s.What] = s.Amount
	}
	assert.InDelta(t, 730*(0.25*(0.04048-0.03238)+0.5*(0.004445-0.00356)), saved["arm64 tasks"], 1e-6)
	assert.InDelta(t, 730*(0.25*(0.04048-0.01334058)+0.5*(0.004445-0.00146489)), saved["spot tasks"], 1e-6)
	assert.InDelta(t, 38*0.30+4*43800*1e-6*0.50, saved["Container Insights off"], 1e-6)
	assert.InDelta(t, (730-730.0*60/168)*(0.25*0.04048+0.5*0.004445+0.005), saved["asleep at night and at weekends"], 1e-6)

	usage, err = cost.UsageOf("staging", map[string]float64{"task-hours": 100})
	require.NoError(t, err)
	for _, s := range cost.Savings("staging", recording.Resources, prices, usage) {
		assert.GreaterOrEqual(t, s.Amount, 0.0, "%s: tasks that run for fewer hours already run no longer for it", s.What)
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "WHAT    USD\nCPU   11.40\nköln   7.39\n", cost.Columns("", [][]string{{"WHAT", ">USD"}, {"CPU", "11.40"}, {"köln", "7.39"}}),
		"amounts cannot be compared by eye")
}

// What people and machines read, of reports with everything that a report can have. Rewrite it with:
// go test ./internal/cost -update
func TestTexts(t *testing.T) {
	t.Parallel()
	cpu := cost.Line{
		Component: "Service", What: "CPU", Formula: "1 task × 0.25 vCPU × 730 h", Quantity: 182.5, Unit: "hour", Price: 0.04048, Amount: 7.3876,
		Source: "https://aws.amazon.com/fargate/pricing/",
	}
	log := cost.Line{Component: "Observability", What: "Log lines kept", Formula: "0.017263 GB", Quantity: 0.017263, Unit: "GB", Price: 0.03, Amount: 0.000517}
	clips := cost.Line{Component: "Buckets", What: "S3 storage: clips", Formula: "5 GB", Quantity: 5, Unit: "GB", Price: 0.023, Amount: 0.115}
	report := func(stack string, total float64, lines ...cost.Line) cost.Report {
		return cost.Report{
			Stack: stack, Region: "us-east-1", PricesDate: "2026-02-02", PricesRegion: "us-east-1", Total: total, WithFree: total - 0.12345, Lines: lines,
			Free: []cost.FreeType{{Type: "aws:ec2/vpc:Vpc", Reason: "free", Count: 2}, {Type: "aws:iam/role:Role", Reason: "free", Count: 3}},
			Usage: []cost.Assumption{
				{Name: "clips-gb", Unit: "GB", Text: "clips", Value: 5}, {Name: "task-hours", Unit: "hours", Text: "of tasks", Value: 365.5, Given: true},
			},
		}
	}
	mail := cost.Line{Component: "Observability", What: "Mails", Formula: "0.26 thousand", Quantity: 0.26, Unit: "thousand", Price: 0.02, Amount: 0.0052}
	staging := report("staging", 7.508317, cpu, log, mail, clips)
	twice := cpu
	twice.Quantity, twice.Amount = 2*cpu.Quantity, 2*cpu.Amount
	production := report("production", 14.7752, twice)
	production.Region, production.Unpriced = "eu-west-1", []string{"a table has no price"}
	old := report("staging", 22.2778, twice, twice, clips) // two lines of one position, as with two prices
	old.PricesDate = "2026-01-01"
	all := []cost.Report{staging, production}

	var out strings.Builder
	require.NoError(t, staging.Print(&out))
	out.WriteString("\n====\n")
	require.NoError(t, cost.PrintAll(&out, all))
	asJSON, err := json.MarshalIndent([]cost.Report{staging.Rounded()}, "", "  ")
	require.NoError(t, err)
	for _, text := range []string{
		cost.Markdown(all), string(asJSON) + "\n", cost.Difference("main", []cost.Report{old, report("gone", 1, clips)}, all),
		cost.Difference("main", []cost.Report{staging}, []cost.Report{staging}), cost.Difference("main", nil, []cost.Report{staging}),
	} {
		out.WriteString("\n====\n" + text)
	}
	golden.Equal(t, "testdata/texts.txt", out.String(), "people decide by these numbers, and scripts read them")
	assert.InDelta(t, 182.5, staging.Lines[0].Quantity, 0, "rounding a report changes the one that it was made of")
}

// How each position comes about, of production with nearly everything that costs something.
func TestPositions(t *testing.T) {
	t.Parallel()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	recording, err := sandbox.RecordStack(infra.DeployIn, p, "production", sandbox.StackOptions{Released: true, Config: map[string]string{
		"sentry:https": "true", "sentry:container": `{"cpuArchitecture":"arm64"}`,
		"sentry:scaling":    `{"maxCount":4,"spot":{"base":1},"schedule":{"awake":"MON-FRI 07:00-19:30"}}`,
		"sentry:monitoring": `{"alarmEmail":"ops@example.com","dashboard":true,"monthlyBudget":80,"flowLogs":"example-logs"}`,
	}})
	require.NoError(t, err)
	r, err := cost.PriceOf("production", recording, nil)
	require.NoError(t, err)
	assert.Empty(t, r.Unpriced)
	var out strings.Builder
	for _, line := range r.Lines {
		if !slices.Contains([]string{"Network", "Edge", "Service", "Buckets", "Observability"}, line.Component) {
			continue // what a further component costs is its own test's
		}
		fmt.Fprintf(&out, "%s: %s: %s = %.6f %s\n", line.Component, line.What, line.Formula, line.Quantity, line.Unit)
		assert.InDelta(t, line.Quantity*line.Price, line.Amount, 1e-9, line.What)
		assert.NotEmpty(t, line.Source, line.What)
	}
	for _, a := range r.Usage {
		fmt.Fprintf(&out, "assumed: %s %g %s\n", a.Name, a.Value, a.Unit)
	}
	golden.Equal(t, "testdata/positions.txt", out.String(), "the amounts are not what AWS bills")
}

func TestDifferenceOfNothing(t *testing.T) {
	t.Parallel()
	r := price(t, fixture.Project(t), "staging", nil)
	assert.Contains(t, cost.Difference("main", []cost.Report{r}, []cost.Report{r}), "The price stays the same.")
}
