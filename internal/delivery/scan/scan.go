// Package scan says whether ECR's scan of an image has found what must not be released.
package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"sentry/internal/delivery/markdown"
	"sentry/internal/delivery/poll"
)

// Everything accepts whatever a scan finds.
const Everything = "all"

// ECR is what this package needs of the ECR API.
type ECR interface {
	DescribeImageScanFindings(context.Context, *ecr.DescribeImageScanFindingsInput, ...func(*ecr.Options)) (*ecr.DescribeImageScanFindingsOutput, error)
}

var imageForm = regexp.MustCompile(`^[^/\s]+/([^\s@:]+)@(sha256:[0-9a-f]{64})$`)

// Parse takes an image of a registry apart.
func Parse(image string) (repository, digest string, err error) {
	m := imageForm.FindStringSubmatch(image)
	if m == nil {
		return "", "", fmt.Errorf("--image %q; allowed: <registry>/<repository>@sha256:<64 hex digits>", image)
	}
	return m[1], m[2], nil
}

// Scanner asks for the scan that ECR begins when an image is pushed.
type Scanner struct {
	ECR ECR
	Out io.Writer
	// Interval is the pause between two questions, Timeout how long a scan may take.
	Interval, Timeout time.Duration
	// Accepted are the vulnerabilities, such as CVE-2026-1234, that may be released; Everything is all of them.
	Accepted []string
}

// Critical is the error about findings that nobody has accepted.
type Critical struct {
	Image           string
	Vulnerabilities []string
}

const named = 10 // vulnerabilities in an error

func (e *Critical) Error() string {
	names := strings.Join(e.Vulnerabilities[:min(len(e.Vulnerabilities), named)], ", ")
	if more := len(e.Vulnerabilities) - named; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("the scan of %s found critical vulnerabilities: %s. Build it on a newer base, or accept them by their names in the variable "+
		"ACCEPTED_VULNERABILITIES (docs/delivery.md)", e.Image, names)
}

// Check waits for the scan of an image and returns *Critical for what it found. An image that was not scanned is no
// error: ECR knows some systems only, and whoever pushes it has to hear of it. That is said as a warning of the runner's.
func (s Scanner) Check(ctx context.Context, repository, digest string) error {
	found, unknown, err := s.wait(ctx, repository, digest)
	image := repository + "@" + digest
	left := slices.DeleteFunc(slices.Clone(found), func(v string) bool { return slices.Contains(s.Accepted, v) })
	switch {
	case err != nil:
		return err
	case unknown != "":
		fmt.Fprintf(s.Out, "::warning::image %s is released without a scan: %s\n", image, markdown.Plain(unknown))
	case len(found) == 0:
		fmt.Fprintf(s.Out, "The scan of %s found nothing critical.\n", image)
	case len(left) > 0 && !slices.Contains(s.Accepted, Everything):
		return &Critical{image, left}
	default:
		fmt.Fprintf(s.Out, "::warning::image %s is released with critical vulnerabilities, which were accepted: %s\n", image, strings.Join(found, ", "))
	}
	return nil
}

// wait returns what is critical, or why that is not known.
func (s Scanner) wait(ctx context.Context, repository, digest string) (found []string, unknown string, err error) {
	why := "it has not begun"
	err = poll.Until(ctx, s.Interval, s.Timeout, func() (bool, error) {
		var status types.ImageScanStatus
		var err error
		found, status, err = s.findings(ctx, repository, digest)
		var none *types.ScanNotFoundException
		switch {
		case errors.As(err, &none):
			return false, nil // an image that was pushed a moment ago
		case err != nil:
			return false, &poll.Unanswered{Err: err}
		}
		switch status.Status {
		case types.ScanStatusComplete, types.ScanStatusActive:
			unknown = ""
			return true, nil
		case types.ScanStatusInProgress, types.ScanStatusPending:
			why = "it is not done"
			return false, nil
		}
		unknown = strings.TrimSpace(fmt.Sprintf("%s %s", status.Status, aws.ToString(status.Description)))
		return true, nil
	})
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case errors.Is(err, poll.ErrTimeout):
		return nil, fmt.Sprintf("%s after %s", why, s.Timeout), nil
	case err != nil:
		return nil, fmt.Sprintf("ECR did not answer (%v); if it may not, run bootstrap again", err), nil
	}
	return found, unknown, nil
}

// findings are the names of what is critical, from all pages.
func (s Scanner) findings(ctx context.Context, repository, digest string) ([]string, types.ImageScanStatus, error) {
	var found []string
	var status types.ImageScanStatus
	counted := 0
	in := &ecr.DescribeImageScanFindingsInput{RepositoryName: &repository, ImageId: &types.ImageIdentifier{ImageDigest: &digest}, MaxResults: aws.Int32(1000)}
	for {
		out, err := s.ECR.DescribeImageScanFindings(ctx, in)
		if err != nil {
			return nil, status, err
		}
		if out.ImageScanStatus != nil {
			status = *out.ImageScanStatus
		}
		if list := out.ImageScanFindings; list != nil {
			counted = max(counted, int(list.FindingSeverityCounts[string(types.FindingSeverityCritical)]))
			found = append(found, critical(list)...)
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	if len(found) == 0 && counted > 0 {
		found = []string{fmt.Sprintf("%d without a name", counted)} // which nobody can accept by it
	}
	slices.Sort(found)
	return slices.Compact(found), status, nil
}

func critical(list *types.ImageScanFindings) []string {
	var found []string
	for _, f := range list.Findings { // of basic scanning
		if f.Severity == types.FindingSeverityCritical {
			found = append(found, markdown.Plain(aws.ToString(f.Name)))
		}
	}
	for _, f := range list.EnhancedFindings { // of Amazon Inspector
		if aws.ToString(f.Severity) == string(types.FindingSeverityCritical) && f.PackageVulnerabilityDetails != nil {
			found = append(found, markdown.Plain(aws.ToString(f.PackageVulnerabilityDetails.VulnerabilityId)))
		}
	}
	return found
}
