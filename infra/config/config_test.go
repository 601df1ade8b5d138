package config_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sentry/infra"
	"sentry/infra/config"
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
		"secrets": {changes: map[string]string{"sentry:secrets": `{"PORT":"x","A-B":"x","TOKEN":"hunter2"}`}, want: []string{
			`sentry:secrets: "A-B" is not the name of an environment variable; allowed: letters, digits and underscores`,
			"sentry:secrets: PORT is set by the program itself; allowed: any name but ENVIRONMENT, AWS_REGION, PORT, S3_ARTIFACTS_BUCKET, S3_CLIPS_BUCKET",
			`sentry:secrets: TOKEN: the value is not an ARN; allowed: the ARN of a Secrets Manager secret or of an SSM parameter`,
		}},
		"secrets as a list": {changes: map[string]string{"sentry:secrets": `["TOKEN"]`}, want: []string{
			`sentry:secrets: not a map of names to texts`,
		}},
		"stack name": {stack: "Staging", want: []string{
			`stack name: "Staging" cannot be a part of the resources' names; allowed: up to 25 lower-case letters, digits and single hyphens, beginning with a letter`,
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
		default:
			t.Fatalf("%d resources registered, then: %v", len(recording.Resources), err)
		}
	})
	assert.Positive(t, accepted, "no generated configuration was good")
	assert.Positive(t, refused, "no generated configuration was bad")
}
