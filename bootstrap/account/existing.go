package account

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
		{tokenBucket, Project + "-state", bucket},
		{tokenAlias, Project + "-secrets", keyAlias},
		{tokenKey, Project + "-secrets", KeyDescription},
	}
	role := func(logical, physical string, files ...string) {
		found = append(found, Existing{tokenRole, logical, physical})
		for _, file := range files {
			found = append(found, Existing{tokenPolicy, logical + "-" + file, physical + "-" + file})
		}
	}
	for _, e := range environments {
		role(Project+"-preview-"+e.Name, PreviewRole(e.Name), previewPolicies...)
		role(Project+"-deploy-"+e.Name, DeployRole(e.Name), deployPolicies...)
		found = append(found, Existing{tokenPolicy, Project + "-" + e.Name + "-boundary", BoundaryName(e.Name)})
	}
	return found
}

// The types of what is found again.
const (
	tokenBucket   = "aws:s3/bucketV2:BucketV2"
	tokenAlias    = "aws:kms/alias:Alias"
	tokenKey      = "aws:kms/key:Key"
	tokenRole     = "aws:iam/role:Role"
	tokenPolicy   = "aws:iam/policy:Policy"
	tokenProvider = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
)

// OIDCProvider is GitHub's provider; its name in AWS is its URL.
var OIDCProvider = Existing{tokenProvider, Project + "-oidc", "https://" + oidcHost}

// OIDCAudience is what GitHub's tokens for AWS are made out to.
const OIDCAudience = oidcAudience

// ProjectTag is the value of the tag Project on everything here.
const ProjectTag = product
