package config

import "regexp"

// Buckets shape the buckets.
type Buckets struct {
	// Suffix ends the buckets' names; empty stands for the account id.
	Suffix string
	// PublicFrontend opens the frontend bucket to the world as a website.
	PublicFrontend bool
	// CORSOrigins are the sites whose scripts may read from and upload to artifacts and clips.
	CORSOrigins []string
	// ObjectRoles are the ARNs of roles that may use objects in artifacts and clips like the task role, such as a
	// backup's.
	ObjectRoles []string
}

// BucketName is a bucket's name in an environment, whose name begins it; unique in the whole world by its suffix (F9).
func BucketName(environment, purpose, suffix string) string {
	return environment + "-" + purpose + "-" + suffix
}

// maxBucketName is S3's limit, in characters.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const maxBucketName = 63

var (
	suffixForm = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)
	originForm = regexp.MustCompile(`^https?://[a-z0-9.-]+(:[0-9]{1,5})?$`)
	roleForm   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`)
)

func readBuckets(s *section, environment string) Buckets {
	buckets := Buckets{
		Suffix:         s.text("bucketSuffix"),
		PublicFrontend: s.boolean("publicFrontend"),
		CORSOrigins:    s.list("corsOrigins"),
		ObjectRoles:    s.list("objectRoles"),
	}
	for _, origin := range buckets.CORSOrigins {
		if !originForm.MatchString(origin) {
			s.refuse("corsOrigins", "%q is not an origin; allowed: scheme, host and perhaps a port, such as https://app.example.com", origin)
		}
	}
	for _, role := range buckets.ObjectRoles {
		if !roleForm.MatchString(role) {
			s.refuse("objectRoles", "%q is not the ARN of a role; allowed: arn:aws:iam::<account>:role/<name>", role)
		}
	}
	longest := BucketName(environment, "artifacts", buckets.Suffix)
	switch {
	case buckets.Suffix == "":
	case !suffixForm.MatchString(buckets.Suffix):
		s.refuse("bucketSuffix", "%q cannot end a bucket's name; allowed: lower-case letters, digits and single hyphens between them", buckets.Suffix)
	case len(longest) > maxBucketName:
		s.refuse("bucketSuffix", "%q makes the bucket name %s, %d characters long; allowed: %d",
			buckets.Suffix, longest, len(longest), maxBucketName)
	}
	return buckets
}
