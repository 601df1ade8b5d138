package sandbox

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/aws"
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
	text, bucket := c.in.str("policy"), c.in.str("bucket")
	if text == "" {
		return nil
	}
	d, err := parsePolicy(text)
	if err != nil {
		return err
	}
	for _, s := range d.Statement {
		if s.Principal == nil && s.NotPrincipal == nil {
			return errors.New("MalformedPolicy: Missing required field Principal")
		}
		for _, r := range append(list(s.Resource), list(s.NotResource)...) {
			if name, _, _ := strings.Cut(strings.TrimPrefix(r, "arn:aws:s3:::"), "/"); bucket != "" && name != bucket {
				return fmt.Errorf("MalformedPolicy: Policy has invalid resource (%s)", r)
			}
		}
		if s.Resource == nil && s.NotResource == nil {
			return errors.New("MalformedPolicy: Missing required field Resource")
		}
	}
	return nil
}

func applyBucketPolicy(c *call) error {
	if err := c.principals("policy"); err != nil {
		return err
	}
	d, err := parsePolicy(c.in.str("policy"))
	if err != nil {
		return err
	}
	// A new bucket blocks public policies until told otherwise.
	block := c.find(aws.S3BucketPublicAccessBlock, c.in.str("bucket"))
	if block != nil && !block.Props.yes("blockPublicPolicy") {
		return nil
	}
	for _, s := range d.Statement {
		who, _ := s.Principal.(map[string]any)
		everybody := s.Principal == "*" || slices.Contains(list(who["AWS"]), "*")
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
