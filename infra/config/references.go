package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/project"
)

// What a stack names but does not make, it must own: an image in its own repository, secrets below its own prefix. What
// is refused here would otherwise fail when the first task starts, or open another environment's secrets to this one.

var (
	// secretForm and parameterForm take the ARN apart: region, account, name. Neither has room for a pattern or a
	// policy variable, which a policy would give a meaning.
	// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
	// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
	secretForm    = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):([0-9]{12}):secret:([A-Za-z0-9/_+=.@-]+)(:[A-Za-z0-9/_+=.@-]*){0,3}$`)
	parameterForm = regexp.MustCompile(`^arn:aws[a-z-]*:ssm:([a-z0-9-]+):([0-9]{12}):parameter/([A-Za-z0-9/_.-]+)$`)
	imageForm     = regexp.MustCompile(`^((?:[a-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)@sha256:[0-9a-f]{64}$`)
	registryForm  = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(.+)$`)
	repoForm      = regexp.MustCompile(`^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*$`)
)

func (c Config) refuseReferences(s *section) {
	for _, name := range sortedKeys(c.Tasks.Secrets) {
		if problem := c.secretProblem(c.Tasks.Secrets[name]); problem != "" {
			// Not the value: whoever sets the secret itself by mistake must not find it in the logs too.
			s.refuse("secrets", "%s: %s", name, problem)
		}
	}
	for _, repository := range c.Tasks.ImageRepositories {
		if !repoForm.MatchString(repository) {
			s.refuse("imageRepositories", "%q is not a repository; allowed: <registry>/<repository>, without tag and digest", repository)
		}
	}
	if problem := c.imageProblem(); problem != "" {
		s.refuse("image", "%s", problem)
	}
}

func (c Config) secretProblem(arn string) string {
	prefix := Product + "/" + c.Stack + "/"
	parts := secretForm.FindStringSubmatch(arn)
	if parts == nil {
		parts = parameterForm.FindStringSubmatch(arn)
	}
	switch {
	case parts == nil:
		return "the value is not an ARN; allowed: the ARN of a Secrets Manager secret or of an SSM parameter, without patterns"
	case parts[1] != c.Region:
		return fmt.Sprintf("it is in %s; allowed: one in %s, where the tasks are", parts[1], c.Region)
	case c.AWSAccountID != "" && parts[2] != c.AWSAccountID:
		return fmt.Sprintf("it belongs to account %s; allowed: one of %s", parts[2], c.AWSAccountID)
	case !strings.HasPrefix(parts[3], prefix):
		return fmt.Sprintf("it is %s; allowed: a name that begins with %s, as the roles of this environment reach no others", parts[3], prefix)
	}
	return ""
}

func (c Config) imageProblem() string {
	if c.Tasks.Image == "" || c.Tasks.Image == NoImage {
		return ""
	}
	parts := imageForm.FindStringSubmatch(c.Tasks.Image)
	if parts == nil {
		return fmt.Sprintf("%q does not name one image for good; allowed: <repository>@sha256:<64 hexadecimal digits>, without a tag", c.Tasks.Image)
	}
	if slices.Contains(c.Tasks.ImageRepositories, parts[1]) {
		return ""
	}
	own := c.Name() + "-backend"
	registry := registryForm.FindStringSubmatch(parts[1])
	if registry == nil || registry[2] != c.Region || registry[3] != own || c.AWSAccountID != "" && registry[1] != c.AWSAccountID {
		return fmt.Sprintf("%s is another repository than %s in %s; allowed: that one, and those of %s:imageRepositories",
			parts[1], own, c.Region, Product)
	}
	return ""
}

// CheckAccount refuses references to another account than the one that the stack is deployed into, which Load does not
// know unless awsAccountId is set.
func (c Config) CheckAccount(id string) error {
	c.AWSAccountID = id
	var errs []error
	for _, name := range sortedKeys(c.Tasks.Secrets) {
		if problem := c.secretProblem(c.Tasks.Secrets[name]); problem != "" {
			errs = append(errs, &Problem{Product + ":secrets", name + ": " + problem})
		}
	}
	if problem := c.imageProblem(); problem != "" {
		errs = append(errs, &Problem{Product + ":image", problem})
	}
	return errors.Join(errs...)
}

// passphraseWarning is for states that others can read too: in S3 the secrets in them need a key that is not a word. A
// stack file that is not there, as with --config-file, says nothing.
func passphraseWarning(p project.Project, backend, stack string) string {
	provider, err := p.SecretsProvider(stack)
	if err != nil || !strings.HasPrefix(backend, "s3://") || strings.HasPrefix(provider, "awskms://") {
		return ""
	}
	return fmt.Sprintf("Pulumi.%s.yaml names no KMS key for the stack's secrets, and the state is in S3, where a passphrase protects them alone: "+
		"pulumi stack change-secrets-provider \"awskms://alias/sentry-pulumi?region=<region>&context_stack=%[1]s\" (go run ./cmd/bootstrap "+
		"makes the key)", stack)
}
