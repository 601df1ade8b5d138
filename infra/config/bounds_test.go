package config_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/sandbox"
)

// bounds are the numbers with the least and the most that AWS, or sense, allows.
var bounds = []struct {
	key, field string
	low, high  int
}{
	{"scaling", "maxCount", 1, 5000},
	{"scaling", "cpuTarget", 10, 100},
	{"scaling", "memoryTarget", 10, 100},
	{"scaling", "requestsTarget", 1, 1_000_000},
	{"scaling", "scaleInCooldown", 0, 3600},
	{"scaling", "scaleOutCooldown", 0, 3600},
	{"scaling", "minimumHealthyPercent", 0, 100},
	{"scaling.spot", "base", 0, 5000},
	{"container", "stopTimeout", 2, 120},
	{"container.healthCheck", "interval", 5, 300},
	{"container.healthCheck", "timeout", 2, 60},
	{"container.healthCheck", "retries", 2, 10},
	{"container.healthCheck", "startPeriod", 0, 300},
	{"monitoring", "monthlyBudget", 1, 10_000_000},
}

// numbers is a configuration with a number for each of the bounds, and what they need.
func numbers(number func(low, high int) int) map[string]string {
	fields := map[string][]string{"monitoring": {`"alarmEmail":"ops@example.com"`}}
	for _, b := range bounds {
		fields[b.key] = append(fields[b.key], fmt.Sprintf("%q:%d", b.field, number(b.low, b.high)))
	}
	object := func(key string, more ...string) string {
		return "{" + strings.Join(append(fields[key], more...), ",") + "}"
	}
	return map[string]string{
		"sentry:scaling":      object("scaling", `"spot":`+object("scaling.spot")),
		"sentry:container":    object("container", `"healthCheck":`+object("container.healthCheck")),
		"sentry:monitoring":   object("monitoring"),
		"sentry:https":        "true",
		"sentry:desiredCount": "0",
	}
}

func TestBounds(t *testing.T) {
	for _, just := range []func(low, high int) int{
		func(low, _ int) int { return low }, func(_, high int) int { return high },
	} {
		accepted(t, numbers(just))
	}
	for _, beyond := range []func(low, high int) int{
		func(low, _ int) int { return low - 1 }, func(_, high int) int { return high + 1 },
	} {
		message := refused(t, open(t), "staging", numbers(beyond))
		for _, b := range bounds {
			assert.Contains(t, message, fmt.Sprintf("sentry:%s.%s: %d; allowed: %d to %d", b.key, b.field, beyond(b.low, b.high), b.low, b.high))
		}
	}
	assert.Contains(t, refused(t, open(t), "staging", map[string]string{"sentry:desiredCount": "5001"}), "allowed: 0 (asleep) to 5000")
}

// accepted deploys staging of table A with some changes.
func accepted(t *testing.T, changes map[string]string) {
	t.Helper()
	_, err := sandbox.RecordStack(infra.DeployIn, open(t), "staging", sandbox.StackOptions{Config: changes})
	require.NoError(t, err, "what can be deployed is refused: %v", changes)
}

// What stands at the edge of what is allowed.
func TestGoodConfiguration(t *testing.T) {
	label := strings.Repeat("a", 63-len("sentry-staging-artifacts-"))
	for _, changes := range []map[string]string{
		{
			"sentry:vpcCidr": "172.16.0.0/16", "sentry:bucketSuffix": label, "sentry:taskCpu": "256", "sentry:taskMemory": "2048",
			"sentry:https":            `{"domain":"` + strings.Repeat("a", 64-len(".example.com")) + `.example.com","zoneId":"Z0123456789"}`,
			"sentry:scaling":          `{"maxCount":1,"schedule":{"awake":"SUN 00:00-23:59"}}`,
			"sentry:monitoring":       `{"alarmEmail":"ops+sentry@mail.example.com","flowLogs":"a.b-3"}`,
			"sentry:ingressCidrs":     `["0.0.0.0/0","192.0.2.1/32"]`,
			"sentry:corsOrigins":      `["http://localhost:3000","https://app.example.com"]`,
			"sentry:logRetentionDays": "3653",
		},
		{
			"sentry:vpcCidr": "192.168.254.0/23", "sentry:taskCpu": "16384", "sentry:taskMemory": "122880", "sentry:desiredCount": "5000",
			"sentry:scaling":          `{"schedule":{"awake":"mon-sun 06:00-06:01","timezone":"Asia/Kolkata"}}`,
			"sentry:container":        `{"user":"1000:1000","healthCheck":{"path":"/a_b~c.d-e/"}}`,
			"sentry:environment":      `{"TOKEN_TTL":"60","_x9":"https://example.com/a:b@c","KEYBOARD":"eyJ","PASSWORDLESS":"true"}`,
			"sentry:logRetentionDays": "1",
		},
		{"sentry:vpcCidr": "100.64.0.0/22", "sentry:https": "true", "sentry:scaling": "{}", "sentry:taskCpu": "4096", "sentry:taskMemory": "30720"},
	} {
		accepted(t, changes)
	}
}

func TestFargatesSizes(t *testing.T) {
	for cpu, memory := range map[int][3]int{ // from, to, in steps of
		512: {1024, 4096, 1024}, 1024: {2048, 8192, 1024}, 2048: {4096, 16384, 1024},
		4096: {8192, 30720, 1024}, 8192: {16384, 61440, 4096}, 16384: {32768, 122880, 8192},
	} {
		var sizes []string
		for size := memory[0]; size <= memory[1]; size += memory[2] {
			sizes = append(sizes, strconv.Itoa(size))
		}
		message := refused(t, open(t), "staging", map[string]string{"sentry:taskCpu": strconv.Itoa(cpu), "sentry:taskMemory": "1"})
		assert.Equal(t, fmt.Sprintf("sentry:taskMemory: Fargate has no 1 MiB with %d CPU units; allowed: %s", cpu, strings.Join(sizes, ", ")), message)
	}
}

// Whoever may look at the task definition reads a plain variable.
func TestWhatLooksLikeASecret(t *testing.T) {
	var values []string
	for i, name := range []string{
		"PASSWORD", "DB_PASSWD", "PWD", "APP_SECRET", "auth_token", "API_KEY", "APIKEY", "PRIVATE_KEY", "PRIVATEKEY", "ACCESS_KEY", "CREDENTIAL", "MY_CREDENTIALS",
	} {
		values = append(values, fmt.Sprintf("%q:%q", name, strconv.Itoa(i)))
	}
	for i, value := range []string{
		"-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "ghp_abcdefghijklmnopqrst",
		"sk_" + "live_x", "xoxb-1", "eyJhbGciOiJI.eyJzdWIi", "postgres://app:hunter2@db/app", // divided: what looks for secrets in a repository finds it
	} {
		values = append(values, fmt.Sprintf("%q:%q", fmt.Sprintf("V%d", i), value))
	}
	message := refused(t, open(t), "staging", map[string]string{"sentry:environment": "{" + strings.Join(values, ",") + "}"})
	assert.Equal(t, len(values), strings.Count(message, " looks like a secret, "), message)
}
