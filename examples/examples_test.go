// Package examples_test holds the examples to what their README files say of them.
package examples_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/examples"
	"sentry/internal/aws"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/reliability"
	"sentry/internal/sandbox"
)

// example is an example in this test's hands.
type example struct{ examples.Example }

func (e example) project(t *testing.T) project.Project {
	t.Helper()
	p, err := e.Open(fixture.Root(t), t.TempDir())
	require.NoError(t, err)
	return p
}

func (e example) record(t *testing.T, options sandbox.StackOptions) *sandbox.Recording {
	t.Helper()
	recording, err := sandbox.RecordStack(e.Program, e.project(t), e.Stack, options)
	require.NoError(t, err)
	return recording
}

// fresh is a stack that was never deployed, with the configuration of its file.
func (e example) fresh(t *testing.T) (*reliability.Stack, map[string]string) {
	t.Helper()
	p := e.project(t)
	settings, err := p.Config(e.Stack)
	require.NoError(t, err)
	return reliability.NewStack(p.Name, e.Stack, e.Program(p.Dir), settings), settings
}

func (e example) image() string {
	return sandbox.ReleasedImage("us-east-1", "sentry-"+e.Stack+"-backend")
}

func named(t *testing.T, name string) example {
	t.Helper()
	for _, e := range examples.All {
		if e.Name == name {
			return example{e}
		}
	}
	require.Fail(t, "no example "+name)
	return example{}
}

func TestEveryFolderIsAnExample(t *testing.T) {
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	index, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.IsDir() {
			named(t, entry.Name())
			assert.Contains(t, string(index), "("+entry.Name()+"/README.md)", "examples/README.md does not lead to it")
		}
	}
}

// Each is deployed from nothing, released, and taken down again; each second preview is empty.
func TestExamplesDeploy(t *testing.T) {
	for _, listed := range examples.All {
		e := example{listed}
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			s, settings := e.fresh(t)
			_, err := s.Preview()
			require.NoError(t, err, "a new environment cannot be previewed")
			for _, change := range []map[string]string{nil, {"sentry:image": e.image()}, {"sentry:image": ""}} {
				s.Configure(change)
				require.NoError(t, s.Up())
				steps, err := s.Preview()
				require.NoError(t, err)
				for _, step := range steps {
					assert.Equal(t, "same", string(step.Op), "each preview shows a change of %s", step.Resource.URN)
				}
			}
			s.Configure(map[string]string{
				"sentry:protect": "", "sentry:https": strings.ReplaceAll(settings["sentry:https"], `"deletionProtection":true`, `"deletionProtection":false`),
			})
			require.NoError(t, s.Up(), "the guard cannot be taken away")
			require.NoError(t, s.Destroy())
			assert.Empty(t, s.Cloud.Objects(), "something is left, and paid for")
		})
	}
}

// E2: a part of what make reliability does, the first operation of a new environment.
func TestInterruptionsOfTheExamplesLoseNothing(t *testing.T) {
	for _, listed := range examples.All {
		e := example{listed}
		t.Run(e.Name, func(t *testing.T) {
			part := reliability.Part{Environment: e.Stack, Scenario: reliability.FromNothing, Every: 1000}
			cases, err := reliability.Run(t.Context(), e.Program, e.project(t), part)
			require.NoError(t, err)
			require.NotEmpty(t, cases)
			for _, c := range cases {
				assert.Empty(t, c.Lost, "%s, %s, %s", c.Scenario, c.Operation, c.Fault)
			}
		})
	}
}

// E2: AWS alone is enough to make a state anew that is gone.
func TestExamplesAreFoundAgain(t *testing.T) {
	for _, listed := range examples.All {
		e := example{listed}
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			s, _ := e.fresh(t)
			for _, change := range []map[string]string{nil, {"sentry:image": e.image()}, {"sentry:image": ""}} {
				s.Configure(change)
				require.NoError(t, s.Up())
			}
			s.Cloud.Journal()
			s.Forget()
			report, err := s.Recover(t.Context())
			require.NoError(t, err)
			assert.Empty(t, report.Strangers, "somebody is told to delete these")
			assert.Empty(t, report.Doubled)
			steps, err := s.Preview()
			require.NoError(t, err)
			for _, step := range steps {
				if step.Resource.Type == aws.SNSTopicSubscription { // no ARN of one can be told, and AWS makes none twice
					continue
				}
				assert.Equal(t, "same", string(step.Op), "the preview shows a change of %s", step.Resource.URN)
			}
			before := len(s.Cloud.Objects())
			require.NoError(t, s.Up())
			assert.Len(t, s.Cloud.Objects(), before)
		})
	}
}

// Four /24 blocks are the network's own, and two each of an example's.
func TestIsolatedSubnetsNeedRoom(t *testing.T) {
	e := named(t, "database")
	record := func(block string) error {
		_, err := sandbox.RecordStack(e.Program, e.project(t), e.Stack, sandbox.StackOptions{Config: map[string]string{"sentry:vpcCidr": block}})
		return err
	}
	require.NoError(t, record("10.4.0.0/21"))
	require.ErrorContains(t, record("10.4.0.0/22"),
		"sentry:vpcCidr: 10.4.0.0/22 has no room for the subnets of sentry-example-database, which come after the first 4; allowed: a larger block")
}

// definition is what a reader of AWS sees of a task's only container.
type definition struct {
	Name, Image          string
	Command              []string
	Environment, Secrets []struct{ Name, Value, ValueFrom string }
	PortMappings         []any
	HealthCheck          any
}

func containerOf(t *testing.T, recording *sandbox.Recording, family string) definition {
	t.Helper()
	r, ok := recording.Find(aws.ECSTaskDefinition, family)
	require.True(t, ok, family)
	var containers []definition
	require.NoError(t, json.Unmarshal([]byte(r.Inputs.Mappable()["containerDefinitions"].(string)), &containers))
	require.Len(t, containers, 1)
	return containers[0]
}

func (d definition) variable(name string) string {
	for _, v := range append(d.Environment, d.Secrets...) {
		if v.Name == name {
			return v.Value + v.ValueFrom
		}
	}
	return ""
}

// onlyTasks checks that the tasks' group alone gets into another one.
func onlyTasks(t *testing.T, recording *sandbox.Recording, group string, port float64) {
	t.Helper()
	into, ok := recording.Find(aws.EC2SecurityGroup, group)
	require.True(t, ok)
	tasks, ok := recording.Find(aws.EC2SecurityGroup, "sentry-example-tasks")
	require.True(t, ok)
	rules := 0
	for _, r := range recording.ByType(aws.EC2SecurityGroupIngressRule) {
		if in := r.Inputs.Mappable(); in["securityGroupId"] == into.ID {
			rules++
			assert.Equal(t, tasks.ID, in["referencedSecurityGroupId"], "others than the tasks get in")
			assert.Equal(t, []any{port, port}, []any{in["fromPort"], in["toPort"]})
		}
	}
	assert.Equal(t, 1, rules, "the tasks do not get in, or others do")
	for _, r := range recording.ByType(aws.EC2Route) {
		assert.NotContains(t, r.Name, group, "its subnets have a way to the internet")
	}
}

// mayRead checks that ECS may hand a secret to the tasks.
func mayRead(t *testing.T, recording *sandbox.Recording, arn string) {
	t.Helper()
	role, ok := recording.Find(aws.IAMRolePolicy, "sentry-example-execution")
	require.True(t, ok)
	assert.Contains(t, role.Inputs.Mappable()["policy"], `"Action":["ssm:GetParameters"],"Resource":["`+arn+`"]`, "no task starts: its secret cannot be read")
}

func TestDatabase(t *testing.T) {
	e := named(t, "database")
	recording := e.record(t, sandbox.StackOptions{Released: true})
	onlyTasks(t, recording, "sentry-example-database", 5432)
	instance, ok := recording.Find(aws.RDSInstance, "sentry-example-database")
	require.True(t, ok)
	in := instance.Inputs.Mappable()
	assert.Equal(t, false, in["publiclyAccessible"])
	assert.Equal(t, true, in["storageEncrypted"])
	backend := containerOf(t, recording, "sentry-example-backend")
	assert.Equal(t, instance.Outputs.Mappable()["address"], backend.variable("DATABASE_HOST"))
	const arn = "arn:aws:ssm:us-east-1:123456789012:parameter/sentry/example/database/password"
	assert.Equal(t, arn, backend.variable("DATABASE_PASSWORD"), "the password is not the tasks', or is in clear text")
	mayRead(t, recording, arn)

	guarded := e.record(t, sandbox.StackOptions{Config: map[string]string{"sentry:protect": "true"}})
	instance, _ = guarded.Find(aws.RDSInstance, "sentry-example-database")
	assert.True(t, instance.Protect, "an update may delete the data")
	assert.Equal(t, true, instance.Inputs.Mappable()["deletionProtection"])
	assert.Equal(t, false, instance.Inputs.Mappable()["skipFinalSnapshot"])
}

func TestCache(t *testing.T) {
	recording := named(t, "cache").record(t, sandbox.StackOptions{Released: true})
	onlyTasks(t, recording, "sentry-example-cache", 6379)
	group, ok := recording.Find(aws.ElastiCacheReplicationGroup, "sentry-example-cache")
	require.True(t, ok)
	in := group.Inputs.Mappable()
	assert.Equal(t, true, in["transitEncryptionEnabled"])
	assert.Equal(t, true, in["atRestEncryptionEnabled"])
	assert.NotEmpty(t, in["authToken"], "whoever gets into the network gets in here")
	backend := containerOf(t, recording, "sentry-example-backend")
	assert.Equal(t, fmt.Sprintf("rediss://%s:6379", group.Outputs.Mappable()["primaryEndpointAddress"]), backend.variable("REDIS_URL"))
	const arn = "arn:aws:ssm:us-east-1:123456789012:parameter/sentry/example/cache/password"
	assert.Equal(t, arn, backend.variable("REDIS_PASSWORD"))
	mayRead(t, recording, arn)
}

func TestWorker(t *testing.T) {
	e := named(t, "worker")
	recording := e.record(t, sandbox.StackOptions{Released: true})
	worker, backend := containerOf(t, recording, "sentry-example-worker"), containerOf(t, recording, "sentry-example-backend")
	assert.Equal(t, []string{"worker"}, worker.Command, "there are two back ends")
	assert.Equal(t, backend.Image, worker.Image)
	assert.Equal(t, backend.Environment, worker.Environment)
	assert.Empty(t, worker.PortMappings)
	assert.Nil(t, worker.HealthCheck, "it is replaced for ever: nothing answers")
	group, ok := recording.Find(aws.EC2SecurityGroup, "sentry-example-worker")
	require.True(t, ok)
	for _, r := range recording.ByType(aws.EC2SecurityGroupIngressRule) {
		assert.NotEqual(t, group.ID, r.Inputs.Mappable()["securityGroupId"], "the worker can be reached")
	}
	service, ok := recording.Find(aws.ECSService, "sentry-example-worker")
	require.True(t, ok)
	assert.EqualValues(t, 1, service.Inputs.Mappable()["desiredCount"])
	asleep, _ := e.record(t, sandbox.StackOptions{}).Find(aws.ECSService, "sentry-example-worker")
	assert.EqualValues(t, 0, asleep.Inputs.Mappable()["desiredCount"], "without an image tasks are started, and fail, for ever")
}

// A release updates what runs the image, and nothing else; afterwards nothing is left to do.
func TestAReleaseRollsTheWorker(t *testing.T) {
	e := named(t, "worker")
	s, _ := e.fresh(t)
	require.NoError(t, s.Up())
	s.Configure(map[string]string{"sentry:image": e.image()})
	const urn = "urn:pulumi:example::sentry::sentry:infra:"
	require.NoError(t, s.UpOnly(
		urn+"Service$"+aws.SSMParameter+"::sentry-example-backend-image",
		urn+"Service$"+aws.ECSTaskDefinition+"::sentry-example-backend", urn+"Service$"+aws.ECSService+"::sentry-example-backend",
		urn+"Worker$"+aws.ECSTaskDefinition+"::sentry-example-worker", urn+"Worker$"+aws.ECSService+"::sentry-example-worker",
	))
	steps, err := s.Preview()
	require.NoError(t, err)
	for _, step := range steps {
		assert.Equal(t, "same", string(step.Op), "the release has left %s behind", step.Resource.URN)
	}
}

// What only the examples need is no burden for the program: each package of AWS's costs compile time.
func TestTheProgramDoesNotImportTheExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "infra", "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, path := range []string{"sentry/examples", "/aws/rds\"", "/aws/elasticache\""} {
			assert.False(t, strings.Contains(string(text), path), "%s imports %s", file, path)
		}
	}
}
