package aws

// Tokens of the types.
const (
	SNSTopic             = "aws:sns/topic:Topic"
	SNSTopicPolicy       = "aws:sns/topicPolicy:TopicPolicy"
	SNSTopicSubscription = "aws:sns/topicSubscription:TopicSubscription"
)

var sns = []Type{
	{
		Token: SNSTopic,
		Free:  "its notifications have a price, in the subscriptions' line",
	},
	{
		Token: SNSTopicPolicy,
		Free:  "a setting of the topic",
	},
	{
		Token:  SNSTopicSubscription,
		Priced: true,
	},
}
