// Package sandbox is an offline AWS: a catalogue of the types the program uses, kept by an in-memory
// [Cloud]; the mocks of the unit tests ([Record]) and a resource provider for the real Pulumi engine
// ([Sandbox]) are two adapters over it.
//
// It knows AWS by type tokens only, so that nothing here depends on the program under test.
package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
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
	journal     []Operation
	faults      []*Fault
	killed      bool
	file        string // where every change is saved at once, "" nowhere
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
	Kill    bool   // no answer ever comes: from here on the cloud is out of reach, until Revive
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
	return c.save()
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

// created is the id of the newest resource that a URN made, "" when there is none.
func (c *Cloud) created(urn string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range slices.Backward(c.objects) {
		if o.URN == urn {
			return o.ID
		}
	}
	return ""
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

// settings are what the explicit provider was configured with.
type settings struct {
	region string
	tags   map[string]any // default tags
}

// call is one operation on one resource, as the rules of the catalogue see it.
type call struct {
	*entry
	settings
	cloud    *Cloud
	typ, urn string
	in       attrs // inputs, with the provider's defaults once the call reaches the cloud
	out      attrs // outputs: inputs, defaults and what AWS computes
	self     *Object
	revision int
	salt     string
}

func (c *Cloud) call(typ, urn string, s settings, in attrs) (*call, error) {
	e, err := lookup(typ)
	if err != nil {
		return nil, err
	}
	if s.region == "" {
		s.region = DefaultRegion
	}
	return &call{entry: e, settings: s, cloud: c, typ: typ, urn: urn, in: in}, nil
}

func (c *call) logical() string { return resource.URN(c.urn).Name() }

// problem is one input that the provider does not accept.
type problem struct{ property, reason string }

func (p problem) String() string {
	if p.property == "" {
		return p.reason
	}
	return p.property + ": " + p.reason
}

// refusal is all problems as one error, nil when there are none.
func refusal(problems []problem) error {
	if len(problems) == 0 {
		return nil
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.String()
	}
	return errors.New(strings.Join(texts, "; "))
}

// checkInputs is the provider's Check: unknown and missing inputs, invented names, and the rules that
// need no cloud. auto is the name to invent.
func (c *call) checkInputs(auto string) []problem {
	var problems []problem
	for _, key := range sortedKeys(c.in) {
		if !c.takes(key) && !strings.HasPrefix(key, "__") {
			problems = append(problems, problem{key, fmt.Sprintf("Invalid or unknown key. %s has no input %q", c.typ, key)})
		}
	}
	for _, in := range c.parsed {
		if in.required && !c.in.has(in.name) {
			problems = append(problems, problem{in.name, fmt.Sprintf(
				"Missing required argument. The argument %q is required, but no definition was found.", in.name)})
		}
	}
	if c.name != "" && !c.in.has(c.name) && !c.in.has("namePrefix") && !c.in.has("bucketPrefix") {
		c.in[c.name] = auto
		c.in["__defaults"] = []any{c.name}
	}
	if c.check != nil && len(problems) == 0 {
		if err := c.check(c); err != nil {
			problems = append(problems, problem{"", err.Error()})
		}
	}
	return problems
}

// change is one input that differs, and whether it replaces the resource.
type change struct {
	key      string
	kind     string // add, delete or update
	replaces bool
}

// diff compares inputs with what exists, as the provider does: a missing input means its default.
func (c *call) diff(oldInputs, state attrs) []change {
	var changes []change
	for _, in := range c.parsed {
		wanted, isSet := c.in[in.name]
		_, wasSet := oldInputs[in.name]
		if !isSet && !wasSet && in.fallback == nil {
			continue
		}
		kind := "update"
		if !isSet {
			wanted = in.fallback
			if wasSet {
				kind = "delete"
			}
		}
		have, exists := state[in.name]
		if !exists {
			have = in.fallback
			kind = "add"
		}
		if c.same(in, wanted, have) {
			continue
		}
		changes = append(changes, change{in.name, kind, in.forces})
	}
	if c.takes("tags") && !slices.ContainsFunc(changes, func(d change) bool { return d.key == "tags" }) &&
		!hasUnknown(c.allTags()) && !reflect.DeepEqual(c.allTags(), orEmpty(state.tags("tagsAll"))) {
		changes = append(changes, change{"tagsAll", "update", false})
	}
	return changes
}

func (c *call) same(in input, a, b any) bool {
	if hasUnknown(a) {
		return false
	}
	if in.json {
		x, isText := a.(string)
		y, wasText := b.(string)
		return isText && wasText && sameJSON(x, y)
	}
	if in.name == "cluster" || in.name == "taskDefinition" {
		// The provider accepts a name where AWS answers with an ARN.
		x, _ := a.(string)
		y, _ := b.(string)
		return x == y || x != "" && strings.HasSuffix(y, "/"+x)
	}
	return reflect.DeepEqual(emptyIsNil(a), emptyIsNil(b))
}

func emptyIsNil(v any) any {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return nil
		}
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if e = emptyIsNil(e); e != nil {
				out[k] = e
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}

func (c *call) allTags() map[string]any {
	all := map[string]any{}
	maps.Copy(all, c.settings.tags)
	if c.in.has("tags") && c.in.tags("tags") == nil {
		return map[string]any{"": Unknown}
	}
	maps.Copy(all, c.in.tags("tags"))
	return all
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// preview is what a create or update will leave, as far as one can know without asking AWS.
// state is nil for a create.
func (c *call) preview(state attrs) attrs {
	out := attrs{}
	if state == nil {
		for word := range strings.FieldsSeq(c.outputs) {
			key, _, _ := strings.Cut(word, "=")
			out[key] = Unknown
		}
	}
	maps.Copy(out, state)
	c.fill(out)
	return out
}

// fill puts inputs, the provider's defaults, and tags into the outputs.
func (c *call) fill(out attrs) {
	for _, in := range c.parsed {
		if v, ok := c.in[in.name]; ok {
			out[in.name] = v
		} else if in.fallback != nil {
			out[in.name] = in.fallback
		}
	}
	if c.takes("tags") {
		out["tagsAll"] = c.allTags()
	}
}

// create makes the resource. When it came into being and is not well, there are id, out and an error.
func (c *call) create() (id string, out attrs, err error) {
	c.cloud.mu.Lock()
	defer c.cloud.mu.Unlock()
	after, err := c.cloud.strike("create", c)
	if err != nil {
		return "", nil, err
	}
	generation := c.cloud.generations[c.urn] + 1
	c.salt = c.urn + "#" + strconv.Itoa(generation)
	c.out = attrs{}
	c.fill(c.out)
	if prefix := c.in.str("namePrefix") + c.in.str("bucketPrefix"); c.name != "" && prefix != "" {
		c.out[c.name] = prefix + c.hex(26)
	}
	if err := c.references(); err != nil {
		return "", nil, c.failed("creating", c.expand("{"+orID(c.name)+"}"), err)
	}
	if c.typ == tTaskDefinition {
		c.revision = c.cloud.revisions[c.settings.region+"/"+c.in.str("family")] + 1
	}
	if c.apply != nil {
		if err := c.apply(c); err != nil {
			return "", nil, c.failed("creating", c.expand("{"+orID(c.name)+"}"), err)
		}
	}
	id = c.expand(c.id)
	c.out["id"] = id
	for word := range strings.FieldsSeq(c.outputs) {
		key, template, _ := strings.Cut(word, "=")
		c.salt = c.urn + "#" + strconv.Itoa(generation) + "/" + key
		if _, given := c.in[key]; given {
			continue
		}
		if strings.Contains(template, "{") {
			c.out[key] = c.expand(template)
		} else {
			c.out[key] = literal(template)
		}
	}
	if c.derive != nil {
		c.derive(c)
	}
	region := c.settings.region
	if c.global {
		region = ""
	}
	if old := c.find(c.typ, id); old != nil && c.taken != "" {
		return "", nil, c.failed("creating", c.expand("{"+orID(c.name)+"}"), errors.New(c.expand(c.taken)))
	} else if old != nil && c.typ != tTaskDefinition {
		c.cloud.drop(old)
	}
	c.cloud.generations[c.urn] = generation
	if c.revision > 0 {
		c.cloud.revisions[c.settings.region+"/"+c.in.str("family")] = c.revision
	}
	c.self = &Object{Type: c.typ, ID: id, Region: region, URN: c.urn, Props: maps.Clone(c.out)}
	c.cloud.objects = append(c.cloud.objects, c.self)
	if err := c.cloud.record(Operation{Op: "create", Type: c.typ, Name: c.logical(), URN: c.urn}); err != nil {
		return "", nil, err
	}
	if after != nil {
		return "", nil, after
	}
	if c.settle != nil {
		if err := c.settle(c); err != nil {
			return id, c.out, c.failed("waiting for", id, err)
		}
	}
	return id, c.out, nil
}

func orID(name string) string {
	if name == "" {
		return "logical"
	}
	return name
}

func (c *call) update(id string, oldInputs, state attrs) (out attrs, err error) {
	c.cloud.mu.Lock()
	defer c.cloud.mu.Unlock()
	after, err := c.cloud.strike("update", c)
	if err != nil {
		return nil, err
	}
	c.self = c.object(id, state)
	if c.self == nil {
		return nil, c.failed("updating", id, fmt.Errorf("NotFound: %s does not exist any more: run `pulumi refresh`", id))
	}
	var keys []string
	for _, d := range c.diff(oldInputs, state) {
		keys = append(keys, d.key)
	}
	c.out = maps.Clone(c.self.Props)
	c.fill(c.out)
	if err := c.references(); err != nil {
		return nil, c.failed("updating", id, err)
	}
	if c.apply != nil {
		if err := c.apply(c); err != nil {
			return nil, c.failed("updating", id, err)
		}
	}
	if c.derive != nil {
		c.derive(c)
	}
	c.self.Props = maps.Clone(c.out)
	if err := c.cloud.record(Operation{Op: "update", Type: c.typ, Name: c.logical(), URN: c.urn, Keys: keys}); err != nil {
		return nil, err
	}
	if after != nil {
		return nil, after
	}
	if c.settle != nil {
		if err := c.settle(c); err != nil {
			return c.out, c.failed("waiting for", id, err)
		}
	}
	return c.out, nil
}

func (c *call) destroy(id string, state attrs) error {
	c.cloud.mu.Lock()
	defer c.cloud.mu.Unlock()
	after, err := c.cloud.strike("delete", c)
	if err != nil {
		return err
	}
	c.self = c.object(id, state)
	if c.self == nil {
		return nil // as the provider: gone is gone
	}
	c.out = c.self.Props
	if c.remove != nil {
		if err := c.remove(c); err != nil {
			return c.failed("deleting", id, err)
		}
	}
	if c.inUse != "" && c.held() {
		return c.failed("deleting", id, fmt.Errorf(c.inUse, id))
	}
	c.cloud.drop(c.self)
	return errors.Join(c.cloud.record(Operation{Op: "delete", Type: c.typ, Name: c.logical(), URN: c.urn}), after)
}

// read is what AWS says of a resource; ok is false when there is none.
func (c *call) read(id string, state attrs) (props attrs, ok bool, err error) {
	c.cloud.mu.Lock()
	defer c.cloud.mu.Unlock()
	if _, err := c.cloud.strike("read", c); err != nil {
		return nil, false, err
	}
	o := c.object(id, state)
	if o == nil {
		return nil, false, nil
	}
	return maps.Clone(o.Props), true, nil
}

// inputsOf is a resource's inputs as an import or refresh finds them: those that were set before, or for
// an import those that differ from the defaults.
func (c *call) inputsOf(props, before attrs) attrs {
	out := attrs{}
	for _, in := range c.parsed {
		v, exists := props[in.name]
		_, wasSet := before[in.name]
		if !exists || !wasSet && (before != nil || reflect.DeepEqual(v, in.fallback) || emptyIsNil(v) == nil || v == "") {
			continue
		}
		out[in.name] = v
	}
	if d, ok := before["__defaults"]; ok {
		out["__defaults"] = d
	}
	return out
}

// drop removes an object and its parts.
func (c *Cloud) drop(gone *Object) {
	c.objects = slices.DeleteFunc(c.objects, func(o *Object) bool { return o == gone })
	for _, o := range slices.Clone(c.objects) {
		for _, r := range catalogue[o.Type].refs {
			if r.part && r.to == gone.Type && o.Type != tService && o.Props.str(r.path) == gone.ID {
				c.drop(o)
				break
			}
		}
	}
}

// held reports whether anybody's reference keeps the resource of this call alive.
func (c *call) held() bool {
	for _, o := range c.cloud.objects {
		for _, r := range catalogue[o.Type].refs {
			if r.part || r.to != c.typ || r.holds != nil && !r.holds(o.Props) {
				continue
			}
			if slices.ContainsFunc(o.Props.strings(r.path), func(v string) bool { return c.find(r.to, v) == c.self }) {
				return true
			}
		}
	}
	return false
}

// references checks that what the inputs name exists.
func (c *call) references() error {
	for _, r := range c.refs {
		for _, value := range c.in.strings(r.path) {
			if r.to == tPolicy && strings.HasPrefix(value, "arn:aws:iam::aws:policy/") || r.to == tGateway && !strings.HasPrefix(value, "igw-") {
				continue
			}
			if c.find(r.to, value) == nil && !c.implied(r.to, value) {
				missing := catalogue[r.to].missing
				if strings.Contains(missing, "%s") {
					missing = fmt.Sprintf(missing, value)
				}
				return errors.New(missing)
			}
		}
	}
	return nil
}

// implied: a VPC brings a default security group and a main route table along that nobody registered.
func (c *call) implied(typ, id string) bool {
	key := map[string]string{tSecurityGroup: "defaultSecurityGroupId", tRouteTable: "defaultRouteTableId"}[typ]
	return key != "" && slices.ContainsFunc(c.cloud.objects, func(o *Object) bool {
		return o.Type == tVpc && o.Props.str(key) == id
	})
}

// find is the resource of a type that an id, ARN or name means, in the region of the call.
func (c *call) find(typ, value string) *Object {
	if value == "" {
		return nil
	}
	for _, o := range slices.Backward(c.cloud.objects) {
		if o.Type == typ && (o.Region == "" || o.Region == c.settings.region) &&
			(o.ID == value || o.Props.str("arn") == value || o.Props.str("name") == value) {
			return o
		}
	}
	return nil
}

// object is the one that a deployment means by id: by ARN where the id is shared (task definitions).
func (c *call) object(id string, state attrs) *Object {
	if arn := state.str("arn"); arn != "" {
		for _, o := range c.cloud.objects {
			if o.Type == c.typ && o.Props.str("arn") == arn {
				return o
			}
		}
		return nil
	}
	return c.find(c.typ, id)
}

func (c *call) failed(doing, id string, err error) error {
	return fmt.Errorf("%s %s (%s): %w", doing, c.noun, id, err)
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
		c.faults = slices.Delete(c.faults, i, i+1)
		err := errors.New(f.Message)
		if f.Kill {
			c.killed = true
			err = errKilled
		} else {
			err = at.failed(map[string]string{"create": "creating", "update": "updating", "delete": "deleting", "read": "reading"}[op],
				at.logical(), err)
		}
		if f.After {
			return err, nil
		}
		return nil, err
	}
	return nil, nil
}

// expand fills a template of the catalogue.
func (c *call) expand(template string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		var name string
		name, template, _ = strings.Cut(rest, "}")
		b.WriteString(c.variable(name))
	}
}

func (c *call) variable(name string) string {
	switch name {
	case "account":
		return AccountID
	case "region":
		return c.settings.region
	case "logical":
		return c.logical()
	case "next":
		return strconv.Itoa(c.revision)
	case "uuid":
		h := c.hex(32)
		return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
	case "host":
		return strings.TrimPrefix(c.in.str("url"), "https://")
	case "slashName":
		return "/" + strings.TrimPrefix(c.in.str("name"), "/")
	case "clusterName":
		cluster := c.in.str("cluster")
		return cluster[strings.LastIndex(cluster, "/")+1:]
	case "defaultGroup":
		if vpc := c.find(tVpc, c.in.str("vpcId")); vpc != nil {
			return vpc.Props.str("defaultSecurityGroupId")
		}
		return ""
	}
	if digits, ok := strings.CutPrefix(name, "hex"); ok {
		n, err := strconv.Atoi(digits)
		if err == nil {
			return c.hex(n)
		}
	}
	if s := c.out.str(name); s != "" {
		return s
	}
	return c.in.str(name)
}

func (c *call) hex(n int) string {
	sum := sha256.Sum256([]byte(c.salt))
	return hex.EncodeToString(sum[:])[:n]
}
