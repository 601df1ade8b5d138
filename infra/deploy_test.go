package infra_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

func TestLogGroup(t *testing.T) { // A11
	each(t, func(t *testing.T, d deployed) {
		group := d.inputs(t, aws.CloudWatchLogGroup, d.name("-backend"))
		assert.Equal(t, "/ecs/"+d.name("-backend"), group["name"])
		assert.EqualValues(t, d.retention, group["retentionInDays"], "logs go too early, or are paid for ever")
	})
}

func TestOneProvider(t *testing.T) { // A17
	each(t, func(t *testing.T, d deployed) {
		providers := d.ByType(aws.Provider)
		require.Len(t, providers, 1)
		for _, r := range d.Resources {
			if r.Custom && r.Type != aws.Provider {
				assert.True(t, strings.HasPrefix(r.Provider, providers[0].URN+"::"), "%s %s has another provider: no tags, perhaps another region", r.Type, r.Name)
			}
		}
	})
}

func TestTags(t *testing.T) { // A17
	each(t, func(t *testing.T, d deployed) {
		for _, r := range d.Resources {
			tags, taggable := r.Outputs.Mappable()["tagsAll"].(map[string]any)
			if !taggable {
				continue
			}
			assert.Equal(t, "sentry", tags["Project"], "%s %s: nobody knows whose it is", r.Type, r.Name)
			assert.Equal(t, d.stack, tags["Environment"], "%s %s", r.Type, r.Name)
			assert.Equal(t, "pulumi", tags["ManagedBy"], "%s %s: somebody will change it by hand", r.Type, r.Name)
			own, _ := r.Inputs.Mappable()["tags"].(map[string]any)
			for _, key := range []string{"Project", "Environment", "ManagedBy"} {
				assert.NotContains(t, own, key, "%s %s repeats a default tag: a difference in each preview", r.Type, r.Name)
			}
		}
	})
}

func TestRegion(t *testing.T) { // A17
	d := with(t, map[string]string{
		"aws:region": "eu-central-1", "sentry:availabilityZones": `["eu-central-1a","eu-central-1c"]`, "sentry:image": "",
	})
	assert.Equal(t, "eu-central-1", d.inputs(t, aws.Provider, "aws")["region"])
	assert.Equal(t, "com.amazonaws.eu-central-1.s3", d.inputs(t, aws.EC2VpcEndpoint, "sentry-staging-s3")["serviceName"])
	assert.Equal(t, "eu-central-1", d.container(t).LogConfiguration.Options["awslogs-region"])
	trust := parse[policy](t, d.inputs(t, aws.IAMRole, "sentry-staging-task")["assumeRolePolicy"])
	assert.Equal(t, "arn:aws:ecs:eu-central-1:123456789012:*", trust.Statement[0].Condition["ArnLike"]["aws:SourceArn"])
	for _, r := range d.Resources {
		assert.NotContains(t, fmt.Sprint(r.Inputs.Mappable()), "us-east-1", "%s %s stays in us-east-1", r.Type, r.Name)
	}
}

func TestAccountGuard(t *testing.T) {
	with(t, map[string]string{"sentry:awsAccountId": "123456789012"})
	recording, err := run(t, "staging", sandbox.StackOptions{Config: map[string]string{"sentry:awsAccountId": "210987654321"}})
	require.ErrorContains(t, err, "210987654321", "staging can be deployed into production's account")
	for _, r := range recording.Resources {
		assert.Equal(t, aws.Provider, r.Type, "something was registered in the wrong account")
	}
}

func TestEveryResourceHasAComponent(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		parents := map[string]string{}
		for _, r := range d.Resources {
			parents[r.URN] = r.Parent
		}
		for _, r := range d.Resources {
			if r.Type == aws.Provider {
				continue
			}
			top := r.URN
			for parents[top] != "" && resource.URN(parents[top]).Type() != resource.RootStackType {
				top = parents[top]
			}
			assert.Regexp(t, `^sentry:infra:[A-Z]\w+$`, resource.URN(top).Type().String(),
				"%s %s is an orphan: it shows up outside of the program's components and does not get their provider", r.Type, r.Name)
		}
	})
}

// What each component owns.
func TestComponents(t *testing.T) {
	owner := map[string]string{
		"ec2": "Network", "vpc": "Network", "s3": "Buckets", "ecr": "Service", "ecs": "Service", "iam": "Service",
		"ssm": "Service", "cloudwatch": "Observability",
	}
	each(t, func(t *testing.T, d deployed) {
		for _, r := range d.Resources {
			module, _, _ := strings.Cut(strings.TrimPrefix(r.Type, "aws:"), "/")
			if want := owner[module]; want != "" {
				assert.Contains(t, r.URN, "sentry:infra:"+want+"$", "%s is in another component", r.Name)
			}
		}
	})
}

func TestOutputs(t *testing.T) { // A18
	each(t, func(t *testing.T, d deployed) {
		for name, want := range map[string]any{
			"region":              "us-east-1",
			"clusterName":         d.name("-cluster"),
			"serviceName":         d.name("-backend"),
			"ecrRepositoryUrl":    "123456789012.dkr.ecr.us-east-1.amazonaws.com/" + d.name("-backend"),
			"frontendBucketName":  d.name("-frontend-123456789012"),
			"artifactsBucketName": d.name("-artifacts-123456789012"),
			"clipsBucketName":     d.name("-clips-123456789012"),
			"logGroupName":        "/ecs/" + d.name("-backend"),
			"vpcId":               d.resource(t, aws.EC2Vpc, d.name("-vpc")).ID,
			"securityGroupId":     d.resource(t, aws.EC2SecurityGroup, d.name("-tasks")).ID,
			"taskDefinitionArn":   d.resource(t, aws.ECSTaskDefinition, d.name("-backend")).Outputs.Mappable()["arn"],
			"publicSubnetIds":     ids(d.ByType(aws.EC2Subnet)),
			"frontendUrl":         "http://" + d.name("-frontend-123456789012") + ".s3-website-us-east-1.amazonaws.com",
			"deployedImage":       d.image(),
		} {
			assert.EqualValues(t, want, d.Outputs[name], "output %s: scripts and the pipeline read it", name)
		}
	})
}

// A preview of a new environment knows next to nothing; the program must not stumble over that.
func TestPreviewOfANewEnvironment(t *testing.T) {
	for _, e := range environments {
		t.Run(e.stack, func(t *testing.T) {
			preview, err := run(t, e.stack, sandbox.StackOptions{DryRun: true})
			require.NoError(t, err)
			update, err := run(t, e.stack, sandbox.StackOptions{})
			require.NoError(t, err)
			identities := func(r *sandbox.Recording) []string {
				var urns []string
				for _, resource := range r.Resources {
					urns = append(urns, resource.URN)
				}
				slices.Sort(urns)
				return urns
			}
			assert.Equal(t, identities(update), identities(preview), "the preview shows other resources than the update makes")
			assert.Equal(t, sandbox.Unknown, preview.Outputs["vpcId"], "the preview claims to know what AWS has not said yet")
		})
	}
}
