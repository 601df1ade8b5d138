package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

// Project is the name of this Pulumi project and the namespace of its keys; Stack is its only stack.
const (
	Project = "sentry-bootstrap"
	Stack   = "account"
)

// Config is what one account is prepared for.
type Config struct {
	// Region of the state bucket and the key; from aws:region.
	Region string
	// Repository is whose workflows may take the roles.
	Repository Repository
	// Environments get roles in this account.
	Environments []Environment
	// BucketSuffix ends the state bucket's name; empty stands for the account id.
	BucketSuffix string
	// AWSAccountID, when set, is the only account that may be prepared.
	AWSAccountID string
	// OIDCProviderARN, when set, is GitHub's provider that the account has already. It belongs to something else,
	// so it is used and left alone.
	OIDCProviderARN string
	// StateKeyARN is the KMS key that encrypts the state bucket; empty for S3's own. It is another one than this program's.
	StateKeyARN string
	// AccessLogs is the name of the bucket for records of all requests to the state bucket; none when empty.
	AccessLogs string
	// Imports are ids of resources that exist already, by "<type token>::<logical name>". An interrupted run
	// leaves such: created, and not recorded.
	Imports map[string]string
}

const (
	keyRepository      = "repository"
	keyRepositoryID    = "repositoryId"
	keyOwnerID         = "ownerId"
	keyEnvironments    = "environments"
	keyBucketSuffix    = "bucketSuffix"
	keyAWSAccountID    = "awsAccountId"
	keyOIDCProviderARN = "oidcProviderArn"
	keyStateKeyARN     = "stateKeyArn"
	keyAccessLogs      = "accessLogs"
	keyImports         = "imports"
)

var (
	regionForm  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[1-9]$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	// https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication
	repositoryForm = regexp.MustCompile(`^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}$`)
	idForm         = regexp.MustCompile(`^[1-9][0-9]*$`)
	suffixForm     = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)
	providerForm   = regexp.MustCompile(`^arn:aws:iam::[0-9]{12}:oidc-provider/` + regexp.QuoteMeta(oidcHost) + `$`)
)

// maxBucketName is S3's limit, in characters.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const maxBucketName = 63

// BucketName is the state bucket's name for a suffix: the configured one, or the account id.
func BucketName(suffix string) string { return product + "-pulumi-state-" + suffix }

// Load reads and validates the configuration; its error names every problem, and comes before anything is
// registered.
func Load(ctx *pulumi.Context) (Config, error) {
	var problems []error
	text := func(namespace, key string) string {
		// Absent, and empty as Pulumi.yaml's default, are the same.
		value, err := config.New(ctx, namespace).Try(key)
		if err != nil {
			return ""
		}
		return value
	}
	c := Config{
		Region: text("aws", "region"),
		Repository: Repository{
			Name: text(Project, keyRepository), ID: text(Project, keyRepositoryID), OwnerID: text(Project, keyOwnerID),
		},
		BucketSuffix:    text(Project, keyBucketSuffix),
		AWSAccountID:    text(Project, keyAWSAccountID),
		OIDCProviderARN: text(Project, keyOIDCProviderARN),
		StateKeyARN:     text(Project, keyStateKeyARN),
		AccessLogs:      text(Project, keyAccessLogs),
	}
	for key, into := range map[string]any{keyEnvironments: &c.Environments, keyImports: &c.Imports} {
		if found := text(Project, key); found != "" {
			if err := json.Unmarshal([]byte(found), into); err != nil {
				problems = append(problems, fmt.Errorf("%s:%s: read %s: %w", Project, key, found, err))
			}
		}
	}
	if err := errors.Join(append(problems, c.Validate())...); err != nil {
		return Config{}, fmt.Errorf("the account cannot be prepared, nothing was changed:\n%w", err)
	}
	return c, nil
}

func problem(key, found, allowed string) error {
	if found == "" {
		return fmt.Errorf("%s: not set; allowed: %s", key, allowed)
	}
	return fmt.Errorf("%s: %q; allowed: %s", key, found, allowed)
}

// Settings is the configuration as the program reads it, by full key; [Load] is its reverse.
func (c Config) Settings() (map[string]string, error) {
	environments, err := json.Marshal(c.Environments)
	if err != nil {
		return nil, err
	}
	imports, err := json.Marshal(c.Imports)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"aws:region":                       c.Region,
		Project + ":" + keyRepository:      c.Repository.Name,
		Project + ":" + keyRepositoryID:    c.Repository.ID,
		Project + ":" + keyOwnerID:         c.Repository.OwnerID,
		Project + ":" + keyEnvironments:    string(environments),
		Project + ":" + keyBucketSuffix:    c.BucketSuffix,
		Project + ":" + keyAWSAccountID:    c.AWSAccountID,
		Project + ":" + keyOIDCProviderARN: c.OIDCProviderARN,
		Project + ":" + keyStateKeyARN:     c.StateKeyARN,
		Project + ":" + keyAccessLogs:      c.AccessLogs,
		Project + ":" + keyImports:         string(imports),
	}, nil
}

// Validate says everything that AWS or GitHub would refuse, each problem with its key.
func (c Config) Validate() error {
	var problems []error
	check := func(key, value string, ok bool, allowed string) {
		if !ok {
			problems = append(problems, problem(key, value, allowed))
		}
	}
	check("aws:region", c.Region, regionForm.MatchString(c.Region), "a region's code, such as us-east-1")
	check(Project+":"+keyRepository, c.Repository.Name,
		repositoryForm.MatchString(c.Repository.Name) && !strings.HasSuffix(c.Repository.Name, ".git"),
		"a GitHub repository as owner/name, such as octo-org/sentry")
	check(Project+":"+keyRepositoryID, c.Repository.ID, idForm.MatchString(c.Repository.ID), "GitHub's number of the repository")
	check(Project+":"+keyOwnerID, c.Repository.OwnerID,
		c.Repository.OwnerID == "" || idForm.MatchString(c.Repository.OwnerID), "GitHub's number of the repository's owner")
	check(Project+":"+keyEnvironments, "", len(c.Environments) > 0, "the environments to prepare")
	seen := map[string]bool{}
	for _, e := range c.Environments {
		for _, p := range e.problems() {
			problems = append(problems, fmt.Errorf("%s:%s: %s", Project, keyEnvironments, p))
		}
		check(Project+":"+keyEnvironments, e.Name, !seen[e.Name], "each environment once")
		seen[e.Name] = true
	}
	check(Project+":"+keyBucketSuffix, c.BucketSuffix, c.BucketSuffix == "" ||
		suffixForm.MatchString(c.BucketSuffix) && len(BucketName(c.BucketSuffix)) <= maxBucketName,
		fmt.Sprintf("up to %d lower-case letters, digits and single hyphens between them", maxBucketName-len(BucketName(""))))
	check(Project+":"+keyAWSAccountID, c.AWSAccountID,
		c.AWSAccountID == "" || accountForm.MatchString(c.AWSAccountID), "12 digits")
	check(Project+":"+keyOIDCProviderARN, c.OIDCProviderARN,
		c.OIDCProviderARN == "" || providerForm.MatchString(c.OIDCProviderARN), "arn:aws:iam::<account>:oidc-provider/"+oidcHost)
	check(Project+":"+keyStateKeyARN, c.StateKeyARN,
		c.StateKeyARN == "" || keyForm.MatchString(c.StateKeyARN) && strings.Contains(c.StateKeyARN, ":"+c.Region+":"),
		"arn:aws:kms:<region of the bucket>:<account>:key/<id>")
	check(Project+":"+keyAccessLogs, c.AccessLogs, c.AccessLogs == "" || bucketForm.MatchString(c.AccessLogs),
		"the name of a bucket, 3 to 63 lower-case letters, digits, dots and hyphens")
	for _, key := range slices.Sorted(maps.Keys(c.Imports)) {
		check(Project+":"+keyImports, key, strings.Count(key, "::") == 1 && c.Imports[key] != "", "ids by <type token>::<logical name>")
	}
	return errors.Join(problems...)
}
