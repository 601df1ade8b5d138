// Package queue is the worked example of docs/changing.md: a component for a queue of clips to be processed. It
// is compiled and tested with the rest, and deployed by nobody.
package queue

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// maxReceives is how often a message is handed out before it goes to the dead-letter queue.
const maxReceives = 5

// Queue is a queue that the tasks write and read, with a dead-letter queue for what they cannot process.
type Queue struct {
	pulumi.ResourceState

	// URL is what the backend needs to use the queue.
	URL pulumi.StringOutput
}

// QueueArgs shape the queue. All are required.
type QueueArgs struct {
	// TaskRoleARN is the only principal that may use the queue.
	TaskRoleARN string
	// VisibilitySeconds is how long a task may take for a message, 1 to 43,200 (12 hours).
	VisibilitySeconds int
}

func (args *QueueArgs) validate() error {
	if args == nil {
		return errors.New("queue: no arguments")
	}
	var errs []error
	if args.TaskRoleARN == "" {
		errs = append(errs, errors.New("queue: TaskRoleARN is empty"))
	}
	if args.VisibilitySeconds < 1 || args.VisibilitySeconds > 43200 {
		errs = append(errs, fmt.Errorf("queue: VisibilitySeconds %d, want 1 to 43200", args.VisibilitySeconds))
	}
	return errors.Join(errs...)
}

// NewQueue registers the queue of one environment.
func NewQueue(ctx *pulumi.Context, name string, args *QueueArgs, opts ...pulumi.ResourceOption) (*Queue, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	queue := &Queue{}
	if err := ctx.RegisterComponentResource("sentry:infra:Queue", name, queue, opts...); err != nil {
		return nil, fmt.Errorf("register the queue %q: %w", name, err)
	}
	child := pulumi.Parent(queue)

	dead, err := sqs.NewQueue(ctx, name+"-clips-dead", &sqs.QueueArgs{
		Name:                    pulumi.String(name + "-clips-dead"),
		SqsManagedSseEnabled:    pulumi.Bool(true),
		MessageRetentionSeconds: pulumi.Int(14 * 24 * 3600), // the longest that SQS keeps a message
	}, child)
	if err != nil {
		return nil, fmt.Errorf("create the dead-letter queue: %w", err)
	}
	clips, err := sqs.NewQueue(ctx, name+"-clips", &sqs.QueueArgs{
		Name:                     pulumi.String(name + "-clips"),
		SqsManagedSseEnabled:     pulumi.Bool(true),
		VisibilityTimeoutSeconds: pulumi.Int(args.VisibilitySeconds),
		RedrivePolicy: document(func(deadARN string) any {
			return redrive{DeadLetterTargetARN: deadARN, MaxReceiveCount: maxReceives}
		}, dead.Arn),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("create the queue: %w", err)
	}
	// A policy of the queue, so that the task role's own rights stay as they are (A13).
	if _, err := sqs.NewQueuePolicy(ctx, name+"-clips", &sqs.QueuePolicyArgs{
		QueueUrl: clips.Url,
		Policy:   document(func(arn string) any { return accessPolicy(arn, args.TaskRoleARN) }, clips.Arn),
	}, child); err != nil {
		return nil, fmt.Errorf("let the tasks use the queue: %w", err)
	}

	queue.URL = clips.Url
	if err := ctx.RegisterResourceOutputs(queue, pulumi.Map{"url": queue.URL}); err != nil {
		return nil, fmt.Errorf("register the queue's outputs: %w", err)
	}
	return queue, nil
}

type redrive struct {
	DeadLetterTargetARN string `json:"deadLetterTargetArn"`
	MaxReceiveCount     int    `json:"maxReceiveCount"`
}

type policyDocument struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid, Effect string
	Principal   map[string]string
	Action      []string
	Resource    string
}

func accessPolicy(queueARN, taskRoleARN string) policyDocument {
	return policyDocument{Version: "2012-10-17", Statement: []statement{{
		Sid: "Tasks", Effect: "Allow", Principal: map[string]string{"AWS": taskRoleARN},
		Action:   []string{"sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"},
		Resource: queueARN,
	}}}
}

// document marshals what can be made once an ARN is known.
func document(of func(arn string) any, arn pulumi.StringOutput) pulumi.StringOutput {
	return arn.ApplyT(func(arn string) (string, error) {
		text, err := json.Marshal(of(arn))
		return string(text), err
	}).(pulumi.StringOutput)
}
