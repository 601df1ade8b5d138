package config

import "regexp"

// Buckets shape the buckets.
type Buckets struct {
	// Suffix ends the buckets' names; empty stands for the account id.
	Suffix string
	// PublicFrontend opens the frontend bucket to the world as a website.
	PublicFrontend bool
}

// BucketName is a bucket's name in an environment, whose name begins it; unique in the whole world by its suffix (F9).
func BucketName(environment, purpose, suffix string) string {
	return environment + "-" + purpose + "-" + suffix
}

// maxBucketName is S3's limit, in characters.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const maxBucketName = 63

var suffixForm = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)

func readBuckets(s *section, environment string) Buckets {
	buckets := Buckets{
		Suffix:         s.text("bucketSuffix"),
		PublicFrontend: s.boolean("publicFrontend"),
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
