package config

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"sentry/internal/fixture"
)

// Whatever a stack file holds, reading it ends, and each problem names its key.
func FuzzRead(f *testing.F) {
	required := map[string]string{
		"vpcCidr": "10.0.0.0/16", "availabilityZones": `["us-east-1a","us-east-1b"]`, "ingressCidrs": `["0.0.0.0/0"]`,
		"publicFrontend": "true", "taskCpu": "256", "taskMemory": "512", "desiredCount": "1", "logRetentionDays": "7",
	}
	for _, settings := range fixture.Settings() {
		values := maps.Clone(required)
		for key, value := range fixture.Configuration(settings...) {
			values[strings.TrimPrefix(key, Product+":")] = value
		}
		text, err := json.Marshal(values)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("staging", "us-east-1", text)
	}
	f.Add("", "", []byte(`{"secrets":"{\"TOKEN\":\"arn:aws:ssm:us-east-1:123456789012:parameter/x\"}","ingressCidrs":"[null]"}`))
	f.Fuzz(func(t *testing.T, stack, region string, text []byte) {
		var values map[string]string
		if json.Unmarshal(text, &values) != nil {
			t.Skip("not a configuration")
		}
		p := &problems{}
		read(&section{problems: p, path: "sentry:", lookup: func(name string) any {
			if value, isSet := values[name]; isSet {
				return value
			}
			return nil
		}}, stack, region)
		for _, problem := range p.found {
			if problem.Key == "" || problem.Text == "" {
				t.Fatalf("a problem without key or text: %+v", problem)
			}
		}
	})
}
