package adopt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// Step is a part of the way, with its commands and those that undo it. To go back from a step, undo it and then those
// before it, the latest first.
type Step struct {
	Title          string
	Commands, Undo []string
}

// Steps are the whole way. The two tools never have one resource at a time: what Pulumi takes, Terraform has let go
// before. importFile is where [ImportFile] was written.
func (p *Plan) Steps(importFile string) []Step {
	backup := "terraform-" + p.Environment + ".tfstate"
	imported := fmt.Sprintf("pulumi import -s %s --file %s --protect=false --generate-code=false", p.Environment, importFile)
	steps := []Step{
		{
			Title: "Keep Terraform's state. From here on nobody runs terraform apply for this environment: switch its workflows off. " +
				"Give terraform's plan, destroy and import the -var-file that they have always had",
			Commands: []string{"terraform state pull > " + backup},
		},
		{
			Title:    "Ask AWS for each resource by its id; nothing is written",
			Commands: []string{imported + " --preview-only"},
		},
		{
			Title:    "Let Terraform forget what Pulumi takes over; AWS is not touched",
			Commands: []string{lines("terraform state rm", p.released())},
			Undo:     append([]string{"terraform state push -force " + backup}, p.reimported()...),
		},
		{
			Title:    "Let Pulumi take it over; AWS is only read",
			Commands: append([]string{imported + " --yes"}, p.rulesByHand()...),
			Undo:     []string{fmt.Sprintf("pulumi state delete -s %s --all --force --yes", p.Environment)},
		},
		{
			Title:    "See what the first update does: it creates and updates, and neither replaces nor deletes anything",
			Commands: []string{"pulumi preview -s " + p.Environment},
		},
	}
	steps = append(steps, p.routing()...)
	steps = append(steps, p.update()...)
	old := addresses(p.Rows, func(row Row) bool { return row.Verdict == Superseded && !row.Overwritten })
	if len(old) > 0 {
		steps = append(steps, Step{
			Title: fmt.Sprintf("When all runs well, and nobody wants to go back any more, let Terraform delete what nothing needs: "+
				"these %d, as its plan says, and no other", len(old)),
			Commands: []string{
				lines("terraform plan -destroy", targets(old)), lines("terraform destroy", targets(old)),
			},
		})
	}
	if p.changes("policies") {
		steps = append(steps, Step{
			Title:    "Say that the roles have no other policies from now on; Terraform has just deleted those that were there",
			Commands: []string{p.forget("policies"), "pulumi up -s " + p.Environment},
		})
	}
	return steps
}

// update is the first update by Pulumi, and the look at what it has left.
func (p *Plan) update() []Step {
	seen := Step{
		Title:    "See that nothing is left to do",
		Commands: []string{"pulumi preview -s " + p.Environment + " --refresh --expect-no-changes"},
	}
	if p.changes("image") {
		seen.Title += ", and forget the image that ran before: the record of releases has it now"
		seen.Commands = append(seen.Commands, p.forget("image"))
	}
	return []Step{
		{
			Title:    "Update. ECS starts tasks of the new revision before it stops those of the old one",
			Commands: []string{"pulumi up -s " + p.Environment},
			Undo:     p.oldRevision(),
		},
		seen,
	}
}

// oldRevision has ECS run what Terraform's state says, which is on record until the end, and then takes away what the
// update has made. What it has changed is for terraform apply to change back.
func (p *Plan) oldRevision() []string {
	running, _ := p.options.State.running(nameOf(p.Environment))
	where := fmt.Sprintf(" --region %s --cluster %s-cluster", p.options.State.Region(), nameOf(p.Environment))
	commands := []string{
		"aws ecs update-service" + where + " --service " + running.text("name") + " --task-definition " + running.text("task_definition"),
		"aws ecs wait services-stable" + where + " --services " + running.text("name"),
	}
	leaving := p.hangingOnNew()
	for _, urn := range slices.Sorted(maps.Keys(leaving)) {
		if leaving[urn] {
			commands = append(commands, fmt.Sprintf("pulumi state delete -s %s --yes --force --target-dependents %s", p.Environment, quote(urn)))
		}
	}
	var made []string
	for _, r := range p.created {
		if _, leaves := leaving[r.URN]; !leaves && !isRouting(r) {
			made = append(made, r.URN)
		}
	}
	return append(commands, lines("pulumi destroy -s "+p.Environment, targets(made)))
}

// isRouting: a step of their own makes and undoes these.
func isRouting(r sandbox.Resource) bool { return r.Type == aws.EC2RouteTable || r.Type == aws.EC2Route }

// hangingOnNew are the URNs of what was imported and depends on what the first update makes, such as the service on its
// task definition, with all that depends on it in turn. True are those that take the others with them.
func (p *Plan) hangingOnNew() map[string]bool {
	isNew := map[string]bool{}
	for _, made := range p.created {
		isNew[made.URN] = !isRouting(made)
	}
	leaving := map[string]bool{}
	for more := true; more; {
		more = false
		for _, made := range p.recording.Resources {
			if _, known := leaving[made.URN]; known || !made.Custom || strings.HasPrefix(made.Type, "pulumi:") {
				continue
			}
			onLeaving := slices.ContainsFunc(made.DependsOn, func(urn string) bool { _, leaves := leaving[urn]; return leaves })
			onNew := !isNew[made.URN] && slices.ContainsFunc(made.DependsOn, func(urn string) bool { return isNew[urn] })
			if onLeaving || onNew {
				leaving[made.URN], more = !onLeaving, true
			}
		}
	}
	return leaving
}

// changes: a field of the stack file's key adopted is set.
func (p *Plan) changes(field string) bool {
	fields, _ := p.Values()[p.options.Project.Name+":adopted"].(map[string]any)
	return fields[field] != nil
}

func (p *Plan) forget(field string) string {
	return fmt.Sprintf("pulumi config rm -s %s --path '%s:adopted.%s'", p.Environment, p.options.Project.Name, field)
}

// reimported gives Terraform the associations again by the ids that they have after they were moved there and back.
func (p *Plan) reimported() []string {
	var commands []string
	for _, row := range p.Rows {
		if row.Moved {
			commands = append(commands, "terraform state rm "+quote(row.Address), "terraform import "+quote(row.Address)+" "+quote(row.ID))
		}
	}
	return commands
}

// routing moves each subnet to its new route table, in one call of AWS's for each: the subnet has a way out at every
// moment. Pulumi cannot do that: the association gets another id then, which the engine would lose.
func (p *Plan) routing() []Step {
	var move, undo, take, lose, made []string
	region := p.options.State.Region()
	replace := "aws ec2 replace-route-table-association --region " + region + ` --association-id "$association" --route-table-id `
	for _, row := range p.Rows {
		if !row.Moved {
			continue
		}
		table, _ := p.recording.Find(aws.EC2RouteTable, row.Name)
		route, _ := p.recording.Find(aws.EC2Route, row.Name)
		made = append(made, table.URN, route.URN)
		subnet, old, _ := strings.Cut(row.ID, "/")
		association := "association=$(" + associationOf(region, subnet) + ")"
		newTable := fmt.Sprintf("table=$(aws ec2 describe-route-tables --region %s --filters Name=vpc-id,Values=%s Name=tag:Name,Values=%s "+
			"--query 'RouteTables[].RouteTableId' --output text)", region, p.vpc(), row.Name)
		move = append(move, association, newTable, replace+`"$table"`)
		undo = append(undo, association, replace+old)
		take = append(take, newTable, p.importOne(row, subnet+"/$table"))
		lose = append(lose, fmt.Sprintf("pulumi state delete -s %s --yes %s", p.Environment, quote(row.made.URN)))
	}
	if len(move) == 0 {
		return nil
	}
	return []Step{
		{
			Title:    "Make the new route tables, with their way to the internet; nothing uses them yet",
			Commands: []string{lines("pulumi up -s "+p.Environment, targets(made))},
			Undo:     []string{lines("pulumi destroy -s "+p.Environment, targets(made))},
		},
		{
			Title:    "Move the subnets to them, each in one call",
			Commands: move,
			Undo:     undo,
		},
		{
			Title:    "Let Pulumi take the associations over, by the ids that they have now",
			Commands: take,
			Undo:     lose,
		},
	}
}

// associationOf is the AWS CLI's word for the id of a subnet's association, which is another one after each move.
func associationOf(region, subnet string) string {
	return fmt.Sprintf("aws ec2 describe-route-tables --region %s --filters Name=association.subnet-id,Values=%s "+
		"--query \"RouteTables[].Associations[?SubnetId=='%s'].RouteTableAssociationId\" --output text", region, subnet, subnet)
}

// vpc is the id of the network.
func (p *Plan) vpc() string {
	for _, row := range p.Rows {
		if row.Token == aws.EC2Vpc {
			return row.ID
		}
	}
	return ""
}

// rulesByHand imports the rules whose ids could not be asked for.
func (p *Plan) rulesByHand() []string {
	var commands []string
	for _, row := range p.Rows {
		if row.Ask != "" {
			commands = append(commands, p.importOne(row, "$("+row.Ask+")"))
		}
	}
	return commands
}

func (p *Plan) importOne(row Row, id string) string {
	provider := row.made.Provider[:strings.LastIndex(row.made.Provider, "::")]
	return fmt.Sprintf("pulumi import -s %s --protect=false --generate-code=false --yes --parent 'parent=%s' --provider 'provider=%s' %s %s \"%s\"",
		p.Environment, row.made.Parent, provider, row.Token, row.Name, id)
}

// released are the addresses that Terraform forgets: those whose resource is the program's from then on.
func (p *Plan) released() []string {
	rows := slices.SortedStableFunc(slices.Values(p.Rows), func(a, b Row) int { return rank(a) - rank(b) })
	return addresses(rows, func(row Row) bool { return row.Verdict == Imported || row.Overwritten })
}

// rank: what hangs on others goes before them, so that Terraform would not delete anything at any moment.
func rank(row Row) int {
	switch row.Token {
	case aws.EC2RouteTableAssociation:
		return 0
	case aws.ECSService:
		return 1
	case aws.ECSCluster, aws.ECRRepository, aws.IAMRole, aws.CloudWatchLogGroup, aws.S3Bucket:
		return 3
	case aws.EC2SecurityGroup:
		return 4
	case aws.EC2Subnet, aws.EC2InternetGateway:
		return 5
	case aws.EC2Vpc:
		return 6
	}
	return 2
}

// addresses are those of the rows that are whole resources, and wanted.
func addresses(rows []Row, wanted func(Row) bool) []string {
	var found []string
	for _, row := range rows {
		if !row.Part && wanted(row) {
			found = append(found, row.Address)
		}
	}
	return found
}

// targets are flags.
func targets(names []string) []string {
	flags := make([]string, len(names))
	for i, name := range names {
		flags[i] = "--target=" + name
	}
	return flags
}

// lines is a command with one argument on each line, quoted for a shell.
func lines(command string, arguments []string) string {
	var b strings.Builder
	b.WriteString(command)
	for _, argument := range arguments {
		b.WriteString(" \\\n  " + quote(argument))
	}
	return b.String()
}

func quote(argument string) string { return "'" + strings.ReplaceAll(argument, "'", `'\''`) + "'" }
