package account

import (
	"strings"

	"sentry/internal/aws"
)

// Existing is a resource whose name in AWS is known beforehand: creating it twice fails, so what an
// interrupted run created without recording it has to be found and imported.
type Existing struct {
	// Token and Name are the resource's in the program.
	Token, Name string
	// Physical is its name in AWS; a key has none, and is known by its description.
	Physical string
}

// ImportKey is the key in [Config.Imports].
func (e Existing) ImportKey() string { return e.Token + "::" + e.Name }

// Named are all such resources but the OIDC provider, which may be something else's. What is not here (a
// bucket's settings, a policy's attachment) AWS lets anyone say twice.
func Named(bucket string, environments []Environment) []Existing {
	found := []Existing{
		{TokenBucket, Project + "-state", bucket},
		{TokenAlias, Project + "-secrets", keyAlias},
		{TokenKey, Project + "-secrets", KeyDescription},
	}
	role := func(logical, physical string, files ...string) {
		found = append(found, Existing{TokenRole, logical, physical})
		for _, file := range files {
			found = append(found, Existing{TokenPolicy, logical + "-" + file, physical + "-" + file})
		}
	}
	for _, e := range environments {
		role(Project+"-preview-"+e.Name, PreviewRole(e.Name), previewPolicies...)
		role(Project+"-deploy-"+e.Name, DeployRole(e.Name), deployPolicies...)
		for end, physical := range taskRoles(e.Name) {
			role(Project+"-"+e.Name+"-"+end, physical)
		}
		found = append(found, Existing{TokenPolicy, Project + "-" + e.Name + "-boundary", BoundaryName(e.Name)})
	}
	return found
}

// DeploysTo is the environment whose deploy role a resource of this program is, if it is one.
func DeploysTo(token, logical string) (environment string, ok bool) {
	environment, ok = strings.CutPrefix(logical, Project+"-deploy-")
	return environment, ok && token == TokenRole
}

// Buckets are the names of an environment's buckets.
func Buckets(e Environment, account string) []string {
	buckets := names{Place{Account: account}, e}.owned(aws.S3Bucket)
	for i, arn := range buckets {
		buckets[i] = arn[strings.LastIndex(arn, ":")+1:]
	}
	return buckets
}

// The types of what is found again.
const (
	TokenBucket   = aws.S3Bucket
	TokenAlias    = aws.KMSAlias
	TokenKey      = aws.KMSKey
	TokenRole     = aws.IAMRole
	TokenPolicy   = aws.IAMPolicy
	tokenProvider = aws.IAMOpenIDConnectProvider
)

// OIDCProvider is GitHub's provider; its name in AWS is its URL.
var OIDCProvider = Existing{tokenProvider, Project + "-oidc", "https://" + oidcHost}

// OIDCAudience is what GitHub's tokens for AWS are made out to.
const OIDCAudience = oidcAudience

// ProjectTag is the value of the tag Project on everything here.
const ProjectTag = product
