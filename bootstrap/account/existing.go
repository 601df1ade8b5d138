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

// Named are all such resources but the OIDC provider, which may be somebody else's. What is not here (a
// bucket's settings, a policy's attachment) AWS lets anyone say twice.
func Named(bucket string) []Existing {
	found := []Existing{
		{"aws:s3/bucketV2:BucketV2", Project + "-state", bucket},
		{"aws:kms/alias:Alias", Project + "-secrets", keyAlias},
		{"aws:kms/key:Key", Project + "-secrets", KeyDescription},
	}
	role := func(logical, physical string, files ...string) {
		found = append(found, Existing{"aws:iam/role:Role", logical, physical})
		for _, file := range files {
			found = append(found, Existing{"aws:iam/policy:Policy", logical + "-" + file, physical + "-" + file})
		}
	}
	role(Project+"-preview", PreviewRole, previewPolicies...)
	for _, environment := range Environments {
		role(Project+"-deploy-"+environment, DeployRole(environment), deployPolicies...)
		found = append(found, Existing{"aws:iam/policy:Policy", Project + "-" + environment + "-boundary", BoundaryName(environment)})
	}
	return found
}

// OIDCProvider is GitHub's provider; its name in AWS is its URL.
var OIDCProvider = Existing{"aws:iam/openIdConnectProvider:OpenIdConnectProvider", Project + "-oidc", "https://" + oidcHost}

// OIDCAudience is what GitHub's tokens for AWS are made out to.
const OIDCAudience = oidcAudience

// ProjectTag is the value of the tag Project on everything here.
const ProjectTag = product
