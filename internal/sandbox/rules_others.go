package sandbox

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

func checkParameter(c *call) error {
	if c.in.has("value") == c.in.has("insecureValue") {
		return errors.New(`exactly one of "value" and "insecureValue" must be specified`)
	}
	switch kind := c.in.str("type"); {
	case kind != "" && !slices.Contains([]string{"String", "StringList", "SecureString"}, kind):
		return fmt.Errorf(`expected type to be one of ["String" "StringList" "SecureString"], got %s`, kind)
	case kind == "SecureString" && c.in.has("insecureValue"):
		return errors.New(`"insecureValue" cannot be set with type "SecureString"`)
	}
	if value, isText := c.in["insecureValue"].(string); isText && value == "" {
		return errors.New("ValidationException: 1 validation error detected: Value at 'value' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1")
	}
	return nil
}

// planParameter: the provider plans both forms of the value as unknown when it changes.
// https://github.com/hashicorp/terraform-provider-aws/blob/v5.100.0/internal/service/ssm/parameter.go
func planParameter(c *call) {
	for _, key := range []string{"value", "insecureValue"} {
		if v, isSet := c.in[key]; isSet && !reflect.DeepEqual(v, c.self.Props[key]) {
			c.out["value"], c.out["insecureValue"], c.out["version"] = Unknown, Unknown, Unknown
		}
	}
}

func deriveParameter(c *call) {
	version, _ := c.out.num("version")
	c.out["version"] = version + 1
	if v, ok := c.in["insecureValue"]; ok {
		c.out["value"] = v
	} else if c.in.str("type") != "SecureString" {
		c.out["insecureValue"] = c.in["value"]
	}
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var retentionDays = []float64{
	0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

func checkLogGroup(c *call) error {
	if days, ok := c.in.num("retentionInDays"); ok && !slices.Contains(retentionDays, days) {
		return fmt.Errorf("expected retention_in_days to be one of %v, got %v", retentionDays, days)
	}
	return nil
}

func checkKey(c *call) error {
	if days, ok := c.in.num("deletionWindowInDays"); ok && (days < 7 || days > 30) {
		return fmt.Errorf("expected deletion_window_in_days to be in the range (7 - 30), got %v", days)
	}
	_, err := c.policyOf("policy", policy.Resource, malformedIAM)
	return err
}

func checkAlias(c *call) error {
	if name := c.in.str("name"); name != "" && !strings.HasPrefix(name, "alias/") {
		return fmt.Errorf(`"name" must begin with 'alias/', got %q`, name)
	}
	return nil
}

func deriveAlias(c *call) {
	if key := c.find(aws.KMSKey, c.in.str("targetKeyId")); key != nil {
		c.out["targetKeyArn"] = key.Props["arn"]
	}
}

// checkAlarm: an alarm watches one metric, or the one query that returns data.
func checkAlarm(c *call) error {
	queries, _ := c.in["metricQueries"].([]any)
	if len(queries) == 0 != c.in.has("metricName") {
		return errors.New(`one of "metric_name" and "metric_query" must be specified`)
	}
	returning := 0
	for _, v := range queries {
		m, _ := v.(map[string]any)
		if attrs(m).yes("returnData") {
			returning++
		}
		if attrs(m).has("expression") == attrs(m).has("metric") {
			return errors.New(`a metric_query must have either an "expression" or a "metric"`)
		}
	}
	if len(queries) > 0 && returning != 1 {
		return errors.New("ValidationError: exactly one metric query must return data")
	}
	return nil
}

// applySubscription: AWS answers a second time with the subscription that the endpoint has.
// https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
func applySubscription(c *call) error {
	c.salt = strings.Join([]string{c.in.str("topic"), c.in.str("protocol"), c.in.str("endpoint")}, " ")
	return nil
}
