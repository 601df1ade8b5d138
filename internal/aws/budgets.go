package aws

// BudgetsBudget is the token of the type.
const BudgetsBudget = "aws:budgets/budget:Budget"

var budgets = []Type{
	{
		Token: BudgetsBudget, Noun: "Budget", ID: "{account}:{name}", Name: "name", Global: true,
		Outputs: "arn=arn:aws:budgets::{account}:budget/{name} accountId={account} timePeriodStart=2026-01-01_00:00 namePrefix=empty",
		Taken:   "DuplicateRecordException: Error creating budget: {name} - the budget already exists.",
		Owned:   []string{"budget/{prefix}"},
		Calls: Calls{
			Create: "budgets:ModifyBudget budgets:TagResource",
			Read:   "budgets:ViewBudget budgets:ListTagsForResource",
			Update: "budgets:ModifyBudget budgets:TagResource budgets:UntagResource",
			Delete: "budgets:ModifyBudget",
		},
		Free: "budgets that only notify have no price",
		Into: SNSTopic,
	},
}
