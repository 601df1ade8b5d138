package infra

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/budgets"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// newBudget mails when the environment has cost 80 % of a month's budget, and when it is about to cost more than all of
// it. AWS tells the environment's costs by its tag, which has to be activated once in the account's billing settings.
func newBudget(ctx *pulumi.Context, name string, args *ObservabilityArgs, child pulumi.ResourceOption) error {
	mail := func(kind string, percent float64) budgets.BudgetNotificationArgs {
		return budgets.BudgetNotificationArgs{
			NotificationType:         pulumi.String(kind),
			ComparisonOperator:       pulumi.String("GREATER_THAN"),
			Threshold:                pulumi.Float64(percent),
			ThresholdType:            pulumi.String("PERCENTAGE"),
			SubscriberEmailAddresses: pulumi.StringArray{pulumi.String(args.AlarmEmail)},
		}
	}
	if _, err := budgets.NewBudget(ctx, name, &budgets.BudgetArgs{
		Name:        pulumi.String(name),
		BudgetType:  pulumi.String("COST"),
		TimeUnit:    pulumi.String("MONTHLY"),
		LimitAmount: pulumi.String(strconv.Itoa(args.MonthlyBudget)),
		LimitUnit:   pulumi.String("USD"),
		CostFilters: budgets.BudgetCostFilterArray{budgets.BudgetCostFilterArgs{
			Name:   pulumi.String("TagKeyValue"),
			Values: pulumi.StringArray{pulumi.String("user:" + environmentTag + "$" + args.Stack)},
		}},
		Notifications: budgets.BudgetNotificationArray{mail("ACTUAL", 80), mail("FORECASTED", 100)},
	}, child); err != nil {
		return fmt.Errorf("set the budget: %w", err)
	}
	return nil
}
