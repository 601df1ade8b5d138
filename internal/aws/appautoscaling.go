package aws

// Tokens of the types.
const (
	AutoScalingTarget          = "aws:appautoscaling/target:Target"
	AutoScalingPolicy          = "aws:appautoscaling/policy:Policy"
	AutoScalingScheduledAction = "aws:appautoscaling/scheduledAction:ScheduledAction"
)

var appautoscaling = []Type{
	// The account's first target makes Application Auto Scaling create the role it works with. It asks, as whoever
	// registers the target, whether the service is there.
	{
		Token: AutoScalingTarget, Noun: "Application AutoScaling Target", ID: "{resourceId}",
		Import: "{serviceNamespace}/{resourceId}/{scalableDimension}",
		Outputs: "arn=arn:aws:application-autoscaling:{region}:{account}:scalable-target/{hex34} " +
			"roleArn=arn:aws:iam::{account}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/" +
			"AWSServiceRoleForApplicationAutoScaling_ECSService",
		Missing: "ObjectNotFoundException: No scalable target registered for %s",
		Owned:   []string{"scalable-target/*"},
		Calls: Calls{
			Create: "application-autoscaling:RegisterScalableTarget application-autoscaling:TagResource " +
				"iam:CreateServiceLinkedRole ecs:DescribeServices ecs:UpdateService",
			Read: "application-autoscaling:DescribeScalableTargets application-autoscaling:ListTagsForResource",
			Update: "application-autoscaling:RegisterScalableTarget application-autoscaling:TagResource " +
				"application-autoscaling:UntagResource",
			Delete: "application-autoscaling:DeregisterScalableTarget",
		},
		Free: "only what it starts has a price",
		Into: ECSService,
	},
	{
		Token: AutoScalingPolicy, Noun: "Application AutoScaling Policy", ID: "{name}", Name: "name",
		Import: "{serviceNamespace}/{resourceId}/{scalableDimension}/{name}",
		Outputs: "arn=arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid}:resource/ecs/{resourceId}:policyName/{name} " +
			"alarmArns=[]",
		Refs: []Ref{{Path: "resourceId", To: AutoScalingTarget, Part: true}},
		Calls: Calls{
			Create: "application-autoscaling:PutScalingPolicy",
			Read:   "application-autoscaling:DescribeScalingPolicies",
			Update: "application-autoscaling:PutScalingPolicy",
			Delete: "application-autoscaling:DeleteScalingPolicy",
		},
		Priced: true,
		Into:   ECSService,
	},
	{
		Token: AutoScalingScheduledAction, Noun: "Application AutoScaling Scheduled Action", ID: "{name}-ecs-{resourceId}", Name: "name",
		Outputs: "arn=arn:aws:autoscaling:{region}:{account}:scheduledAction:{uuid}:resource/ecs/{resourceId}:scheduledActionName/{name}",
		Refs:    []Ref{{Path: "resourceId", To: AutoScalingTarget, Part: true}},
		Calls: Calls{
			Create: "application-autoscaling:PutScheduledAction",
			Read:   "application-autoscaling:DescribeScheduledActions",
			Update: "application-autoscaling:PutScheduledAction",
			Delete: "application-autoscaling:DeleteScheduledAction",
		},
		Free: "only what it starts has a price",
		Into: ECSService,
	},
}
