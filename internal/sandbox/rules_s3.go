package sandbox

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func checkBucket(c *call) error {
	name := c.in.str("bucket")
	if name == "" {
		return nil
	}
	_, notIP := netip.ParseAddr(name)
	if !bucketName.MatchString(name) || strings.Contains(name, "..") || notIP == nil || strings.HasPrefix(name, "xn--") ||
		strings.HasPrefix(name, "sthree-") || strings.HasSuffix(name, "-s3alias") || strings.HasSuffix(name, "--ol-s3") {
		return fmt.Errorf("InvalidBucketName: The specified bucket is not valid: %q", name)
	}
	return nil
}

func applyBucket(c *call) error {
	if c.self == nil && slices.Contains(c.cloud.foreign, c.in.str("bucket")) {
		return errors.New("BucketAlreadyExists: The requested bucket name is not available. The bucket namespace is shared by all " +
			"users of the system. Please select a different name and try again.")
	}
	return nil
}

func removeBucket(c *call) error {
	if c.self.Filled && !c.out.yes("forceDestroy") {
		return errors.New("BucketNotEmpty: The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
	}
	return nil
}

func checkBucketPolicy(c *call) error {
	d, err := c.policyOf("policy", policy.Resource, malformedS3)
	if err != nil {
		return err
	}
	bucket := c.in.str("bucket")
	for _, s := range d.Statement {
		for _, r := range slices.Concat(s.Resource, s.NotResource) {
			if name, _, _ := strings.Cut(strings.TrimPrefix(r, "arn:aws:s3:::"), "/"); bucket != "" && name != bucket {
				return fmt.Errorf("%s: Policy has invalid resource (%s)", malformedS3, r)
			}
		}
	}
	return nil
}

func applyBucketPolicy(c *call) error {
	d, err := c.policyOf("policy", policy.Resource, malformedS3)
	if err := errors.Join(err, c.principals(d, malformedS3)); err != nil {
		return err
	}
	// A new bucket blocks public policies until told otherwise.
	block := c.find(aws.S3BucketPublicAccessBlock, c.in.str("bucket"))
	if block != nil && !block.Props.yes("blockPublicPolicy") {
		return nil
	}
	for _, s := range d.Statement {
		everybody := s.Principal.Everyone || slices.Contains(s.Principal.AWS, "*")
		if s.Effect == "Allow" && everybody && len(s.Condition) == 0 {
			return fmt.Errorf("AccessDenied: User: arn:aws:iam::%s:user/sandbox is not authorized to perform: s3:PutBucketPolicy on resource: "+
				"\"arn:aws:s3:::%s\" because public policies are blocked by the BlockPublicPolicy block public access setting.",
				AccountID, c.in.str("bucket"))
		}
	}
	return nil
}

func checkWebsite(c *call) error {
	if !c.in.has("indexDocument") && !c.in.has("redirectAllRequestsTo") {
		return errors.New(`one of "indexDocument" and "redirectAllRequestsTo" must be specified`)
	}
	return nil
}
