package reliability

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"sentry/internal/aws"
	"sentry/internal/recovery"
	"sentry/internal/sandbox"
)

// byHand is what somebody does to one resource in AWS's console, and what the next refreshed preview has to say of it.
type byHand struct {
	name string
	do   func(*sandbox.Cloud) error
	// touched are the logical names of the resources that differ then; any other one in the preview is a false alarm,
	// unless it hangs on one that has to be made anew.
	touched []string
	gone    bool
	// late: nobody does anything. IAM or S3 does not find the resource at the next refresh, and so the state loses it.
	late bool
}

const (
	deletedByHand = "deleted by hand"
	changedByHand = "changed by hand"
	notFound      = "IAM or S3 does not find it at a refresh"
)

// driftsOf are all the things that somebody can do to what is there: delete each resource, as far as AWS lets them;
// change each, as far as AWS can.
func driftsOf(c *sandbox.Cloud) map[string][]byHand {
	found := map[string][]byHand{}
	for _, o := range c.Objects() {
		if strings.HasPrefix(o.Type, "awsx:") {
			continue
		}
		if isLate(o.Type) {
			found[notFound] = append(found[notFound], byHand{
				name: o.Type + " " + o.Name(), gone: true, late: true, touched: []string{o.Name()},
				do: func(c *sandbox.Cloud) error {
					c.Inject(sandbox.Fault{Op: "read", Type: o.Type, Name: o.Name(), Late: true})
					return nil
				},
			})
		}
		probe := c.Clone()
		if probe.Delete(o.Type, o.Name()) == nil {
			found[deletedByHand] = append(found[deletedByHand], byHand{
				name: o.Type + " " + o.Name(), gone: true, touched: missing(c, probe),
				do: func(c *sandbox.Cloud) error { return c.Delete(o.Type, o.Name()) },
			})
		}
		if key, value := changeable(o); key != "" {
			found[changedByHand] = append(found[changedByHand], byHand{
				name: o.Type + " " + o.Name() + " " + key, touched: []string{o.Name()},
				do: func(c *sandbox.Cloud) error {
					return c.Mutate(o.Type, o.Name(), func(props map[string]any) { props[key] = value })
				},
			})
		}
	}
	return found
}

// missing are the logical names of what one account has and the other has not.
func missing(had, has *sandbox.Cloud) []string {
	var gone []string
	there := map[string]bool{}
	for _, o := range has.Objects() {
		there[o.URN+o.ID] = true
	}
	for _, o := range had.Objects() {
		if !there[o.URN+o.ID] {
			gone = append(gone, o.Name())
		}
	}
	return gone
}

// changeable is a property that somebody can change without making the resource anew, and another value of it. AWS
// knows nothing of an input that only tells the provider what to do.
func changeable(o sandbox.Object) (key string, value any) {
	facts, ok := aws.FactsOf(o.Type)
	if !ok {
		return "", nil
	}
	for _, key := range slices.Sorted(maps.Keys(facts.Inputs)) {
		input := facts.Inputs[key]
		if input.Replaces || input.Keeps || slices.Contains(providersOwn, key) {
			continue
		}
		switch value := o.Props[key].(type) {
		case float64:
			return key, value + 1
		case bool:
			return key, !value
		}
	}
	if _, isText := o.Props["policy"].(string); isText && facts.Inputs["policy"] != nil {
		return "policy", `{"Version":"2012-10-17","Statement":[]}`
	}
	if tags, ok := o.Props["tags"].(map[string]any); ok && facts.Inputs["tags"] != nil {
		tags = maps.Clone(tags)
		tags["Owner"] = "somebody"
		return "tags", tags
	}
	return "", nil
}

// providersOwn are inputs that are no property of anything in AWS.
var providersOwn = []string{
	"forceDestroy", "forceDelete", "skipDestroy", "forceDetachPolicies", "waitForSteadyState", "forceNewDeployment",
	"waitForDeployment", "retainOnDelete", "overwrite", "confirmationTimeoutInMinutes", "endpointAutoConfirms",
}

// byHand are the cases of everything that somebody can do to the stack by hand.
func (b *base) byHand(ctx context.Context, stack string, start func() *Stack, part Part) []func() Case {
	var jobs []func() Case
	all := driftsOf(b.cloud)
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		for n := 0; n < len(all[kind]); n += part.step(kind == notFound) {
			hand := all[kind][n]
			jobs = append(jobs, func() Case {
				c := Case{
					Stack: stack, Scenario: b.Name, Fault: kind, After: hand.after(), Operation: hand.name, Of: len(all[kind]),
				}
				if err := b.drift(ctx, start(), hand); err != nil {
					c.Lost = err.Error()
				}
				return c
			})
		}
	}
	return jobs
}

// drift does one thing by hand, looks whether a refreshed preview tells of it and of nothing else, and whether a
// refreshed update takes it back.
func (b *base) drift(ctx context.Context, s *Stack, hand byHand) error {
	s.Cloud, s.state, s.config = b.cloud.Clone(), b.state, b.settings
	if err := hand.do(s.Cloud); err != nil {
		return err
	}
	if err := s.Refresh(); err != nil {
		return fmt.Errorf("the refresh: %w", err)
	}
	steps, err := s.Preview()
	if err != nil {
		return fmt.Errorf("the preview: %w", err)
	}
	if err := hand.reported(steps); err != nil {
		return err
	}
	err = s.Up()
	if hand.late { // it may end with "already exists"
		if _, err := s.Recover(ctx); err != nil {
			return fmt.Errorf("recover: %w", err)
		}
		err = s.Up()
	}
	if err != nil {
		return fmt.Errorf("the update: %w", err)
	}
	return b.asUndisturbed(s)
}

func (h byHand) after() string {
	if h.late {
		return "`pulumi up --refresh`, `delivery recover`, and the same once more"
	}
	return "`pulumi up --refresh`"
}

func (h byHand) reported(steps []recovery.Step) error {
	told := map[string]bool{}
	for _, step := range steps {
		if step.Op == apitype.OpSame || step.Resource.URN == "" {
			continue
		}
		name := step.Resource.URN.Name()
		told[name] = true
		if !h.gone && !slices.Contains(h.touched, name) {
			return fmt.Errorf("the preview would %s %s, too", step.Op, name)
		}
	}
	for _, name := range h.touched {
		if !told[name] {
			return fmt.Errorf("the preview tells nothing of %s", name)
		}
	}
	return nil
}
