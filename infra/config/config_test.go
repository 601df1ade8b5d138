package config_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sentry/infra"
	"sentry/infra/config"
	"sentry/internal/aws"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

func TestBadConfiguration(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("ab", 32)
	for name, test := range map[string]struct {
		stack   string // staging when empty
		changes map[string]string
		want    []string
	}{
		"missing key": {changes: map[string]string{"sentry:taskCpu": ""}, want: []string{
			"sentry:taskCpu: not set; set it in Pulumi.staging.yaml, for example to 256",
		}},
		"missing region": {changes: map[string]string{"aws:region": ""}, want: []string{
			"aws:region: not set; set it in Pulumi.staging.yaml, for example to us-east-1",
		}},
		"not a number": {changes: map[string]string{"sentry:desiredCount": "two"}, want: []string{
			`sentry:desiredCount: "two" is not a whole number`,
		}},
		"a fraction": {changes: map[string]string{"sentry:taskCpu": "256.5"}, want: []string{
			`sentry:taskCpu: "256.5" is not a whole number`,
		}},
		"not a boolean": {changes: map[string]string{"sentry:publicFrontend": "yes"}, want: []string{
			`sentry:publicFrontend: "yes" is not a boolean; allowed: true, false`,
		}},
		"no such CPU": {changes: map[string]string{"sentry:taskCpu": "300"}, want: []string{
			"sentry:taskCpu: 300 CPU units is not a size of Fargate; allowed: 256, 512, 1024, 2048, 4096, 8192, 16384",
		}},
		"no such pair": {changes: map[string]string{"sentry:taskMemory": "4096"}, want: []string{
			"sentry:taskMemory: Fargate has no 4096 MiB with 256 CPU units; allowed: 512, 1024, 2048",
		}},
		"memory between two sizes": {changes: map[string]string{"sentry:taskCpu": "512", "sentry:taskMemory": "1536"}, want: []string{
			"sentry:taskMemory: Fargate has no 1536 MiB with 512 CPU units; allowed: 1024, 2048, 3072, 4096",
		}},
		"negative count": {changes: map[string]string{"sentry:desiredCount": "-1"}, want: []string{
			"sentry:desiredCount: -1 is not a number of tasks; allowed: 0 (asleep) to 5000",
		}},
		"retention": {changes: map[string]string{"sentry:logRetentionDays": "8"}, want: []string{
			"sentry:logRetentionDays: 8 days is not a retention period of CloudWatch Logs; allowed: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653",
		}},
		"logs for ever": {changes: map[string]string{"sentry:logRetentionDays": "0"}, want: []string{
			"sentry:logRetentionDays: 0 days is not a retention period of CloudWatch Logs; allowed: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653",
		}},
		"not a block": {changes: map[string]string{"sentry:vpcCidr": "10.0.0.0"}, want: []string{
			`sentry:vpcCidr: "10.0.0.0" is not an IPv4 block; allowed: an address and the number of its bits that are fixed, such as 10.0.0.0/16`,
		}},
		"IPv6 block": {changes: map[string]string{"sentry:vpcCidr": "fd00::/16"}, want: []string{
			`sentry:vpcCidr: "fd00::/16" is not an IPv4 block; allowed: an address and the number of its bits that are fixed, such as 10.0.0.0/16`,
		}},
		"address inside of a block": {changes: map[string]string{"sentry:vpcCidr": "10.2.0.1/16"}, want: []string{
			"sentry:vpcCidr: 10.2.0.1/16 is an address inside of 10.2.0.0/16; allowed: the block's first address",
		}},
		"block too large": {changes: map[string]string{"sentry:vpcCidr": "10.2.0.0/15"}, want: []string{
			"sentry:vpcCidr: 10.2.0.0/15 does not fit; allowed: /16 (the largest that AWS takes) to /23 (the smallest that holds two /24 subnets)",
		}},
		"block too small for the subnets": {changes: map[string]string{"sentry:vpcCidr": "10.2.0.0/24"}, want: []string{
			"sentry:vpcCidr: 10.2.0.0/24 does not fit; allowed: /16 (the largest that AWS takes) to /23 (the smallest that holds two /24 subnets)",
		}},
		"public block": {changes: map[string]string{"sentry:vpcCidr": "8.8.0.0/16"}, want: []string{
			"sentry:vpcCidr: 8.8.0.0/16 is not private: hosts of the internet with these addresses could not be reached; allowed: a block in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10",
		}},
		"the other stack's block": {changes: map[string]string{"sentry:vpcCidr": "10.1.0.0/16"}, want: []string{
			"sentry:vpcCidr: 10.1.0.0/16 overlaps 10.1.0.0/16 of Pulumi.production.yaml; allowed: a block of its own for each stack",
		}},
		"a part of the other stack's block": {stack: "production", changes: map[string]string{"sentry:vpcCidr": "10.0.128.0/20"}, want: []string{
			"sentry:vpcCidr: 10.0.128.0/20 overlaps 10.0.0.0/16 of Pulumi.staging.yaml; allowed: a block of its own for each stack",
		}},
		"one zone": {changes: map[string]string{"sentry:availabilityZones": `["us-east-1a"]`}, want: []string{
			`sentry:availabilityZones: ["us-east-1a"]; allowed: two zones, one for each public subnet`,
		}},
		"the same zone twice": {changes: map[string]string{"sentry:availabilityZones": `["us-east-1a","us-east-1a"]`}, want: []string{
			"sentry:availabilityZones: us-east-1a twice; allowed: two zones, so that the loss of one leaves the other",
		}},
		"zones of another region": {changes: map[string]string{"aws:region": "eu-west-1"}, want: []string{
			`sentry:availabilityZones: "us-east-1a" is not a zone of eu-west-1; allowed: the region's code and a letter, such as eu-west-1a`,
			`sentry:availabilityZones: "us-east-1b" is not a zone of eu-west-1; allowed: the region's code and a letter, such as eu-west-1a`,
		}},
		"zones as text": {changes: map[string]string{"sentry:availabilityZones": "us-east-1a,us-east-1b"}, want: []string{
			`sentry:availabilityZones: "us-east-1a,us-east-1b" is not a list of texts`,
		}},
		"nobody may enter": {changes: map[string]string{"sentry:ingressCidrs": "[]"}, want: []string{
			`sentry:ingressCidrs: empty: no request could reach the backend; allowed: IPv4 blocks, ["0.0.0.0/0"] for the whole internet`,
		}},
		"bad source": {changes: map[string]string{"sentry:ingressCidrs": `["everybody"]`}, want: []string{
			`sentry:ingressCidrs: "everybody" is not an IPv4 block; allowed: an address and the number of its bits that are fixed, such as 10.0.0.0/16`,
		}},
		"a source inside of a block, twice": {changes: map[string]string{"sentry:ingressCidrs": `["192.0.2.1/24","192.0.2.1/24"]`}, want: []string{
			"sentry:ingressCidrs: 192.0.2.1/24 is an address inside of 192.0.2.0/24; allowed: the block's first address",
			"sentry:ingressCidrs: 192.0.2.1/24 is an address inside of 192.0.2.0/24; allowed: the block's first address",
			"sentry:ingressCidrs: 192.0.2.1/24 twice; allowed: each block once",
		}},
		"image by tag": {changes: map[string]string{"sentry:image": "repository/backend:latest"}, want: []string{
			`sentry:image: "repository/backend:latest" does not name one image for good; allowed: <repository>@sha256:<64 hexadecimal digits>, without a tag`,
		}},
		"image by tag and digest": {changes: map[string]string{"sentry:image": "backend:v1" + digest}, want: []string{
			`sentry:image: "backend:v1` + digest + `" does not name one image for good; allowed: <repository>@sha256:<64 hexadecimal digits>, without a tag`,
		}},
		"short digest": {changes: map[string]string{"sentry:image": "backend@sha256:abc"}, want: []string{
			`sentry:image: "backend@sha256:abc" does not name one image for good; allowed: <repository>@sha256:<64 hexadecimal digits>, without a tag`,
		}},
		"adopted buckets": {changes: map[string]string{"sentry:adopted": `{"bucketNames":{"clips":"Clips","films":"films"}}`}, want: []string{
			`sentry:adopted.bucketNames: "Clips" cannot be a bucket's name; allowed: 3 to 63 lower-case letters, digits, dots and hyphens`,
			`sentry:adopted.bucketNames: there is no bucket "films"; allowed: frontend, artifacts, clips`,
		}},
		"an adopted group without a name": {changes: map[string]string{"sentry:adopted": `{"securityGroup":{"description":"tasks"}}`}, want: []string{
			`sentry:adopted.securityGroup.name: ""; allowed: 1 to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*`,
		}},
		"an adopted group without a description": {changes: map[string]string{"sentry:adopted": `{"securityGroup":{"name":"tasks"}}`}, want: []string{
			`sentry:adopted.securityGroup.description: ""; allowed: 1 to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*`,
		}},
		"adopted rules": {
			changes: map[string]string{"sentry:adopted": `{"securityGroup":{"name":"a","description":"b","rules":{"in 0.0.0.0/0":"c","egress 0.0.0.0/0":"d\\n"}}}`},
			want: []string{
				`sentry:adopted.securityGroup.rules: "d\\n"; allowed: at most 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*`,
				`sentry:adopted.securityGroup.rules: "in 0.0.0.0/0" is no rule; allowed: ingress <block> and egress <block>`,
			},
		},
		"adopted subnets": {changes: map[string]string{"sentry:adopted": `{"subnetCidrs":["10.9.0.0/24"]}`}, want: []string{
			"sentry:adopted.subnetCidrs: 10.9.0.0/24; allowed: one block for each of sentry:availabilityZones",
			"sentry:adopted.subnetCidrs: 10.9.0.0/24 is not inside of sentry:vpcCidr, 10.0.0.0/16; allowed: blocks in it",
		}},
		"adopted subnets where the load balancer goes": {
			changes: map[string]string{"sentry:https": "true", "sentry:adopted": `{"subnetCidrs":["10.0.1.0/24","10.0.2.0/24"]}`}, want: []string{
				"sentry:adopted.subnetCidrs: 10.0.2.0/24 is where sentry:https puts its load balancer; allowed: without https",
			},
		},
		"adopted ARNs": {changes: map[string]string{"sentry:adopted": `{"targetGroups":["old"],"distributions":["E1"]}`}, want: []string{
			`sentry:adopted.targetGroups: "old" is not the ARN of a target group; allowed: arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>`,
			`sentry:adopted.distributions: "E1" is not the ARN of a distribution; allowed: arn:aws:cloudfront::<account>:distribution/<id>`,
		}},
		"adopted policies by mistake": {changes: map[string]string{"sentry:adopted": `{"policies":{"tasks":["x"]}}`}, want: []string{
			"sentry:adopted.policies.tasks: nothing reads this key; allowed: execution, task",
		}},
		"adopted subnets that hold the network": {changes: map[string]string{"sentry:adopted": `{"subnetCidrs":["10.0.0.0/15","10.0.2.0/24"]}`}, want: []string{
			"sentry:adopted.subnetCidrs: 10.0.0.0/15 is not inside of sentry:vpcCidr, 10.0.0.0/16; allowed: blocks in it",
		}},
		"adopted by mistake": {changes: map[string]string{"sentry:adopted": `{"bucketName":{}}`}, want: []string{
			"sentry:adopted.bucketName: nothing reads this key; allowed: securityGroup, policies, bucketNames, subnetCidrs, image, targetGroups, distributions",
		}},
		"account": {changes: map[string]string{"sentry:awsAccountId": "12345"}, want: []string{
			`sentry:awsAccountId: "12345" is not an account id; allowed: 12 digits, in quotes so that YAML keeps leading zeros`,
		}},
		"region": {changes: map[string]string{"aws:region": "Virginia", "sentry:availabilityZones": `["Virginiaa","Virginiab"]`}, want: []string{
			`aws:region: "Virginia" is not a region; allowed: a region's code, such as us-east-1`,
		}},
		"suffix": {changes: map[string]string{"sentry:bucketSuffix": "My_Bucket"}, want: []string{
			`sentry:bucketSuffix: "My_Bucket" cannot end a bucket's name; allowed: lower-case letters, digits and single hyphens between them`,
		}},
		"long suffix": {changes: map[string]string{"sentry:bucketSuffix": strings.Repeat("x", 39)}, want: []string{
			"sentry:bucketSuffix: \"" + strings.Repeat("x", 39) + "\" makes the bucket name sentry-staging-artifacts-" + strings.Repeat("x", 39) + ", 64 characters long; allowed: 63",
		}},
		"boundary": {changes: map[string]string{"sentry:permissionsBoundary": "arn:aws:iam::aws:policy/X"}, want: []string{
			`sentry:permissionsBoundary: "arn:aws:iam::aws:policy/X" is not the name of an IAM policy; allowed: up to 128 letters, digits and +=,.@_-, not an ARN`,
		}},
		"boundary of bootstrap's roles": {changes: map[string]string{"sentry:permissionsBoundary": "x", "sentry:bootstrapped": "true"}, want: []string{
			`sentry:permissionsBoundary: "x", but with sentry:bootstrapped the roles are bootstrap's, within the boundary that it gives them; remove the key`,
		}},
		"secrets": {changes: map[string]string{"sentry:secrets": `{"PORT":"arn:aws:ssm:us-east-1:123456789012:parameter/sentry/staging/x","A-B":"arn:aws:ssm:us-east-1:123456789012:parameter/sentry/staging/x","TOKEN":"hunter2"}`}, want: []string{
			`sentry:secrets: "A-B" is not the name of an environment variable; allowed: letters, digits and underscores`,
			"sentry:secrets: PORT is set by the program itself; allowed: any name but ENVIRONMENT, AWS_REGION, PORT, S3_ARTIFACTS_BUCKET, S3_CLIPS_BUCKET",
			`sentry:secrets: TOKEN: the value is not an ARN; allowed: the ARN of a Secrets Manager secret or of an SSM parameter, without patterns`,
		}},
		"secrets as a list": {changes: map[string]string{"sentry:secrets": `["TOKEN"]`}, want: []string{
			`sentry:secrets: not a map of names to texts`,
		}},
		"stack name": {stack: "Staging", want: []string{
			`stack name: "Staging" cannot be a part of the resources' names; allowed: up to 25 lower-case letters, digits and single hyphens, beginning with a letter`,
		}},
		"an unknown field": {changes: map[string]string{"sentry:container": `{"stoptimeout":30,"memory":1}`}, want: []string{
			"sentry:container.memory: nothing reads this key; allowed: healthCheck, stopTimeout, readOnlyRootFilesystem, user, logMode, cpuArchitecture",
			"sentry:container.stoptimeout: nothing reads this key; did you mean sentry:container.stopTimeout?",
		}},
		"text for an object": {changes: map[string]string{"sentry:scaling": "4"}, want: []string{
			"sentry:scaling: 4 is not an object with fields",
		}},
		"a word for an object": {changes: map[string]string{"sentry:https": "yes"}, want: []string{
			`sentry:https: "yes" is not an object with fields; allowed instead of one: true, false`,
		}},
		"fields of a field": {changes: map[string]string{"sentry:container": `{"healthCheck":{"path":"health","interval":5,"timeout":5,"retries":1,"startPeriod":"soon"}}`}, want: []string{
			"sentry:container.healthCheck.retries: 1; allowed: 2 to 10",
			`sentry:container.healthCheck.startPeriod: "soon" is not a whole number`,
			`sentry:container.healthCheck.path: "health" is not a path; allowed: a slash, then letters, digits and /._~-`,
			"sentry:container.healthCheck.timeout: 5 s is not shorter than the interval of 5 s; allowed: less, so that a check ends before the next one",
		}},
		"container": {changes: map[string]string{"sentry:container": `{"stopTimeout":121,"cpuArchitecture":"ARM64","user":"root","logMode":"async","readOnlyRootFilesystem":"on"}`}, want: []string{
			"sentry:container.stopTimeout: 121; allowed: 2 to 120",
			`sentry:container.readOnlyRootFilesystem: "on" is not a boolean; allowed: true, false`,
			`sentry:container.logMode: "async"; allowed: non-blocking, blocking`,
			`sentry:container.cpuArchitecture: "ARM64"; allowed: x86_64, arm64`,
			`sentry:container.user: "root" is root, whom a container runs as anyway; allowed: another user, such as 1000`,
		}},
		"a user with a command": {changes: map[string]string{"sentry:container": `{"user":"app; id"}`}, want: []string{
			`sentry:container.user: "app; id" is not a user; allowed: a name or a number, and after a colon perhaps a group, such as 1000:1000`,
		}},
		"scaling": {changes: map[string]string{"sentry:desiredCount": "3", "sentry:scaling": `{"maxCount":2,"requestsTarget":100,"cpuTarget":5,"minimumHealthyPercent":101}`}, want: []string{
			"sentry:scaling.cpuTarget: 5; allowed: 10 to 100",
			"sentry:scaling.minimumHealthyPercent: 101; allowed: 0 to 100",
			"sentry:scaling.maxCount: 2 is less than sentry:desiredCount, 3; allowed: that or more",
			"sentry:scaling.requestsTarget: without sentry:https there is no load balancer that counts requests; allowed: with it",
		}},
		"a target without scaling": {changes: map[string]string{"sentry:scaling": `{"cpuTarget":50}`}, want: []string{
			"sentry:scaling.cpuTarget: without maxCount nothing scales; allowed: with it",
		}},
		"schedule": {changes: map[string]string{"sentry:scaling": `{"schedule":{"awake":"weekdays","timezone":"Berlin"}}`}, want: []string{
			`sentry:scaling.schedule.timezone: "Berlin" is not a time zone; allowed: a name of the IANA's, such as Europe/Berlin`,
			`sentry:scaling.schedule.awake: "weekdays"; allowed: days and times, such as MON-FRI 07:00-19:00`,
		}},
		"a schedule over midnight": {changes: map[string]string{"sentry:scaling": `{"schedule":{"awake":"MON-FRI 22:00-06:00"}}`}, want: []string{
			`sentry:scaling.schedule.awake: "MON-FRI 22:00-06:00" does not end with two times of a day, the earlier one first; allowed: days and times, such as MON-FRI 07:00-19:00`,
		}},
		"a schedule with a time that is none": {changes: map[string]string{"sentry:scaling": `{"schedule":{"awake":"MON-FRI 06:00-24:00"}}`}, want: []string{
			`sentry:scaling.schedule.awake: "MON-FRI 06:00-24:00" does not end with two times of a day, the earlier one first; allowed: days and times, such as MON-FRI 07:00-19:00`,
		}},
		"a schedule that begins at a time that is none": {changes: map[string]string{"sentry:scaling": `{"schedule":{"awake":"MON-FRI 06:60-20:00"}}`}, want: []string{
			`sentry:scaling.schedule.awake: "MON-FRI 06:60-20:00" does not end with two times of a day, the earlier one first; allowed: days and times, such as MON-FRI 07:00-19:00`,
		}},
		"asleep all day": {changes: map[string]string{"sentry:scaling": `{"schedule":{"awake":"MON-FRI 06:00-06:00"}}`}, want: []string{
			`sentry:scaling.schedule.awake: "MON-FRI 06:00-06:00" does not end with two times of a day, the earlier one first; allowed: days and times, such as MON-FRI 07:00-19:00`,
		}},
		"a week that begins with Saturday": {changes: map[string]string{"sentry:scaling": `{"schedule":{"awake":"SAT-TUE 07:00-19:00"}}`}, want: []string{
			`sentry:scaling.schedule.awake: "SAT-TUE 07:00-19:00" does not begin with days from MON to SUN; allowed: days and times, such as MON-FRI 07:00-19:00`,
		}},
		"https": {changes: map[string]string{"sentry:vpcCidr": "10.2.0.0/23", "sentry:https": `{"domain":"app","zoneId":"example.com"}`}, want: []string{
			`sentry:https.domain: "app" is not a domain; allowed: up to 64 characters, such as app.example.com`,
			`sentry:https.zoneId: "example.com" is not the id of a hosted zone; allowed: the id that Route 53 shows, such as Z0123456789ABCDEFGHIJ`,
			"sentry:vpcCidr: 10.2.0.0/23 holds two subnets, and with sentry:https there are four; allowed: /22 or larger",
		}},
		"a domain without its zone": {changes: map[string]string{"sentry:https": `{"domain":"app.example.com"}`}, want: []string{
			"sentry:https.zoneId: not set; set it to the id of the hosted zone that app.example.com stands in",
		}},
		"a zone without a domain": {changes: map[string]string{"sentry:https": `{"zoneId":"Z0123456789"}`}, want: []string{
			"sentry:https.domain: not set; set it to the address in the hosted zone Z0123456789",
		}},
		"monitoring": {changes: map[string]string{"sentry:monitoring": `{"alarmEmail":"ops","containerInsights":"on","flowLogs":"s3://logs","accessLogs":"Logs"}`}, want: []string{
			`sentry:monitoring.containerInsights: "on"; allowed: enabled, enhanced, disabled`,
			`sentry:monitoring.alarmEmail: "ops" is not an e-mail address; allowed: one address`,
			`sentry:monitoring.flowLogs: "s3://logs" is not the name of a bucket; allowed: an existing bucket that AWS may deliver logs to`,
			`sentry:monitoring.accessLogs: "Logs" is not the name of a bucket; allowed: an existing bucket that AWS may deliver logs to`,
		}},
		"a budget that nobody hears of": {changes: map[string]string{"sentry:monitoring": `{"monthlyBudget":50}`}, want: []string{
			"sentry:monitoring.monthlyBudget: nothing would hear of it; allowed: with alarmEmail",
		}},
		"variables": {changes: map[string]string{"sentry:environment": `{"PORT":"80","A B":"x","DB_PASSWORD":"hunter2","URL":"postgres://app:hunter2@db/app","KEY":"AKIAIOSFODNN7EXAMPLE"}`}, want: []string{
			`sentry:environment: "A B" is not the name of an environment variable; allowed: letters, digits and underscores`,
			"sentry:environment: PORT is set by the program itself; allowed: any name but ENVIRONMENT, AWS_REGION, PORT, S3_ARTIFACTS_BUCKET, S3_CLIPS_BUCKET",
			"sentry:environment: DB_PASSWORD looks like a secret, and whoever may look at the task definition would read it; allowed: its ARN in sentry:secrets, or another name",
			"sentry:environment: KEY looks like a secret, and whoever may look at the task definition would read it; allowed: its ARN in sentry:secrets, or another name",
			"sentry:environment: URL looks like a secret, and whoever may look at the task definition would read it; allowed: its ARN in sentry:secrets, or another name",
		}},
		"a variable in both": {changes: map[string]string{
			"sentry:environment": `{"LEVEL":"x"}`, "sentry:secrets": `{"LEVEL":"arn:aws:ssm:us-east-1:123456789012:parameter/sentry/staging/x"}`,
		}, want: []string{
			"sentry:environment: LEVEL is in sentry:secrets, too; allowed: one of them",
		}},
		"secrets of others": {changes: map[string]string{"sentry:awsAccountId": "123456789012", "sentry:secrets": `{` +
			`"A":"arn:aws:ssm:us-east-1:123456789012:parameter/sentry/production/x",` +
			`"B":"arn:aws:ssm:eu-west-1:123456789012:parameter/sentry/staging/x",` +
			`"C":"arn:aws:secretsmanager:us-east-1:210987654321:secret:sentry/staging/x-AbCdEf",` +
			`"D":"arn:aws:secretsmanager:us-east-1:123456789012:secret:sentry/staging/*",` +
			`"E":"arn:aws:secretsmanager:us-east-1:123456789012:secret:sentry/${aws:PrincipalTag/x}/y",` +
			`"F":"arn:aws:ssm:us-east-1:123456789012:parameter/sentry/staging-eu/x"}`}, want: []string{
			"sentry:secrets: A: it is sentry/production/x; allowed: a name that begins with sentry/staging/, as the roles of this environment reach no others",
			"sentry:secrets: B: it is in eu-west-1; allowed: one in us-east-1, where the tasks are",
			"sentry:secrets: C: it belongs to account 210987654321; allowed: one of 123456789012",
			"sentry:secrets: D: the value is not an ARN; allowed: the ARN of a Secrets Manager secret or of an SSM parameter, without patterns",
			"sentry:secrets: E: the value is not an ARN; allowed: the ARN of a Secrets Manager secret or of an SSM parameter, without patterns",
			"sentry:secrets: F: it is sentry/staging-eu/x; allowed: a name that begins with sentry/staging/, as the roles of this environment reach no others",
		}},
		"an image of others": {changes: map[string]string{"sentry:image": "ghcr.io/example/backend" + digest}, want: []string{
			"sentry:image: ghcr.io/example/backend is another repository than sentry-staging-backend in us-east-1; allowed: that one, and those of sentry:imageRepositories",
		}},
		"production's image": {changes: map[string]string{"sentry:image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/sentry-production-backend" + digest}, want: []string{
			"sentry:image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/sentry-production-backend is another repository than sentry-staging-backend in us-east-1; " +
				"allowed: that one, and those of sentry:imageRepositories",
		}},
		"lists": {changes: map[string]string{
			"sentry:corsOrigins": `["app.example.com","*"]`, "sentry:objectRoles": `["backup"]`, "sentry:imageRepositories": `["ghcr.io/example/backend:v1"]`,
		}, want: []string{
			`sentry:corsOrigins: "app.example.com" is not an origin; allowed: scheme, host and perhaps a port, such as https://app.example.com`,
			`sentry:corsOrigins: "*" is not an origin; allowed: scheme, host and perhaps a port, such as https://app.example.com`,
			`sentry:objectRoles: "backup" is not the ARN of a role; allowed: arn:aws:iam::<account>:role/<name>`,
			`sentry:imageRepositories: "ghcr.io/example/backend:v1" is not a repository; allowed: <registry>/<repository>, without tag and digest`,
		}},
		"a key elsewhere": {changes: map[string]string{"sentry:kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/0123abcd"}, want: []string{
			`sentry:kmsKeyArn: the key is in eu-west-1; allowed: one in us-east-1, where the data is`,
		}},
		"key": {changes: map[string]string{"sentry:kmsKeyArn": "alias/sentry"}, want: []string{
			`sentry:kmsKeyArn: "alias/sentry" is not the ARN of a key; allowed: arn:aws:kms:<region>:<account>:key/<id>`,
		}},
		"flags": {changes: map[string]string{"sentry:protect": "1", "sentry:exec": "yes", "sentry:bootstrapped": "no"}, want: []string{
			`sentry:protect: "1" is not a boolean; allowed: true, false`,
			`sentry:exec: "yes" is not a boolean; allowed: true, false`,
			`sentry:bootstrapped: "no" is not a boolean; allowed: true, false`,
		}},
		"everything at once": {changes: map[string]string{"sentry:taskCpu": "1", "sentry:desiredCount": "x", "sentry:vpcCidr": "", "sentry:logRetentionDays": "2"}, want: []string{
			"sentry:vpcCidr: not set; set it in Pulumi.staging.yaml, for example to 10.0.0.0/16",
			`sentry:desiredCount: "x" is not a whole number`,
			"sentry:taskCpu: 1 CPU units is not a size of Fargate; allowed: 256, 512, 1024, 2048, 4096, 8192, 16384",
			"sentry:logRetentionDays: 2 days is not a retention period of CloudWatch Logs; allowed: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t)
			switch test.stack {
			case "":
				test.stack = "staging"
			case "production":
			default:
				require.NoError(t, os.Rename(p.StackFile("staging"), p.StackFile(test.stack)))
			}
			message := refused(t, p, test.stack, test.changes)
			assert.Equal(t, strings.Join(test.want, "\n"), message)
		})
	}
}

func open(t testing.TB) project.Project {
	t.Helper()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	return p
}

// refused is the list of what the program finds wrong with an environment of table A after some changes.
func refused(t *testing.T, p project.Project, stack string, changes map[string]string) string {
	t.Helper()
	recording, err := sandbox.RecordStack(infra.DeployIn, p, stack, sandbox.StackOptions{Config: changes})
	require.Error(t, err)
	assert.Empty(t, recording.Resources, "something was registered although the configuration is refused")
	_, list, found := strings.Cut(err.Error(), "nothing was changed:\n")
	require.True(t, found, err.Error())
	return strings.TrimSpace(list)
}

// A typo must not silently do nothing.
func TestUnreadKey(t *testing.T) {
	t.Run("in the stack file", func(t *testing.T) {
		p := open(t)
		fixture.Replace(t, p.StackFile("staging"), "  sentry:taskCpu: 256\n",
			"  sentry:taskCpu: 256\n  sentry:taskCPU: 512\n  sentry:replicas: 3\n  aws:profile: mine\n  other:key: 1\n")
		message := refused(t, p, "staging", nil)
		assert.Contains(t, message, "sentry:taskCPU: nothing reads this key; did you mean sentry:taskCpu?")
		assert.Contains(t, message, "sentry:replicas: nothing reads this key; allowed: vpcCidr, availabilityZones,")
		assert.NotContains(t, message, "aws:profile", "keys of others are refused")
		assert.NotContains(t, message, "other:key", "keys of others are refused")
	})
	t.Run("in a stack file elsewhere", func(t *testing.T) { // --config-file
		t.Setenv("PULUMI_CONFIG", `{"sentry:taskCPU":"512"}`)
		assert.Contains(t, refused(t, open(t), "staging", nil), "sentry:taskCPU: nothing reads this key; did you mean sentry:taskCpu?")
	})
}

func TestBrokenStackFile(t *testing.T) {
	p := open(t)
	require.NoError(t, os.WriteFile(p.StackFile("production"), []byte("config: ["), 0o600))
	assert.Contains(t, refused(t, p, "staging", nil), "Pulumi.production.yaml: parse ")
}

// Every key is declared, so that pulumi config and editors know it, and every declared key is read.
func TestKeysAreDeclared(t *testing.T) {
	keys, err := open(t).Keys()
	require.NoError(t, err)
	var declared []string
	for _, key := range keys {
		declared = append(declared, strings.TrimPrefix(key.Name, "sentry:"))
		assert.NotEmpty(t, key.Description, key.Name)
	}
	t.Setenv("PULUMI_CONFIG", `{"sentry:no-such-key":""}`)
	_, read, _ := strings.Cut(refused(t, open(t), "staging", nil), "nothing reads this key; allowed: ")
	assert.ElementsMatch(t, strings.Split(read, ", "), declared, "Pulumi.yaml and the program know different keys")
}

// The account is known only once AWS has been asked; then nothing of AWS's has been registered yet.
func TestReferencesToAnotherAccount(t *testing.T) {
	for key, changes := range map[string]map[string]string{
		"sentry:secrets: TOKEN: it belongs to account 210987654321": {
			"sentry:secrets": `{"TOKEN":"arn:aws:ssm:us-east-1:210987654321:parameter/sentry/staging/token"}`,
		},
		"sentry:image: 210987654321.dkr.ecr": {
			"sentry:image": "210987654321.dkr.ecr.us-east-1.amazonaws.com/sentry-staging-backend@sha256:" + strings.Repeat("ab", 32),
		},
	} {
		recording, err := sandbox.RecordStack(infra.DeployIn, open(t), "staging", sandbox.StackOptions{Config: changes})
		require.ErrorContains(t, err, key)
		for _, r := range recording.Resources {
			assert.Equal(t, aws.Provider, r.Type, "something was registered although the configuration is refused")
		}
	}
}

// nothing is a cloud in which nothing may be registered.
type nothing struct{}

func (nothing) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return "", nil, errors.New(args.TypeToken + " was registered")
}

func (nothing) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return nil, errors.New(args.Token + " was called")
}

// Whoever encrypts a value must not find it in clear text in AWS and in the state.
func TestEncryptedValuesAreRefused(t *testing.T) {
	err := pulumi.RunErr(infra.DeployIn(open(t).Dir), pulumi.WithMocks("sentry", "staging", nothing{}), func(info *pulumi.RunInfo) {
		info.Config = map[string]string{"sentry:environment": `{"GREETING":"hello"}`}
		info.ConfigSecretKeys = []string{"sentry:environment"}
	})
	require.ErrorContains(t, err, "sentry:environment: encrypted, but no key of this program is a secret; set it without --secret")
	assert.NotContains(t, err.Error(), "hello")
}

// A field that nobody has a setting for is one that no test switches on.
func TestEveryFieldHasASetting(t *testing.T) {
	have := map[string]bool{}
	for _, settings := range fixture.Settings() {
		for _, s := range settings {
			have[strings.TrimSuffix(s.Key+"."+s.Field, ".")] = true
		}
	}
	for _, key := range []string{"https", "scaling", "container", "monitoring"} {
		message := refused(t, open(t), "staging", map[string]string{"sentry:" + key: `{"noSuchField":1}`})
		_, fields, _ := strings.Cut(message, "nothing reads this key; allowed: ")
		for field := range strings.SplitSeq(fields, ", ") {
			if key+"."+field == "https.deletionProtection" {
				continue // cannot be switched off by one update: infra's own tests have it
			}
			assert.True(t, have[key+"."+field], "internal/fixture/settings.go has nothing for sentry:%s.%s", key, field)
		}
	}
}

// The live stack files are held to bounds, not to values: whatever is valid may be committed.
func TestLiveStackFiles(t *testing.T) {
	live, err := project.Open(fixture.Root(t))
	require.NoError(t, err)
	for _, environment := range live.Environments() {
		for _, options := range []sandbox.StackOptions{{}, {Released: true}, {DryRun: true}} {
			_, err := sandbox.RecordStack(infra.DeployIn, live, environment, options)
			require.NoError(t, err, "Pulumi.%s.yaml cannot be deployed", environment)
		}
	}
}

// No input panics, and none that is refused registers anything.
func TestAnyConfiguration(t *testing.T) {
	p := open(t)
	keys, err := p.Keys()
	require.NoError(t, err)
	valid, err := p.Config("staging")
	require.NoError(t, err)
	values := rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`-?[0-9]{1,20}`),
		rapid.StringMatching(`[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}`),
		rapid.StringMatching(`\[("[a-z0-9./:-]{0,20}",){0,3}"[a-z0-9./-]{0,20}"\]`),
		rapid.StringMatching(`\{"[A-Z_]{0,8}":"(arn:aws:ssm:us-east-1:123456789012:parameter/)?[a-z:]{0,9}"\}`),
		rapid.SampledFrom([]string{"", "null", "{}", "[]", "[null]", `{"A":null}`, "true", "256", "512", "10.0.0.0/16", "0.0.0.0/0", "arn:", "\x00"}),
	)
	var accepted, refused int
	rapid.Check(t, func(t *rapid.T) {
		changes := map[string]string{}
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, 3, func(key project.Key) string { return key.Name }).Draw(t, "keys") {
			changes[key.Name] = rapid.OneOf(rapid.Just(valid[key.Name]), values).Draw(t, key.Name)
		}
		recording, err := sandbox.RecordStack(infra.DeployIn, p, "staging", sandbox.StackOptions{Config: changes})
		var problem *config.Problem
		switch {
		case err == nil:
			accepted++
		case errors.As(err, &problem) && len(recording.Resources) == 0:
			refused++
		case strings.Contains(err.Error(), "AWS account ID not allowed"): // a well-formed id of another account
		case changes["sentry:bootstrapped"] == "true" && strings.Contains(err.Error(), "-role' does not exist"): // bootstrap was never here
		default:
			t.Fatalf("%d resources registered, then: %v", len(recording.Resources), err)
		}
	})
	assert.Positive(t, accepted, "no generated configuration was good")
	assert.Positive(t, refused, "no generated configuration was bad")
}
