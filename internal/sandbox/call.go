package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"sentry/internal/aws"
)

// settings are what the explicit provider was configured with.
type settings struct {
	region string
	tags   map[string]any // default tags
}

// call is one operation on one resource, as its behaviour sees it.
type call struct {
	*known
	settings
	cloud    *Cloud
	typ, urn string
	in       attrs // inputs, with the provider's defaults once the call reaches the cloud
	out      attrs // outputs: inputs, defaults and what AWS computes
	self     *Object
	before   attrs // what AWS said before an update
	revision int
	salt     string
}

func (c *Cloud) call(typ, urn string, s settings, in attrs) (*call, error) {
	k, err := lookup(typ)
	if err != nil {
		return nil, err
	}
	s.region = cmp.Or(s.region, DefaultRegion)
	return &call{known: k, settings: s, cloud: c, typ: typ, urn: urn, in: in}, nil
}

func (c *call) logical() string { return resource.URN(c.urn).Name() }

// physical is what AWS calls the resource, for its messages.
func (c *call) physical() string {
	if c.Name == "" {
		return c.logical()
	}
	return c.expand("{" + c.Name + "}")
}

func (c *call) takes(input string) bool { return c.facts.Inputs[input] != nil }

func (c *call) failed(doing, id string, err error) error {
	return fmt.Errorf("%s %s (%s): %w", doing, c.Noun, id, err)
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
	if prefix := c.in.str("namePrefix") + c.in.str("bucketPrefix"); c.Name != "" && prefix != "" {
		c.out[c.Name] = prefix + c.hex(26)
	}
	if err := c.references(); err != nil {
		return "", nil, c.failed("creating", c.physical(), err)
	}
	family := c.settings.region + "/" + c.in.str("family")
	if c.typ == aws.ECSTaskDefinition {
		c.revision = c.cloud.revisions[family] + 1
	}
	if c.apply != nil {
		if err := c.apply(c); err != nil {
			return "", nil, c.failed("creating", c.physical(), err)
		}
	}
	id = c.compute()
	old := c.find(c.typ, id)
	if old == nil && c.Taken != "" && c.Name != "" {
		old = c.find(c.typ, c.out.str(c.Name)) // of a type whose ids AWS makes up
	}
	if old != nil && c.Taken != "" {
		return "", nil, c.failed("creating", c.physical(), errors.New(c.expand(c.Taken)))
	}
	if old != nil && c.revision == 0 {
		c.cloud.drop(old)
	}
	c.cloud.generations[c.urn] = generation
	if c.revision > 0 {
		c.cloud.revisions[family] = c.revision
	}
	region := c.settings.region
	if c.Global {
		region = ""
	}
	c.self = &Object{Type: c.typ, ID: id, Region: region, URN: c.urn, Props: maps.Clone(c.out)}
	c.cloud.objects = append(c.cloud.objects, c.self)
	if err := c.cloud.record(Operation{Op: "create", Type: c.typ, Name: c.logical(), URN: c.urn}); err != nil {
		return "", nil, err
	}
	if isLate(after) {
		return id, c.out, after
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

// compute fills in what AWS makes up, and returns the id.
func (c *call) compute() string {
	id := c.expand(c.ID)
	c.out["id"] = id
	salt := c.salt
	for word := range strings.FieldsSeq(c.Outputs) {
		key, template, _ := strings.Cut(word, "=")
		c.salt = salt + "/" + key
		switch _, given := c.in[key]; {
		case given:
		case strings.Contains(template, "{"):
			c.out[key] = c.expand(template)
		default:
			c.out[key] = literal(template)
		}
	}
	if c.derive != nil {
		c.derive(c)
	}
	return id
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
	c.before = c.self.Props
	c.out = maps.Clone(c.self.Props)
	for key, input := range c.facts.Inputs {
		if _, isSet := c.in[key]; !isSet && !input.Keeps {
			delete(c.out, key)
		}
	}
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
	if isLate(after) {
		return c.out, after
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
	if c.InUse != "" && c.held() {
		return c.failed("deleting", id, refused(c.InUse, id))
	}
	c.cloud.drop(c.self)
	return errors.Join(c.cloud.record(Operation{Op: "delete", Type: c.typ, Name: c.logical(), URN: c.urn}), after)
}

// read is what AWS says of a resource; ok is false when there is none.
func (c *call) read(id string, state attrs) (props attrs, ok bool, err error) {
	c.cloud.mu.Lock()
	defer c.cloud.mu.Unlock()
	if _, err := c.cloud.strike("read", c); isLate(err) {
		return nil, false, nil
	} else if err != nil {
		return nil, false, err
	}
	o := c.object(id, state)
	if o == nil && len(state) == 0 {
		o = c.imported(id)
	}
	if o == nil {
		return nil, false, nil
	}
	props = maps.Clone(o.Props)
	if c.look != nil {
		c.look(c, props)
	}
	return props, true, nil
}

// imported is the resource that an import names by an id of its own form.
func (c *call) imported(id string) *Object {
	for _, o := range c.cloud.objects {
		if o.Type != c.typ || c.Import == "" {
			continue
		}
		c.in, c.out = o.Props, o.Props
		if c.expand(c.Import) == id {
			c.in = attrs{}
			return o
		}
	}
	c.in = attrs{}
	return nil
}

// held reports whether anybody's reference keeps the resource of this call alive.
func (c *call) held() bool {
	for _, o := range c.cloud.objects {
		for _, r := range refsOf(o.Type) {
			if r.Part || r.To != c.typ || !holds(r, o.Props) {
				continue
			}
			if slices.ContainsFunc(o.Props.strings(r.Path), func(v string) bool { return c.find(r.To, v) == c.self }) {
				return true
			}
		}
	}
	return false
}

func refsOf(typ string) []aws.Ref {
	entry, ok := aws.Lookup(typ)
	if !ok {
		return nil
	}
	return entry.Refs
}

func holds(r aws.Ref, props attrs) bool {
	n, _ := props.num(r.Holds)
	return r.Holds == "" || n > 0
}

// references checks that what the inputs name exists.
func (c *call) references() error {
	for _, r := range c.Refs {
		for _, value := range c.in.strings(r.Path) {
			if r.To == aws.IAMPolicy && strings.HasPrefix(value, "arn:aws:iam::aws:policy/") ||
				r.To == aws.EC2InternetGateway && !strings.HasPrefix(value, "igw-") {
				continue
			}
			if c.find(r.To, value) == nil && !c.implied(r.To, value) {
				target, _ := aws.Lookup(r.To) // a test holds the entries' references to entries
				return refused(target.Missing, value)
			}
		}
	}
	return nil
}

// refused is a refusal of an entry, with the id in the place that it has for one.
func refused(text, id string) error {
	text = strings.ReplaceAll(text, "{account}", AccountID)
	if strings.Contains(text, "%s") {
		return fmt.Errorf(text, id)
	}
	return errors.New(text)
}

// implied: a VPC brings a default security group and a main route table along that the program did not register.
func (c *call) implied(typ, id string) bool {
	key := map[string]string{aws.EC2SecurityGroup: "defaultSecurityGroupId", aws.EC2RouteTable: "defaultRouteTableId"}[typ]
	return key != "" && slices.ContainsFunc(c.cloud.objects, func(o *Object) bool {
		return o.Type == aws.EC2Vpc && o.Props.str(key) == id
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
	if arn := state.str("arn"); arn != "" && c.typ == aws.ECSTaskDefinition {
		for _, o := range c.cloud.objects {
			if o.Type == c.typ && o.Props.str("arn") == arn {
				return o
			}
		}
		return nil
	}
	return c.find(c.typ, id)
}
