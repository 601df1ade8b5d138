package docs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/cost"
	"sentry/internal/sandbox"
)

// Diagram draws the stacks beside each other in Mermaid: a group for each component, a node for each resource
// that one thinks in, arrows where one resource was given another. What only configures another resource is
// folded into it. A type that the drawing does not know gets a plain node, so that nothing is left out.
func Diagram(stacks []Stack) string {
	var b strings.Builder
	b.WriteString("```mermaid\n")
	// Close together: GitHub shrinks a wide drawing until nobody can read it.
	b.WriteString("%%{init: {\"flowchart\": {\"nodeSpacing\": 15, \"rankSpacing\": 40, \"wrappingWidth\": 330, \"subGraphTitleMargin\": {\"top\": 2, \"bottom\": 8}}}}%%\n")
	b.WriteString("flowchart TB\n")
	b.WriteString("  clients([browsers and clients])\n  classDef title fill:none,stroke:none,font-size:20px\n")
	for _, stack := range stacks {
		newDrawing(stack).write(&b)
	}
	b.WriteString("```\n")
	return b.String()
}

type drawing struct {
	stack  string
	all    []sandbox.Resource
	nodes  []*node
	owners map[string]*node // URN → the node that a resource is drawn as
	arrows []arrow
}

type node struct {
	id, component, kind string
	lines               []string
}

type arrow struct{ from, to, text string }

// meaning is what an arrow between two types says; other dependencies are not drawn.
var meaning = map[[2]string]string{
	{aws.ECSService, aws.ECRRepository}:      "pulls",
	{aws.ECSService, aws.S3Bucket}:           "reads, writes",
	{aws.ECSService, aws.CloudWatchLogGroup}: "logs",
}

func newDrawing(stack Stack) *drawing {
	d := &drawing{stack: stack.Name, all: stack.Running.Resources, owners: map[string]*node{}}
	for _, r := range d.all {
		if r.Custom && into(r) == "" && !strings.HasPrefix(r.Type, "pulumi:") {
			d.draw(r)
		}
	}
	for _, r := range d.all {
		if kind := into(r); kind != "" {
			d.owners[r.URN] = d.find(kind, r)
		}
	}
	d.connect()
	d.merge()
	return d
}

// into is the type in whose node a resource is drawn, "" when it has a node of its own.
func into(r sandbox.Resource) string {
	entry, ok := aws.Lookup(r.Type)
	if !ok {
		return ""
	}
	return entry.Into
}

// merge makes one node of those that are of one kind and have the same arrows: the two private buckets.
func (d *drawing) merge() {
	around := func(n *node) string {
		var lines []string
		for _, a := range d.arrows {
			switch n.id {
			case a.from:
				lines = append(lines, "to "+a.to+" "+a.text)
			case a.to:
				lines = append(lines, "from "+a.from+" "+a.text)
			}
		}
		return strings.Join(lines, ", ")
	}
	var kept []*node
	for _, n := range d.nodes {
		i := slices.IndexFunc(kept, func(k *node) bool {
			return k.kind == n.kind && k.component == n.component && around(k) != "" && around(k) == around(n)
		})
		if i < 0 {
			kept = append(kept, n)
			continue
		}
		kept[i].lines[0] = strings.TrimSuffix(strings.TrimSuffix(kept[i].lines[0], "</b>"), "s") + "s</b>"
		kept[i].lines = append(kept[i].lines, n.lines[1:]...)
		d.arrows = slices.DeleteFunc(d.arrows, func(a arrow) bool { return a.from == n.id || a.to == n.id })
	}
	d.nodes = kept
}

// draw adds a node, or counts into one: of a type without a word, such as alarms, one node stands for all.
func (d *drawing) draw(r sandbox.Resource) {
	component := cost.Component(r)
	word := ""
	if entry, ok := aws.Lookup(r.Type); ok {
		word = entry.Drawn
	}
	if word == "" {
		word = words(r.Type)
		if i := slices.IndexFunc(d.nodes, func(n *node) bool { return n.kind == r.Type && n.component == component }); i >= 0 {
			d.nodes[i].lines = append(d.nodes[i].lines, physicalName(r))
			d.owners[r.URN] = d.nodes[i]
			return
		}
	}
	n := &node{id: fmt.Sprintf("%s%d", d.stack, len(d.nodes)), component: component, kind: r.Type}
	n.lines = append([]string{"<b>" + word + "</b>", physicalName(r)}, d.details(r)...)
	d.nodes = append(d.nodes, n)
	d.owners[r.URN] = n
}

// find is the node of a type that a folded resource belongs to: the one of its own name, else the only one.
func (d *drawing) find(kind string, r sandbox.Resource) *node {
	var found *node
	for _, owner := range d.all {
		if owner.Type == kind && (found == nil || owner.Name == r.Name) {
			found = d.owners[owner.URN]
		}
	}
	return found
}

func (d *drawing) of(token string) []sandbox.Resource {
	var found []sandbox.Resource
	for _, r := range d.all {
		if r.Type == token {
			found = append(found, r)
		}
	}
	return found
}

// details are the lines below a node's name.
func (d *drawing) details(r sandbox.Resource) []string {
	var lines []string
	switch r.Type {
	case aws.EC2Vpc:
		lines = []string{text(r, "cidrBlock")}
		for _, subnet := range d.of(aws.EC2Subnet) {
			lines = append(lines, fmt.Sprintf("%s: %s, public", text(subnet, "availabilityZone"), text(subnet, "cidrBlock")))
		}
		for range d.of(aws.EC2InternetGateway) {
			lines = append(lines, "internet gateway")
		}
		for _, endpoint := range d.of(aws.EC2VpcEndpoint) {
			lines = append(lines, "gateway endpoint of "+text(endpoint, "serviceName")[strings.LastIndex(text(endpoint, "serviceName"), ".")+1:])
		}
	case aws.ECSService:
		for _, cluster := range d.of(aws.ECSCluster) {
			lines = append(lines, "in "+physicalName(cluster))
		}
		for _, definition := range d.of(aws.ECSTaskDefinition) {
			lines = append(lines, plural(text(r, "desiredCount"), "task")+" on Fargate, each",
				fmt.Sprintf("%s vCPU and %s GB", share(text(definition, "cpu")), share(text(definition, "memory"))))
		}
		for _, role := range d.of(aws.IAMRole) {
			lines = append(lines, "as "+physicalName(role))
		}
	case aws.S3Bucket:
		for _, website := range d.of(aws.S3BucketWebsiteConfiguration) {
			if website.Name == r.Name {
				lines = append(lines, "public website")
			}
		}
	case aws.CloudWatchLogGroup:
		lines = append(lines, "kept for "+plural(text(r, "retentionInDays"), "day"))
	}
	return lines
}

// connect draws what the internet reaches, and the dependencies that mean something.
func (d *drawing) connect() {
	for _, group := range d.of(aws.EC2SecurityGroup) {
		for _, service := range d.of(aws.ECSService) {
			if slices.Contains(service.DependsOn, group.URN) {
				d.arrow(d.owners[group.URN], d.owners[service.URN], "admits")
			}
		}
	}
	for _, record := range d.of(aws.SSMParameter) {
		for _, definition := range d.of(aws.ECSTaskDefinition) {
			if slices.Contains(definition.DependsOn, record.URN) {
				d.arrow(d.owners[record.URN], d.owners[definition.URN], "names the image")
			}
		}
	}
	sources := map[*node][]string{}
	ports := map[*node]string{}
	for _, rule := range d.of(aws.EC2SecurityGroupIngressRule) {
		n := d.owners[rule.URN]
		sources[n] = append(sources[n], text(rule, "cidrIpv4"))
		ports[n] = fmt.Sprintf("%s %s", strings.ToUpper(text(rule, "ipProtocol")), text(rule, "toPort"))
	}
	for _, n := range d.nodes {
		if len(sources[n]) > 0 {
			d.arrows = append(d.arrows, arrow{"clients", n.id, ports[n] + " from " + strings.Join(sources[n], ", ")})
		}
	}
	for _, website := range d.of(aws.S3BucketWebsiteConfiguration) {
		d.arrows = append(d.arrows, arrow{"clients", d.owners[website.URN].id, "HTTP"})
	}
	for _, r := range d.all {
		for _, dependency := range r.DependsOn {
			from, to := d.owners[r.URN], d.owners[dependency]
			if from == nil || to == nil {
				continue
			}
			// Only the task itself uses what its definition names; roles and the like merely allow it.
			if text, ok := meaning[[2]string{from.kind, to.kind}]; ok && (r.Type == aws.ECSTaskDefinition || r.Type == aws.ECSService) {
				d.arrow(from, to, text)
			}
		}
	}
}

func (d *drawing) arrow(from, to *node, text string) {
	a := arrow{from.id, to.id, text}
	if !slices.Contains(d.arrows, a) {
		d.arrows = append(d.arrows, a)
	}
}

// components in the order in which a request meets them.
var components = []string{"Network", "Service", "Buckets", "Observability"}

func (d *drawing) write(b *strings.Builder) {
	// The title is a node: Mermaid lets the first group inside overlap the title of the group around it.
	fmt.Fprintf(b, "  subgraph %s [\" \"]\n    %s-title[\"<b>%s</b>\"]:::title\n", d.stack, d.stack, d.stack)
	rows := map[string][]*node{}
	for _, n := range d.nodes {
		rows[n.component] = append(rows[n.component], n)
	}
	groups := slices.SortedFunc(maps.Keys(rows), func(x, y string) int {
		return cmp.Or(cmp.Compare(order(x), order(y)), strings.Compare(x, y))
	})
	for _, group := range groups {
		fmt.Fprintf(b, "    subgraph %s-%s [%s]\n", d.stack, group, group)
		for _, n := range rows[group] {
			fmt.Fprintf(b, "      %s[\"%s\"]\n", n.id, strings.Join(n.lines, "<br>"))
		}
		b.WriteString("    end\n")
	}
	b.WriteString("  end\n")
	var links []string
	for _, a := range d.arrows {
		links = append(links, fmt.Sprintf("%s -->|%s| %s", a.from, a.text, a.to))
	}
	// Unseen links put the groups below each other: beside each other, two stacks would be too wide to read.
	unseen := []string{fmt.Sprintf("clients ~~~ %s-title", d.stack)}
	for _, n := range rows[groups[0]] {
		unseen = append(unseen, fmt.Sprintf("%s-title ~~~ %s", d.stack, n.id))
	}
	for i := 1; i < len(groups); i++ {
		above, below := rows[groups[i-1]], rows[groups[i]]
		for j, n := range below {
			unseen = append(unseen, fmt.Sprintf("%s ~~~ %s", above[min(j, len(above)-1)].id, n.id))
		}
	}
	fmt.Fprintf(b, "  %s\n  %s\n", strings.Join(links, "; "), strings.Join(unseen, "; "))
}

func order(component string) int {
	if i := slices.Index(components, component); i >= 0 {
		return i
	}
	return len(components)
}

// physicalName is what AWS calls a resource, where the program says it.
func physicalName(r sandbox.Resource) string {
	for _, key := range []string{"bucket", "name", "family", "dashboardName", "domainName"} {
		if name := text(r, key); name != "" {
			return name
		}
	}
	return r.Name
}

// words turns aws:cloudwatch/metricAlarm:MetricAlarm into "metric alarm".
func words(token string) string {
	name := token[strings.LastIndex(token, ":")+1:]
	var b strings.Builder
	for i, letter := range name {
		if i > 0 && letter >= 'A' && letter <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(letter)
	}
	return strings.ToLower(b.String())
}

// text is an input as text; lists and objects have none.
func text(r sandbox.Resource, key string) string {
	switch value := r.Inputs.Mappable()[key].(type) {
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return ""
}

// share is CPU units in vCPU, and MiB in GB.
func share(units string) string {
	n, err := strconv.ParseFloat(units, 64)
	if err != nil {
		return units
	}
	return strconv.FormatFloat(n/1024, 'f', -1, 64)
}

func plural(count, noun string) string {
	if count == "1" {
		return count + " " + noun
	}
	return count + " " + noun + "s"
}
