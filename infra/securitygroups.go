package infra

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// loadBalancerPort is where the load balancer listens, for CloudFront and inside of the VPC only.
	loadBalancerPort = 80
	// cloudFrontServers is AWS's list of the addresses that CloudFront connects from, also to a VPC origin.
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
	cloudFrontServers = "com.amazonaws.global.cloudfront.origin-facing"
)

// securityGroups are the ids of the groups, known once their rules stand. The load balancer's is empty without one.
type securityGroups struct {
	tasks, loadBalancer pulumi.StringOutput
}

// newSecurityGroups makes the groups, with one resource for each rule: a rule can then change without touching the
// others.
func newSecurityGroups(
	ctx *pulumi.Context, name string, vpcID pulumi.StringInput, args *NetworkArgs, child pulumi.ResourceOrInvokeOption,
) (securityGroups, error) {
	// AWS gives every VPC a group that lets its members talk to each other. Without rules, what is put into
	// it by accident can talk to nothing.
	if _, err := ec2.NewDefaultSecurityGroup(ctx, name+"-default", &ec2.DefaultSecurityGroupArgs{
		VpcId: vpcID,
		// Left out, rules that somebody adds would stay unnoticed.
		Ingress: ec2.DefaultSecurityGroupIngressArray{},
		Egress:  ec2.DefaultSecurityGroupEgressArray{},
		Tags:    pulumi.StringMap{"Name": pulumi.String(name + "-default")},
	}, child); err != nil {
		return securityGroups{}, fmt.Errorf("empty the default security group: %w", err)
	}
	tasks, err := NewSecurityGroup(ctx, name+"-tasks", args.Adopted.SecurityGroupName,
		cmp.Or(args.Adopted.SecurityGroupDescription, "Tasks of the backend"), vpcID, child)
	if err != nil {
		return securityGroups{}, err
	}
	// The way out is open: NAT, the alternative, costs more than the tasks.
	const anywhere = "0.0.0.0/0"
	description := args.Adopted.RuleDescription("egress", anywhere, "Images, logs, secrets and whatever the backend calls")
	if err := tasks.LetOut(ctx, "anywhere", description, &vpc.SecurityGroupEgressRuleArgs{
		IpProtocol: pulumi.String("-1"),
		CidrIpv4:   pulumi.String(anywhere),
	}); err != nil {
		return securityGroups{}, err
	}
	if !args.LoadBalanced {
		if err := letClientsIn(ctx, tasks, args); err != nil {
			return securityGroups{}, err
		}
		return securityGroups{tasks: tasks.Ready(ctx)}, nil
	}
	balancer, err := NewSecurityGroup(ctx, name+"-load-balancer", "", "Load balancer of the backend", vpcID, child)
	if err != nil {
		return securityGroups{}, err
	}
	if err := letCloudFrontIn(ctx, balancer, tasks, args.Port, child); err != nil {
		return securityGroups{}, err
	}
	return securityGroups{tasks: tasks.Ready(ctx), loadBalancer: balancer.Ready(ctx)}, nil
}

// letClientsIn opens the tasks to the internet, or to what sentry:ingressCidrs says (F8).
func letClientsIn(ctx *pulumi.Context, tasks *SecurityGroup, args *NetworkArgs) error {
	for _, source := range args.IngressCIDRs {
		description := args.Adopted.RuleDescription("ingress", source.String(), "Requests to the backend from "+source.String())
		if err := tasks.LetIn(ctx, strings.ReplaceAll(source.String(), "/", "-"), description,
			args.Port, &vpc.SecurityGroupIngressRuleArgs{CidrIpv4: pulumi.String(source.String())}); err != nil {
			return err
		}
	}
	return nil
}

// letCloudFrontIn lets CloudFront reach the load balancer, and nothing but the load balancer the tasks.
func letCloudFrontIn(ctx *pulumi.Context, balancer, tasks *SecurityGroup, port int, child pulumi.InvokeOption) error {
	servers, err := ec2.LookupManagedPrefixList(ctx, &ec2.LookupManagedPrefixListArgs{Name: pulumi.StringRef(cloudFrontServers)}, child)
	if err != nil {
		return fmt.Errorf("look up CloudFront's addresses: %w", err)
	}
	if err := balancer.LetIn(ctx, "cloudfront", "Requests from CloudFront", loadBalancerPort,
		&vpc.SecurityGroupIngressRuleArgs{PrefixListId: pulumi.String(servers.Id)}); err != nil {
		return err
	}
	if err := balancer.LetOut(ctx, "tasks", "Requests to the backend", &vpc.SecurityGroupEgressRuleArgs{
		IpProtocol:                pulumi.String("tcp"),
		FromPort:                  pulumi.Int(port),
		ToPort:                    pulumi.Int(port),
		ReferencedSecurityGroupId: tasks.ID(),
	}); err != nil {
		return err
	}
	return tasks.LetIn(ctx, "load-balancer", "Requests to the backend from the load balancer", port,
		&vpc.SecurityGroupIngressRuleArgs{ReferencedSecurityGroupId: balancer.ID()})
}

// SecurityGroup is a security group that collects its rules.
type SecurityGroup struct {
	*ec2.SecurityGroup

	name  string
	child pulumi.ResourceOrInvokeOption
	rules []pulumi.Resource
	ids   pulumi.StringArray // the rules'
}

// NewSecurityGroup makes a group that AWS calls as physical says; Pulumi invents a name where that is empty.
func NewSecurityGroup(
	ctx *pulumi.Context, name, physical, description string, vpcID pulumi.StringInput, child pulumi.ResourceOrInvokeOption,
) (*SecurityGroup, error) {
	args := &ec2.SecurityGroupArgs{
		VpcId:       vpcID,
		Description: pulumi.String(description),
		Tags:        pulumi.StringMap{"Name": pulumi.String(name)},
	}
	if physical != "" {
		args.Name = pulumi.String(physical)
	}
	made, err := ec2.NewSecurityGroup(ctx, name, args, child)
	if err != nil {
		return nil, fmt.Errorf("create the security group %q: %w", name, err)
	}
	return &SecurityGroup{SecurityGroup: made, name: name, child: child}, nil
}

// LetIn opens a TCP port to the source in the arguments.
func (g *SecurityGroup) LetIn(ctx *pulumi.Context, from, description string, port int, args *vpc.SecurityGroupIngressRuleArgs) error {
	args.SecurityGroupId = g.ID()
	args.Description = unlessEmpty(description)
	args.IpProtocol = pulumi.String("tcp")
	args.FromPort, args.ToPort = pulumi.Int(port), pulumi.Int(port)
	logical := g.name + "-from-" + from
	args.Tags = pulumi.StringMap{"Name": pulumi.String(logical)} // tells the rules apart when one is looked for
	rule, err := vpc.NewSecurityGroupIngressRule(ctx, logical, args, g.child)
	if err != nil {
		return fmt.Errorf("let %s into the security group %q: %w", from, g.name, err)
	}
	g.rules, g.ids = append(g.rules, rule), append(g.ids, rule.SecurityGroupRuleId)
	return nil
}

// LetOut allows what is in the arguments.
func (g *SecurityGroup) LetOut(ctx *pulumi.Context, to, description string, args *vpc.SecurityGroupEgressRuleArgs) error {
	args.SecurityGroupId = g.ID()
	args.Description = unlessEmpty(description)
	logical := g.name + "-to-" + to
	args.Tags = pulumi.StringMap{"Name": pulumi.String(logical)}
	rule, err := vpc.NewSecurityGroupEgressRule(ctx, logical, args, g.child)
	if err != nil {
		return fmt.Errorf("let the security group %q out to %s: %w", g.name, to, err)
	}
	g.rules, g.ids = append(g.rules, rule), append(g.ids, rule.SecurityGroupRuleId)
	return nil
}

// unlessEmpty is a description; a rule that was adopted may have none, and AWS takes no empty one.
func unlessEmpty(description string) pulumi.StringPtrInput {
	if description == "" {
		return nil
	}
	return pulumi.String(description)
}

// Ready is the group's id, known once its rules stand.
func (g *SecurityGroup) Ready(ctx *pulumi.Context) pulumi.StringOutput {
	if ctx.DryRun() {
		g.tellForeign(ctx)
	}
	return after(ctx, g.ID().ToStringOutput(), g.rules...)
}

// after is an output that is known once other resources stand, too.
func after(ctx *pulumi.Context, output pulumi.StringOutput, resources ...pulumi.Resource) pulumi.StringOutput {
	return pulumi.OutputWithDependencies(ctx.Context(), output, resources...).(pulumi.StringOutput)
}

// tellForeign warns of rules that somebody has added to the group by hand. Each rule is a resource of its own, and this
// version of the provider has none that says "and no others" (it has one for roles); so a preview looks.
func (g *SecurityGroup) tellForeign(ctx *pulumi.Context) {
	pulumi.All(g.ID(), g.ids).ApplyT(func(known []any) (string, error) {
		id := string(known[0].(pulumi.ID))
		foreign, err := g.foreign(ctx, id, known[1].([]string))
		warning := ""
		switch {
		case err != nil:
			warning = fmt.Sprintf("Rules that somebody has added to the security group %s by hand were not looked for: %v", id, err)
		case len(foreign) > 0:
			rules := strings.Join(foreign, " ")
			warning = fmt.Sprintf("The security group %s has rules that somebody has added by hand, and that no update takes away: %s. "+
				"Look at them with aws ec2 describe-security-group-rules --security-group-rule-ids %s, and revoke or declare them.", id, rules, rules)
		default:
			return "", nil
		}
		return "", ctx.Log.Warn(warning, &pulumi.LogArgs{Resource: g})
	})
}

// foreign are the ids of the group's rules that are not the program's own.
func (g *SecurityGroup) foreign(ctx *pulumi.Context, id string, own []string) ([]string, error) {
	of := []vpc.GetSecurityGroupRulesFilter{{Name: "group-id", Values: []string{id}}}
	all, err := vpc.GetSecurityGroupRules(ctx, &vpc.GetSecurityGroupRulesArgs{Filters: of}, g.child)
	if err != nil {
		return nil, err
	}
	// What this preview takes away has the program's tag, but is among its resources no more.
	tagged, err := vpc.GetSecurityGroupRules(ctx, &vpc.GetSecurityGroupRulesArgs{Filters: of, Tags: managed}, g.child)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all.Ids, func(id string) bool { return slices.Contains(own, id) || slices.Contains(tagged.Ids, id) }), nil
}
