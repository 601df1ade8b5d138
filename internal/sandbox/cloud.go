// Package sandbox is an offline AWS: a catalogue of the types the program uses, kept by an in-memory
// [Cloud]; the mocks of the unit tests ([Record]) and a resource provider for the real Pulumi engine
// ([Sandbox]) are two adapters over it.
//
// It knows AWS by type tokens only, so that nothing here depends on the program under test.
package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"sentry/internal/aws"
)

// AccountID is the sandbox's AWS account, the one that AWS's own documentation uses.
const AccountID = "123456789012"

// DefaultRegion is where a program ends up that names no region.
const DefaultRegion = "us-east-1"

// Cloud is an AWS account in memory: several stacks and regions share it, as they would share AWS.
// It is safe for concurrent use.
type Cloud struct {
	mu          sync.Mutex
	objects     []*Object
	revisions   map[string]int // last task definition revision of a family
	generations map[string]int // how often a URN was created: makes ids unique
	foreign     []string       // bucket names that somebody else in the world has
	images      []string       // images by tag that were there before
	broken      []string       // images whose tasks never become healthy
	journal     []Operation
	faults      []*Fault
	killed      bool
	file        string // where every change is saved at once, "" nowhere
	observer    func(objects []*Object)
}

// Object is one resource that exists in the cloud.
type Object struct {
	Type   string `json:"type"`
	ID     string `json:"id"`
	Region string `json:"region"` // "" for the types that know no regions
	URN    string `json:"urn"`
	Props  attrs  `json:"props"`
	Filled bool   `json:"filled,omitempty"` // a bucket with objects, a repository with images
}

// Name is the logical name that the program gave it.
func (o *Object) Name() string { return resource.URN(o.URN).Name() }

// Operation is one line of the journal: what a deployment did to the cloud.
type Operation struct {
	Op   string // create, update or delete
	Type string
	Name string // logical name
	URN  string
	Keys []string // the inputs an update changed
}

// String is the operation in one line: "update <type> <name> <keys>".
func (o Operation) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s %s %s %s", o.Op, o.Type, o.Name, strings.Join(o.Keys, ",")), " ")
}

// Fault is one misfortune, used up when it strikes.
type Fault struct {
	Op      string // create, update, delete or read; "" is any of the first three
	Type    string // type token, "" is any
	Name    string // logical name, "" is any
	Nth     int    // strikes at the nth operation that matches; 0 is the first
	Message string // what AWS answers
	After   bool   // the operation takes effect, and the answer is lost or an error all the same
	Times   int    // strikes so many operations in a row, whatever the further ones are; 0 is once
	Late    bool   // like After, but the provider knows the id, and waits in vain for AWS to find it; a read finds nothing
	Kill    bool   // no answer ever comes: from here on the cloud is out of reach, until Revive
	Call    func() // is called instead of a misfortune: the operation goes on
}

// lateError is the end of the provider's patience with something that AWS has made, and does not find yet. The state
// keeps that, with the error, and the next update looks at it again.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
// https://github.com/hashicorp/terraform-provider-aws/blob/main/docs/retries-and-waiters.md
type lateError struct{ error }

func isLate(err error) bool {
	_, is := errors.AsType[lateError](err)
	return is
}

// errKilled is what a provider sees instead of an answer; the gRPC server never sends it on.
var errKilled = errors.New("the sandbox's cloud was told to lose this process")

// NewCloud is an empty account. Bucket names in taken belong to somebody else in the world.
func NewCloud(taken ...string) *Cloud {
	return &Cloud{revisions: map[string]int{}, generations: map[string]int{}, foreign: taken}
}

// Inject adds a misfortune to come.
func (c *Cloud) Inject(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, &f)
}

// Breaks reports whether a misfortune to come may end the process half-way.
func (c *Cloud) Breaks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.faults, func(f *Fault) bool { return f.Kill || f.Call != nil })
}

// Break makes an image one whose tasks never become healthy. ECS gives up on it, and goes back to the definition before
// where the service asks for that.
func (c *Cloud) Break(image string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = append(c.broken, image)
}

// Revive ends what a Fault with Kill began, and forgets the faults that have not struck.
func (c *Cloud) Revive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed, c.faults = false, nil
}

// Journal is what was done since the last call.
func (c *Cloud) Journal() []Operation {
	c.mu.Lock()
	defer c.mu.Unlock()
	j := c.journal
	c.journal = nil
	return j
}

func (c *Cloud) record(op Operation) error {
	c.journal = append(c.journal, op)
	if c.observer != nil {
		c.observer(c.objects)
	}
	return c.save()
}

// Observe looks at everything that exists after each operation: for what must hold at every moment. Objects that were
// seen must not be changed, nor kept.
func (c *Cloud) Observe(look func(objects []*Object)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observer = look
}

// Put adds a resource that somebody else has made, with all that AWS says of it. It has no URN; its name is its id.
func (c *Cloud) Put(typ, id string, props map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	region := DefaultRegion
	if entry, ok := aws.Lookup(typ); ok && entry.Global {
		region = ""
	}
	if revision, isRevision := props["revision"].(float64); isRevision {
		family, _ := props["family"].(string)
		c.revisions[DefaultRegion+"/"+family] = int(revision)
	}
	c.objects = append(c.objects, &Object{
		Type: typ, ID: id, Region: region, URN: "urn:pulumi:elsewhere::elsewhere::" + typ + "::" + id, Props: props, Filled: true,
	})
}

// Objects is a copy of everything that exists, ordered by type and URN.
func (c *Cloud) Objects() []Object {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Object, 0, len(c.objects))
	for _, o := range c.objects {
		n := *o
		n.Props = maps.Clone(o.Props)
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b Object) int { return strings.Compare(a.Type+a.URN+a.ID, b.Type+b.URN+b.ID) })
	return out
}

// Add makes a resource as somebody else would: no stack owns it.
func (c *Cloud) Add(typ, name string, inputs map[string]any) error {
	made, err := c.call(typ, "urn:pulumi:elsewhere::elsewhere::"+typ+"::"+name, settings{}, inputs)
	if err != nil {
		return err
	}
	if err := refusal(made.checkInputs(name)); err != nil {
		return err
	}
	_, _, err = made.create()
	return err
}

// Delete deletes a resource as somebody else would: AWS may refuse that.
func (c *Cloud) Delete(typ, name string) error {
	var gone []*Object
	_ = c.each(typ, name, func(o *Object) { gone = append(gone, o) }) // none is an error below
	if len(gone) == 0 {
		return fmt.Errorf("no %s with the logical name %q in the cloud", typ, name)
	}
	for _, o := range gone {
		at, err := c.call(typ, o.URN, settings{region: o.Region}, attrs{})
		if err != nil {
			return err
		}
		if err := at.destroy(o.ID, o.Props); err != nil {
			return err
		}
	}
	return nil
}

// Mutate changes a resource behind Pulumi's back: change gets its properties, as a refresh will see them.
// The name is the logical one.
func (c *Cloud) Mutate(typ, name string, change func(props map[string]any)) error {
	return c.each(typ, name, func(o *Object) { change(o.Props) })
}

// Fill puts something into a bucket or repository, so that it cannot be deleted unless forced.
func (c *Cloud) Fill(typ, name string) error {
	return c.each(typ, name, func(o *Object) { o.Filled = true })
}

// Lose removes a resource behind Pulumi's back.
func (c *Cloud) Lose(typ, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.objects)
	c.objects = slices.DeleteFunc(c.objects, func(o *Object) bool { return o.Type == typ && o.Name() == name })
	if len(c.objects) == before {
		return fmt.Errorf("no %s with the logical name %q in the cloud", typ, name)
	}
	return c.save()
}

func (c *Cloud) each(typ, name string, do func(*Object)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := false
	for _, o := range c.objects {
		if o.Type == typ && o.Name() == name {
			do(o)
			found = true
		}
	}
	if !found {
		return fmt.Errorf("no %s with the logical name %q in the cloud", typ, name)
	}
	return c.save()
}

type savedCloud struct {
	Objects     []*Object      `json:"objects"`
	Revisions   map[string]int `json:"revisions"`
	Generations map[string]int `json:"generations"`
}

// save writes the account to its file, replacing it in one step.
func (c *Cloud) save() error {
	if c.file == "" {
		return nil
	}
	text, err := json.MarshalIndent(savedCloud{c.objects, c.revisions, c.generations}, "", "  ")
	if err != nil {
		return fmt.Errorf("save the sandbox's cloud: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(c.file), 0o755); err != nil {
		return fmt.Errorf("save the sandbox's cloud: %w", err)
	}
	if err := os.WriteFile(c.file+".new", text, 0o600); err != nil {
		return fmt.Errorf("save the sandbox's cloud: %w", err)
	}
	return os.Rename(c.file+".new", c.file)
}

// LoadCloud is the account that a file keeps: each change is saved there before AWS answers. A file that
// does not exist is an empty account.
func LoadCloud(file string) (*Cloud, error) {
	c := NewCloud()
	c.file = file
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load the sandbox's cloud: %w", err)
	}
	saved := savedCloud{Revisions: c.revisions, Generations: c.generations}
	if err := json.Unmarshal(text, &saved); err != nil {
		return nil, fmt.Errorf("load the sandbox's cloud from %s: %w (delete the file to begin anew)", file, err)
	}
	c.objects = saved.Objects
	return c, nil
}

// drop removes an object and its parts.
func (c *Cloud) drop(gone *Object) {
	c.objects = slices.DeleteFunc(c.objects, func(o *Object) bool { return o == gone })
	for _, o := range slices.Clone(c.objects) {
		for _, r := range refsOf(o.Type) {
			if r.Part && r.To == gone.Type && o.Type != aws.ECSService && o.Props.str(r.Path) == gone.ID {
				c.drop(o)
				break
			}
		}
	}
}

// strike finds the fault that hits this operation. after is to be returned once the operation took effect.
func (c *Cloud) strike(op string, at *call) (after, err error) {
	if c.killed {
		return nil, errKilled
	}
	for i, f := range c.faults {
		if (f.Op != "" || op == "read") && f.Op != op || f.Type != "" && f.Type != at.typ || f.Name != "" && f.Name != at.logical() {
			continue
		}
		if f.Nth > 1 {
			f.Nth--
			continue
		}
		if f.Times > 1 {
			f.Times--
			f.Nth, f.Op, f.Type, f.Name = 0, "", "", ""
		} else {
			c.faults = slices.Delete(c.faults, i, i+1)
		}
		if f.Call != nil {
			f.Call()
			return nil, nil
		}
		err := errors.New(f.Message)
		if f.Kill {
			c.killed = true
			err = errKilled
		} else {
			err = at.failed(map[string]string{"create": "creating", "update": "updating", "delete": "deleting", "read": "reading"}[op],
				at.logical(), err)
		}
		if f.Late {
			err = lateError{err}
		}
		if f.After || f.Late && op != "read" {
			return err, nil
		}
		return nil, err
	}
	return nil, nil
}

// Clone is an account of its own that begins as this one is, without its faults and journal.
func (c *Cloud) Clone() *Cloud {
	c.mu.Lock()
	defer c.mu.Unlock()
	clone := &Cloud{
		revisions: maps.Clone(c.revisions), generations: maps.Clone(c.generations), foreign: c.foreign,
		images: slices.Clone(c.images), broken: slices.Clone(c.broken),
	}
	for _, o := range c.objects {
		n := *o
		n.Props = maps.Clone(o.Props)
		clone.objects = append(clone.objects, &n)
	}
	return clone
}
