package rollout

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"sentry/internal/delivery/poll"
)

// Running is the image that the service's tasks run, and the task definition that names it, once no deployment is under
// way any more or the time is over: tasks of a deployment that may still fail do not count. Both are empty when
// nothing runs, such as after a first release that failed.
func (v Verifier) Running(ctx context.Context, cluster, service string) (image, taskDefinition string, err error) {
	err = poll.Until(ctx, v.Interval, v.Timeout, func() (bool, error) {
		s, err := v.describe(ctx, Target{Cluster: cluster, Service: service})
		if err != nil {
			return false, err
		}
		var settled bool
		taskDefinition, settled = runs(s)
		return settled, nil
	})
	switch {
	case err != nil && !errors.Is(err, poll.ErrTimeout):
		return "", "", fmt.Errorf("find out what service %s runs: %w", service, err)
	case taskDefinition == "":
		return "", "", nil
	}
	out, err := v.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &taskDefinition})
	if err != nil {
		return "", "", fmt.Errorf("describe task definition %s: %w", revision(taskDefinition), err)
	}
	for _, c := range out.TaskDefinition.ContainerDefinitions {
		if aws.ToBool(c.Essential) || image == "" {
			image = aws.ToString(c.Image)
		}
		if aws.ToBool(c.Essential) {
			break
		}
	}
	return image, taskDefinition, nil
}

// Primary is the task definition of the service's primary deployment.
func (v Verifier) Primary(ctx context.Context, cluster, service string) (taskDefinition string, err error) {
	err = poll.Until(ctx, v.Interval, v.Timeout, func() (bool, error) {
		s, err := v.describe(ctx, Target{Cluster: cluster, Service: service})
		if p := primaryOf(s); p != nil {
			taskDefinition = aws.ToString(p.TaskDefinition)
		}
		return true, err
	})
	return taskDefinition, err
}

// runs is the task definition of the deployment that has completed and whose tasks run, and whether that is final: while
// another is in progress, such as the circuit breaker's return to the last good one, it is not.
func runs(s types.Service) (taskDefinition string, settled bool) {
	settled = true
	for _, d := range s.Deployments {
		switch {
		case d.RolloutState == types.DeploymentRolloutStateInProgress:
			settled = false
		case d.RolloutState == types.DeploymentRolloutStateCompleted && d.RunningCount > 0:
			taskDefinition = aws.ToString(d.TaskDefinition)
		}
	}
	return taskDefinition, settled
}
