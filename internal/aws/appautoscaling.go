package aws

// Tokens of the types.
const (
	AutoScalingTarget          = "aws:appautoscaling/target:Target"
	AutoScalingPolicy          = "aws:appautoscaling/policy:Policy"
	AutoScalingScheduledAction = "aws:appautoscaling/scheduledAction:ScheduledAction"
)

var appautoscaling = []Type{
	{
		Token: AutoScalingTarget,
		Free:  "only what it starts has a price",
	},
	{
		Token:  AutoScalingPolicy,
		Priced: true,
	},
	{
		Token: AutoScalingScheduledAction,
		Free:  "only what it starts has a price",
	},
}
