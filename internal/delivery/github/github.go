// Package github is the little of GitHub's REST API that the delivery commands need: one comment or issue kept up to
// date, how an environment is protected, and what the runs and jobs of a workflow do and have done.
package github

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Client talks to one repository.
type Client struct {
	// API is the base address, https://api.github.com unless GITHUB_API_URL says otherwise.
	API string
	// Repository is "owner/name".
	Repository string
	Token      string
	HTTP       *http.Client
}

var repositoryName = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`)

// New reads the variables that GitHub Actions sets, through getenv. It is an error when
// GITHUB_REPOSITORY is not "owner/name" or GITHUB_TOKEN is empty.
func New(getenv func(string) string) (*Client, error) {
	c := &Client{
		API: cmp.Or(getenv("GITHUB_API_URL"), "https://api.github.com"), Repository: getenv("GITHUB_REPOSITORY"), Token: getenv("GITHUB_TOKEN"),
		HTTP: &http.Client{Timeout: 30 * time.Second},
	}
	if !repositoryName.MatchString(c.Repository) {
		return nil, fmt.Errorf("GITHUB_REPOSITORY %q; allowed: <owner>/<repo>", c.Repository)
	}
	if c.Token == "" {
		return nil, errors.New("GITHUB_TOKEN is empty: set it to a token that may read the repository's actions (in a workflow: ${{ github.token }})")
	}
	return c, nil
}

// tries is how often a question is asked that gets no answer: a bad gateway must not fail a deployment.
const tries = 4

// do sends a request and decodes the answer into out, when out is not nil. Only questions are asked again.
func (c *Client) do(ctx context.Context, method, path string, body, out any) error {
	for try := 1; ; try++ {
		err := c.once(ctx, method, path, body, out)
		var status *StatusError
		temporary := err != nil && (!errors.As(err, &status) || status.Status >= 500 || status.Status == http.StatusTooManyRequests)
		if !temporary || method != http.MethodGet || try == tries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(try) * time.Second):
		}
	}
}

func (c *Client) once(ctx context.Context, method, path string, body, out any) error {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.API, "/")+"/repos/"+c.Repository+path, payload)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	req.Header.Set("Authorization", "Bearer "+c.Token)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= 300 {
		var problem struct {
			Message string `json:"message"`
		}
		_ = json.Unmarshal(raw, &problem) // an answer that is no JSON leaves the status, which says enough
		return &StatusError{Method: method, Path: path, Status: res.StatusCode, Message: problem.Message}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what the API documents: %w", method, path, err)
	}
	return nil
}

// StatusError is an answer that says no.
type StatusError struct {
	Method, Path string
	Status       int
	Message      string
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("GitHub: %s %s: %d %s", e.Method, e.Path, e.Status, cmp.Or(e.Message, http.StatusText(e.Status)))
	if e.Status == http.StatusForbidden {
		text += " (does the job's permissions: block allow it?)"
	}
	return text
}

// IsNotFound says whether the answer was that there is no such thing, or none that the token may see.
func IsNotFound(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound
}

const perPage = 100

// Protection is what stands between a run and an environment.
type Protection struct {
	Exists bool
	// Reviewed is set when somebody has to approve.
	Reviewed bool
	// Restricted is set when the environment admits branches by their names only. "Protected branches only" admits every
	// branch while none is protected, so it does not count.
	Restricted bool
}

// Protection asks how an environment is protected.
// https://docs.github.com/en/rest/deployments/environments#get-an-environment
func (c *Client) Protection(ctx context.Context, environment string) (Protection, error) {
	var found struct {
		Rules []struct {
			Type      string            `json:"type"`
			Reviewers []json.RawMessage `json:"reviewers"`
		} `json:"protection_rules"`
		Branches *struct {
			ByName bool `json:"custom_branch_policies"`
		} `json:"deployment_branch_policy"`
	}
	path := "/environments/" + url.PathEscape(environment)
	err := c.do(ctx, http.MethodGet, path, nil, &found)
	if IsNotFound(err) {
		return Protection{}, nil
	}
	if err != nil {
		return Protection{}, err
	}
	p := Protection{Exists: true}
	for _, rule := range found.Rules {
		p.Reviewed = p.Reviewed || rule.Type == "required_reviewers" && len(rule.Reviewers) > 0
	}
	if found.Branches != nil && found.Branches.ByName {
		p.Restricted, err = c.restricted(ctx, path)
	}
	return p, err
}

// restricted says whether the names that an environment admits are not those of all branches.
// https://docs.github.com/en/rest/deployments/branch-policies#list-deployment-branch-policies
func (c *Client) restricted(ctx context.Context, environment string) (bool, error) {
	var admitted struct {
		Policies []struct {
			Name string `json:"name"`
		} `json:"branch_policies"`
	}
	path := fmt.Sprintf("%s/deployment-branch-policies?per_page=%d", environment, perPage)
	if err := c.do(ctx, http.MethodGet, path, nil, &admitted); err != nil {
		return false, err
	}
	for _, policy := range admitted.Policies {
		if strings.Trim(policy.Name, "*/") == "" { // *, **, */*
			return false, nil
		}
	}
	return true, nil
}

// comment is an issue comment; GitHub's pull requests are issues too.
type comment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User struct {
		Type string `json:"type"`
	} `json:"user"`
}

// UpsertComment replaces the comment of a bot on a pull request or issue that starts with
// marker, or adds one. Comments of people are never touched, even with the marker in them.
func (c *Client) UpsertComment(ctx context.Context, number int, marker, body string) error {
	if !strings.HasPrefix(body, marker) {
		return fmt.Errorf("the comment does not start with its marker %q: it would not be found again", marker)
	}
	for page := 1; ; page++ {
		var list []comment
		if err := c.do(ctx, http.MethodGet, fmt.Sprintf("/issues/%d/comments?per_page=%d&page=%d", number, perPage, page), nil, &list); err != nil {
			return err
		}
		for _, found := range list {
			if found.User.Type == "Bot" && strings.HasPrefix(found.Body, marker) {
				return c.do(ctx, http.MethodPatch, fmt.Sprintf("/issues/comments/%d", found.ID), map[string]string{"body": body}, nil)
			}
		}
		if len(list) < perPage {
			break
		}
	}
	return c.do(ctx, http.MethodPost, fmt.Sprintf("/issues/%d/comments", number), map[string]string{"body": body}, nil)
}

// Issue is an issue of the repository.
type Issue struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	// PullRequest is set when the issue is one.
	PullRequest *struct{} `json:"pull_request"`
	User        struct {
		Type string `json:"type"`
	} `json:"user"`
}

// UpsertIssue opens an issue, or replaces the text of the open one whose body starts
// with marker. It returns the issue's number.
func (c *Client) UpsertIssue(ctx context.Context, marker, title, body string) (int, error) {
	if !strings.HasPrefix(body, marker) {
		return 0, fmt.Errorf("the issue does not start with its marker %q: it would not be found again", marker)
	}
	found, err := c.findIssue(ctx, marker)
	if err != nil {
		return 0, err
	}
	content := map[string]string{"title": title, "body": body}
	if found != nil {
		return found.Number, c.do(ctx, http.MethodPatch, fmt.Sprintf("/issues/%d", found.Number), content, nil)
	}
	var made Issue
	err = c.do(ctx, http.MethodPost, "/issues", content, &made)
	return made.Number, err
}

// CloseIssue closes the open issue whose body starts with marker, saying why. It returns
// the issue's number, 0 when there was none.
func (c *Client) CloseIssue(ctx context.Context, marker, why string) (int, error) {
	found, err := c.findIssue(ctx, marker)
	if err != nil || found == nil {
		return 0, err
	}
	if err := c.do(ctx, http.MethodPost, fmt.Sprintf("/issues/%d/comments", found.Number), map[string]string{"body": why}, nil); err != nil {
		return 0, err
	}
	return found.Number, c.do(ctx, http.MethodPatch, fmt.Sprintf("/issues/%d", found.Number), map[string]string{"state": "closed", "state_reason": "completed"}, nil)
}

func (c *Client) findIssue(ctx context.Context, marker string) (*Issue, error) {
	for page := 1; ; page++ {
		var list []Issue
		if err := c.do(ctx, http.MethodGet, fmt.Sprintf("/issues?state=open&per_page=%d&page=%d", perPage, page), nil, &list); err != nil {
			return nil, err
		}
		for _, i := range list {
			if i.PullRequest == nil && i.User.Type == "Bot" && strings.HasPrefix(i.Body, marker) {
				return &i, nil
			}
		}
		if len(list) < perPage {
			return nil, nil
		}
	}
}

// PullRequestOf finds the open pull request whose head is exactly this commit of this
// branch of this owner's repository; 0 when there is none (any more). An event about a
// fork's run does not name its pull request, and what the run itself says is not trusted.
func (c *Client) PullRequestOf(ctx context.Context, owner, branch, sha string) (int, error) {
	var list []struct {
		Number int `json:"number"`
		Head   struct {
			SHA string `json:"sha"`
		} `json:"head"`
	}
	query := url.Values{"state": {"open"}, "head": {owner + ":" + branch}, "per_page": {"100"}}
	if err := c.do(ctx, http.MethodGet, "/pulls?"+query.Encode(), nil, &list); err != nil {
		return 0, err
	}
	for _, pr := range list {
		if pr.Head.SHA == sha {
			return pr.Number, nil
		}
	}
	return 0, nil
}
