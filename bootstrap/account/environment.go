package account

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Environment is what has to be known of a stack of infra/ to give it roles.
type Environment struct {
	// Name is the stack's.
	Name string `json:"name"`
	// Region is where it runs.
	Region string `json:"region"`
	// Guarded environments are deployed after an approval only, and pull requests get no role in them.
	Guarded bool `json:"guarded"`
	// BucketSuffix ends its buckets' names; empty stands for the account id.
	BucketSuffix string `json:"bucketSuffix,omitempty"`
	// Domain is its address, and ZoneID the hosted zone of that, where it has one.
	Domain string `json:"domain,omitempty"`
	ZoneID string `json:"zoneId,omitempty"`
	// KMSKeyARN is the key that encrypts its data; empty for AWS's own.
	KMSKeyARN string `json:"kmsKeyArn,omitempty"`
	// ImageRepositories are those that an image may come from besides its own, <registry>/<repository>.
	ImageRepositories []string `json:"imageRepositories,omitempty"`
	// Exec is whether its administrators may open a shell in its tasks.
	Exec bool `json:"exec,omitempty"`
	// BucketNames are those of its buckets, by purpose, that kept the names that another tool gave them.
	BucketNames map[string]string `json:"bucketNames,omitempty"`
	// Subnets are the ids of its subnets, once it has some: its service may run in no others.
	Subnets []string `json:"subnets,omitempty"`
}

// EnvironmentOf reads what a stack file says, by full key, each value as the program gets it.
func EnvironmentOf(name string, config map[string]string) (Environment, error) {
	text := func(key string) string { return config[product+":"+key] }
	e := Environment{
		Name:         name,
		Region:       config["aws:region"],
		BucketSuffix: text("bucketSuffix"),
		KMSKeyARN:    text("kmsKeyArn"),
		Exec:         text("exec") == "true",
	}
	var https struct{ Domain, ZoneID string }
	if value := text("https"); strings.HasPrefix(value, "{") { // it may be just true
		if err := json.Unmarshal([]byte(value), &https); err != nil {
			return e, fmt.Errorf("read %s:https of %s: %w", product, name, err)
		}
	}
	e.Domain, e.ZoneID = https.Domain, https.ZoneID
	var adopted struct{ BucketNames map[string]string }
	if value := text("adopted"); value != "" {
		if err := json.Unmarshal([]byte(value), &adopted); err != nil {
			return e, fmt.Errorf("read %s:adopted of %s: %w", product, name, err)
		}
	}
	e.BucketNames = adopted.BucketNames
	if value := text("imageRepositories"); value != "" {
		if err := json.Unmarshal([]byte(value), &e.ImageRepositories); err != nil {
			return e, fmt.Errorf("read %s:imageRepositories of %s: %w", product, name, err)
		}
	}
	return e, nil
}

// maxEnvironmentName is what infra/ allows, in characters: its longest names are made of it.
const maxEnvironmentName = 25

var (
	bucketForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	environmentForm = regexp.MustCompile(`^[a-z](-?[a-z0-9])*$`)
	// The deploy role of an environment eu-backend-task-role would be the task role of an environment deploy-eu.
	reservedForm = regexp.MustCompile(`^(deploy|preview)(-|$)`)
	subnetForm   = regexp.MustCompile(`^subnet-[0-9a-f]+$`)
	// What becomes a part of an ARN or a condition has no room for a pattern.
	domainForm = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	zoneForm   = regexp.MustCompile(`^Z[A-Z0-9]+$`)
	keyForm    = regexp.MustCompile(`^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$`)
	// ecrForm takes a repository of ECR apart: account, region, name.
	ecrForm = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)$`)
)

func (e Environment) problems() []string {
	var problems []string
	if !environmentForm.MatchString(e.Name) || len(e.Name) > maxEnvironmentName || reservedForm.MatchString(e.Name) {
		problems = append(problems, fmt.Sprintf("name %q; allowed: up to %d lower-case letters, digits and single hyphens "+
			"between them, not beginning with deploy or preview", e.Name, maxEnvironmentName))
	}
	if !regionForm.MatchString(e.Region) {
		problems = append(problems, fmt.Sprintf("region %q of %s; allowed: a region's code, such as us-east-1", e.Region, e.Name))
	}
	if e.Domain != "" && !domainForm.MatchString(e.Domain) || (e.Domain == "") != (e.ZoneID == "") ||
		e.ZoneID != "" && !zoneForm.MatchString(e.ZoneID) {
		problems = append(problems, fmt.Sprintf("https.domain %q and zoneId %q of %s; allowed: both, such as app.example.com and "+
			"Z0123456789ABCDEFGHIJ, or neither", e.Domain, e.ZoneID, e.Name))
	}
	if e.KMSKeyARN != "" && !keyForm.MatchString(e.KMSKeyARN) {
		problems = append(problems, fmt.Sprintf("kmsKeyArn %q of %s; allowed: arn:aws:kms:<region>:<account>:key/<id>", e.KMSKeyARN, e.Name))
	}
	for _, id := range e.Subnets {
		if !subnetForm.MatchString(id) {
			problems = append(problems, fmt.Sprintf("subnet %q of %s; allowed: ids of subnets", id, e.Name))
		}
	}
	if e.BucketSuffix != "" && !suffixForm.MatchString(e.BucketSuffix) {
		problems = append(problems, fmt.Sprintf("bucketSuffix %q of %s; allowed: lower-case letters, digits and single hyphens "+
			"between them", e.BucketSuffix, e.Name))
	}
	for purpose, name := range e.BucketNames {
		if !bucketForm.MatchString(name) {
			problems = append(problems, fmt.Sprintf("bucket name %q for %s of %s; allowed: 3 to 63 lower-case letters, digits, dots and hyphens",
				name, purpose, e.Name))
		}
	}
	return problems
}
