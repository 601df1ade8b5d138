package queue_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/docs/examples/queue"
)

const taskRole = "arn:aws:iam::123456789012:role/sentry-staging-backend-task-role"

// cloud knows queues and their policies, and refuses everything else.
type cloud struct {
	mu         sync.Mutex
	registered map[string]resource.PropertyMap // type and name → inputs
}

func (c *cloud) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.registered[args.TypeToken+" "+args.Name] = args.Inputs
	out := args.Inputs.Copy()
	switch args.TypeToken {
	case "sentry:infra:Queue", "aws:sqs/queuePolicy:QueuePolicy":
	case "aws:sqs/queue:Queue":
		out["arn"] = resource.NewProperty("arn:aws:sqs:us-east-1:123456789012:" + args.Name)
		out["url"] = resource.NewProperty("https://sqs.us-east-1.amazonaws.com/123456789012/" + args.Name)
	default:
		return "", nil, fmt.Errorf("unexpected resource %s", args.TypeToken)
	}
	return args.Name + "-id", out, nil
}

func (c *cloud) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return nil, fmt.Errorf("unexpected call %s", args.Token)
}

func deploy(args *queue.QueueArgs) (*cloud, error) {
	c := &cloud{registered: map[string]resource.PropertyMap{}}
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		_, err := queue.NewQueue(ctx, "sentry-staging", args)
		return err
	}, pulumi.WithMocks("sentry", "staging", c))
	return c, err
}

func TestOnlyTheTasksUseTheQueue(t *testing.T) {
	t.Parallel()
	c, err := deploy(&queue.QueueArgs{TaskRoleARN: taskRole, VisibilitySeconds: 60})
	require.NoError(t, err)
	policy := c.registered["aws:sqs/queuePolicy:QueuePolicy sentry-staging-clips"]
	require.NotNil(t, policy, "without a policy nobody but the account's administrators can use the queue")
	var document struct {
		Statement []struct {
			Effect, Resource string
			Principal        map[string]string
			Action           []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(policy["policy"].StringValue()), &document))
	require.Len(t, document.Statement, 1)
	assert.Equal(t, "Allow", document.Statement[0].Effect)
	assert.Equal(t, map[string]string{"AWS": taskRole}, document.Statement[0].Principal)
	assert.Equal(t, "arn:aws:sqs:us-east-1:123456789012:sentry-staging-clips", document.Statement[0].Resource)
	assert.NotContains(t, document.Statement[0].Action, "sqs:*", "tasks could delete the queue")
}

func TestWhatCannotBeProcessedIsKept(t *testing.T) {
	t.Parallel()
	c, err := deploy(&queue.QueueArgs{TaskRoleARN: taskRole, VisibilitySeconds: 60})
	require.NoError(t, err)
	clips := c.registered["aws:sqs/queue:Queue sentry-staging-clips"]
	require.NotNil(t, clips)
	assert.JSONEq(t, `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:sentry-staging-clips-dead","maxReceiveCount":5}`,
		clips["redrivePolicy"].StringValue(), "a message that crashes the backend would come back for ever")
	assert.Contains(t, c.registered, "aws:sqs/queue:Queue sentry-staging-clips-dead")
}

func TestARefusalRegistersNothing(t *testing.T) {
	t.Parallel()
	c, err := deploy(&queue.QueueArgs{VisibilitySeconds: 90000})
	require.ErrorContains(t, err, "queue: TaskRoleARN is empty")
	require.ErrorContains(t, err, "queue: VisibilitySeconds 90000, want 1 to 43200")
	assert.Empty(t, c.registered)
}
