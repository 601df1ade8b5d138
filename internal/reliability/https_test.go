package reliability

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// Switching HTTPS on, changing it, and switching it off keeps all data, keeps site and API within reach at every moment,
// and costs the service one rolling deployment each time that the load balancer comes or goes.
func TestSwitchingHTTPSKeepsEverythingWithinReach(t *testing.T) {
	t.Parallel()
	s := running(t)
	s.Cloud.Observe(func(objects []*sandbox.Object) {
		seen := world(objects)
		assert.True(t, seen.siteIsOpen(), "nobody can read the site, after %d objects", len(objects))
		assert.True(t, seen.apiIsOpen(), "no request reaches a task, after %d objects", len(objects))
		for _, o := range seen.all(aws.S3Bucket, aws.ECRRepository) {
			assert.True(t, o.Filled, "%s is empty", o.ID)
		}
		assert.Len(t, seen.all(aws.S3Bucket), 3, "a bucket is gone")
		assert.EqualValues(t, 1, seen.one(aws.ECSService).Props["desiredCount"], "no task runs")
	})
	for _, change := range []struct {
		https, says string
		deployments int
	}{
		{"true", "on", 1},
		{`{"keepApiPrefix":true}`, "another path", 0},
		{`{"domain":"app.example.com","zoneId":"Z0123456789"}`, "a domain", 0},
		{"true", "without the domain", 0},
		{"", "off", 1},
	} {
		t.Run(change.says, func(t *testing.T) {
			s.Cloud.Journal()
			s.Configure(map[string]string{"sentry:https": change.https})
			require.NoError(t, s.Up())
			deployments := 0
			for _, done := range s.Cloud.Journal() {
				assert.False(t, done.Op == "delete" && holdsData[done.Type], "%s: what was in it is lost", done)
				if done.Type == aws.ECSService {
					assert.Equal(t, "update", done.Op, "the service is replaced: no task runs for minutes")
					deployments++
				}
			}
			assert.Equal(t, change.deployments, deployments, "the tasks are replaced more often than they have to be, or do not follow")
			require.NoError(t, s.settled())
		})
	}
}

// world is all that exists at a moment.
type world []*sandbox.Object

func (w world) all(types ...string) []*sandbox.Object {
	var found []*sandbox.Object
	for _, o := range w {
		for _, typ := range types {
			if o.Type == typ {
				found = append(found, o)
			}
		}
	}
	return found
}

// one is the only object of a type, or an empty one.
func (w world) one(typ string) *sandbox.Object {
	if found := w.all(typ); len(found) == 1 {
		return found[0]
	}
	return &sandbox.Object{Props: map[string]any{}}
}

func (w world) named(typ, name string) *sandbox.Object {
	for _, o := range w.all(typ) {
		if o.Name() == name {
			return o
		}
	}
	return &sandbox.Object{Props: map[string]any{}}
}

// siteIsOpen: to everybody in plain HTTP, or to the distribution.
func (w world) siteIsOpen() bool {
	policy, _ := w.named(aws.S3BucketPolicy, "sentry-staging-frontend").Props["policy"].(string)
	restricted := w.named(aws.S3BucketPublicAccessBlock, "sentry-staging-frontend").Props["restrictPublicBuckets"] == true
	public := !restricted && strings.Contains(policy, `"Sid":"PublicRead"`)
	if public && len(w.all(aws.S3BucketWebsiteConfiguration)) == 1 {
		return true
	}
	distribution := w.one(aws.CloudFrontDistribution)
	arn, _ := distribution.Props["arn"].(string)
	return arn != "" && (public || strings.Contains(policy, arn))
}

// apiIsOpen: the tasks let everybody in, or they are behind the load balancer, which the distribution reaches and which
// may reach them.
func (w world) apiIsOpen() bool {
	tasks := w.named(aws.EC2SecurityGroup, "sentry-staging-tasks").ID
	balancer := w.named(aws.EC2SecurityGroup, "sentry-staging-load-balancer").ID
	direct, balanced := false, false
	for _, rule := range w.all(aws.EC2SecurityGroupIngressRule) {
		if rule.Props["securityGroupId"] != tasks {
			continue
		}
		direct = direct || rule.Props["cidrIpv4"] == "0.0.0.0/0"
		balanced = balanced || rule.Props["referencedSecurityGroupId"] == balancer
	}
	behind, _ := w.one(aws.ECSService).Props["loadBalancers"].([]any)
	if len(behind) > 0 && !balanced {
		return false // no new task would ever be healthy
	}
	return direct || len(behind) > 0 && len(w.all(aws.LBListener)) == 1 && len(w.all(aws.CloudFrontDistribution)) == 1
}
