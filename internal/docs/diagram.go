package docs

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"sentry/internal/aws"
	"sentry/internal/cost"
)

// Diagram draws what every environment has, in Mermaid: a box for the resources of one component and type that are
// used alike, arrows where a resource uses another. A value in which the environments differ has those
// of all, in their order. What only configures a resource is drawn into its box, as its entry in internal/aws says.
func Diagram(stacks []Stack) string {
	d := &drawing{things: map[string]*thing{}}
	for i, stack := range stacks {
		d.names = append(d.names, stack.Name)
		for _, r := range stack.Running.Resources {
			if !r.InAWS() {
				continue
			}
			t := d.thing(key(r.URN, stack.Name))
			t.token, t.name, t.component = r.Type, purpose(r.Name, stack.Name), cost.Component(r)
			t.inputs = append(t.inputs, make([]resource.PropertyMap, i+1-len(t.inputs))...)
			t.inputs[i] = resource.PropertyMap{}
			maps.Copy(t.inputs[i], r.Inputs)
			for _, urn := range r.DependsOn {
				t.uses = append(t.uses, key(urn, stack.Name))
			}
		}
	}
	return d.mermaid(d.boxes())
}

type drawing struct {
	names  []string // of the environments
	things map[string]*thing
}

// thing is one resource, in all environments that have it.
type thing struct {
	token, name, component string
	inputs                 []resource.PropertyMap // by environment
	uses                   []string               // keys of other things
}

// box is what is drawn of one thing or several.
type box struct {
	component, token string
	names, lines     []string
	arrows           []string // from or to another box, sorted; boxes with the same ones are drawn as one
}

func (d *drawing) thing(key string) *thing {
	if d.things[key] == nil {
		d.things[key] = &thing{}
	}
	return d.things[key]
}

// purpose is a logical name without what all of an environment's have in common.
func purpose(name, environment string) string {
	_, after, _ := strings.Cut(name, "-"+environment+"-")
	return cmp.Or(after, name)
}

// key is the same for a resource in all environments.
func key(urn, environment string) string {
	token := string(resource.URN(urn).Type())
	if token == aws.VpcComponent {
		token = aws.EC2Vpc // the component and the VPC in it have one name
	}
	return token + " " + purpose(resource.URN(urn).Name(), environment)
}

// relations are what an arrow from one type to another that it uses says. Other dependencies are not drawn: roles
// and the like merely allow what these say.
var relations = map[[2]string]string{
	{aws.ECSTaskDefinition, aws.ECRRepository}:      "pulls",
	{aws.ECSTaskDefinition, aws.S3Bucket}:           "reads, writes",
	{aws.ECSTaskDefinition, aws.CloudWatchLogGroup}: "logs",
	{aws.ECSTaskDefinition, aws.SSMParameter}:       "looks up",
	{aws.ECSService, aws.EC2Vpc}:                    "runs in",
}

// fromOutside are the types by which the internet comes in, and how.
var fromOutside = map[string]string{
	aws.EC2SecurityGroupIngressRule:  "{ipProtocol} {toPort}<br>from {cidrIpv4}",
	aws.S3BucketWebsiteConfiguration: "http",
	aws.CloudFrontDistribution:       "https",
}

const clients = "clients"

func (d *drawing) boxes() []*box {
	owners := map[string]string{} // the key of the thing in whose box a thing is drawn
	found := map[string]*box{}
	for _, key := range slices.Sorted(maps.Keys(d.things)) {
		owners[key] = d.owner(key)
		owner := d.things[owners[key]]
		b := found[owners[key]]
		if b == nil {
			b = &box{component: owner.component, token: owner.token, names: []string{owner.name + d.only(owner)}, lines: []string{owner.shown()}}
			found[owners[key]] = b
		}
		if key != owners[key] {
			b.lines = append(b.lines, d.things[key].shown())
		}
	}
	for key, t := range d.things {
		if text := fromOutside[t.token]; text != "" && t.fill(text) != "" {
			b := found[owners[key]]
			b.arrows = append(b.arrows, fmt.Sprintf("%s -->|%s| %%s", clients, t.fill(text)))
		}
		for _, used := range t.uses {
			if d.things[used] == nil {
				continue
			}
			from, to := found[owners[key]], found[owners[used]]
			if text := relations[[2]string{t.token, d.things[used].token}]; text != "" && from != to {
				to.arrows = append(to.arrows, fmt.Sprintf("%s -->|%s| %%s", from.id(), text))
			}
		}
	}
	return merged(found)
}

// only says which environments have a thing, where not all have it.
func (d *drawing) only(t *thing) string {
	var names []string
	for i, inputs := range t.inputs {
		if inputs != nil {
			names = append(names, d.names[i])
		}
	}
	if len(names) == len(d.names) {
		return ""
	}
	return " (" + strings.Join(names, ", ") + " only)"
}

// merged draws those of one type and component as one that have the same arrows.
func merged(found map[string]*box) []*box {
	var boxes []*box
	for _, key := range slices.Sorted(maps.Keys(found)) {
		b := found[key]
		slices.Sort(b.arrows)
		b.arrows = slices.Compact(b.arrows)
		i := slices.IndexFunc(boxes, func(x *box) bool {
			return x.component == b.component && x.token == b.token && slices.Equal(x.arrows, b.arrows)
		})
		if i < 0 {
			boxes = append(boxes, b)
			continue
		}
		boxes[i].names = append(boxes[i].names, b.names...)
		boxes[i].lines = append(boxes[i].lines, b.lines...)
	}
	return boxes
}

// owner follows the entries' Into to the thing that has a box: one of the same name, else any.
func (d *drawing) owner(key string) string {
	entry, ok := aws.Lookup(d.things[key].token)
	if !ok || entry.Into == "" {
		return key
	}
	if entry.Into == aws.ItsUser {
		return d.user(key)
	}
	if same := entry.Into + " " + d.things[key].name; d.things[same] != nil {
		return d.owner(same)
	}
	for _, other := range slices.Sorted(maps.Keys(d.things)) {
		if d.things[other].token == entry.Into {
			return d.owner(other)
		}
	}
	return key
}

// user is the thing that a thing was given to: the service that a security group guards.
func (d *drawing) user(key string) string {
	for _, other := range slices.Sorted(maps.Keys(d.things)) {
		t := d.things[other]
		if entry, ok := aws.Lookup(t.token); slices.Contains(t.uses, key) && ok && entry.Into == "" {
			return other
		}
	}
	return key
}

var field = regexp.MustCompile(`\{(\w+)\}`)

// shown is a thing's line in its box.
func (t *thing) shown() string {
	entry, ok := aws.Lookup(t.token)
	if !ok {
		return ""
	}
	return t.fill(entry.Shows)
}

// fill puts a thing's inputs into a template; it is empty when one of them is.
func (t *thing) fill(template string) string {
	empty := false
	text := field.ReplaceAllStringFunc(template, func(name string) string {
		var values []string
		for _, inputs := range t.inputs {
			if value, ok := inputs[resource.PropertyKey(strings.Trim(name, "{}"))]; ok {
				values = append(values, fmt.Sprint(value.Mappable()))
			}
		}
		empty = empty || len(values) == 0
		if len(slices.Compact(slices.Clone(values))) == 1 {
			return values[0]
		}
		return strings.Join(values, " / ")
	})
	if empty {
		return ""
	}
	return text
}

// id is a box's in Mermaid: of its name, so that a new resource does not renumber all others.
func (b *box) id() string {
	name, _, _ := strings.Cut(b.names[0], " ")
	return strings.Join(regexp.MustCompile(`\w+`).FindAllString(b.word()+" "+name, -1), "_")
}

// word is what kind of thing a box is: the entry's word, else its token's, aws:cloudwatch/metricAlarm:MetricAlarm
// being a metric alarm.
func (b *box) word() string {
	if entry, ok := aws.Lookup(b.token); ok && entry.Drawn != "" {
		return entry.Drawn
	}
	name := b.token[strings.LastIndex(b.token, ":")+1:]
	return strings.ToLower(regexp.MustCompile(`(\w)([A-Z])`).ReplaceAllString(name, "$1 $2"))
}

// mermaid is a box as Mermaid draws it.
func (b *box) mermaid() string {
	lines := slices.Concat([]string{"<b>" + b.word() + "</b> " + strings.Join(b.names, ", ")}, b.lines, []string{"<i>" + b.component + "</i>"})
	lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
	return fmt.Sprintf("%s[\"%s\"]", b.id(), strings.Join(lines, "<br>"))
}

func (d *drawing) mermaid(boxes []*box) string {
	var b strings.Builder
	// Close together: GitHub shrinks a wide drawing until it cannot be read.
	b.WriteString("```mermaid\n%%{init: {\"flowchart\": {\"nodeSpacing\": 20}}}%%\nflowchart LR\n")
	fmt.Fprintf(&b, "  %s([browsers<br>and clients])\n", clients)
	for _, box := range boxes {
		fmt.Fprintf(&b, "  %s\n", box.mermaid())
	}
	for _, box := range boxes {
		for _, arrow := range box.arrows {
			fmt.Fprintf(&b, "  "+arrow+"\n", box.id())
		}
	}
	b.WriteString("```\n")
	if len(d.names) > 1 {
		fmt.Fprintf(&b, "\nWhere the environments differ: %s.\n", strings.Join(d.names, " / "))
	}
	return b.String()
}
