package aws

// Tokens of the types.
const (
	SSMParameter = "aws:ssm/parameter:Parameter"
)

var ssm = []Type{
	{
		Token: SSMParameter, Noun: "SSM Parameter", ID: "{name}", Name: "name",
		Outputs: "arn=arn:aws:ssm:{region}:{account}:parameter{slashName} dataType=text tier=Standard",
		Taken: "ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the " +
			"overwrite option in the request to true.",
		Owned:    []string{"parameter/{product}/{environment}/backend/image"},
		Anywhere: "ssm:DescribeParameters",
		Calls: Calls{
			Create: "ssm:PutParameter ssm:AddTagsToResource",
			Read:   "ssm:GetParameter ssm:GetParameters ssm:DescribeParameters ssm:ListTagsForResource",
			Update: "ssm:PutParameter ssm:AddTagsToResource ssm:RemoveTagsFromResource",
			Delete: "ssm:DeleteParameter",
		},
		Priced: true,
		Drawn:  "release record",
	},
}
