package scan_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/scan"
)

// answers are given one after the other, the last one for ever.
type answers []any

func (a *answers) DescribeImageScanFindings(_ context.Context, in *ecr.DescribeImageScanFindingsInput, _ ...func(*ecr.Options)) (*ecr.DescribeImageScanFindingsOutput, error) {
	next := (*a)[0]
	if len(*a) > 1 {
		*a = (*a)[1:]
	}
	if err, isError := next.(error); isError {
		return nil, err
	}
	out, _ := next.(*ecr.DescribeImageScanFindingsOutput)
	if aws.ToString(in.RepositoryName) != "sentry-staging-backend" || aws.ToString(in.ImageId.ImageDigest) != "sha256:1" {
		return nil, errors.New("another image is asked for")
	}
	return out, nil
}

func status(s types.ScanStatus) *ecr.DescribeImageScanFindingsOutput {
	return &ecr.DescribeImageScanFindingsOutput{ImageScanStatus: &types.ImageScanStatus{Status: s, Description: aws.String("because")}}
}

func found(severity types.FindingSeverity, names ...string) *ecr.DescribeImageScanFindingsOutput {
	out := status(types.ScanStatusComplete)
	out.ImageScanFindings = &types.ImageScanFindings{}
	for _, name := range names {
		out.ImageScanFindings.Findings = append(out.ImageScanFindings.Findings, types.ImageScanFinding{Name: aws.String(name), Severity: severity})
	}
	return out
}

func inspected(name string) *ecr.DescribeImageScanFindingsOutput {
	out := status(types.ScanStatusActive)
	out.ImageScanFindings = &types.ImageScanFindings{EnhancedFindings: []types.EnhancedImageScanFinding{{
		Severity: aws.String("CRITICAL"), PackageVulnerabilityDetails: &types.PackageVulnerabilityDetails{VulnerabilityId: aws.String(name)},
	}}}
	return out
}

func counted(n int32) *ecr.DescribeImageScanFindingsOutput {
	out := status(types.ScanStatusComplete)
	out.ImageScanFindings = &types.ImageScanFindings{FindingSeverityCounts: map[string]int32{"CRITICAL": n}}
	return out
}

// both is what ECR answers in truth: the counts, and a page of names.
func both(n int32, name string) *ecr.DescribeImageScanFindingsOutput {
	out := counted(n)
	out.ImageScanFindings.Findings = found(types.FindingSeverityCritical, name).ImageScanFindings.Findings
	return out
}

// noteworthy is a finding of Amazon Inspector that is not about a package, and one that is not critical.
func noteworthy() *ecr.DescribeImageScanFindingsOutput {
	out := inspected("CVE-2026-4")
	out.ImageScanFindings.EnhancedFindings[0].Severity = aws.String("HIGH")
	out.ImageScanFindings.EnhancedFindings = append(out.ImageScanFindings.EnhancedFindings, types.EnhancedImageScanFinding{Severity: aws.String("CRITICAL")})
	return out
}

func paged(name string) *ecr.DescribeImageScanFindingsOutput {
	out := found(types.FindingSeverityCritical, name)
	out.NextToken = aws.String("more")
	return out
}

func check(t *testing.T, accepted string, all ...any) (said string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		given := answers(all)
		var out bytes.Buffer
		s := scan.Scanner{ECR: &given, Out: &out, Interval: 5 * time.Second, Timeout: 5 * time.Minute, Accepted: strings.Fields(accepted)}
		err = s.Check(t.Context(), "sentry-staging-backend", "sha256:1")
		said = out.String()
	})
	return said, err
}

func TestCriticalFindingsStopARelease(t *testing.T) {
	for what, c := range map[string]struct {
		accepted string
		answers  []any
		found    []string
	}{
		"basic scanning":            {"", []any{found(types.FindingSeverityCritical, "CVE-2026-2", "CVE-2026-1", "CVE-2026-1")}, []string{"CVE-2026-1", "CVE-2026-2"}},
		"Amazon Inspector":          {"", []any{inspected("CVE-2026-3")}, []string{"CVE-2026-3"}},
		"a second page":             {"", []any{paged("CVE-2026-1"), found(types.FindingSeverityCritical, "CVE-2026-2")}, []string{"CVE-2026-1", "CVE-2026-2"}},
		"others were accepted":      {"CVE-2026-1", []any{found(types.FindingSeverityCritical, "CVE-2026-1", "CVE-2026-2")}, []string{"CVE-2026-2"}},
		"a name that is a part":     {"CVE-2026-1", []any{found(types.FindingSeverityCritical, "CVE-2026-10")}, []string{"CVE-2026-10"}},
		"counted, and not named":    {"CVE-2026-1", []any{counted(3)}, []string{"3 without a name"}},
		"after the scan has begun":  {"", []any{&types.ScanNotFoundException{}, status(types.ScanStatusInProgress), found(types.FindingSeverityCritical, "CVE-2026-1")}, []string{"CVE-2026-1"}},
		"named and counted":         {"", []any{both(2, "CVE-2026-1")}, []string{"CVE-2026-1"}},
		"after an answer that fell": {"", []any{errors.New("bad gateway"), found(types.FindingSeverityCritical, "CVE-2026-1")}, []string{"CVE-2026-1"}},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := check(t, c.accepted, c.answers...)
			var critical *scan.Critical
			require.ErrorAs(t, err, &critical, "what is known to be broken is released")
			assert.Equal(t, c.found, critical.Vulnerabilities)
			assert.ErrorContains(t, err, "sentry-staging-backend@sha256:1 found critical vulnerabilities: "+c.found[0])
			assert.ErrorContains(t, err, "ACCEPTED_VULNERABILITIES")
		})
	}
}

func TestWhatIsReleasedAllTheSame(t *testing.T) {
	for what, c := range map[string]struct {
		accepted string
		answer   any
		said     string
	}{
		"nothing":          {"", found(types.FindingSeverityHigh, "CVE-2026-1"), "The scan of sentry-staging-backend@sha256:1 found nothing critical.\n"},
		"of no package":    {"", noteworthy(), "found nothing critical.\n"},
		"accepted":         {"CVE-2026-0 CVE-2026-1", found(types.FindingSeverityCritical, "CVE-2026-1"), "::warning::image sentry-staging-backend@sha256:1 is released with critical vulnerabilities, which were accepted: CVE-2026-1\n"},
		"all accepted":     {"all", counted(2), "accepted: 2 without a name\n"},
		"not scannable":    {"", status(types.ScanStatusUnsupportedImage), "::warning::image sentry-staging-backend@sha256:1 is released without a scan: UNSUPPORTED_IMAGE because\n"},
		"never begun":      {"", &types.ScanNotFoundException{}, "released without a scan: it has not begun after 5m0s\n"},
		"never done":       {"", status(types.ScanStatusInProgress), "released without a scan: it is not done after 5m0s\n"},
		"no right to know": {"", errors.New("AccessDeniedException\n::set-output"), "without a scan: ECR did not answer (AccessDeniedException ::set-output); if it may not, run bootstrap again\n"},
	} {
		t.Run(what, func(t *testing.T) {
			said, err := check(t, c.accepted, c.answer)
			require.NoError(t, err)
			assert.Contains(t, said, c.said)
			assert.Equal(t, 1, strings.Count(said, "\n"), "more than one line: the second could be a command to the runner")
		})
	}
}

func TestALongListIsCut(t *testing.T) {
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprintf("CVE-2026-%02d", i))
	}
	_, err := check(t, "", found(types.FindingSeverityCritical, names...))
	require.ErrorContains(t, err, strings.Join(names[:10], ", ")+" and 2 more.")
	_, err = check(t, "", found(types.FindingSeverityCritical, names[:10]...))
	require.ErrorContains(t, err, "CVE-2026-09. Build it")
}

func TestACancelledScanIsNoAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := scan.Scanner{ECR: &answers{status(types.ScanStatusInProgress)}, Out: io.Discard, Interval: time.Hour, Timeout: 2 * time.Hour}
	require.ErrorIs(t, s.Check(ctx, "sentry-staging-backend", "sha256:1"), context.Canceled, "an image goes out because somebody pressed cancel")
}

func TestImagesAreTakenApart(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	repository, got, err := scan.Parse("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/backend@" + digest)
	require.NoError(t, err)
	assert.Equal(t, "team/backend", repository)
	assert.Equal(t, digest, got)
	for _, wrong := range []string{"", "backend@" + digest, "r/backend:tag", "r/backend@sha256:0a", "r/backend:tag@" + digest} {
		_, _, err := scan.Parse(wrong)
		assert.ErrorContains(t, err, "allowed: <registry>/<repository>@sha256:", wrong)
	}
}
