package reliability

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/providers"

	"sentry/internal/sandbox"
)

// Scenario is a deployment that is interrupted.
type Scenario struct {
	Name string
	// Before is deployed first, undisturbed; nil begins with nothing.
	Before map[string]string
	// Change is configured for the deployment that is interrupted.
	Change map[string]string
	// Destroy: it is a destruction.
	Destroy bool
	// ByHand: nothing is deployed, and somebody changes AWS by hand.
	ByHand bool
}

// Fault is a way in which a deployment is interrupted.
type Fault struct {
	Name  string
	fault sandbox.Fault
	// Alike: what it leaves, another one leaves, too.
	Alike bool
	// signals are so many Ctrl-C instead of a misfortune of AWS's.
	signals int
	// of are the operations that it can strike; nil are all.
	of func(sandbox.Operation) bool
	// recovers: the interruption is followed by `delivery recover`, and then by the same deployment. Without, by the
	// same deployment alone.
	recovers bool
}

func (f Fault) after() string {
	if f.recovers {
		return "`delivery recover`, and the same once more"
	}
	return "the same once more"
}

// operations are the indices of those that it can strike.
func (f Fault) operations(all []sandbox.Operation) []int {
	var found []int
	for n, o := range all {
		if f.of == nil || f.of(o) {
			found = append(found, n)
		}
	}
	return found
}

// Faults are the ways in which an operation can go wrong.
var Faults = []Fault{
	{Name: "refused by AWS", fault: sandbox.Fault{Message: "AccessDenied: not authorized"}},
	{Name: "throttled, three operations in a row", Alike: true, fault: sandbox.Fault{Message: "ThrottlingException: Rate exceeded", Times: 3}},
	{
		Name: "IAM or S3 does not find yet what it has made", Alike: true, of: byLate,
		fault: sandbox.Fault{Message: "couldn't find resource", Late: true},
	},
	{Name: "Ctrl-C", Alike: true, signals: 1},
	{Name: "Ctrl-C, twice", Alike: true, signals: 2, recovers: true},
	{Name: "process lost before AWS acted", fault: sandbox.Fault{Kill: true}, recovers: true},
	lostAfterwards,
	{
		Name: "AWS acted, its answer was an error", recovers: true,
		fault: sandbox.Fault{Message: "RequestError: connection reset by peer", After: true},
	},
}

// byLate: of the services whose answers other servers may not know yet.
func byLate(o sandbox.Operation) bool { return o.Op != "delete" && isLate(o.Type) }

func isLate(token string) bool {
	return strings.HasPrefix(token, "aws:iam/") || strings.HasPrefix(token, "aws:s3/")
}

// lostAfterwards leaves something in AWS that nobody knows of.
var lostAfterwards = Fault{Name: "process lost after AWS acted", fault: sandbox.Fault{Kill: true, After: true}, recovers: true}

// Case is one interruption: an operation of the scenario, struck by a fault.
type Case struct {
	Stack, Scenario, Fault string
	// After is what was done then.
	After string
	// Operation is the one that was struck, of so many.
	Operation string
	Of        int
	// Lost says what was wrong in the end; empty where nothing was.
	Lost string
}

// base is a scenario up to the moment before the deployment that is interrupted.
type base struct {
	Scenario
	cloud      *sandbox.Cloud
	state      *apitype.DeploymentV3
	settings   map[string]string
	operations []sandbox.Operation
	// whole is what the undisturbed deployment leaves in AWS, settled the state that it leaves.
	whole, settled []string
}

// interrupt runs every scenario of a stack once undisturbed, and then once for each of its operations and each fault.
func interrupt(ctx context.Context, start func() *Stack, scenarios []Scenario, part Part) ([]Case, error) {
	var jobs []func() Case
	name := start().name
	for _, scenario := range scenarios {
		b, err := prepare(start(), scenario)
		if err != nil {
			return nil, fmt.Errorf("%s of %s, undisturbed: %w", scenario.Name, name, err)
		}
		if scenario.ByHand {
			jobs = append(jobs, b.byHand(ctx, name, start, part)...)
			continue
		}
		for i, fault := range Faults {
			if part.Fault != "" && part.Fault != fault.Name {
				continue
			}
			struck, step := fault.operations(b.operations), part.step(fault.Alike)
			for at := i * step / len(Faults) % max(1, len(struck)); at < len(struck); at += step * max(1, fault.fault.Times) {
				n := struck[at]
				jobs = append(jobs, func() Case {
					c := Case{
						Stack: name, Scenario: scenario.Name, Fault: fault.Name, After: fault.after(),
						Operation: b.operations[n].String(), Of: len(struck),
					}
					if err := b.interrupt(ctx, start(), fault, n); err != nil {
						c.Lost = err.Error()
					}
					return c
				})
			}
		}
	}
	// Most of the time went to collecting the garbage of the engines: three times as quick, for 1 GB at the most.
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	cases := make([]Case, len(jobs))
	var group sync.WaitGroup
	slots := make(chan struct{}, max(2, runtime.NumCPU()))
	for i, job := range jobs {
		slots <- struct{}{}
		group.Go(func() {
			cases[i] = job()
			<-slots
		})
	}
	group.Wait()
	return cases, ctx.Err()
}

// prepare deploys what comes before the interruption, and runs the deployment once undisturbed on a copy.
func prepare(s *Stack, scenario Scenario) (*base, error) {
	if scenario.Before != nil {
		s.Configure(scenario.Before)
		if err := s.Up(); err != nil {
			return nil, err
		}
	}
	s.Configure(scenario.Change)
	b := &base{Scenario: scenario, cloud: s.Cloud, state: s.state, settings: s.config}
	s.Cloud = b.cloud.Clone()
	if err := b.deploy(s); err != nil {
		return nil, err
	}
	b.operations = s.Cloud.Journal()
	b.whole = inventory(s.Cloud)
	if err := b.nothingToDo(s); err != nil {
		return nil, err
	}
	b.settled = essence(s.state)
	return b, nil
}

func (b *base) deploy(s *Stack) error {
	if b.Destroy {
		return s.Destroy()
	}
	return s.Up()
}

// interrupt strikes one operation, whenever it comes (some run side by side), and does what the documents say. Its error
// is what is wrong afterwards.
func (b *base) interrupt(ctx context.Context, s *Stack, fault Fault, n int) error {
	s.Cloud, s.state, s.config = b.cloud.Clone(), b.state, b.settings
	strike, at := fault.fault, b.operations[n]
	strike.Op, strike.Type, strike.Name = at.Op, at.Type, at.Name
	struck := fault.signals == 0
	if fault.signals > 0 {
		strike.Call = func() {
			struck = true
			for range fault.signals {
				s.signal()
			}
		}
	}
	s.Cloud.Inject(strike)
	err := b.deploy(s)
	// The last operation of all may end before a signal is heard.
	if lost := errors.Is(err, errLost); !struck || lost != strike.Kill || err == nil && fault.signals == 0 {
		return fmt.Errorf("the fault did not strike: %w", err)
	}
	s.Cloud.Revive()
	if fault.recovers {
		if _, err := s.Recover(ctx); err != nil {
			return fmt.Errorf("recover: %w", err)
		}
	}
	if err := b.deploy(s); err != nil {
		return fmt.Errorf("the deployment after it: %w", err)
	}
	if fault.recovers && n%16 == 0 { // it is dear, and what it could find the inventory finds, too
		again, err := s.Recover(ctx)
		if err != nil {
			return fmt.Errorf("recover again: %w", err)
		}
		if !again.Empty() {
			return fmt.Errorf("recover again finds %+v", again)
		}
	}
	return b.asUndisturbed(s)
}

// asUndisturbed: AWS has what the undisturbed deployment leaves, and the next preview is empty.
func (b *base) asUndisturbed(s *Stack) error {
	if found := inventory(s.Cloud); !slices.Equal(found, b.whole) {
		return fmt.Errorf("AWS has %s", difference(b.whole, found))
	}
	if slices.Equal(essence(s.state), b.settled) {
		return nil // and so the preview is the one after the undisturbed deployment
	}
	return b.nothingToDo(s)
}

// nothingToDo: the next preview is empty.
func (b *base) nothingToDo(s *Stack) error {
	if b.Destroy {
		return nil
	}
	steps, err := s.Preview()
	if err != nil {
		return fmt.Errorf("the preview after it: %w", err)
	}
	for _, step := range steps {
		if step.Op != apitype.OpSame {
			return fmt.Errorf("the preview after it would %s %s", step.Op, step.Resource.URN.Name())
		}
	}
	return nil
}

// essence is all of a state on which it depends whether a preview is empty: not when what was made, from which line, in
// which order, under which number its provider runs, and how a made-up name ends.
func essence(state *apitype.DeploymentV3) []string {
	var found []string
	for _, r := range state.Resources {
		r.Created, r.Modified, r.SourcePosition, r.StackTrace = nil, nil, "", nil
		r.Dependencies, r.PropertyDependencies = nil, nil
		if providers.IsProviderType(r.Type) {
			r.ID = ""
		}
		r.Provider = r.Provider[:max(0, strings.LastIndex(r.Provider, "::"))]
		found = append(found, endOfName.ReplaceAllString(text(r), "-$1"))
	}
	slices.Sort(found)
	for _, o := range state.PendingOperations {
		found = append(found, text(o))
	}
	return found
}

// endOfName is what the provider adds to a name that it makes up.
var endOfName = regexp.MustCompile(`-[0-9a-f]{7}(["/])`)

func text(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}

// inventory is everything in an account, by what the program calls it.
func inventory(c *sandbox.Cloud) []string {
	var found []string
	for _, o := range c.Objects() {
		found = append(found, o.Type+" "+o.Name())
	}
	slices.Sort(found)
	return found
}

// difference says what is missing, and what is there too often.
func difference(want, got []string) string {
	counts := map[string]int{}
	for _, name := range want {
		counts[name]--
	}
	for _, name := range got {
		counts[name]++
	}
	var words []string
	for name, count := range counts {
		switch {
		case count < 0:
			words = append(words, "no "+name)
		case count > 0:
			words = append(words, fmt.Sprintf("%d too many of %s", count, name))
		}
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}
