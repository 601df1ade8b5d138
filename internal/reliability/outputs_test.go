package reliability

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a component tells in the state, and `pulumi stack --show-urns` and the console with it.
func TestComponentsTellTheirOutputs(t *testing.T) {
	t.Parallel()
	s := newStack(t, "production")
	s.Configure(map[string]string{"sentry:https": "true"})
	require.NoError(t, s.Up())
	told := map[string][]string{}
	for _, r := range s.state.Resources {
		if name, ours := strings.CutPrefix(string(r.Type), "sentry:infra:"); ours {
			told[name] = slices.Sorted(maps.Keys(r.Outputs))
			for key, value := range r.Outputs {
				assert.NotEmpty(t, value, "%s of %s", key, name)
			}
		}
	}
	for name, outputs := range map[string][]string{
		"Buckets":       {"artifactsBucketName", "clipsBucketName", "frontendBucketName"},
		"Edge":          {"apiUrl", "distributionId", "url"},
		"Network":       {"publicSubnetIds", "tasksSecurityGroupId", "vpcId"},
		"Observability": {"logGroupName"},
		"Service":       {"clusterName", "image", "repositoryUrl", "serviceName", "taskDefinitionArn"},
	} {
		assert.Equal(t, outputs, told[name], name)
	}
}
