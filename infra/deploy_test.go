package infra_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/sandbox"
)

func TestLogGroup(t *testing.T) { // A11
	each(t, func(t *testing.T, d deployed) {
		group := d.the(t, tLogGroup, d.name("-backend"))
		assert.Equal(t, "/ecs/"+d.name("-backend"), group["name"])
		assert.EqualValues(t, d.retention, group["retentionInDays"], "logs go too early, or are paid for ever")
	})
}

func TestOneProvider(t *testing.T) { // A17
	each(t, func(t *testing.T, d deployed) {
		providers := d.ByType(tProvider)
		require.Len(t, providers, 1)
		for _, r := range d.Resources {
			if r.Custom && r.Type != tProvider {
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
	recording, err := run(t, "staging", false, map[string]string{
		"aws:region": "eu-central-1", "sentry:availabilityZones": `["eu-central-1a","eu-central-1c"]`,
	})
	require.NoError(t, err)
	d := deployed{environments[0], recording}
	assert.Equal(t, "eu-central-1", d.the(t, tProvider, "aws")["region"])
	assert.Equal(t, "com.amazonaws.eu-central-1.s3", d.the(t, tEndpoint, "sentry-staging-s3")["serviceName"])
	assert.Equal(t, "eu-central-1", d.container(t).LogConfiguration.Options["awslogs-region"])
	trust := parse[policy](t, d.the(t, tRole, "sentry-staging-task")["assumeRolePolicy"])
	assert.Equal(t, "arn:aws:ecs:eu-central-1:123456789012:*", trust.Statement[0].Condition["ArnLike"]["aws:SourceArn"])
	for _, r := range d.Resources {
		assert.NotContains(t, fmt.Sprint(r.Inputs.Mappable()), "us-east-1", "%s %s stays in us-east-1", r.Type, r.Name)
	}
}

func TestAccountGuard(t *testing.T) {
	_, err := run(t, "staging", false, map[string]string{"sentry:awsAccountId": "123456789012"})
	require.NoError(t, err)
	recording, err := run(t, "staging", false, map[string]string{"sentry:awsAccountId": "210987654321"})
	require.ErrorContains(t, err, "210987654321", "staging can be deployed into production's account")
	for _, r := range recording.Resources {
		assert.Equal(t, tProvider, r.Type, "something was registered in the wrong account")
	}
}

func TestEveryResourceHasAComponent(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		parents := map[string]string{}
		for _, r := range d.Resources {
			parents[r.URN] = r.Parent
		}
		for _, r := range d.Resources {
			if r.Type == tProvider {
				continue
			}
			top := r.URN
			for parents[top] != "" && resource.URN(parents[top]).Type() != resource.RootStackType {
				top = parents[top]
			}
			assert.Regexp(t, `^sentry:infra:(Network|Buckets|Service|Observability)$`, resource.URN(top).Type().String(),
				"%s %s is an orphan: it shows up outside of its component and does not get its provider", r.Type, r.Name)
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
			"vpcId":               d.resource(t, tVpc, d.name("-vpc")).ID,
			"securityGroupId":     d.resource(t, tSecurityGroup, d.name("-tasks")).ID,
			"taskDefinitionArn":   d.resource(t, tDefinition, d.name("-backend")).Outputs.Mappable()["arn"],
			"deployedImage":       digest,
		} {
			assert.Equal(t, want, d.Outputs[name], "output %s", name)
		}
		assert.Len(t, d.Outputs["publicSubnetIds"], 2)
		assert.Len(t, d.Outputs, 14)
	})
}

// A preview of a new environment knows next to nothing; the program must not stumble over that.
func TestPreviewOfANewEnvironment(t *testing.T) {
	for _, e := range environments {
		t.Run(e.stack, func(t *testing.T) {
			preview, err := run(t, e.stack, true, nil)
			require.NoError(t, err)
			update, err := run(t, e.stack, false, nil)
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
