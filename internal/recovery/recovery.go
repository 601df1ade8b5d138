// Package recovery puts a stack in order after an update of it was cut short: the process was lost, or AWS acted
// and its answer was an error. What AWS then has and the state does not know would be made a second time, or be in
// the way for good ("already exists").
//
// It asks AWS what carries the environment's tags, asks the engine what an update would create, and brings the two
// together: what exists is taken into the state, what exists twice is marked for deletion, what the engine had begun
// and does not exist is forgotten. It looks at nothing but names and tags, so it works whoever was lost, and whenever.
package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/providers"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"sentry/internal/aws"
)

// Stack is the stack to put in order, by the engine.
type Stack interface {
	Export(context.Context) (apitype.UntypedDeployment, error)
	Import(context.Context, apitype.UntypedDeployment) error
	// Refresh reads into the state what AWS has; what AWS does not have leaves the state.
	Refresh(context.Context) error
	// Plan is what an update would do, a step for each resource that it would touch.
	Plan(context.Context) ([]Step, error)
	// Adopt imports an existing resource by the id that the provider imports by. That there is none is ErrAbsent.
	Adopt(ctx context.Context, r apitype.ResourceV3, id string) error
}

// ErrAbsent is the error of Adopt about a resource that AWS does not have.
var ErrAbsent = errors.New("AWS has no such resource")

// Step is one step of a plan, with the resource as the update would leave it.
type Step struct {
	Op       apitype.OpType
	Resource apitype.ResourceV3
}

// Cloud is the AWS account.
type Cloud interface {
	// Place is the account's id and the region.
	Place(context.Context) (account, region string, err error)
	// Tagged is everything that carries the environment's tags, as far as AWS can list it: not, for one, its roles.
	Tagged(context.Context) ([]Tagged, error)
}

// Tagged is a resource in AWS. Name is its tag of that name; its own name where it can have no tags, and then it may be
// Anybodys.
type Tagged struct {
	ARN, Name string
	Anybodys  bool
}

// Recover puts the stack in order. Run again, it finds nothing.
func Recover(ctx context.Context, stack Stack, cloud Cloud) (Report, error) {
	r := &run{stack: stack, cloud: cloud, tried: map[string]bool{}}
	var err error
	if r.account, r.region, err = cloud.Place(ctx); err != nil {
		return Report{}, err
	}
	begun, err := r.settle(ctx)
	if err != nil {
		return Report{}, err
	}
	// Each round may learn the ids that the next one needs: of a network for its subnets, of those for their routes. It
	// ends: what was looked for once is not looked for again.
	for progress := true; progress; {
		if progress, err = r.adoptPlanned(ctx); err != nil {
			return r.report, err
		}
	}
	if err := r.markDoubles(ctx); err != nil {
		return r.report, err
	}
	for _, op := range begun {
		urn := string(op.Resource.URN)
		switch {
		case op.Type != apitype.OperationTypeCreating:
			r.report.Settled = append(r.report.Settled, urn)
		case !slices.Contains(r.report.Adopted, urn) && !slices.Contains(r.report.Doubled, urn):
			r.report.Forgotten = append(r.report.Forgotten, urn)
		}
	}
	return r.report, nil
}

type run struct {
	stack           Stack
	cloud           Cloud
	account, region string
	version         int
	features        []string
	state           apitype.DeploymentV3
	tried           map[string]bool // URN and id that were looked for already
	report          Report
}

func (r *run) load(ctx context.Context) error {
	exported, err := r.stack.Export(ctx)
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	r.version, r.features = exported.Version, exported.Features
	r.state = apitype.DeploymentV3{}
	if err := json.Unmarshal(exported.Deployment, &r.state); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	return nil
}

func (r *run) save(ctx context.Context) error {
	text, err := json.Marshal(r.state)
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if err := r.stack.Import(ctx, apitype.UntypedDeployment{Version: r.version, Features: r.features, Deployment: text}); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// settle ends the operations that were under way: a refresh tells how those on known resources ended, and the rest
// of this package what became of the new ones.
func (r *run) settle(ctx context.Context) ([]apitype.OperationV2, error) {
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	begun := r.state.PendingOperations
	if len(begun) > 0 {
		r.state.PendingOperations = nil
		if err := r.save(ctx); err != nil {
			return nil, err
		}
	}
	if len(r.state.Resources) > 0 {
		if err := r.stack.Refresh(ctx); err != nil {
			return nil, fmt.Errorf("read what AWS has: %w", err)
		}
	}
	return begun, r.load(ctx)
}

// adoptPlanned takes into the state what the update would create and AWS has already. It reports whether there was
// any of it.
func (r *run) adoptPlanned(ctx context.Context) (progress bool, err error) {
	steps, err := r.stack.Plan(ctx)
	if err != nil {
		return false, fmt.Errorf("ask what an update would do: %w", err)
	}
	tagged, err := r.unknown(ctx)
	if err != nil {
		return false, err
	}
	var creations []Step
	for _, step := range steps {
		if step.Op != apitype.OpCreate && step.Op != apitype.OpCreateReplacement {
			continue
		}
		if known(step.Resource.Inputs) {
			creations = append(creations, step)
		}
	}
	var added []string
	for _, step := range creations {
		if r.ready(step.Resource) && r.add(step, tagged) {
			added = append(added, string(step.Resource.URN))
		}
	}
	if len(added) > 0 {
		news, err := r.keepExisting(ctx, added)
		if err != nil || news {
			return news, err
		}
	}
	// Not before all else has its place: an import is refused where something to be deleted has children that stay.
	for _, step := range creations {
		if !r.ready(step.Resource) {
			continue
		}
		id := r.importID(step.Resource, tagged)
		if id == "" {
			continue
		}
		adopted, err := r.adopt(ctx, step, id)
		if err != nil {
			return false, err
		}
		progress = progress || adopted
	}
	return progress, nil
}

// keepExisting saves what was added on the strength of its name or tags alone; what does not exist leaves the state
// again. It reports whether the next plan can know more: the id of something in AWS, or of a provider.
func (r *run) keepExisting(ctx context.Context, added []string) (news bool, err error) {
	if err := r.save(ctx); err != nil {
		return false, err
	}
	if err := r.stack.Refresh(ctx); err != nil {
		return false, fmt.Errorf("read what AWS has: %w", err)
	}
	if err := r.load(ctx); err != nil {
		return false, err
	}
	for _, urn := range added {
		i := r.find(urn)
		if i < 0 {
			continue
		}
		news = news || r.state.Resources[i].Custom
		if inCloud(r.state.Resources[i]) {
			r.report.Adopted = append(r.report.Adopted, urn)
		}
	}
	return news, nil
}

// ready: what the resource hangs on is in the state.
func (r *run) ready(made apitype.ResourceV3) bool {
	if made.Parent != "" && r.find(string(made.Parent)) < 0 {
		return false
	}
	if made.Provider == "" {
		return true
	}
	urn, id := providerOf(made)
	i := r.find(urn)
	return i >= 0 && string(r.state.Resources[i].ID) == id
}

// providerOf are the two parts of a resource's reference to its provider.
func providerOf(r apitype.ResourceV3) (urn, id string) {
	end := strings.LastIndex(r.Provider, "::")
	return r.Provider[:end], r.Provider[end+len("::"):]
}

// add puts a resource into the state that an update would create, under the id that AWS has for it or would have. Of
// a replacement it is the new one; the old one, which the state has, is then what the next update deletes.
func (r *run) add(step Step, tagged []Tagged) bool {
	made := step.Resource
	if !inCloud(made) { // what belongs to it needs it
		if r.tried[string(made.URN)] || r.find(string(made.URN)) >= 0 {
			return false
		}
		r.tried[string(made.URN)] = true
		if made.Custom {
			made.ID, made.Outputs = resource.ID(uuid.NewString()), maps.Clone(made.Inputs)
			delete(made.Outputs, ofTheEngine)
			made.Inputs = maps.Clone(made.Inputs)
			if made.Inputs[ofTheEngine] == nil {
				made.Inputs[ofTheEngine] = map[string]any{}
			}
		}
		r.state.Resources = append(r.state.Resources, made)
		return true
	}
	id, arn := r.identify(step, tagged)
	key := string(made.URN) + " " + id + arn
	if id == "" || r.tried[key] {
		return false
	}
	r.tried[key] = true
	made.ID, made.Delete = resource.ID(id), false
	made.Outputs = map[string]any{"id": id}
	for name, value := range made.Inputs {
		if name != "__defaults" {
			made.Outputs[name] = value // the provider reads some resources by these
		}
	}
	if arn != "" {
		made.Outputs["arn"] = arn
	}
	r.insert(made)
	return true
}

// ofTheEngine is what the engine adds to a provider's inputs and keeps to itself; a preview does not tell of it.
const ofTheEngine = "__internal"

// inCloud: components and providers are nothing in AWS.
func inCloud(r apitype.ResourceV3) bool { return r.Custom && !providers.IsProviderType(r.Type) }

// insert puts a resource where the state has its URN, or at the end: before an old one, whether the state knows by now
// that it is to be deleted or not. What depends on the URN comes after both, and what is to be deleted moves to the end
// with the next import.
func (r *run) insert(made apitype.ResourceV3) {
	live := r.find(string(made.URN))
	if live >= 0 && r.state.Resources[live].PendingReplacement { // the old one was deleted
		r.state.Resources[live] = made
		return
	}
	if live >= 0 {
		r.state.Resources[live].Delete = true
	}
	first := slices.IndexFunc(r.state.Resources, func(s apitype.ResourceV3) bool { return s.URN == made.URN })
	if first < 0 {
		first = len(r.state.Resources)
	}
	r.state.Resources = slices.Insert(r.state.Resources, first, made)
}

// identify is the id of a resource in AWS, and its ARN where that was looked up; "" when it cannot be there.
func (r *run) identify(step Step, tagged []Tagged) (id, arn string) {
	made := step.Resource
	entry, ok := aws.Lookup(string(made.Type))
	if !ok {
		return "", ""
	}
	if hidden(*entry) {
		return "", ""
	}
	if aws.MadeUp(entry.ID) || strings.Contains(entry.ARN(), "{next}") {
		i := slices.IndexFunc(tagged, func(t Tagged) bool {
			return r.isOf(*entry, made.Inputs, t.ARN) && t.Name == nameOf(*entry, made.Inputs)
		})
		if i < 0 {
			return "", ""
		}
		if aws.MadeUp(entry.ID) {
			return idIn(*entry, tagged[i].ARN), tagged[i].ARN
		}
		return r.expand(entry.ID, made.Inputs), tagged[i].ARN
	}
	if i := r.find(string(made.URN)); i >= 0 && !r.state.Resources[i].PendingReplacement {
		return "", "" // a name cannot be the old one's and the new one's at a time
	}
	if entry.Token == aws.S3Bucket {
		// The names of buckets are the whole world's: only its tags say that it is ours.
		if !r.tagged(*entry, made.Inputs, tagged) {
			return "", ""
		}
	}
	return r.expand(entry.ID, made.Inputs), ""
}

// tagged: what has the ARN that the program's names make carries the environment's tags.
func (r *run) tagged(entry aws.Type, inputs map[string]any, all []Tagged) bool {
	own := r.expand(entry.ARN(), inputs)
	return slices.ContainsFunc(all, func(t Tagged) bool { return t.ARN == own })
}

// hidden: AWS makes the id up, and no ARN tells it. The provider finds the resource by what the program calls it, in an
// import.
func hidden(entry aws.Type) bool {
	return aws.MadeUp(entry.ID) && !strings.HasPrefix(entry.ID, "arn:") && !strings.Contains(entry.ARN(), "{id}")
}

// idIn is the id that AWS made up, as it stands in the resource's ARN, or is it.
func idIn(entry aws.Type, arn string) string {
	if strings.HasPrefix(entry.ID, "arn:") {
		return arn
	}
	return arn[strings.LastIndexAny(arn, "/:")+1:]
}

func (r *run) expand(template string, inputs map[string]any) string {
	return aws.Expand(template, func(name string) string {
		switch name {
		case "account":
			return r.account
		case "region":
			return r.region
		}
		text, isText := inputs[name].(string)
		if !isText && name == "path" {
			return "/" // IAM's default
		}
		return text
	})
}

// importID is the id by which a resource is imported whose own id is hidden. One that can have tags has to have the
// environment's.
func (r *run) importID(made apitype.ResourceV3, tagged []Tagged) string {
	entry, ok := aws.Lookup(string(made.Type))
	if !ok || entry.Import == "" || !hidden(*entry) || r.tried[string(made.URN)] {
		return ""
	}
	if facts, ok := aws.FactsOf(entry.Token); ok && facts.Inputs["tags"] != nil && !r.tagged(*entry, made.Inputs, tagged) {
		return ""
	}
	r.tried[string(made.URN)] = true
	return r.expand(entry.Import, made.Inputs)
}

// adopt imports a resource, and reports whether there is one. Of one that is replaced the state keeps the old one, for
// the next update to delete.
func (r *run) adopt(ctx context.Context, step Step, id string) (bool, error) {
	urn := string(step.Resource.URN)
	before := slices.Clone(r.state.Resources)
	if old := r.find(urn); old >= 0 { // the engine imports no URN that it has
		r.state.Resources[old].Delete = true
		if err := r.save(ctx); err != nil {
			return false, err
		}
	}
	err := r.stack.Adopt(ctx, step.Resource, id)
	if err == nil {
		err = r.load(ctx)
	}
	imported := r.find(urn)
	// An import moves what is to be deleted to the end, and its order is the one in which it is deleted.
	after := r.state.Resources
	r.state.Resources = before
	switch {
	case errors.Is(err, ErrAbsent):
		return false, r.save(ctx)
	case err != nil:
		return false, errors.Join(fmt.Errorf("take over %s: %w", urn, err), r.save(ctx))
	}
	r.insert(after[imported])
	r.report.Adopted = append(r.report.Adopted, urn)
	return true, r.save(ctx)
}

// markDoubles puts what AWS has a second time into the state as a resource that is to be deleted, as the engine
// keeps an old one after a replacement. What cannot be told apart from nothing that is known is a stranger.
func (r *run) markDoubles(ctx context.Context) error {
	tagged, err := r.unknown(ctx)
	if err != nil || len(tagged) == 0 {
		return err
	}
	for _, t := range tagged {
		i := slices.IndexFunc(r.state.Resources, func(s apitype.ResourceV3) bool {
			entry, ok := aws.Lookup(string(s.Type))
			return ok && !s.Delete && r.isOf(*entry, s.Inputs, t.ARN) && nameOf(*entry, s.Inputs) == t.Name
		})
		if i < 0 {
			if !t.Anybodys {
				r.report.Strangers = append(r.report.Strangers, t.ARN)
			}
			continue
		}
		double := r.state.Resources[i]
		entry, _ := aws.Lookup(string(double.Type))
		double.Delete, double.Protect = true, false
		double.Outputs = map[string]any{}
		for name, value := range double.Inputs {
			double.Outputs[name] = value
		}
		double.Outputs["arn"] = t.ARN
		if aws.MadeUp(entry.ID) {
			double.ID = resource.ID(idIn(*entry, t.ARN))
		}
		double.Outputs["id"] = string(double.ID)
		r.state.Resources = append(r.state.Resources, double)
		r.report.Doubled = append(r.report.Doubled, string(double.URN))
	}
	if len(r.report.Doubled) == 0 {
		return nil
	}
	return r.save(ctx)
}

// unknown is what carries the environment's tags and is not in the state.
func (r *run) unknown(ctx context.Context) ([]Tagged, error) {
	all, err := r.cloud.Tagged(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask AWS what carries the environment's tags: %w", err)
	}
	inState := map[string]bool{}
	for _, s := range r.state.Resources {
		arn, hasARN := s.Outputs["arn"].(string)
		if !hasARN {
			arn = string(s.ID) // a service's id is its ARN
		}
		inState[strings.TrimSuffix(arn, ":*")] = true
	}
	return slices.DeleteFunc(all, func(t Tagged) bool { return inState[strings.TrimSuffix(t.ARN, ":*")] }), nil
}

// find is the index of a resource in the state that is not to be deleted; -1 when there is none.
func (r *run) find(urn string) int {
	return slices.IndexFunc(r.state.Resources, func(s apitype.ResourceV3) bool { return string(s.URN) == urn && !s.Delete })
}

// isOf says whether an ARN can be that of a resource with these inputs: it is what the type's template makes of
// them, as far as it does not hold what AWS makes up.
func (r *run) isOf(entry aws.Type, inputs map[string]any, arn string) bool {
	template := entry.ARN()
	if template == "" {
		return false
	}
	if aws.MadeUp(entry.ID) {
		before, _, _ := strings.Cut(template, "{id}")
		return strings.HasPrefix(arn, r.expand(before, inputs))
	}
	before, _, hasRevision := strings.Cut(template, "{next}")
	whole := r.expand(strings.ReplaceAll(before, "{id}", entry.ID), inputs)
	return arn == whole || hasRevision && strings.HasPrefix(arn, whole)
}

// nameOf is what [Tagged] calls a resource with these inputs.
func nameOf(entry aws.Type, inputs map[string]any) string {
	if facts, ok := aws.FactsOf(entry.Token); ok && facts.Inputs["tags"] == nil {
		name, _ := inputs[entry.Name].(string)
		return name
	}
	tags, _ := inputs["tags"].(map[string]any)
	name, _ := tags["Name"].(string)
	return name
}

// known says whether nothing in a plan's inputs has to be created first.
func known(v any) bool {
	switch v := v.(type) {
	case string:
		return v != unknownValue
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !known(e) })
	case map[string]any:
		for _, e := range v {
			if !known(e) {
				return false
			}
		}
	}
	return true
}

// unknownValue stands in a plan for what only AWS can tell.
const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
