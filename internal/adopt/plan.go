package adopt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// Options say what to take over into which stack.
type Options struct {
	Project     project.Project
	Environment string
	// Program is what the stack runs.
	Program sandbox.Program
	State   State
	// Image is what the tasks run; empty for what Terraform's task definition names.
	Image string
	// Rules is nil where AWS cannot be asked.
	Rules Rules
}

// Verdict is what becomes of a resource of Terraform's.
type Verdict string

// The verdicts.
const (
	// Imported: the program's resource is this one.
	Imported Verdict = "imported"
	// Superseded: other resources of the program take its place; it stays Terraform's until nothing needs it.
	Superseded Verdict = "superseded"
	// Refused: the program has nothing for it; it stays Terraform's.
	Refused Verdict = "refused"
)

// Row is what becomes of one resource, or of one rule inside of a security group.
type Row struct {
	Address string
	Verdict Verdict
	// Token and Name are the program's resource, when it is imported.
	Token, Name string
	// ID is what it is imported by, and Ask a command that prints it where the state does not say it.
	ID, Ask string
	// Why is the reason of another verdict.
	Why string
	// Part: the row is a part of a resource that has a row of its own.
	Part bool
	// Moved: its parent is a new resource, so it is imported after that was made.
	Moved bool
	// Overwritten: the program's resource is written over this one, and both are the same to AWS.
	Overwritten bool

	made *sandbox.Resource
}

// Plan is what an adoption does.
type Plan struct {
	Environment string
	Rows        []Row
	// Changes are the keys to set in the stack file.
	Changes []Change
	// New are the program's resources that the first update creates, as type and name.
	New []string
	// Notes are what a person should know besides.
	Notes []string
	// Problems are why this state cannot be taken over without replacing, doubling or cutting off something.
	Problems []string

	options   Options
	account   string
	recording *sandbox.Recording
	created   []sandbox.Resource // New, as they were recorded
}

// Change is a key of configuration that gets another value. Before is nil for a key that was not set.
type Change struct {
	Key           string
	Value, Before any
}

// Make says of each resource of a state what becomes of it. It changes nothing.
func Make(ctx context.Context, o Options) (*Plan, error) {
	if err := o.refuseUnknown(); err != nil {
		return nil, err
	}
	file, err := o.Project.Values(o.Environment)
	if err != nil {
		return nil, err
	}
	s := settingsOf(o.State, file, o.Project.Name, o.Environment, o.Image)
	_, account := o.State.place()
	if guard, isSet := file[o.Project.Name+":awsAccountId"]; isSet && account != "" && guard != account {
		return nil, fmt.Errorf("the state is of account %s, and %s:awsAccountId of Pulumi.%s.yaml says %v: one of them is another environment's",
			account, o.Project.Name, o.Environment, guard)
	}
	p := &Plan{Environment: o.Environment, options: o, account: account, Notes: s.notes}
	overlay := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		text, err := project.Text(s.values[key])
		if err != nil {
			return nil, fmt.Errorf("read %s from the state: %w", key, err)
		}
		overlay[key] = p.toSandbox(text)
		if before, err := project.Text(file[key]); file[key] == nil || err != nil || before != text {
			p.Changes = append(p.Changes, Change{key, s.values[key], file[key]})
		}
	}
	p.recording, err = sandbox.RecordStack(o.Program, o.Project, o.Environment, sandbox.StackOptions{Released: true, Config: overlay})
	if err != nil {
		return nil, fmt.Errorf("the program cannot describe what this state holds:\n%w", err)
	}
	return p, p.match(ctx)
}

// refuseUnknown reports types of which nothing is known: to leave one out silently could leave a part of the
// environment without an owner.
func (o Options) refuseUnknown() error {
	var errs []error
	for _, r := range o.State.Resources {
		if _, known := kinds[r.Type]; !known {
			errs = append(errs, fmt.Errorf("%s: nothing is known here of the type %s: add what becomes of it to internal/adopt/kinds.go", r.Address, r.Type))
		}
	}
	return errors.Join(errs...)
}

// toSandbox is a text in terms of the sandbox's account, in which the program was recorded.
func (p *Plan) toSandbox(text string) string {
	if p.account == "" {
		return text
	}
	return strings.ReplaceAll(text, p.account, sandbox.AccountID)
}

// last are the types whose resources are known by the ids of others.
var last = []string{"aws_route_table_association", ingressRule, egressRule}

func (p *Plan) match(ctx context.Context) error {
	m := &matcher{plan: p, ids: map[string]string{}, taken: map[string]bool{}}
	resources, err := p.withRules(ctx)
	if err != nil {
		return err
	}
	rows := make([]Row, len(resources))
	for _, late := range []bool{false, true} {
		for i, r := range resources {
			if slices.Contains(last, r.Type) == late {
				rows[i] = m.row(r)
			}
		}
	}
	for i, r := range resources {
		if rows[i].Verdict != Imported {
			continue
		}
		problems := m.replacing(r.Resource, rows[i])
		if len(problems) > 0 && kinds[r.Type].overwritten {
			rows[i] = Row{
				Address: r.Address, Verdict: Superseded, Overwritten: true, made: rows[i].made,
				Why: "the program's is written over it: there can be only one",
			}
			continue
		}
		p.Problems = append(p.Problems, problems...)
	}
	p.Rows = rows
	p.Problems = append(p.Problems, p.options.State.cutOff()...)
	p.others(m.taken)
	return nil
}

// candidate is a resource of the state, or a rule that is a part of one.
type candidate struct {
	Resource
	part bool
}

// withRules are the state's resources with the rules inside of the tasks' security group, which is all that this program
// has rules for.
func (p *Plan) withRules(ctx context.Context) ([]candidate, error) {
	state := p.options.State
	var all []candidate
	group, hasGroup := state.tasksGroup(nameOf(p.Environment))
	for _, r := range state.Resources {
		if r.Type == "aws_security_group_rule" && hasGroup && r.text("security_group_id") == group.text("id") {
			for _, rule := range singleRules(r) {
				all = append(all, candidate{rule, rule.Address != r.Address})
			}
			continue
		}
		all = append(all, candidate{r, false})
		for _, part := range state.madeWith(r) {
			all = append(all, candidate{part, true})
		}
		if hasGroup && r.Address == group.Address {
			for _, rule := range inlineRules(r, r.text("id")) {
				all = append(all, candidate{rule, true})
			}
		}
	}
	if !hasGroup || p.options.Rules == nil {
		return all, nil
	}
	there, err := p.options.Rules(ctx, group.text("id"))
	if err != nil {
		return nil, err
	}
	var rules []Resource
	for _, r := range all {
		if r.Type == ingressRule || r.Type == egressRule {
			rules = append(rules, r.Resource)
		}
	}
	named(rules, there)
	return all, nil
}

// cutOff are resources that the first update would take something away from.
func (s State) cutOff() []string {
	var problems []string
	defaults := map[string]bool{}
	for _, network := range s.of("aws_vpc") {
		defaults[network.text("default_security_group_id")] = true
	}
	for _, r := range s.Resources {
		groups := slices.Concat(texts(r.Attributes["security_groups"]), texts(r.Attributes["security_group_ids"]),
			texts(r.Attributes["vpc_security_group_ids"]), texts(block(r.Attributes["network_configuration"])["security_groups"]))
		for _, group := range groups {
			if group != "" && defaults[group] {
				problems = append(problems, r.Address+": it is in the network's default security group, which loses its rules: give it a group of its own first")
			}
		}
		// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-ownership-error-responses.html
		if acl := r.text("acl"); r.Type == "aws_s3_bucket_acl" && acl != "" && acl != "private" {
			problems = append(problems, r.Address+": S3 refuses to end ACLs while a bucket has "+acl+": set it to private first")
		}
	}
	return problems
}

// madeWith are what AWS has made with a network, and Terraform does not know unless it was told. Not to import it would be
// worse than another diff: a new resource of these types begins with taking all rules away, and so all traffic.
// https://registry.terraform.io/providers/hashicorp/aws/5.100.0/docs/resources/default_network_acl
func (s State) madeWith(network Resource) []Resource {
	var parts []Resource
	for typ, attribute := range map[string]string{
		"aws_default_network_acl": "default_network_acl_id", "aws_default_security_group": "default_security_group_id",
	} {
		id := network.text(attribute)
		isOwn := slices.ContainsFunc(s.of(typ), func(r Resource) bool { return r.text("id") == id })
		if network.Type == "aws_vpc" && id != "" && !isOwn {
			parts = append(parts, Resource{
				Address: network.Address + " " + strings.ReplaceAll(strings.TrimPrefix(typ, "aws_"), "_", " "), Type: typ,
				Attributes: map[string]any{"id": id, "default_network_acl_id": id, "vpc_id": network.text("id")},
			})
		}
	}
	slices.SortFunc(parts, func(a, b Resource) int { return strings.Compare(a.Type, b.Type) })
	return parts
}

// existing are the program's types of which the environment must have the ones that it has: another network, service or
// role would be made beside them.
var existing = []string{
	aws.EC2Vpc, aws.EC2Subnet, aws.EC2InternetGateway, aws.EC2SecurityGroup, aws.ECSCluster, aws.ECSService, aws.IAMRole,
}

// others looks at what the program has and the state has not: new resources, or doubles of those that the state calls
// otherwise.
func (p *Plan) others(taken map[string]bool) {
	for _, made := range p.recording.Resources {
		if !made.Custom || taken[made.URN] || strings.HasPrefix(made.Type, "pulumi:") {
			continue
		}
		var same []string // resources of that type that were not taken over
		for _, row := range p.Rows {
			if r := p.resource(row); row.Verdict == Refused && kinds[r.Type].token == made.Type {
				same = append(same, row.Address)
			}
		}
		identity := identityOf(made)
		switch {
		case made.Type == aws.EC2SecurityGroup && !strings.HasSuffix(made.Name, "-tasks"):
		case slices.Contains(existing, made.Type) && len(same) > 0:
			p.Problems = append(p.Problems, fmt.Sprintf("the program has a %s %s%s, which is not among the state's (%s): it would be made beside them",
				short(made.Type), made.Name, identity, strings.Join(same, ", ")))
			continue
		case slices.Contains(existing, made.Type):
			p.Problems = append(p.Problems, fmt.Sprintf("the state has nothing that is the %s %s%s: is it whole?", short(made.Type), made.Name, identity))
			continue
		}
		p.created = append(p.created, made)
		p.New = append(p.New, short(made.Type)+" "+made.Name)
	}
}

// resource is the resource of the state that a row is about.
func (p *Plan) resource(row Row) Resource {
	for _, r := range p.options.State.Resources {
		if r.Address == row.Address {
			return r
		}
	}
	return Resource{}
}

// short is a type's own name, such as Vpc.
func short(token string) string { return token[strings.LastIndex(token, ":")+1:] }

// Values are the changes as the stack file takes them.
func (p *Plan) Values() map[string]any {
	values := map[string]any{}
	for _, change := range p.Changes {
		values[change.Key] = change.Value
	}
	return values
}
