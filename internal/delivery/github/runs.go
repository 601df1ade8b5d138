package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// Run is one run of a workflow.
type Run struct {
	ID         int64     `json:"id"`
	Title      string    `json:"display_title"` // run-name, as the workflow's own commit has it
	Status     string    `json:"status"`        // "queued", "in_progress", "waiting", "pending", "completed", …
	Conclusion string    `json:"conclusion"`    // "success", "failure", "cancelled", …; empty while it runs
	HeadBranch string    `json:"head_branch"`   // of the workflow
	Path       string    `json:"path"`          // of the workflow's file
	URL        string    `json:"html_url"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Run is the run with an id.
func (c *Client) Run(ctx context.Context, id int64) (Run, error) {
	var run Run
	err := c.do(ctx, http.MethodGet, fmt.Sprintf("/actions/runs/%d", id), nil, &run)
	return run, err
}

// Runs lists the newest runs of a workflow file, newest first; status filters when not empty.
func (c *Client) Runs(ctx context.Context, workflow, status string, n int) ([]Run, error) {
	query := url.Values{"per_page": {strconv.Itoa(min(n, perPage))}}
	if status != "" {
		query.Set("status", status)
	}
	var out struct {
		Runs []Run `json:"workflow_runs"`
	}
	err := c.do(ctx, http.MethodGet, "/actions/workflows/"+url.PathEscape(workflow)+"/runs?"+query.Encode(), nil, &out)
	if IsNotFound(err) {
		return nil, nil // a workflow that never ran on the default branch is not known yet
	}
	return out.Runs, err
}

// Job is one job of a run, in one attempt.
type Job struct {
	ID          int64      `json:"id"`
	Name        string     `json:"name"` // "caller / job" for a job of a reusable workflow
	RunAttempt  int        `json:"run_attempt"`
	Status      string     `json:"status"`
	Conclusion  string     `json:"conclusion"`
	URL         string     `json:"html_url"`
	CheckRunURL string     `json:"check_run_url"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Steps       []Step     `json:"steps"`
}

// Step is one step of a job.
type Step struct {
	Name       string `json:"name"`
	Conclusion string `json:"conclusion"`
}

// ShortName is the job's own name, without that of the job that called its workflow.
func (j Job) ShortName() string {
	if _, own, called := strings.Cut(j.Name, " / "); called {
		return own
	}
	return j.Name
}

// Jobs lists the jobs of a run, for each name the one of the latest attempt that has it:
// running only the failed jobs again leaves the others in the attempt before.
func (c *Client) Jobs(ctx context.Context, run int64) ([]Job, error) {
	latest := map[string]int{}
	var jobs []Job
	for page := 1; ; page++ {
		var out struct {
			Jobs []Job `json:"jobs"`
		}
		if err := c.do(ctx, http.MethodGet, fmt.Sprintf("/actions/runs/%d/jobs?filter=all&per_page=%d&page=%d", run, perPage, page), nil, &out); err != nil {
			return nil, err
		}
		for _, j := range out.Jobs {
			if i, ok := latest[j.Name]; !ok {
				latest[j.Name] = len(jobs)
				jobs = append(jobs, j)
			} else if j.RunAttempt >= jobs[i].RunAttempt {
				jobs[i] = j
			}
		}
		if len(out.Jobs) < perPage {
			return jobs, nil
		}
	}
}

// Notices are the notices that a job has written, by their titles. No other job can write them.
func (c *Client) Notices(ctx context.Context, j Job) (map[string]string, error) {
	check, err := strconv.ParseInt(path.Base(j.CheckRunURL), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("job %d has the check run %q, which is no address of one", j.ID, j.CheckRunURL)
	}
	var list []struct {
		Level   string `json:"annotation_level"`
		Title   string `json:"title"`
		Message string `json:"message"`
	}
	if err := c.do(ctx, http.MethodGet, fmt.Sprintf("/check-runs/%d/annotations?per_page=%d", check, perPage), nil, &list); err != nil {
		return nil, err
	}
	notices := map[string]string{}
	for _, a := range list {
		if a.Level == "notice" {
			notices[a.Title] = a.Message
		}
	}
	return notices, nil
}

// HasArtifact says whether an artifact of a run can still be fetched.
func (c *Client) HasArtifact(ctx context.Context, run, artifact int64) (bool, error) {
	var found struct {
		Expired bool `json:"expired"`
		Run     struct {
			ID int64 `json:"id"`
		} `json:"workflow_run"`
	}
	err := c.do(ctx, http.MethodGet, fmt.Sprintf("/actions/artifacts/%d", artifact), nil, &found)
	if IsNotFound(err) {
		return false, nil
	}
	return err == nil && !found.Expired && found.Run.ID == run, err
}
