package account

import (
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

const (
	// product begins the name of everything infra/ creates, and is the name of its Pulumi project.
	product = "sentry"
	// partition of all ARNs. GitHub's OIDC tokens are for AWS's public regions.
	partition = "aws"
)

// DeployRole is the role of an environment's deploy jobs. The names of the roles are fixed: workflows and infra/
// hold them.
func DeployRole(environment string) string { return product + "-deploy-" + environment }

// PreviewRole is the role of an environment's previews and of its drift detection: it reads.
func PreviewRole(environment string) string { return product + "-preview-" + environment }

// BoundaryName is the policy that caps the roles of an environment's tasks: [Boundary].
func BoundaryName(environment string) string { return product + "-" + environment + "-boundary" }

// taskRoles are the roles of an environment's tasks, as infra/ names them, by the ends of their logical names.
func taskRoles(environment string) map[string]string {
	return map[string]string{
		"execution": product + "-" + environment + "-ecs-task-execution-role",
		"task":      product + "-" + environment + "-backend-task-role",
	}
}

// Place is the account's part in the rights.
type Place struct {
	// Account has 12 digits.
	Account string
	// StateBucket is the name of the bucket with the Pulumi states.
	StateBucket string
	// StateKeyARN is the KMS key that encrypts the bucket; empty for S3's own.
	StateKeyARN string
	// KeyARN is the KMS key that encrypts the secrets in the states.
	KeyARN string
}

// names of what an environment owns, as infra/ gives them. Each is whole, or ends in what AWS adds: with a
// pattern such as sentry-staging-* the environment staging would own what staging-eu has.
type names struct {
	Place
	Environment
}

func (n names) arn(service, resource string) string {
	region, account := n.Region, n.Account
	switch service {
	case "route53", "s3":
		region, account = "", ""
	case "budgets", "cloudfront", "iam":
		region = ""
	case "cloudwatch":
		if strings.HasPrefix(resource, "dashboard/") {
			region = ""
		}
	default:
		region = n.regionOf(service)
	}
	return strings.Join([]string{"arn", partition, service, region, account, resource}, ":")
}

// regionOf is where the calls of a service go: CloudFront is in one region only, and takes certificates from there.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
func (n names) regionOf(service string) string {
	if service == "acm" || service == "cloudfront" {
		return "us-east-1"
	}
	return n.Region
}

func (n names) prefix() string { return product + "-" + n.Name }

const (
	frontend  = "frontend"
	artifacts = "artifacts"
	clips     = "clips"
)

// owned are the ARNs of the environment's resources of a type.
func (n names) owned(token string) []string {
	entry, ok := aws.Lookup(token)
	if !ok {
		return nil
	}
	service, _, _ := strings.Cut(entry.Calls.Read, ":") // a test of internal/aws holds entries with rights to a read
	suffix := n.BucketSuffix
	if suffix == "" {
		suffix = n.Account
	}
	var replace []string
	for purpose, name := range n.BucketNames {
		replace = append(replace, bucketTemplate(purpose), name) // before what it is made of
	}
	replace = append(replace, "{product}", product, "{environment}", n.Name, "{prefix}", n.prefix(), "{suffix}", suffix)
	arns := make([]string, len(entry.Owned))
	for i, owned := range entry.Owned {
		arns[i] = n.arn(service, strings.NewReplacer(replace...).Replace(owned))
	}
	return arns
}

// ownedBy are the ARNs of all types for which an action is called. What a type calls of another service, it calls on
// that one's types.
func (n names) ownedBy(action string) []string {
	service, _, _ := strings.Cut(action, ":")
	var arns []string
	for _, entry := range aws.Types() {
		if slices.Contains(entry.Calls.All(), action) || isReleaseOf(action, entry) {
			for _, arn := range n.owned(entry.Token) {
				if strings.HasPrefix(arn, "arn:"+partition+":"+service+":") {
					arns = append(arns, arn)
				}
			}
		}
	}
	return unique(arns)
}

// isReleaseOf: what the deploy jobs do themselves they do to the images, the logs and the service.
func isReleaseOf(action string, entry aws.Type) bool {
	service, _, _ := strings.Cut(action, ":")
	return slices.Contains(releaseCalls, action) && entry.Token == map[string]string{
		"ecr": aws.ECRRepository, "ecs": aws.ECSService, "logs": aws.CloudWatchLogGroup,
	}[service]
}

// buckets are those of some purposes.
func (n names) buckets(purposes ...string) []string {
	entry, _ := aws.Lookup(aws.S3Bucket) // a constant of that package
	var arns []string
	for i, arn := range n.owned(aws.S3Bucket) {
		if slices.ContainsFunc(purposes, func(purpose string) bool { return entry.Owned[i] == bucketTemplate(purpose) }) {
			arns = append(arns, arn)
		}
	}
	return arns
}

// bucketTemplate is how internal/aws names a bucket that an environment owns.
func bucketTemplate(purpose string) string { return "{prefix}-" + purpose + "-{suffix}" }

// ownAccount: a bucket's ARN names no account, and the name of one that was deleted is anybody's.
func (n names) ownAccount() policy.Condition {
	return policy.Condition{"StringEquals": {"aws:ResourceAccount": {n.Account}}}
}

func (n names) objects(purposes ...string) []string {
	arns := n.buckets(purposes...)
	for i := range arns {
		arns[i] += "/*"
	}
	return arns
}

func (n names) tasks() string { return n.arn("ecs", "task/"+n.prefix()+"-cluster/*") }

// deployments are the roll-outs of the environment's services.
func (n names) deployments() []string {
	services := n.owned(aws.ECSService)
	for i := range services {
		services[i] = strings.Replace(services[i], ":service/", ":service-deployment/", 1) + "/*"
	}
	return services
}

func (n names) boundary() string { return n.arn("iam", "policy/"+BoundaryName(n.Name)) }

// managedPrefixLists are AWS's, and in no account.
func (n names) managedPrefixLists() string {
	return strings.Join([]string{"arn", partition, "ec2", n.Region, "aws", "prefix-list/*"}, ":")
}

// imageRepositories are the environment's own repository, and those of ECR that it may take images from besides.
func (n names) imageRepositories() []string {
	arns := n.owned(aws.ECRRepository)
	for _, repository := range n.ImageRepositories {
		if parts := ecrForm.FindStringSubmatch(repository); parts != nil { // the others ask AWS nothing
			arns = append(arns, strings.Join([]string{"arn", partition, "ecr", parts[2], parts[1], "repository/" + parts[3]}, ":"))
		}
	}
	return arns
}

func (n names) ec2(kinds ...string) []string {
	arns := make([]string, len(kinds))
	for i, kind := range kinds {
		arns[i] = n.arn("ec2", kind+"/*")
	}
	return arns
}
