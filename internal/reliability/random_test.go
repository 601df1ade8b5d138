package reliability

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sentry/internal/aws"
	"sentry/internal/fixture"
	"sentry/internal/sandbox"
)

// TestMain lets `go test` try so many random configurations; -rapid.checks=200 tries more.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "12"); err != nil {
		panic(err) // rapid has renamed its flag
	}
	os.Exit(m.Run())
}

// configurations are random values for any of the keys.
var configurations = rapid.Custom(func(t *rapid.T) map[string]string {
	var chosen [][]fixture.Setting
	for _, setting := range rapid.SliceOfN(rapid.SampledFrom(fixture.Settings()), 0, 12).Draw(t, "settings") {
		if !slices.ContainsFunc(chosen, func(other []fixture.Setting) bool { return exclude(setting, other) }) {
			chosen = append(chosen, setting)
		}
	}
	drawn := fixture.Configuration(slices.Concat(chosen...)...)
	if _, isSet := drawn["sentry:taskCpu"]; !isSet {
		cpu := rapid.SampledFrom([]int{256, 512, 1024, 2048}).Draw(t, "cpu")
		drawn["sentry:taskCpu"], drawn["sentry:taskMemory"] = strconv.Itoa(cpu), strconv.Itoa(cpu*rapid.SampledFrom([]int{2, 4}).Draw(t, "memory"))
	}
	if _, isSet := drawn["sentry:desiredCount"]; !isSet {
		drawn["sentry:desiredCount"] = strconv.Itoa(rapid.IntRange(0, 3).Draw(t, "count")) // not more than maxCount, which may be there
	}
	if rapid.Bool().Draw(t, "released") {
		repository, _, _ := strings.Cut(sandbox.ReleasedImage("us-east-1", "sentry-staging-backend"), "@")
		drawn["sentry:image"] = repository + "@sha256:" + rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, "digest")
	}
	return drawn
})

// E2: whatever the keys say, the environment can be deployed, changed to whatever else they say, and taken down; a second
// preview is empty each time, and what holds data stays.
func TestRandomConfigurations(t *testing.T) {
	t.Parallel()
	origin := newStack(t, "staging")
	plain := origin.config
	rapid.Check(t, func(t *rapid.T) {
		s := NewStack("sentry", "staging", origin.program, plain)
		for _, moment := range []string{"first", "then"} {
			s.config = maps.Clone(plain)
			s.Configure(configurations.Draw(t, moment))
			if err := s.Up(); err != nil {
				t.Fatalf("%s: %v", moment, err)
			}
			for _, done := range s.Cloud.Journal() {
				if done.Op == "delete" && holdsData[done.Type] {
					t.Fatalf("%s: %s: what was in it is lost", moment, done)
				}
			}
			if err := s.settled(); err != nil {
				t.Fatalf("%s: %v", moment, err)
			}
			if err := shut(s); err != nil {
				t.Fatalf("%s: %v", moment, err)
			}
		}
		s.Configure(map[string]string{"sentry:protect": ""})
		if err := s.Up(); err != nil {
			t.Fatalf("without protection: %v", err)
		}
		if err := s.Destroy(); err != nil {
			t.Fatalf("destroy: %v", err)
		}
		if left := inventory(s.Cloud); len(left) > 0 {
			t.Fatalf("left: %v", left)
		}
	})
}

// shut says what is open to the world although no key asks for it.
func shut(s *Stack) error {
	https := !slices.Contains([]string{"", "false"}, s.config["sentry:https"])
	for _, o := range s.Cloud.Objects() {
		block, isBlock := o.Props["blockPublicPolicy"].(bool)
		switch {
		case isBlock && !block && (https || !strings.HasSuffix(o.Name(), "-frontend") || s.config["sentry:publicFrontend"] == "false"):
			return fmt.Errorf("the bucket %s may be made public", o.Name())
		case o.Type == aws.EC2SecurityGroupIngressRule && o.Props["cidrIpv4"] == "0.0.0.0/0" && (https || o.Props["fromPort"] != 8080.0):
			return fmt.Errorf("the world reaches %s", o.Name())
		}
	}
	return nil
}
