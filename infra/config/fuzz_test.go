package config

import (
	"encoding/json"
	"testing"
)

// Whatever a stack file holds, reading it ends, and each problem names its key.
func FuzzRead(f *testing.F) {
	f.Add("staging", "us-east-1", []byte(`{"vpcCidr":"10.0.0.0/16","availabilityZones":"[\"us-east-1a\",\"us-east-1b\"]","taskCpu":"256"}`))
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
