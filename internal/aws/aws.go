// Package aws is what the project knows of AWS: one entry for each resource type, in a file for each AWS service.
// The entries are data. The sandbox reads how a resource is named and what AWS answers, the prices what it costs,
// bootstrap which rights a deployment needs for it, and the documents how it is drawn. What the provider says of a
// type, its inputs and outputs, is in [FactsOf].
package aws

import (
	"fmt"
	"slices"
	"strings"
)

// Type is one resource type.
type Type struct {
	Token string
	// Noun is what the provider's error messages call it: "creating <noun> (<id>): …".
	Noun string

	// ID and Outputs are templates of what AWS makes up: {account}, {region}, {hexN} for N digits that are unique
	// to the resource, {uuid}, {id}, and {property} for an input or an earlier output. Outputs are name=template
	// pairs, separated by spaces; inputs among them are what AWS takes when they are left out; a template
	// without { is true, false, a number, [], empty (the empty text), or text.
	ID, Outputs string
	// Import is the id by which an existing one is imported, where that is another than ID; a template, too.
	Import string
	// Name is the input that names the resource in AWS; the provider invents a name when it is left out.
	Name string
	// Global: one namespace for all regions.
	Global bool
	// Taken, Missing and InUse are AWS's refusals: of a name that another resource has, of a reference to a
	// resource that is not there (%s), and of deleting one that a reference holds (%s).
	Taken, Missing, InUse string
	Refs                  []Ref

	// Calls are the rights that the provider needs.
	Calls Calls
	// Example is the folder of examples/ whose program alone registers the type: the deploy roles have no rights for it
	// while this is set.
	Example string
	// Anywhere are those of Calls that AWS ties to no resource.
	Anywhere string
	// Owned are the ARNs of an environment's resources of this type, from the part after the account on, with
	// {product}, {environment}, {prefix}, which is both, and the {suffix} of bucket names. They bound the rights, so
	// each is whole, or ends in what AWS adds: sentry-staging-* would be a part of what staging-eu has.
	Owned []string

	// Free is why the type costs nothing; Costs are what it costs; Priced says that internal/cost has a rule for
	// it, as the price depends on its inputs. One of the three.
	Free   string
	Costs  []Cost
	Priced bool

	// Drawn is the type's word in the diagram; Into is the type in whose box it is drawn instead, or [ItsUser].
	// Without either it gets a box with the words of its token.
	// Shows is a line of the box, with {input} for the resource's inputs.
	Drawn, Into, Shows string
}

// Ref says that the value (or values) at a path name another resource.
type Ref struct {
	Path, To string
	// Part: part of the other resource; it goes with it, and does not keep it alive.
	Part bool
	// Holds is an input: the reference keeps the other resource alive only while that input is a number above 0.
	Holds string
}

// Calls are the IAM actions that the AWS provider needs for a type, by what the engine does with the resource,
// separated by spaces. Read is also what every refresh, and the end of every create and update, calls.
//
// The names are IAM actions, not API operations: S3 in particular names them differently
// (GetBucketLifecycleConfiguration is s3:GetLifecycleConfiguration, HeadBucket is s3:ListBucket). What the provider
// calls is from its sources, terraform-provider-aws 5.100, on which pulumi-aws 6.83 stands; what AWS calls the
// action is from the service authorization reference:
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
type Calls struct {
	Create, Read, Update, Delete string
}

// All are the actions of a type, in no particular order.
func (c Calls) All() []string {
	return strings.Fields(strings.Join([]string{c.Create, c.Read, c.Update, c.Delete}, " "))
}

// Cost is a position of the price: Quantity (1 when 0) of what prices.yaml calls Price, a month. Hourly is for
// prices per hour. Usage, when set, is the assumption of usage.yaml that is the quantity; {purpose} in it is the
// resource's logical name without the stack's. An assumption that is the stack's as a whole is charged Once.
type Cost struct {
	What, Price string
	Quantity    float64
	Hourly      bool
	Usage       string
	Once        bool
}

// services has every type; a new file adds its own here.
var services = slices.Concat(
	acm, appautoscaling, budgets, cloudfront, cloudwatch, ec2, ecr, ecs, elasticache, iam, kms, lb, rds, route53, s3,
	secretsmanager, sns, ssm,
)

var byToken = func() map[string]*Type {
	types := make(map[string]*Type, len(services))
	for i := range services {
		types[services[i].Token] = &services[i]
	}
	return types
}()

// Lookup is the entry of a type.
func Lookup(token string) (*Type, bool) {
	t, ok := byToken[token]
	return t, ok
}

// Types are all entries, in order.
func Types() []Type { return services }

// Functions are the IAM actions behind the provider's functions, and behind what else a program registers that is
// no resource of AWS.
var Functions = map[string]string{
	Provider: "sts:GetCallerIdentity",
	"aws:index/getCallerIdentity:getCallerIdentity":     "sts:GetCallerIdentity",
	"aws:ec2/getManagedPrefixList:getManagedPrefixList": "ec2:DescribeManagedPrefixLists ec2:GetManagedPrefixListEntries",
	// awsx's component asks for the region's zones; its parts are types by themselves.
	VpcComponent: "ec2:DescribeAvailabilityZones",
}

// ItsUser stands for the type of the resource that a resource was given to.
const ItsUser = "its user"

const (
	// Provider is the AWS provider itself.
	Provider = "pulumi:providers:aws"
	// VpcComponent is awsx's VPC.
	VpcComponent = "awsx:ec2:Vpc"
)

// Unknown is the error about a type without an entry, or whose entry lacks what somebody needs of it.
func Unknown(token, lacks string) error {
	return fmt.Errorf("%s has no %s in internal/aws: add it to its entry in %s", token, lacks, file(token))
}

// file is where a type's entry belongs.
func file(token string) string {
	module, _, _ := strings.Cut(strings.TrimPrefix(token, "aws:"), "/")
	if module == "vpc" {
		module = "ec2"
	}
	return "internal/aws/" + module + ".go"
}
