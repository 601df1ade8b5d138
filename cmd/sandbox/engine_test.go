package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// image is what a back-end release would set; the sandbox pulls nothing.
const image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sentry-staging-backend@sha256:" +
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

const (
	taskDefinition = "aws:ecs/taskDefinition:TaskDefinition sentry-staging-backend"
	service        = "aws:ecs/service:Service sentry-staging-backend"
)

func start(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	sb, err := sandbox.New(t.Context(), sandbox.Options{Project: p, Program: infra.DeployIn, Log: t.Output()})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	return sb
}

func open(t *testing.T, sb *sandbox.Sandbox, name string) *sandbox.Stack {
	t.Helper()
	s, err := sb.Stack(t.Context(), name)
	require.NoError(t, err)
	return s
}

func up(t *testing.T, s *sandbox.Stack, settings map[string]string) sandbox.Result {
	t.Helper()
	require.NoError(t, s.SetConfig(settings))
	r, err := s.Up(t.Context())
	require.NoError(t, err)
	return r
}

// done are the operations on AWS since the last call, sorted.
func done(sb *sandbox.Sandbox) []string {
	var out []string
	for _, op := range sb.Cloud.Journal() {
		out = append(out, op.String())
	}
	slices.Sort(out)
	return out
}

// nothingLeft fails when the cloud holds anything of a stack.
func nothingLeft(t *testing.T, sb *sandbox.Sandbox, stack string) {
	t.Helper()
	for _, o := range sb.Cloud.Objects() {
		assert.NotContains(t, o.URN, "urn:pulumi:"+stack+"::", "destroy left %s %s in the account", o.Type, o.ID)
	}
}

// inCloud is what exists, by type and logical name.
func inCloud(sb *sandbox.Sandbox) []string {
	var out []string
	for _, o := range sb.Cloud.Objects() {
		out = append(out, o.Type+" "+o.Name())
	}
	return out
}

func prop(t *testing.T, sb *sandbox.Sandbox, object, key string) any {
	t.Helper()
	for _, o := range sb.Cloud.Objects() {
		if o.Type+" "+o.Name() == object {
			return o.Props[key]
		}
	}
	require.Fail(t, "no "+object+" in the cloud")
	return nil
}

// The steps build on each other: each says what a change of configuration does to AWS, and that it does
// nothing else.
func TestStagingThroughItsLife(t *testing.T) {
	t.Parallel()
	sb := start(t)
	s := open(t, sb, "staging")
	_ = up(t, s, nil)
	done(sb)
	require.True(t, t.Run("F7: without an image no tasks are started", func(t *testing.T) {
		assert.InDelta(t, 0, prop(t, sb, service, "desiredCount"), 0, "tasks without an image would be retried for ever")
	}))
	require.True(t, t.Run("a second up changes nothing", func(t *testing.T) {
		r := up(t, s, nil)
		assert.Empty(t, r.Strings())
		assert.Empty(t, done(sb))
	}))
	require.True(t, t.Run("F7: a release starts the tasks", func(t *testing.T) {
		r := up(t, s, map[string]string{"image": image})
		assert.Equal(t, []string{
			"create " + taskDefinition,
			"delete " + taskDefinition,
			"update " + service + " desiredCount,taskDefinition",
			"update aws:ssm/parameter:Parameter sentry-staging-backend-image insecureValue",
		}, done(sb))
		assert.Equal(t, image, r.Outputs["deployedImage"])
		assert.InDelta(t, 1, prop(t, sb, service, "desiredCount"), 0)
	}))
	require.True(t, t.Run("F7: up without the key keeps what was released", func(t *testing.T) {
		require.NoError(t, s.SetConfig(map[string]string{"image": ""}))
		r := up(t, s, nil)
		assert.Empty(t, done(sb))
		assert.Equal(t, image, r.Outputs["deployedImage"])
	}))
	require.True(t, t.Run("F2: CPU and memory reach the running service", func(t *testing.T) {
		r := up(t, s, map[string]string{"taskCpu": "512", "taskMemory": "1024"})
		assert.Equal(t, []string{
			"create " + taskDefinition,
			"delete " + taskDefinition,
			"update " + service + " taskDefinition",
		}, done(sb))
		assert.Contains(t, r.Strings(), "replace "+taskDefinition+" cpu,memory")
		assert.Equal(t, "512", prop(t, sb, taskDefinition, "cpu"))
		assert.Equal(t, prop(t, sb, taskDefinition, "arn"), prop(t, sb, service, "taskDefinition"))
	}))
	require.True(t, t.Run("F2: the number of tasks changes the service only", func(t *testing.T) {
		up(t, s, map[string]string{"desiredCount": "3"})
		assert.Equal(t, []string{"update " + service + " desiredCount"}, done(sb))
	}))
	require.True(t, t.Run("a change behind Pulumi's back is found and put right", func(t *testing.T) {
		require.NoError(t, sb.Cloud.Mutate("aws:cloudwatch/logGroup:LogGroup", "sentry-staging-backend",
			func(props map[string]any) { props["retentionInDays"] = float64(365) }))
		_, err := s.Refresh(t.Context())
		require.NoError(t, err)
		up(t, s, nil)
		assert.Equal(t, []string{"update aws:cloudwatch/logGroup:LogGroup sentry-staging-backend retentionInDays"}, done(sb))
	}))
	require.True(t, t.Run("another block replaces the network, and nothing that holds data", func(t *testing.T) {
		// Tasks with public addresses hold the gateway that has to move.
		up(t, s, map[string]string{"desiredCount": "0"})
		done(sb)
		r := up(t, s, map[string]string{"vpcCidr": "10.9.0.0/16"})
		assert.Equal(t, []string{
			"aws:ec2/defaultNetworkAcl:DefaultNetworkAcl sentry-staging-default defaultNetworkAclId",
			"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup sentry-staging-default vpcId",
			"aws:ec2/route:Route sentry-staging-vpc-public-1 routeTableId",
			"aws:ec2/route:Route sentry-staging-vpc-public-2 routeTableId",
			"aws:ec2/routeTable:RouteTable sentry-staging-vpc-public-1 vpcId",
			"aws:ec2/routeTable:RouteTable sentry-staging-vpc-public-2 vpcId",
			"aws:ec2/routeTableAssociation:RouteTableAssociation sentry-staging-vpc-public-1 subnetId",
			"aws:ec2/routeTableAssociation:RouteTableAssociation sentry-staging-vpc-public-2 subnetId",
			"aws:ec2/securityGroup:SecurityGroup sentry-staging-tasks vpcId",
			"aws:ec2/subnet:Subnet sentry-staging-vpc-public-1 cidrBlock,vpcId",
			"aws:ec2/subnet:Subnet sentry-staging-vpc-public-2 cidrBlock,vpcId",
			"aws:ec2/vpc:Vpc sentry-staging-vpc cidrBlock",
			"aws:ec2/vpcEndpoint:VpcEndpoint sentry-staging-s3 vpcId",
			"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule sentry-staging-tasks-to-anywhere securityGroupId",
			"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule sentry-staging-tasks-from-0.0.0.0-0 securityGroupId",
		}, replaced(r))
		assert.Equal(t, []string{
			"update aws:ec2/internetGateway:InternetGateway sentry-staging-vpc vpcId",
			"update " + service + " networkConfiguration",
		}, withPrefix(done(sb), "update "))
	}))
	t.Run("destroy leaves nothing", func(t *testing.T) {
		_, err := s.Destroy(t.Context())
		require.NoError(t, err)
		nothingLeft(t, sb, "staging")
	})
}

func replaced(r sandbox.Result) []string {
	var out []string
	for _, e := range withPrefix(r.Strings(), "replace ") {
		out = append(out, strings.TrimPrefix(e, "replace "))
	}
	return out
}

func withPrefix(all []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.HasPrefix(s, prefix) })
}

// A3, B2: what one environment does is not seen by the other.
func TestEnvironmentsInOneAccountDoNotTouchEachOther(t *testing.T) {
	t.Parallel()
	sb := start(t)
	staging := open(t, sb, "staging")
	production := open(t, sb, "production")
	up(t, staging, nil)
	before := sb.Cloud.Objects()
	done(sb)

	up(t, production, nil)
	_, err := production.Destroy(t.Context())
	require.NoError(t, err)
	for _, op := range sb.Cloud.Journal() {
		assert.Contains(t, op.URN, "urn:pulumi:production::", "deploying production did %s", op)
	}
	assert.Equal(t, before, sb.Cloud.Objects(), "staging is not what it was before production came and went")
}

// E2: an error in the middle leaves everything else recorded; the next up goes on from there.
func TestFailedCreateIsContinued(t *testing.T) {
	t.Parallel()
	sb := start(t)
	s := open(t, sb, "staging")
	sb.Cloud.Inject(sandbox.Fault{Op: "create", Type: "aws:ecs/cluster:Cluster", Message: "ThrottlingException: Rate exceeded"})
	require.NoError(t, s.SetConfig(nil))
	_, err := s.Up(t.Context())
	require.ErrorContains(t, err, "creating ECS Cluster (sentry-staging-cluster): ThrottlingException: Rate exceeded")
	made := inCloud(sb)
	require.NotEmpty(t, made)
	done(sb)

	up(t, s, nil)
	for _, op := range sb.Cloud.Journal() {
		assert.Equal(t, "create", op.Op, "going on should only create what was missing, not %s", op)
		assert.NotContains(t, made, op.Type+" "+op.Name, "made by the first up, made again by the second")
	}
	_, err = s.Destroy(t.Context())
	require.NoError(t, err)
	nothingLeft(t, sb, "staging")
}

// E2: the process is lost while AWS is making the cluster; its answer never arrives.
func TestLostProcessIsContinued(t *testing.T) {
	t.Parallel()
	sb := start(t)
	s := open(t, sb, "staging")
	sb.Cloud.Inject(sandbox.Fault{Op: "create", Type: "aws:ecs/cluster:Cluster", After: true, Kill: true})
	_, err := s.Up(t.Context())
	require.Error(t, err)
	sb.Cloud.Revive()

	_, err = s.Recover(t.Context())
	require.NoError(t, err)
	up(t, s, nil)
	objects := inCloud(sb)
	assert.Len(t, objects, len(slices.Compact(slices.Clone(objects))), "something exists twice: %v", objects)
	again, err := s.Preview(t.Context())
	require.NoError(t, err)
	assert.Empty(t, again.Strings())
	_, err = s.Destroy(t.Context())
	require.NoError(t, err)
	nothingLeft(t, sb, "staging")
}
