// Package shipped knows what earlier deployments shipped, so that what one environment ran is what the next one gets:
// built once.
//
// What it trusts is narrow, because whatever a run executes (the program of a branch, the packages of a front end)
// could leave artifacts behind that look like another's. A run says by its name, which its workflow on main gives it,
// which commit it deployed; only runs of the very commit that is deployed now are looked at. Which artifact was
// shipped, the deploying job itself says in a notice: a job can write notices of its own only.
package shipped

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sentry/internal/delivery/github"
)

// Titles of the notices.
const (
	imageTitle = "Shipped image"
	siteTitle  = "Shipped site"
)

// Image is what a back end's deployment shipped.
type Image struct {
	Application string // <owner>/<repository>@<commit>
	Platform    string // such as linux/amd64
	Digest      string // sha256:<64 hex digits>
	Artifact    int64  // with the image's archive
	Run         int64  // that has the artifact
}

// Site is what a front end's deployment shipped.
type Site struct {
	Application string
	APIURL      string // that is built in
	Artifact    int64
	Run         int64
}

// Notice is a notice for the job's log.
func (i Image) Notice() string {
	return notice(imageTitle, fmt.Sprintf("%s for %s is %s, artifact %d of run %d", i.Application, i.Platform, i.Digest, i.Artifact, i.Run))
}

// Notice is a notice for the job's log.
func (s Site) Notice() string {
	return notice(siteTitle, fmt.Sprintf("%s for API %q, artifact %d of run %d", s.Application, s.APIURL, s.Artifact, s.Run))
}

// notice is the runner's command; https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
func notice(title, message string) string {
	return "::notice title=" + title + "::" + strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(message)
}

var (
	imageForm = regexp.MustCompile(`^([\w.-]+/[\w.-]+@[0-9a-f]{40}) for (linux/\w+) is (sha256:[0-9a-f]{64}), artifact (\d+) of run (\d+)$`)
	siteForm  = regexp.MustCompile(`^([\w.-]+/[\w.-]+@[0-9a-f]{40}) for API ("[^\s]*"), artifact (\d+) of run (\d+)$`)
	runTitle  = regexp.MustCompile(`^Deploy (\S+) ([0-9a-f]{40})$`)
)

// Workflow is the file of the workflow that deploys an environment.
func Workflow(environment string) string { return "deploy-" + environment + ".yml" }

// runs are the successful deployments of an environment whose commit is certain, newest first.
func runs(ctx context.Context, client *github.Client, environment string) ([]github.Run, error) {
	all, err := client.Runs(ctx, Workflow(environment), "success", 100)
	if err != nil {
		return nil, fmt.Errorf("ask for the deployments of %s: %w", environment, err)
	}
	certain := slices.DeleteFunc(all, func(r github.Run) bool {
		return r.HeadBranch != "main" || r.Path != ".github/workflows/"+Workflow(environment) || commitOf(r, environment) == ""
	})
	slices.SortStableFunc(certain, func(a, b github.Run) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	return certain, nil
}

// commitOf is the commit in the name of a run; empty for a run of a branch, whose commit then nobody can tell.
func commitOf(r github.Run, environment string) string {
	m := runTitle.FindStringSubmatch(r.Title)
	if m == nil || m[1] != environment {
		return ""
	}
	return m[2]
}

// Last is the commit that was deployed to an environment last, with success, and whether any deployment was. The commit
// is empty when the last deployment was of a branch.
func Last(ctx context.Context, client *github.Client, environment string) (commit string, deployed bool, err error) {
	all, err := client.Runs(ctx, Workflow(environment), "success", 100)
	if err != nil || len(all) == 0 {
		return "", false, err
	}
	// Not always the newest: an older run may have been started again.
	last := slices.MaxFunc(all, func(a, b github.Run) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
	return commitOf(last, environment), true, nil
}

// Wanted is what is to be deployed.
type Wanted struct {
	Commit      string // of this repository
	Application string
	Platform    string
	APIURL      string
	// BackendJob and FrontendJob are the jobs whose notices count.
	BackendJob, FrontendJob string
}

// Find looks for what was shipped for the same commits, in the environments in order. An image or a site that was not
// found, or whose artifact is gone, is nil. An image that was shipped to the first environment needs no artifact: its
// repository has it.
func Find(ctx context.Context, client *github.Client, want Wanted, environments ...string) (image *Image, site *Site, err error) {
	for at, environment := range environments {
		list, err := runs(ctx, client, environment)
		if err != nil {
			return nil, nil, err
		}
		for _, run := range list {
			if commitOf(run, environment) != want.Commit {
				continue
			}
			jobs, err := client.Jobs(ctx, run.ID)
			if err != nil {
				return nil, nil, err
			}
			for _, job := range jobs {
				switch {
				case job.Conclusion != "success":
				case job.ShortName() == want.BackendJob && image == nil:
					if image, err = findImage(ctx, client, want, job, at == 0); err != nil {
						return nil, nil, err
					}
				case job.ShortName() == want.FrontendJob && site == nil:
					if site, err = findSite(ctx, client, want, job); err != nil {
						return nil, nil, err
					}
				}
			}
		}
	}
	return image, site, nil
}

func findImage(ctx context.Context, client *github.Client, want Wanted, job github.Job, own bool) (*Image, error) {
	notices, err := client.Notices(ctx, job)
	if err != nil {
		return nil, err
	}
	m := imageForm.FindStringSubmatch(notices[imageTitle])
	if m == nil || m[1] != want.Application || m[2] != want.Platform {
		return nil, nil
	}
	found := &Image{Application: m[1], Platform: m[2], Digest: m[3], Artifact: number(m[4]), Run: number(m[5])}
	there, err := client.HasArtifact(ctx, found.Run, found.Artifact)
	switch {
	case err != nil:
		return nil, err
	case !there && !own:
		return nil, nil
	case !there:
		found.Artifact, found.Run = 0, 0
	}
	return found, nil
}

func findSite(ctx context.Context, client *github.Client, want Wanted, job github.Job) (*Site, error) {
	notices, err := client.Notices(ctx, job)
	if err != nil {
		return nil, err
	}
	m := siteForm.FindStringSubmatch(notices[siteTitle])
	if m == nil || m[1] != want.Application {
		return nil, nil
	}
	apiURL, err := strconv.Unquote(m[2])
	if err != nil || apiURL != want.APIURL {
		return nil, nil //nolint:nilerr // a text that nobody here wrote says nothing
	}
	found := &Site{Application: m[1], APIURL: apiURL, Artifact: number(m[3]), Run: number(m[4])}
	there, err := client.HasArtifact(ctx, found.Run, found.Artifact)
	if err != nil || !there {
		return nil, err
	}
	return found, nil
}

func number(digits string) int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0 // too long to be an id
	}
	return n
}
