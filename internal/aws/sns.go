package aws

// Tokens of the types.
const (
	SNSTopic             = "aws:sns/topic:Topic"
	SNSTopicPolicy       = "aws:sns/topicPolicy:TopicPolicy"
	SNSTopicSubscription = "aws:sns/topicSubscription:TopicSubscription"
)

var sns = []Type{
	{
		Token: SNSTopic, Noun: "SNS Topic", ID: "arn:aws:sns:{region}:{account}:{name}", Name: "name",
		Outputs: "arn={id} owner={account} namePrefix=empty",
		Missing: "NotFoundException: Topic does not exist (%s)",
		Owned:   []string{"{prefix}-alarms"},
		Calls: Calls{
			Create: "sns:CreateTopic sns:SetTopicAttributes sns:TagResource",
			Read:   "sns:GetTopicAttributes sns:ListTagsForResource",
			Update: "sns:SetTopicAttributes sns:TagResource sns:UntagResource",
			Delete: "sns:DeleteTopic",
		},
		Free:  "its notifications have a price, in the subscriptions' line",
		Drawn: "alarms",
	},
	{
		Token: SNSTopicPolicy,
		Free:  "a setting of the topic",
		Into:  SNSTopic,
	},
	// A subscription by e-mail is pending until somebody has followed the link in the first mail.
	{
		Token: SNSTopicSubscription, Noun: "SNS Topic Subscription", ID: "{topic}:{uuid}", Import: "{id}",
		Outputs: "arn={id} ownerId={account} pendingConfirmation=true confirmationWasAuthenticated=false",
		Refs:    []Ref{{Path: "topic", To: SNSTopic, Part: true}},
		Owned:   []string{"{prefix}-alarms"},
		Calls: Calls{
			Create: "sns:Subscribe",
			Read:   "sns:GetSubscriptionAttributes sns:ListSubscriptionsByTopic",
			Update: "sns:SetSubscriptionAttributes",
			Delete: "sns:Unsubscribe",
		},
		Priced: true,
		Into:   SNSTopic,
	},
}
