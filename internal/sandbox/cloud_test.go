package sandbox

import (
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
)

func urn(typ, name string) string { return "urn:pulumi:staging::sentry::" + typ + "::" + name }

// mustCreate makes a resource in a cloud, without an engine.
func mustCreate(t *testing.T, c *Cloud, typ, name string, in attrs) (id string, out attrs) {
	t.Helper()
	k, err := c.call(typ, urn(typ, name), settings{}, in)
	require.NoError(t, err)
	require.Empty(t, k.checkInputs(name))
	id, out, err = k.create()
	require.NoError(t, err)
	return id, out
}

func destroy(t *testing.T, c *Cloud, typ, name, id string, state attrs) error {
	t.Helper()
	k, err := c.call(typ, urn(typ, name), settings{}, attrs{})
	require.NoError(t, err)
	return k.destroy(id, state)
}

func TestAWSRefusesToDelete(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, vpcState := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	subnet, subnetState := mustCreate(t, c, aws.EC2Subnet, "s", attrs{"vpcId": vpc, "cidrBlock": "10.0.0.0/24"})
	bucket, bucketState := mustCreate(t, c, aws.S3Bucket, "b", attrs{"bucket": "full-bucket"})
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}}`
	role, roleState := mustCreate(t, c, aws.IAMRole, "r", attrs{"name": "r", "assumeRolePolicy": trust})
	mustCreate(t, c, aws.IAMRolePolicy, "p", attrs{
		"name": "p", "role": role,
		"policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::full-bucket/*"}]}`,
	})
	require.NoError(t, c.Fill(aws.S3Bucket, "b"))

	require.ErrorContains(t, destroy(t, c, aws.EC2Vpc, "v", vpc, vpcState), "DependencyViolation: The vpc '"+vpc+"' has dependencies")
	require.ErrorContains(t, destroy(t, c, aws.S3Bucket, "b", bucket, bucketState), "BucketNotEmpty")
	require.ErrorContains(t, destroy(t, c, aws.IAMRole, "r", role, roleState), "DeleteConflict: Cannot delete entity, must delete policies first")

	require.NoError(t, destroy(t, c, aws.EC2Subnet, "s", subnet, subnetState))
	require.NoError(t, destroy(t, c, aws.EC2Vpc, "v", vpc, vpcState), "a VPC without anything in it can be deleted")
	require.NoError(t, destroy(t, c, aws.EC2Vpc, "v", vpc, vpcState), "what is gone already is no error")
}

// awsvpcService is a service of one task with a public address, in a subnet.
func awsvpcService(t *testing.T, c *Cloud, subnet string) (in attrs, id string, state attrs) {
	t.Helper()
	cluster, _ := mustCreate(t, c, aws.ECSCluster, "c", attrs{"name": "c"})
	_, task := mustCreate(t, c, aws.ECSTaskDefinition, "t", attrs{
		"family": "t", "cpu": "256", "memory": "512", "networkMode": "awsvpc",
		"requiresCompatibilities": []any{"FARGATE"}, "containerDefinitions": `[{"name":"a","image":"a"}]`,
	})
	in = attrs{
		"name": "s", "cluster": cluster, "launchType": "FARGATE", "taskDefinition": task["arn"], "desiredCount": 1.0,
		"networkConfiguration": map[string]any{"subnets": []any{subnet}, "assignPublicIp": true},
	}
	id, state = mustCreate(t, c, aws.ECSService, "s", in)
	return in, id, state
}

// B3: a network that is replaced would stop on AWS while tasks run in it.
func TestRunningTasksHoldTheirGateway(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	other, _ := mustCreate(t, c, aws.EC2Vpc, "w", attrs{"cidrBlock": "10.1.0.0/16"})
	subnet, _ := mustCreate(t, c, aws.EC2Subnet, "s", attrs{"vpcId": vpc, "cidrBlock": "10.0.0.0/24"})
	gateway, gatewayState := mustCreate(t, c, aws.EC2InternetGateway, "g", attrs{"vpcId": vpc})
	in, id, state := awsvpcService(t, c, subnet)

	move := func() error {
		k, err := c.call(aws.EC2InternetGateway, urn(aws.EC2InternetGateway, "g"), settings{}, attrs{"vpcId": other})
		require.NoError(t, err)
		_, err = k.update(gateway, attrs{"vpcId": vpc}, gatewayState)
		return err
	}
	require.ErrorContains(t, move(), "DependencyViolation: Network "+vpc+" has some mapped public address(es)")
	require.ErrorContains(t, destroy(t, c, aws.EC2InternetGateway, "g", gateway, gatewayState), "DependencyViolation")

	in["desiredCount"] = 0.0
	k, err := c.call(aws.ECSService, urn(aws.ECSService, "s"), settings{}, in)
	require.NoError(t, err)
	_, err = k.update(id, in, state)
	require.NoError(t, err)
	require.NoError(t, move(), "no tasks, no addresses")
}

func TestATableHasOneRouteToADestination(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	gateway, _ := mustCreate(t, c, aws.EC2InternetGateway, "g", attrs{"vpcId": vpc})
	table, _ := mustCreate(t, c, aws.EC2RouteTable, "t", attrs{"vpcId": vpc})
	route := attrs{"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway}
	mustCreate(t, c, aws.EC2Route, "r", route)
	require.ErrorContains(t, try(t, c, aws.EC2Route, "second", route), "RouteAlreadyExists")
}

func TestABalancerHasOneNameAndOneListenerOnAPort(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	var subnets []any
	for zone, block := range map[string]string{"us-east-1a": "10.0.0.0/24", "us-east-1b": "10.0.1.0/24"} {
		subnet, _ := mustCreate(t, c, aws.EC2Subnet, zone, attrs{"vpcId": vpc, "cidrBlock": block, "availabilityZone": zone})
		subnets = append(subnets, subnet)
	}
	balancer := attrs{"name": "backend", "internal": true, "subnets": subnets}
	arn, _ := mustCreate(t, c, aws.LBLoadBalancer, "b", balancer)
	listener := attrs{"loadBalancerArn": arn, "port": 80.0, "defaultActions": []any{map[string]any{"type": "fixed-response"}}}
	mustCreate(t, c, aws.LBListener, "l", listener)
	require.ErrorContains(t, try(t, c, aws.LBLoadBalancer, "second", balancer), "DuplicateLoadBalancerName")
	require.ErrorContains(t, try(t, c, aws.LBListener, "second", listener), "DuplicateListener")
	listener = maps.Clone(listener)
	listener["port"] = 443.0
	require.NoError(t, try(t, c, aws.LBListener, "second", listener))
}

// https://docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html
func TestZoneIDs(t *testing.T) {
	t.Parallel()
	for zone, id := range map[string]string{
		"us-east-1a": "use1-az1", "us-west-2c": "usw2-az3", "eu-central-1b": "euc1-az2", "ap-southeast-2a": "apse2-az1",
		"ap-northeast-1d": "apne1-az4", "us-gov-west-1a": "usgw1-az1", "ca-central-1b": "cac1-az2", "": "",
	} {
		assert.Equal(t, id, zoneID(zone), zone)
	}
}

func TestRunningTasksHoldTheirSubnet(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	subnet, subnetState := mustCreate(t, c, aws.EC2Subnet, "s", attrs{"vpcId": vpc, "cidrBlock": "10.0.0.0/24"})
	in, id, state := awsvpcService(t, c, subnet)
	require.ErrorContains(t, destroy(t, c, aws.EC2Subnet, "s", subnet, subnetState), "DependencyViolation: The subnet")

	in["desiredCount"] = 0.0
	k, err := c.call(aws.ECSService, urn(aws.ECSService, "s"), settings{}, in)
	require.NoError(t, err)
	_, err = k.update(id, in, state)
	require.NoError(t, err)
	require.NoError(t, destroy(t, c, aws.EC2Subnet, "s", subnet, subnetState), "no tasks, no network interfaces")
}

func TestMissingLogGroupFailsTheTasksNotTheirRegistration(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	subnet, _ := mustCreate(t, c, aws.EC2Subnet, "s", attrs{"vpcId": vpc, "cidrBlock": "10.0.0.0/24"})
	_, role := mustCreate(t, c, aws.IAMRole, "r", attrs{"name": "r", "assumeRolePolicy": trust})
	cluster, _ := mustCreate(t, c, aws.ECSCluster, "c", attrs{"name": "c"})
	_, task := mustCreate(t, c, aws.ECSTaskDefinition, "t", attrs{
		"family": "t", "cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": []any{"FARGATE"},
		"executionRoleArn": role["arn"],
		"containerDefinitions": `[{"name":"a","image":"a","logConfiguration":{"logDriver":"awslogs","options":` +
			`{"awslogs-group":"/nowhere","awslogs-region":"us-east-1","awslogs-stream-prefix":"ecs"}}}]`,
	})
	k, err := c.call(aws.ECSService, urn(aws.ECSService, "s"), settings{}, attrs{
		"name": "s", "cluster": cluster, "taskDefinition": task["arn"], "desiredCount": 1.0, "waitForSteadyState": true,
		"networkConfiguration": map[string]any{"subnets": []any{subnet}},
	})
	require.NoError(t, err)
	id, _, err := k.create()
	require.ErrorContains(t, err, "The specified log group does not exist (/nowhere)")
	assert.NotEmpty(t, id, "the service exists all the same, and the engine must know it")
}

func TestFaultsStrikeOnce(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	c.Inject(Fault{Op: "create", Type: aws.CloudWatchLogGroup, Nth: 2, Message: "ThrottlingException"})
	mustCreate(t, c, aws.CloudWatchLogGroup, "a", attrs{"name": "a"})
	k, err := c.call(aws.CloudWatchLogGroup, urn(aws.CloudWatchLogGroup, "b"), settings{}, attrs{"name": "b"})
	require.NoError(t, err)
	_, _, err = k.create()
	require.ErrorContains(t, err, "creating CloudWatch Logs Log Group (b): ThrottlingException")
	_, _, err = k.create()
	require.NoError(t, err)

	c.Inject(Fault{Kill: true})
	_, _, err = k.create()
	require.ErrorIs(t, err, errKilled)
	require.ErrorIs(t, destroy(t, c, aws.CloudWatchLogGroup, "a", "a", nil), errKilled, "a cloud out of reach answers nothing more")
	c.Revive()
	require.NoError(t, destroy(t, c, aws.CloudWatchLogGroup, "a", "a", nil))
}

func TestCloudSurvivesItsProcess(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cloud.json")
	c, err := LoadCloud(file)
	require.NoError(t, err)
	mustCreate(t, c, aws.CloudWatchLogGroup, "a", attrs{"name": "a", "retentionInDays": 7.0, "tags": map[string]any{"a": "b"}})
	again, err := LoadCloud(file)
	require.NoError(t, err)
	assert.Equal(t, c.Objects(), again.Objects(), "a change must be in the file before AWS answers")
}

func TestDiffKnowsWhatReplaces(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	before := attrs{"name": "a", "retentionInDays": 7.0}
	_, state := mustCreate(t, c, aws.CloudWatchLogGroup, "a", before)
	for _, test := range []struct {
		now  attrs
		want []change
	}{
		{attrs{"name": "a", "retentionInDays": 7.0}, nil},
		{attrs{"name": "a", "retentionInDays": 7.0, "skipDestroy": false}, nil},
		{attrs{"name": "a", "retentionInDays": 30.0}, []change{{"retentionInDays", "update", false}}},
		{attrs{"name": "a"}, []change{{"retentionInDays", "delete", false}}},
		{attrs{"name": "b", "retentionInDays": 7.0}, []change{{"name", "update", true}}},
		{attrs{"name": "a", "retentionInDays": 7.0, "tags": map[string]any{"a": "b"}}, []change{{"tags", "add", false}}},
	} {
		k, err := c.call(aws.CloudWatchLogGroup, urn(aws.CloudWatchLogGroup, "a"), settings{}, test.now)
		require.NoError(t, err)
		assert.Equal(t, test.want, k.diff(before, state), "%v", test.now)
	}
}

func TestDocumentsAreComparedByMeaning(t *testing.T) {
	t.Parallel()
	same := [][2]string{
		{`{"a": 1, "b": 2}`, `{"b":2,"a":1}`},
		{`{"Action":"s3:Get"}`, `{"Action":["s3:Get"]}`},
		{
			`[{"name":"x","environment":[{"name":"B","value":"2"},{"name":"A","value":"1"}],"mountPoints":[]}]`,
			`[{"name":"x","essential":true,"environment":[{"name":"A","value":"1"},{"name":"B","value":"2"}]}]`,
		},
		{`[{"portMappings":[{"containerPort":80}]}]`, `[{"portMappings":[{"containerPort":80,"hostPort":80,"protocol":"tcp"}]}]`},
	}
	for _, pair := range same {
		assert.True(t, sameJSON(pair[0], pair[1]), "%s\n%s", pair[0], pair[1])
	}
	for _, pair := range [][2]string{
		{`{"Action":"s3:Get"}`, `{"Action":"s3:Put"}`},
		{`[{"environment":[{"name":"A","value":"1"}]}]`, `[{"environment":[{"name":"A","value":"2"}]}]`},
		{`["a","b"]`, `["b","a"]`},
		{`{`, `{}`},
	} {
		assert.False(t, sameJSON(pair[0], pair[1]), "%s\n%s", pair[0], pair[1])
	}
}

func TestEngineErrorKeepsWhatTheEngineSaid(t *testing.T) {
	t.Parallel()
	err := engineError(errors.New(strings.Join([]string{
		"failed to run update: exit status 1", "code: 255", "stdout: Updating (staging):", "",
		"    pulumi:pulumi:Stack sentry-staging running error: an unhandled error occurred: 1 error occurred:",
		"Diagnostics:",
		"  pulumi:pulumi:Stack (sentry-staging):",
		"    error: an unhandled error occurred: 1 error occurred:",
		"    \t* the configuration cannot be deployed:",
		"    sentry:taskCpu: 300 is no size",
		"",
		"  aws:ecs:Cluster (c):",
		"    \x1b[31merror: \x1b[0mcreating ECS Cluster (c): refused",
		"",
		"Outputs:",
		"    region: \"us-east-1\"", "",
	}, "\n")))
	require.EqualError(t, err, "the configuration cannot be deployed:\nsentry:taskCpu: 300 is no size\ncreating ECS Cluster (c): refused")
	require.EqualError(t, engineError(errors.New("code: 1\nstdout: \nstderr: error: no stack named 'x'\n")), "no stack named 'x'")
	plain := errors.New("dial tcp: refused")
	require.ErrorIs(t, engineError(plain), plain)
}

func TestNothingOfTheUsersAccountsReachesTheEngine(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"PATH=/bin", "HOME=/home/me"}, cleanEnvironment([]string{
		"PATH=/bin", "AWS_PROFILE=work", "AWS_ENDPOINT_URL=x", "PULUMI_ACCESS_TOKEN=t", "PULUMI_STACK=s", "https_proxy=p", "HOME=/home/me",
	}))
}

func TestConfigValuesAreWhatPulumiConfigSetWrites(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"512": 512, "007": "007", "10.0.0.0/16": "10.0.0.0/16", "true": true, "": "", "a: b": map[string]any{"a": "b"},
		`["10.0.0.0/8"]`: []any{"10.0.0.0/8"}, "{": "{",
	} {
		assert.Equal(t, want, configValue(text), text)
	}
}

// A run that was lost before it recorded an attachment attaches again.
func TestAttachingAPolicyAgainChangesNothing(t *testing.T) {
	t.Parallel()
	cloud := NewCloud()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	rights := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}`
	mustCreate(t, cloud, aws.IAMRole, "r", attrs{"name": "r", "assumeRolePolicy": trust})
	policies := map[string]string{}
	for _, name := range []string{"read", "write"} {
		policies[name], _ = mustCreate(t, cloud, aws.IAMPolicy, name, attrs{"name": name, "policy": rights})
	}
	const attachment = aws.IAMRolePolicyAttachment
	for _, name := range []string{"read", "write", "read"} {
		mustCreate(t, cloud, attachment, name, attrs{"role": "r", "policyArn": policies[name]})
	}
	var attached []string
	for _, o := range cloud.Objects() {
		if o.Type == attachment {
			attached = append(attached, o.Name())
		}
	}
	assert.ElementsMatch(t, []string{"read", "write"}, attached, "a policy is attached twice, or another one is gone")
}
