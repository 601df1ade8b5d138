package sandbox

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
)

// try makes a resource as a program would, and says what AWS has against it.
func try(t *testing.T, c *Cloud, typ, name string, in attrs) error {
	t.Helper()
	k, err := c.call(typ, urn(typ, name), settings{}, in)
	require.NoError(t, err)
	if err := refusal(k.checkInputs(name)); err != nil {
		return err
	}
	_, _, err = k.create()
	return err
}

const ecsTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// refusals is what AWS has against inputs; "" is nothing. Where a rule has a border, both sides of it are here.
func refusals(t *testing.T, c *Cloud, typ string, common attrs, cases map[string]attrs) {
	t.Helper()
	n := 0
	for want, in := range cases {
		all := attrs{}
		maps.Copy(all, common)
		maps.Copy(all, in)
		want, _, _ = strings.Cut(want, "|") // several values that are taken, or refused with the same words
		n++
		err := try(t, c, typ, strconv.Itoa(n), all)
		if want == "" {
			assert.NoError(t, err, "%s %v", typ, in)
		} else {
			assert.ErrorContains(t, err, want, "%s %v", typ, in)
		}
	}
}

func TestRulesOfNetworks(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	refusals(t, c, aws.EC2Vpc, nil, map[string]attrs{
		"|1": {"cidrBlock": "10.2.0.0/16"}, "|2": {"cidrBlock": "10.3.0.0/28"},
		"InvalidVpc.Range|1": {"cidrBlock": "10.0.0.0/15"}, "InvalidVpc.Range|2": {"cidrBlock": "10.0.0.0/29"},
		"not a valid CIDR|1": {"cidrBlock": "10.0.0.1/16"}, "not a valid CIDR|2": {"cidrBlock": "ten"},
	})
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	other, _ := mustCreate(t, c, aws.EC2Vpc, "w", attrs{"cidrBlock": "10.1.0.0/24"})
	refusals(t, c, aws.EC2Subnet, attrs{"vpcId": vpc}, map[string]attrs{
		"|1":                    {"cidrBlock": "10.0.9.0/28", "availabilityZone": "us-east-1d"},
		"InvalidSubnet.Range|1": {"cidrBlock": "10.0.8.0/29"}, "InvalidSubnet.Range|2": {"cidrBlock": "10.1.0.0/24"}, "InvalidSubnet.Range|3": {"cidrBlock": "10.0.0.0/8"},
		"not a valid CIDR|1": {"cidrBlock": "10.0.0.1/24"}, "parameter availabilityZone is invalid": {"cidrBlock": "10.0.7.0/24", "availabilityZone": "us-east-1x"},
	})
	subnet, made := mustCreate(t, c, aws.EC2Subnet, "s", attrs{"vpcId": vpc, "cidrBlock": "10.0.0.0/24"})
	assert.Equal(t, "us-east-1a", made["availabilityZone"])
	require.ErrorContains(t, try(t, c, aws.EC2Subnet, "again", attrs{"vpcId": vpc, "cidrBlock": "10.0.0.128/25"}), "InvalidSubnet.Conflict")
	require.NoError(t, try(t, c, aws.EC2Subnet, "elsewhere", attrs{"vpcId": other, "cidrBlock": "10.1.0.0/25"}))

	gateway, _ := mustCreate(t, c, aws.EC2InternetGateway, "g", attrs{"vpcId": vpc})
	require.ErrorContains(t, try(t, c, aws.EC2InternetGateway, "h", attrs{"vpcId": vpc}), "already has an internet gateway attached")
	require.NoError(t, try(t, c, aws.EC2InternetGateway, "i", attrs{"vpcId": other}))
	table, _ := mustCreate(t, c, aws.EC2RouteTable, "t", attrs{"vpcId": vpc})
	second, _ := mustCreate(t, c, aws.EC2RouteTable, "t2", attrs{"vpcId": vpc})
	mustCreate(t, c, aws.EC2Route, "r", attrs{"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway})
	refusals(t, c, aws.EC2Route, attrs{"gatewayId": gateway}, map[string]attrs{
		"":                   {"routeTableId": second, "destinationCidrBlock": "0.0.0.0/0"},
		"|2":                 {"routeTableId": table, "destinationCidrBlock": "192.168.0.0/16"},
		"RouteAlreadyExists": {"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0"},
	})
	mustCreate(t, c, aws.EC2RouteTableAssociation, "a", attrs{"routeTableId": table, "subnetId": subnet})
	require.ErrorContains(t, try(t, c, aws.EC2RouteTableAssociation, "b", attrs{"routeTableId": second, "subnetId": subnet}), "AlreadyAssociated")

	endpoint := attrs{"vpcId": vpc, "serviceName": "com.amazonaws.us-east-1.s3", "routeTableIds": []any{table}}
	mustCreate(t, c, aws.EC2VpcEndpoint, "e", endpoint)
	refusals(t, c, aws.EC2VpcEndpoint, attrs{"vpcId": vpc}, map[string]attrs{
		"RouteAlreadyExists": endpoint,
		"":                   {"serviceName": "com.amazonaws.us-east-1.s3", "routeTableIds": []any{second}},
		"|2":                 {"serviceName": "com.amazonaws.us-east-1.dynamodb", "routeTableIds": []any{table}},
		"|3":                 {"serviceName": "com.amazonaws.us-east-1.ecr.api", "vpcEndpointType": "Interface"},
		"InvalidServiceName": {"serviceName": "com.amazonaws.eu-west-1.s3"},
	})
}

func TestRulesOfSecurityGroups(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	other, _ := mustCreate(t, c, aws.EC2Vpc, "w", attrs{"cidrBlock": "10.1.0.0/16"})
	group, _ := mustCreate(t, c, aws.EC2SecurityGroup, "g", attrs{"name": "g", "vpcId": vpc})
	refusals(t, c, aws.EC2SecurityGroup, nil, map[string]attrs{
		"": {"name": "g", "vpcId": other}, "|2": {"name": "h", "vpcId": vpc}, "InvalidGroup.Duplicate": {"name": "g", "vpcId": vpc},
	})
	mustCreate(t, c, aws.EC2SecurityGroupIngressRule, "first", attrs{"securityGroupId": group, "ipProtocol": "tcp", "fromPort": 80.0, "toPort": 80.0, "cidrIpv4": "0.0.0.0/0"})
	refusals(t, c, aws.EC2SecurityGroupIngressRule, attrs{"securityGroupId": group}, map[string]attrs{
		"":                            {"ipProtocol": "tcp", "fromPort": 80.0, "toPort": 81.0, "cidrIpv4": "0.0.0.0/0"},
		"|2":                          {"ipProtocol": "-1", "cidrIpv6": "::/0"},
		"|3":                          {"ipProtocol": "-1", "prefixListId": "pl-1"},
		"InvalidPermission.Duplicate": {"ipProtocol": "tcp", "fromPort": 80.0, "toPort": 80.0, "cidrIpv4": "0.0.0.0/0"},
		"both from and to ports|1":    {"ipProtocol": "tcp", "fromPort": 80.0, "cidrIpv4": "0.0.0.0/0"},
		"both from and to ports|2":    {"ipProtocol": "udp", "toPort": 80.0, "cidrIpv4": "0.0.0.0/0"},
		"is malformed":                {"ipProtocol": "-1", "cidrIpv4": "10.0.0.1/8"},
		"exactly one of|1":            {"ipProtocol": "-1"},
		"exactly one of|2":            {"ipProtocol": "-1", "cidrIpv4": "10.0.0.0/8", "cidrIpv6": "::/0"},
		"exactly one of|3":            {"ipProtocol": "-1", "prefixListId": "pl-1", "referencedSecurityGroupId": group},
	})
}

func TestRulesOfTasks(t *testing.T) {
	t.Parallel()
	for cpu, memory := range map[string]string{
		"256": "512 1024 2048", "512": "1024 4096", "1024": "2048 8192", "2048": "4096 16384", "4096": "8192 30720", "8192": "16384 61440", "16384": "32768 122880",
	} {
		for mib := range strings.FieldsSeq(memory) {
			assert.True(t, fargatePair(cpu, mib), "%s %s", cpu, mib)
		}
	}
	for _, pair := range [][2]string{
		{"256", "1536"},
		{"256", "256"},
		{"256", "2560"},
		{"512", "1536"},
		{"512", "5120"},
		{"512", "0"},
		{"1024", "9216"},
		{"1024", "1024"},
		{"2048", "17408"},
		{"2048", "3072"},
		{"4096", "31744"},
		{"4096", "7168"},
		{"8192", "65536"},
		{"8192", "17408"},
		{"8192", "12288"},
		{"16384", "131072"},
		{"16384", "24576"},
		{"300", "512"},
		{"256", "x"},
		{"", "0"},
	} {
		assert.False(t, fargatePair(pair[0], pair[1]), "%v", pair)
	}
	assert.True(t, fargatePair("512", "2048"))

	logs := func(options string) string {
		return `[{"name":"a","image":"a","logConfiguration":{"logDriver":"awslogs","options":{` + options + `}}}]`
	}
	c := NewCloud()
	_, role := mustCreate(t, c, aws.IAMRole, "r", attrs{"name": "r", "assumeRolePolicy": ecsTrust})
	fargate := attrs{"family": "f", "cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": []any{"FARGATE"}}
	refusals(t, c, aws.ECSTaskDefinition, fargate, map[string]attrs{
		"":                              {"containerDefinitions": `[{"name":"a","image":"a"},{"name":"b","image":"b","essential":false}]`},
		"|2":                            {"executionRoleArn": role["arn"], "containerDefinitions": logs(`"awslogs-group":"g","awslogs-region":"r","awslogs-stream-prefix":"s"`)},
		"|3":                            {"containerDefinitions": `[{"name":"a","image":"a","environment":[{"name":"A"}],"secrets":[{"name":"B"}],"portMappings":[{"containerPort":80,"hostPort":80},{"containerPort":81}]}]`},
		"No Fargate configuration":      {"memory": "1536", "containerDefinitions": `[{"name":"a","image":"a"}]`},
		"network mode 'awsvpc'":         {"networkMode": "bridge", "containerDefinitions": `[{"name":"a","image":"a"}]`},
		"'cpu' be defined":              {"cpu": nil, "containerDefinitions": `[{"name":"a","image":"a"}]`},
		"'memory' be defined":           {"memory": nil, "containerDefinitions": `[{"name":"a","image":"a"}]`},
		"Container.name|1":              {"containerDefinitions": `[{"image":"a"}]`},
		"Container.name|2":              {"containerDefinitions": `[{"name":"a"}]`},
		"unique names":                  {"containerDefinitions": `[{"name":"a","image":"a"},{"name":"a","image":"b"}]`},
		"at least one essential":        {"containerDefinitions": `[{"name":"a","image":"a","essential":false}]`},
		"support ECR images":            {"containerDefinitions": `[{"name":"a","image":"123456789012.dkr.ecr.us-east-1.amazonaws.com/a@sha256:1"}]`},
		"support log driver":            {"containerDefinitions": logs(``)},
		"driver awslogs requires|1":     {"executionRoleArn": role["arn"], "containerDefinitions": logs(`"awslogs-region":"r","awslogs-stream-prefix":"s"`)},
		"driver awslogs requires|2":     {"executionRoleArn": role["arn"], "containerDefinitions": logs(`"awslogs-group":"g","awslogs-stream-prefix":"s"`)},
		"driver awslogs requires|3":     {"executionRoleArn": role["arn"], "containerDefinitions": logs(`"awslogs-group":"g","awslogs-region":"r"`)},
		"such as 'B'.":                  {"containerDefinitions": `[{"name":"a","image":"a","environment":[{"name":"B"}],"secrets":[{"name":"B"}]}]`},
		"host ports and container":      {"containerDefinitions": `[{"name":"a","image":"a","portMappings":[{"containerPort":80,"hostPort":81}]}]`},
		"Role is not valid (executionR": {"executionRoleArn": "arn:aws:iam::123456789012:role/none", "containerDefinitions": `[{"name":"a","image":"a"}]`},
		"Role is not valid (taskR":      {"taskRoleArn": "arn:aws:iam::123456789012:role/none", "containerDefinitions": `[{"name":"a","image":"a"}]`},
		"Error decoding JSON":           {"containerDefinitions": `{}`},
	})
	require.NoError(t, try(t, c, aws.ECSTaskDefinition, "ec2", attrs{"family": "e", "executionRoleArn": role["arn"], "containerDefinitions": logs(`"awslogs-group":"g","awslogs-region":"r"`)}))
}

// A revision is never given twice, and the one before stays what it was.
func TestRevisionsOfAFamilyGoUp(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	in := attrs{"family": "f", "containerDefinitions": `[{"name":"a","image":"a"}]`}
	id, first := mustCreate(t, c, aws.ECSTaskDefinition, "t", in)
	_, second := mustCreate(t, c, aws.ECSTaskDefinition, "t", in)
	assert.Equal(t, []any{1.0, 2.0}, []any{first["revision"], second["revision"]})
	assert.NotEqual(t, first["arn"], second["arn"])
	require.Len(t, c.Objects(), 2, "the definition that tasks run is gone with the next one")
	require.NoError(t, destroy(t, c, aws.ECSTaskDefinition, "t", id, first))
	require.Len(t, c.Objects(), 1)
	assert.Equal(t, second["arn"], c.Objects()[0].Props["arn"], "the wrong revision is deleted")
	_, third := mustCreate(t, c, aws.ECSTaskDefinition, "t", in)
	assert.Equal(t, 3.0, third["revision"], "a revision is given twice")
	require.NoError(t, destroy(t, c, aws.ECSTaskDefinition, "t", id, third))
	require.Len(t, c.Objects(), 1)
	assert.Equal(t, second["arn"], c.Objects()[0].Props["arn"], "the wrong revision is deleted")
	c.Put(aws.ECSTaskDefinition, "other", map[string]any{"family": "f", "revision": 41.0})
	_, next := mustCreate(t, c, aws.ECSTaskDefinition, "t", in)
	assert.Equal(t, 42.0, next["revision"])
}

func TestRulesOfServices(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	other, _ := mustCreate(t, c, aws.EC2Vpc, "w", attrs{"cidrBlock": "10.1.0.0/16"})
	subnet, _ := mustCreate(t, c, aws.EC2Subnet, "s", attrs{"vpcId": vpc, "cidrBlock": "10.0.0.0/24"})
	far, _ := mustCreate(t, c, aws.EC2Subnet, "x", attrs{"vpcId": other, "cidrBlock": "10.1.0.0/24"})
	group, _ := mustCreate(t, c, aws.EC2SecurityGroup, "g", attrs{"name": "g", "vpcId": vpc})
	farGroup, _ := mustCreate(t, c, aws.EC2SecurityGroup, "h", attrs{"name": "h", "vpcId": other})
	in, _, state := awsvpcService(t, c, subnet)
	mustCreate(t, c, aws.ECSClusterCapacityProviders, "p", attrs{"clusterName": "c", "capacityProviders": []any{"FARGATE", "FARGATE_SPOT"}})
	_, bare := mustCreate(t, c, aws.ECSTaskDefinition, "bare", attrs{"family": "bare", "containerDefinitions": `[{"name":"a","image":"a"}]`})
	network := func(subnets, groups []any) map[string]any {
		return map[string]any{"subnets": subnets, "securityGroups": groups}
	}
	strategy := func(provider string) []any {
		return []any{map[string]any{"capacityProvider": provider, "weight": 1.0}}
	}
	in["name"], in["networkConfiguration"] = nil, network([]any{subnet}, []any{group})
	refusals(t, c, aws.ECSService, in, map[string]attrs{
		"":                         {"name": "a", "deploymentMinimumHealthyPercent": 100.0, "deploymentMaximumPercent": 101.0},
		"|2":                       {"name": "b", "launchType": nil, "capacityProviderStrategies": strategy("FARGATE_SPOT")},
		"|3":                       {"name": "c", "deploymentMinimumHealthyPercent": 99.0, "deploymentMaximumPercent": 100.0},
		"cannot be 100":            {"name": "d", "deploymentMinimumHealthyPercent": 100.0, "deploymentMaximumPercent": 100.0},
		"cannot be negative":       {"name": "e", "desiredCount": -1.0},
		"inactive or not found":    {"name": "f", "taskDefinition": nil},
		"TaskDefinition not found": {"name": "f", "taskDefinition": "none"},
		"support launch_type":      {"name": "g", "taskDefinition": bare["arn"]},
		"must be provided":         {"name": "h", "networkConfiguration": nil},
		"of the same VPC":          {"name": "i", "networkConfiguration": network([]any{subnet, far}, nil)},
		"to the same VPC as":       {"name": "j", "networkConfiguration": network([]any{subnet}, []any{farGroup})},
		"'OTHER' was not found":    {"name": "k", "launchType": nil, "capacityProviderStrategies": strategy("OTHER")},
		"target group":             {"name": "l", "loadBalancers": []any{map[string]any{"targetGroupArn": "arn:none", "containerName": "a", "containerPort": 80.0}}},
	})
	arn, _ := state["cluster"].(string)
	assert.Contains(t, arn, "cluster/c")
	refusals(t, c, aws.AutoScalingTarget, attrs{"serviceNamespace": "ecs", "scalableDimension": "ecs:service:DesiredCount", "minCapacity": 1.0, "maxCapacity": 2.0}, map[string]attrs{
		"":                        {"resourceId": "service/c/s"},
		"cannot be less":          {"resourceId": "service/c/s", "minCapacity": 3.0},
		"|2":                      {"resourceId": "service/c/a", "minCapacity": 2.0},
		"service doesn't exist|1": {"resourceId": "service/other/s"},
		"service doesn't exist|2": {"resourceId": "service/c/none"},
		"service doesn't exist|3": {"resourceId": "c/s"},
	})
	refusals(t, c, aws.ECSCluster, nil, map[string]attrs{
		"":                  {"name": "c1", "settings": []any{map[string]any{"name": "containerInsights", "value": "enhanced"}}},
		"with value \"on\"": {"name": "c2", "settings": []any{map[string]any{"name": "containerInsights", "value": "on"}}},
		"setting \"other\"": {"name": "c3", "settings": []any{map[string]any{"name": "other", "value": "enabled"}}},
	})
	refusals(t, c, aws.ECSClusterCapacityProviders, attrs{"clusterName": "c"}, map[string]attrs{
		"no capacity provider": {"capacityProviders": []any{"FARGATE", "MINE"}},
	})
}

// F13: a service whose tasks never become healthy goes back where it asks for that, and waits in vain where it does not.
func TestTasksThatNeverBecomeHealthy(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	subnet, _ := mustCreate(t, c, aws.EC2Subnet, "s", attrs{"vpcId": vpc, "cidrBlock": "10.0.0.0/24"})
	in, id, state := awsvpcService(t, c, subnet)
	good := in["taskDefinition"]
	_, bad := mustCreate(t, c, aws.ECSTaskDefinition, "bad", attrs{
		"family": "bad", "cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": []any{"FARGATE"},
		"containerDefinitions": `[{"name":"a","image":"bad"}]`,
	})
	c.Break("bad")
	update := func(more attrs) (attrs, error) {
		now := maps.Clone(in)
		maps.Copy(now, more)
		k, err := c.call(aws.ECSService, urn(aws.ECSService, "s"), settings{}, now)
		require.NoError(t, err)
		return k.update(id, in, state)
	}
	breaker := map[string]any{"enable": true, "rollback": true}
	out, err := update(attrs{"taskDefinition": bad["arn"], "waitForSteadyState": true, "deploymentCircuitBreaker": breaker})
	require.NoError(t, err, "a service that was rolled back is steady")
	assert.Equal(t, good, out["taskDefinition"])
	k, err := c.call(aws.ECSService, urn(aws.ECSService, "s"), settings{}, attrs{})
	require.NoError(t, err)
	seen, _, err := k.read(id, state)
	require.NoError(t, err)
	assert.Equal(t, good, seen["taskDefinition"], "a refresh tells that the release runs")
	breaker["rollback"] = false
	_, err = update(attrs{"taskDefinition": bad["arn"], "waitForSteadyState": true, "deploymentCircuitBreaker": breaker})
	require.ErrorContains(t, err, "tfSTABLE")
	_, err = update(attrs{"taskDefinition": bad["arn"]})
	require.NoError(t, err, "nobody waits")
	_, err = update(attrs{"taskDefinition": bad["arn"], "waitForSteadyState": true, "desiredCount": 0.0})
	require.NoError(t, err, "no tasks, nothing to wait for")
}

func TestRulesOfData(t *testing.T) {
	t.Parallel()
	c := NewCloud("taken-by-others")
	refusals(t, c, aws.S3Bucket, nil, map[string]attrs{
		"": {"bucket": "a.good-name"}, "BucketAlreadyExists": {"bucket": "taken-by-others"},
		"InvalidBucketName|1": {"bucket": "Upper"}, "InvalidBucketName|2": {"bucket": "two..dots"}, "InvalidBucketName|3": {"bucket": "10.0.0.1"},
		"InvalidBucketName|4": {"bucket": "xn--a"}, "InvalidBucketName|5": {"bucket": "sthree-a"}, "InvalidBucketName|6": {"bucket": "a-s3alias"},
		"InvalidBucketName|7": {"bucket": "a--ol-s3"}, "InvalidBucketName|8": {"bucket": "ab"}, "InvalidBucketName|9": {"bucket": strings.Repeat("a", 64)},
		"|2": {"bucket": strings.Repeat("a", 63)},
	})
	for _, days := range []float64{0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653} {
		require.NoError(t, try(t, c, aws.CloudWatchLogGroup, "g", attrs{"name": fmt.Sprint(days), "retentionInDays": days}))
	}
	require.ErrorContains(t, try(t, c, aws.CloudWatchLogGroup, "g", attrs{"name": "g", "retentionInDays": 10.0}), "expected retention_in_days")
	refusals(t, c, aws.KMSKey, nil, map[string]attrs{
		"": {"deletionWindowInDays": 7.0}, "|2": {"deletionWindowInDays": 30.0}, "range (7 - 30)|1": {"deletionWindowInDays": 6.0}, "range (7 - 30)|2": {"deletionWindowInDays": 31.0},
		"MalformedPolicyDocument": {"policy": "{"},
	})
	refusals(t, c, aws.SSMParameter, nil, map[string]attrs{
		"": {"name": "a", "type": "SecureString", "value": "x"}, "|2": {"name": "b", "type": "StringList", "insecureValue": "x"},
		"exactly one of|1": {"name": "c", "type": "String"}, "exactly one of|2": {"name": "d", "type": "String", "value": "x", "insecureValue": "x"},
		"expected type to be": {"name": "e", "type": "Text", "value": "x"}, "with type \"SecureString\"": {"name": "f", "type": "SecureString", "insecureValue": "x"},
		"length greater than": {"name": "g", "type": "String", "insecureValue": ""},
	})
	id, made := mustCreate(t, c, aws.SSMParameter, "p", attrs{"name": "p", "type": "String", "insecureValue": "x"})
	assert.Equal(t, []any{"x", 1.0}, []any{made["value"], made["version"]})
	k, err := c.call(aws.SSMParameter, urn(aws.SSMParameter, "p"), settings{}, attrs{"name": "p", "type": "String", "value": "y"})
	require.NoError(t, err)
	made, err = k.update(id, attrs{}, made)
	require.NoError(t, err)
	assert.Equal(t, []any{"y", 2.0}, []any{made["insecureValue"], made["version"]})

	refusals(t, c, aws.RDSInstance, attrs{"instanceClass": "db.t4g.micro"}, map[string]attrs{
		"": {"identifier": "a", "password": "12345678"}, "shorter than 8": {"identifier": "b", "password": "1234567"},
	})
	for want, more := range map[string]attrs{"disable deletion protection": {"deletionProtection": true, "skipFinalSnapshot": true}, "final_snapshot_identifier": {}, "": {"skipFinalSnapshot": true}, " ": {"finalSnapshotIdentifier": "last"}} {
		more["identifier"], more["instanceClass"] = "db", "db.t4g.micro"
		id, made := mustCreate(t, c, aws.RDSInstance, "db", more)
		err := destroy(t, c, aws.RDSInstance, "db", id, made)
		if strings.TrimSpace(want) == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want, "a database goes, with all that is in it")
		require.NoError(t, c.Lose(aws.RDSInstance, "db"))
	}
	refusals(t, c, aws.ElastiCacheReplicationGroup, attrs{"description": "d"}, map[string]attrs{
		"": {"replicationGroupId": "a", "authToken": strings.Repeat("x", 16), "transitEncryptionEnabled": true}, "|2": {"replicationGroupId": "b", "authToken": strings.Repeat("x", 128), "transitEncryptionEnabled": true},
		"in-transit is enabled": {"replicationGroupId": "c", "authToken": strings.Repeat("x", 16)}, "range (16 - 128)|1": {"replicationGroupId": "d", "authToken": strings.Repeat("x", 15), "transitEncryptionEnabled": true},
		"range (16 - 128)|2": {"replicationGroupId": "e", "authToken": strings.Repeat("x", 129), "transitEncryptionEnabled": true},
		"must be at least 2": {"replicationGroupId": "f", "numCacheClusters": 1.0, "automaticFailoverEnabled": true}, "|3": {"replicationGroupId": "g", "numCacheClusters": 2.0, "automaticFailoverEnabled": true, "multiAzEnabled": true},
		"if multi_az_enabled": {"replicationGroupId": "h", "numCacheClusters": 2.0, "multiAzEnabled": true},
	})
}

func TestRulesOfImages(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	refusals(t, c, aws.ECRRepository, nil, map[string]attrs{
		"": {"name": "team/back-end_1.x", "imageTagMutability": "IMMUTABLE"}, "repositoryName": {"name": "Team"}, "repositoryName|2": {"name": "a//b"},
		"image_tag_mutability": {"name": "b", "imageTagMutability": "SOMETIMES"},
	})
	rule := func(priority int, selection, action string) string {
		return fmt.Sprintf(`{"rulePriority":%d,"selection":{%s},"action":{"type":%q}}`, priority, selection, action)
	}
	const untagged, newest = `"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":1`, `"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10`
	cases := map[string]attrs{}
	for want, rules := range map[string][]string{
		"": {rule(1, untagged, "expire"), rule(2, newest, "expire")}, "|2": {rule(1, strings.Replace(newest, `"any"`, `"tagged","tagPrefixList":["v"]`, 1), "expire")},
		"no rules": {}, "used twice": {rule(1, untagged, "expire"), rule(1, newest, "expire")}, "tagStatus \"x\"": {rule(1, strings.Replace(newest, "any", "x", 1), "expire")},
		"lowest priority": {rule(1, newest, "expire"), rule(2, untagged, "expire")}, "needs tagPrefixList": {rule(1, strings.Replace(newest, "any", "tagged", 1), "expire")},
		"countType \"x\"": {rule(1, strings.Replace(newest, "imageCountMoreThan", "x", 1), "expire")}, "needs countUnit": {rule(1, strings.Replace(untagged, "days", "weeks", 1), "expire")},
		"at least 1": {rule(1, strings.Replace(newest, "10", "0", 1), "expire")}, "action type": {rule(1, newest, "keep")},
	} {
		repository, _ := mustCreate(t, c, aws.ECRRepository, "r", attrs{"name": fmt.Sprintf("r%d", len(cases))})
		cases[want] = attrs{"repository": repository, "policy": `{"rules":[` + strings.Join(rules, ",") + `]}`}
	}
	refusals(t, c, aws.ECRLifecyclePolicy, nil, cases)

	for forced, want := range map[bool]string{true: "", false: "RepositoryNotEmptyException"} {
		id, made := mustCreate(t, c, aws.ECRRepository, "full", attrs{"name": fmt.Sprint("full-", forced), "forceDelete": forced})
		require.NoError(t, c.Fill(aws.ECRRepository, "full"))
		if err := destroy(t, c, aws.ECRRepository, "full", id, made); want != "" {
			require.ErrorContains(t, err, want, "images that can be rolled back to are gone")
		} else {
			require.NoError(t, err)
		}
	}
}

func TestRulesOfIdentities(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	longest := strings.Repeat("a", 64)
	refusals(t, c, aws.IAMRole, attrs{"assumeRolePolicy": ecsTrust}, map[string]attrs{
		"": {"name": longest}, "at most 64|1": {"name": longest + "a"}, "at most 64|2": {"name": "a b"}, "MalformedPolicyDocument": {"name": "x", "assumeRolePolicy": "{"},
		"Invalid principal": {"name": "y", "assumeRolePolicy": strings.Replace(ecsTrust, `{"Service":"ecs-tasks.amazonaws.com"}`, `{"AWS":"arn:aws:iam::123456789012:role/none"}`, 1)},
		"Invalid principal|2": {"name": "z", "assumeRolePolicy": strings.Replace(strings.Replace(ecsTrust, `{"Service":"ecs-tasks.amazonaws.com"}`, `{"Federated":"arn:aws:iam::123456789012:oidc-provider/none"}`, 1),
			`"sts:AssumeRole"`, `"sts:AssumeRoleWithWebIdentity"`, 1)},
	})
	rights := func(length int) string {
		const start, end = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::`, `"}]}`
		return start + strings.Repeat("x", length-len(start)-len(end)) + end
	}
	mustCreate(t, c, aws.IAMRole, "r", attrs{"name": "r", "assumeRolePolicy": ecsTrust})
	refusals(t, c, aws.IAMRolePolicy, attrs{"role": "r"}, map[string]attrs{
		"": {"name": "a", "policy": rights(10240)}, "PolicySize: 10240": {"name": "b", "policy": rights(10241)},
	})
	refusals(t, c, aws.IAMPolicy, nil, map[string]attrs{
		"": {"name": "a", "policy": rights(6144)}, "PolicySize: 6144": {"name": "b", "policy": rights(6145)},
	})
	refusals(t, c, aws.IAMOpenIDConnectProvider, attrs{"clientIdLists": []any{"sts.amazonaws.com"}}, map[string]attrs{
		"": {"url": "https://example.com"}, "Invalid Open ID Connect": {"url": "http://example.com"},
	})
}

// "These and no others": what somebody has attached besides goes when the program says so, and shows before.
func TestAForeignPolicyIsSeenAndDropped(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ exclusive, list, policy, name string }{
		{aws.IAMRolePoliciesExclusive, "policyNames", aws.IAMRolePolicy, "name"},
		{aws.IAMRolePolicyAttachmentsExclusive, "policyArns", aws.IAMRolePolicyAttachment, "policyArn"},
	} {
		c := NewCloud()
		for _, role := range []string{"r", "other"} {
			mustCreate(t, c, aws.IAMRole, role, attrs{"name": role, "assumeRolePolicy": ecsTrust})
		}
		attach := func(role, name string) {
			in := attrs{"role": role, x.name: name}
			if x.policy == aws.IAMRolePolicy {
				in["policy"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}`
			}
			mustCreate(t, c, x.policy, role+name, in)
		}
		const b, a, foreign = "arn:aws:iam::aws:policy/B", "arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/Foreign"
		in := attrs{"roleName": "r", x.list: []any{b, a}}
		id, state := mustCreate(t, c, x.exclusive, "x", in)
		for _, name := range []string{foreign, a, b} {
			attach("r", name)
			attach("other", name)
		}
		k, err := c.call(x.exclusive, urn(x.exclusive, "x"), settings{}, in)
		require.NoError(t, err)
		read, ok, err := k.read(id, state)
		require.NoError(t, err)
		require.True(t, ok)
		assert.Equal(t, []any{b, a, foreign}, read[x.list], "a right that somebody else has given is not seen, or the order changes")
		_, err = k.update(id, in, state)
		require.NoError(t, err)
		var left []string
		for _, o := range c.Objects() {
			if o.Type == x.policy {
				left = append(left, o.Name())
			}
		}
		assert.ElementsMatch(t, []string{"r" + a, "r" + b, "other" + a, "other" + b, "other" + foreign}, left)
	}
}

// A new bucket blocks public policies until it is told otherwise.
func TestPublicBucketPolicies(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	bucket, _ := mustCreate(t, c, aws.S3Bucket, "b", attrs{"bucket": "public"})
	policyFor := func(principal, more, on string) attrs {
		return attrs{"bucket": bucket, "policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::` + on + `/*"` + more + `}]}`}
	}
	cases := map[string]attrs{
		"BlockPublicPolicy|1": policyFor(`"*"`, "", bucket), "BlockPublicPolicy|2": policyFor(`{"AWS":"*"}`, "", bucket),
		"": policyFor(`"*"`, `,"Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}`, bucket), "invalid resource": policyFor(`"*"`, "", "other"),
	}
	refusals(t, c, aws.S3BucketPolicy, nil, cases)
	mustCreate(t, c, aws.S3BucketPublicAccessBlock, "block", attrs{"bucket": bucket, "blockPublicPolicy": true})
	refusals(t, c, aws.S3BucketPolicy, nil, cases)
	require.NoError(t, c.Mutate(aws.S3BucketPublicAccessBlock, "block", func(props map[string]any) { props["blockPublicPolicy"] = false }))
	require.NoError(t, try(t, c, aws.S3BucketPolicy, "p", policyFor(`"*"`, "", bucket)))
}
