package reliability

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// E2: what somebody adds by hand is seen, too.
func TestWhatIsAddedByHandIsSeen(t *testing.T) {
	t.Parallel()
	const role, rule = "sentry-staging-backend-task-role", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	for name, c := range map[string]struct {
		do   func(*sandbox.Cloud) error
		told string // the logical name of what the preview would change
	}{
		"a policy of the task role": {func(c *sandbox.Cloud) error {
			return c.Add(aws.IAMRolePolicy, "extra", map[string]any{"name": "extra", "role": role, "policy": rule})
		}, "sentry-staging-task"},
		"a policy attached to the task role": {func(c *sandbox.Cloud) error {
			return c.Add(aws.IAMRolePolicyAttachment, "extra", map[string]any{"role": role, "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
		}, "sentry-staging-task"},
		"a rule of the default group": {func(c *sandbox.Cloud) error {
			return c.Mutate(aws.EC2DefaultSecurityGroup, "sentry-staging-default", func(props map[string]any) {
				props["ingress"] = []any{map[string]any{"protocol": "tcp", "fromPort": 22.0, "toPort": 22.0, "cidrBlocks": []any{"0.0.0.0/0"}}}
			})
		}, "sentry-staging-default"},
		"a policy of the repository": {func(c *sandbox.Cloud) error {
			return c.Mutate(aws.ECRRepositoryPolicy, "sentry-staging-backend", func(props map[string]any) { props["policy"] = rule })
		}, "sentry-staging-backend"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, "staging")
			require.NoError(t, s.Up())
			whole := inventory(s.Cloud)
			require.NoError(t, c.do(s.Cloud))
			steps, err := s.PreviewRefreshed()
			require.NoError(t, err)
			require.NoError(t, byHand{touched: []string{c.told}}.reported(steps))
			require.NoError(t, errors.Join(s.Refresh(), s.Up()))
			assert.Equal(t, whole, inventory(s.Cloud), "it stays")
			steps, err = s.PreviewRefreshed()
			require.NoError(t, err)
			assert.NoError(t, byHand{}.reported(steps))
		})
	}
}

// A rule of a group is a resource of its own: the provider sees no other ones, so the preview of the program looks.
func TestARuleAddedByHandIsAWarning(t *testing.T) {
	t.Parallel()
	s := newStack(t, "staging")
	require.NoError(t, s.Up())
	group := ""
	for _, o := range s.Cloud.Objects() {
		if o.Type == aws.EC2SecurityGroup && o.Name() == "sentry-staging-tasks" {
			group = o.ID
			require.NoError(t, s.Cloud.Add(aws.EC2SecurityGroup, "others", map[string]any{"name": "others", "vpcId": o.Props["vpcId"]}))
		}
	}
	for _, o := range s.Cloud.Objects() {
		if o.Type == aws.EC2SecurityGroup && o.ID != group {
			require.NoError(t, s.Cloud.Add(aws.EC2SecurityGroupIngressRule, "theirs", map[string]any{
				"securityGroupId": o.ID, "ipProtocol": "tcp", "fromPort": 22.0, "toPort": 22.0, "cidrIpv4": "0.0.0.0/0",
			}))
		}
	}
	_, err := s.Preview()
	require.NoError(t, err)
	assert.Empty(t, s.warnings, "the program's own rules, or those of other groups, are taken for somebody's")
	require.NoError(t, s.Cloud.Add(aws.EC2SecurityGroupIngressRule, "ssh", map[string]any{
		"securityGroupId": group, "ipProtocol": "tcp", "fromPort": 22.0, "toPort": 22.0, "cidrIpv4": "0.0.0.0/0",
	}))
	_, err = s.Preview()
	require.NoError(t, err)
	require.Len(t, s.warnings, 1, "a port that somebody has opened stays unseen")
	assert.Contains(t, s.warnings[0], "The security group "+group+" has rules that somebody has added by hand")

	// A rule that this very preview takes away is no foreign one.
	s.Configure(map[string]string{"sentry:ingressCidrs": `["198.51.100.0/24"]`})
	_, err = s.Preview()
	require.NoError(t, err)
	assert.LessOrEqual(t, len(s.warnings), 1)
}

// F2: the number of tasks is AWS's while it is scaled.
func TestAScaledCountIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newStack(t, "staging")
	s.Configure(map[string]string{
		"sentry:image": sandbox.ReleasedImage("us-east-1", "sentry-staging-backend"), "sentry:scaling": `{"maxCount": 4}`,
	})
	require.NoError(t, s.Up())
	require.NoError(t, s.Cloud.Mutate(aws.ECSService, "sentry-staging-backend", func(props map[string]any) { props["desiredCount"] = 3.0 }))
	steps, err := s.PreviewRefreshed()
	require.NoError(t, err)
	require.NoError(t, byHand{}.reported(steps))
	require.NoError(t, errors.Join(s.Refresh(), s.Up()))
	for _, o := range s.Cloud.Objects() {
		if o.Type == aws.ECSService {
			assert.InDelta(t, 3, o.Props["desiredCount"], 0, "an update takes back what AWS has scaled")
		}
	}
}

// D3: ECS has taken a broken image back, and the provider calls that a success.
func TestABrokenImageIsTakenBack(t *testing.T) {
	t.Parallel()
	s := newStack(t, "staging")
	good := sandbox.ReleasedImage("us-east-1", "sentry-staging-backend")
	repository, _, _ := strings.Cut(good, "@")
	broken := repository + "@sha256:" + strings.Repeat("b", 64)
	s.Configure(map[string]string{"sentry:image": good})
	require.NoError(t, s.Up())
	runs := func() any {
		for _, o := range s.Cloud.Objects() {
			if o.Type == aws.ECSService {
				return o.Props["taskDefinition"]
			}
		}
		return nil
	}
	before := runs()

	s.Cloud.Break(broken)
	s.Configure(map[string]string{"sentry:image": broken})
	require.NoError(t, s.Up(), "the provider takes a service that was rolled back for a steady one")
	assert.Equal(t, before, runs())

	s.Configure(map[string]string{"sentry:image": good})
	require.NoError(t, errors.Join(s.Refresh(), s.Up()))
	steps, err := s.PreviewRefreshed()
	require.NoError(t, err)
	assert.NoError(t, byHand{}.reported(steps))
}

// A12, B3: what holds data is not deleted by a destruction that nobody has prepared.
func TestAProtectedStackIsNotDestroyed(t *testing.T) {
	t.Parallel()
	s := newStack(t, "production")
	s.Configure(map[string]string{"sentry:protect": "true"})
	require.NoError(t, s.Up())
	before := inventory(s.Cloud)
	require.ErrorContains(t, s.PreviewDestroy(), "protect", "the CLI looks before it destroys, and sees nothing wrong")

	require.ErrorContains(t, s.Destroy(), "protect", "without looking")
	for _, o := range before {
		if token, _, _ := strings.Cut(o, " "); token == aws.S3Bucket || token == aws.ECRRepository || token == aws.CloudWatchLogGroup {
			assert.Contains(t, inventory(s.Cloud), o, "what holds data is gone")
		}
	}
}
