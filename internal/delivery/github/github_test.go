package github_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/github"
)

// server plays the part of api.github.com. It notes every change it is asked for.
type server struct {
	t        *testing.T
	comments []map[string]any
	issues   []map[string]any
	pulls    []map[string]any
	jobs     func(asked int) []map[string]any
	asked    int
	changes  []string
	deny     bool
	runs     []map[string]any
	badGates int    // answers status that many times
	badGate  string // answers status to requests of this method
	status   int    // 0 is 502

	environment, artifact string
	branches              []string
	annotations           []map[string]any
}

func page(r *http.Request, list []map[string]any) []map[string]any {
	n, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	p, _ := strconv.Atoi(r.URL.Query().Get("page"))
	p = max(p, 1)
	from := min((p-1)*n, len(list))
	return list[from:min(from+n, len(list))]
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	assert.Equal(s.t, "Bearer token", r.Header.Get("Authorization"))
	assert.Equal(s.t, "2022-11-28", r.Header.Get("X-GitHub-Api-Version"), "what another version answers is not what is read")
	path := strings.TrimPrefix(r.URL.Path, "/repos/octo-org/sentry")
	answer := func(v any) { assert.NoError(s.t, json.NewEncoder(w).Encode(v)) }
	switch {
	case s.deny:
		w.WriteHeader(http.StatusForbidden)
		answer(map[string]string{"message": "Resource not accessible by integration"})
	case s.badGates > 0, s.badGate == r.Method:
		s.badGates = max(s.badGates-1, 0)
		w.WriteHeader(cmp.Or(s.status, http.StatusBadGateway))
		fmt.Fprint(w, "<html>")
	case r.Method != http.MethodGet:
		body, _ := io.ReadAll(r.Body)
		s.changes = append(s.changes, r.Method+" "+path+" "+string(body))
		answer(map[string]any{"number": 77})
	case path == "/issues/5/comments":
		answer(page(r, s.comments))
	case path == "/issues":
		assert.Equal(s.t, "open", r.URL.Query().Get("state"))
		answer(page(r, s.issues))
	case path == "/pulls":
		assert.Equal(s.t, "octo-fork:feature/x", r.URL.Query().Get("head"))
		answer(s.pulls)
	case path == "/actions/runs/9/jobs":
		list := s.jobs(s.asked)
		if r.URL.Query().Get("page") == "1" {
			s.asked++
		}
		answer(map[string]any{"jobs": page(r, list)})
	case path == "/actions/workflows/deploy-production.yml/runs":
		answer(map[string]any{"workflow_runs": s.runs})
	case path == "/actions/runs/2":
		answer(s.runs[0])
	case path == "/environments/production" && s.environment != "":
		fmt.Fprint(w, s.environment)
	case path == "/environments/production/deployment-branch-policies" && s.branches != nil:
		policies := []any{}
		for _, name := range s.branches {
			policies = append(policies, map[string]string{"name": name})
		}
		answer(map[string]any{"branch_policies": policies})
	case path == "/actions/artifacts/5" && s.artifact != "":
		fmt.Fprint(w, s.artifact)
	case path == "/check-runs/77/annotations":
		answer(s.annotations)
	default:
		w.WriteHeader(http.StatusNotFound)
		answer(map[string]string{"message": "Not Found"})
	}
}

func (s *server) client(t *testing.T) *github.Client {
	t.Helper()
	s.t = t
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	env := map[string]string{"GITHUB_API_URL": web.URL, "GITHUB_REPOSITORY": "octo-org/sentry", "GITHUB_TOKEN": "token"}
	c, err := github.New(func(k string) string { return env[k] })
	require.NoError(t, err)
	return c
}

const marker = "<!-- sentry-preview:staging -->"

func bot(id int, body string) map[string]any {
	return map[string]any{"id": id, "number": id, "body": body, "user": map[string]string{"type": "Bot"}}
}

func person(id int, body string) map[string]any {
	return map[string]any{"id": id, "number": id, "body": body, "user": map[string]string{"type": "User"}}
}

func TestTheFirstCommentIsAdded(t *testing.T) {
	s := &server{comments: []map[string]any{bot(1, "<!-- sentry-preview:production -->\nx"), person(2, marker+" I quote")}}
	require.NoError(t, s.client(t).UpsertComment(t.Context(), 5, marker, marker+"\nnew"))
	require.Len(t, s.changes, 1)
	assert.True(t, strings.HasPrefix(s.changes[0], "POST /issues/5/comments "), "another stack's or a person's comment was overwritten: %s", s.changes[0])
}

func TestTheCommentIsKeptUpToDate(t *testing.T) {
	s := &server{}
	for i := range 150 { // beyond the first page
		s.comments = append(s.comments, person(i, "talk"))
	}
	s.comments = append(s.comments, bot(4711, marker+"\nold"))
	require.NoError(t, s.client(t).UpsertComment(t.Context(), 5, marker, marker+"\nnew"))
	require.Len(t, s.changes, 1, "a second comment per stack")
	assert.True(t, strings.HasPrefix(s.changes[0], "PATCH /issues/comments/4711 "), s.changes[0])
}

func TestACommentWithoutItsMarkerIsRefused(t *testing.T) {
	s := &server{}
	require.Error(t, s.client(t).UpsertComment(t.Context(), 5, marker, "new"))
	_, err := s.client(t).UpsertIssue(t.Context(), marker, "t", "new")
	require.Error(t, err)
	assert.Empty(t, s.changes)
}

func TestAForbiddenChangeSaysWhatToDo(t *testing.T) {
	s := &server{deny: true}
	err := s.client(t).UpsertComment(t.Context(), 5, marker, marker)
	require.ErrorContains(t, err, "403 Resource not accessible by integration")
	require.ErrorContains(t, err, "permissions:")
}

func TestIssuesAreOpenedUpdatedAndClosed(t *testing.T) {
	s := &server{}
	n, err := s.client(t).UpsertIssue(t.Context(), marker, "Drift", marker+"x")
	require.NoError(t, err)
	assert.Equal(t, 77, n)
	pull := bot(7, marker+"not an issue")
	pull["pull_request"] = map[string]string{}
	s.issues = []map[string]any{pull, person(8, marker+"a person's"), bot(6, "Bump the version"), bot(9, marker+"old")}
	n, err = s.client(t).UpsertIssue(t.Context(), marker, "Drift", marker+"y")
	require.NoError(t, err)
	assert.Equal(t, 9, n)
	n, err = s.client(t).CloseIssue(t.Context(), marker, "clean")
	require.NoError(t, err)
	assert.Equal(t, 9, n)
	require.Len(t, s.changes, 4)
	assert.True(t, strings.HasPrefix(s.changes[0], "POST /issues {"), s.changes[0])
	assert.True(t, strings.HasPrefix(s.changes[1], "PATCH /issues/9 {"), s.changes[1])
	assert.True(t, strings.HasPrefix(s.changes[2], "POST /issues/9/comments {"), s.changes[2])
	assert.Contains(t, s.changes[1], `"body":"`+"\\u003c!-- sentry-preview:staging --\\u003ey", "the issue keeps the drift of last week")
	assert.Contains(t, s.changes[3], `"state":"closed"`)
	assert.Contains(t, s.changes[3], `"state_reason":"completed"`)

	s.badGate = http.MethodPatch
	_, err = s.client(t).UpsertIssue(t.Context(), marker, "Drift", marker+"z")
	require.ErrorContains(t, err, "502", "drift that nobody is told of")
	_, err = s.client(t).CloseIssue(t.Context(), marker, "clean")
	require.ErrorContains(t, err, "502")
	s.badGate, s.issues, s.changes = http.MethodPost, nil, nil
	_, err = s.client(t).UpsertIssue(t.Context(), marker, "Drift", marker+"z")
	require.ErrorContains(t, err, "502", "drift that nobody is told of")
	s.badGate = ""
	n, err = s.client(t).CloseIssue(t.Context(), marker, "clean")
	require.NoError(t, err)
	assert.Zero(t, n)
	assert.Empty(t, s.changes, "something was closed that was not open")
}

func TestAForksPullRequestIsFoundByItsExactCommit(t *testing.T) {
	s := &server{pulls: []map[string]any{
		{"number": 3, "head": map[string]string{"sha": "aaa"}},
		{"number": 4, "head": map[string]string{"sha": "bbb"}},
	}}
	c := s.client(t)
	n, err := c.PullRequestOf(t.Context(), "octo-fork", "feature/x", "bbb")
	require.NoError(t, err)
	assert.Equal(t, 4, n)
	n, err = c.PullRequestOf(t.Context(), "octo-fork", "feature/x", "ccc")
	require.NoError(t, err)
	assert.Zero(t, n, "the answer to an old commit is written under a new one")
}

func TestRuns(t *testing.T) {
	s := &server{runs: []map[string]any{{"id": 2, "display_title": "Deploy production abc", "head_branch": "main"}}}
	runs, err := s.client(t).Runs(t.Context(), "deploy-production.yml", "success", 10)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	assert.Equal(t, "Deploy production abc", runs[0].Title)
	run, err := s.client(t).Run(t.Context(), 2)
	require.NoError(t, err)
	assert.Equal(t, runs[0], run)
	_, err = s.client(t).Run(t.Context(), 3)
	require.Error(t, err, "a run that is not known has not ended: its lock stays")
	runs, err = s.client(t).Runs(t.Context(), "never-ran.yml", "success", 10)
	require.NoError(t, err, "the very first run of a workflow fails because GitHub does not know it yet")
	assert.Empty(t, runs)
	s.deny = true
	_, err = s.client(t).Runs(t.Context(), "deploy-production.yml", "success", 10)
	require.Error(t, err, "a question that was refused is taken as never deployed")
}

func TestProtection(t *testing.T) {
	branches := []string{"main", "release/*"}
	for want, answer := range map[github.Protection]string{
		{Exists: true, Reviewed: true, Restricted: true}: `{"protection_rules":[{"type":"branch_policy"},{"type":"required_reviewers","reviewers":[{"type":"User"}]}],
			"deployment_branch_policy":{"protected_branches":false,"custom_branch_policies":true}}`,
		{Exists: true, Restricted: true}: `{"protection_rules":[{"type":"required_reviewers","reviewers":[]},{"type":"wait_timer"}],
			"deployment_branch_policy":{"protected_branches":false,"custom_branch_policies":true}}`,
		{Exists: true, Reviewed: true}: `{"protection_rules":[{"type":"required_reviewers","reviewers":[{"type":"User"}]}],"deployment_branch_policy":{"protected_branches":true}}`,
		{Exists: true}:                 `{"protection_rules":[],"deployment_branch_policy":null}`,
		{}:                             "",
	} {
		s := &server{environment: answer, branches: branches}
		got, err := s.client(t).Protection(t.Context(), "production")
		require.NoError(t, err)
		assert.Equal(t, want, got, answer)
	}
	const byName = `{"protection_rules":[],"deployment_branch_policy":{"protected_branches":false,"custom_branch_policies":true}}`
	for _, all := range []string{"*", "**", "*/*", "**/*"} {
		got, err := (&server{environment: byName, branches: append(branches, all)}).client(t).Protection(t.Context(), "production")
		require.NoError(t, err)
		assert.False(t, got.Restricted, "%s is the name of every branch", all)
	}
	_, err := (&server{environment: byName}).client(t).Protection(t.Context(), "production")
	require.Error(t, err, "whom it admits was not to be learnt")
	s := &server{deny: true}
	_, err = s.client(t).Protection(t.Context(), "production")
	require.Error(t, err, "a question that was refused is taken as an answer")
}

func TestNotices(t *testing.T) {
	s := &server{annotations: []map[string]any{
		{"annotation_level": "notice", "title": "Shipped", "message": "x"}, {"annotation_level": "warning", "title": "Shipped", "message": "y"},
	}}
	got, err := s.client(t).Notices(t.Context(), github.Job{CheckRunURL: "https://api.github.com/repos/octo-org/sentry/check-runs/77"})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"Shipped": "x"}, got)
	_, err = s.client(t).Notices(t.Context(), github.Job{CheckRunURL: "https://api.github.com/../x"})
	require.Error(t, err)
}

func TestHasArtifact(t *testing.T) {
	for answer, want := range map[string]bool{
		`{"expired":false,"workflow_run":{"id":9}}`: true, `{"expired":true,"workflow_run":{"id":9}}`: false, `{"expired":false,"workflow_run":{"id":8}}`: false, "": false,
	} {
		s := &server{artifact: answer}
		got, err := s.client(t).HasArtifact(t.Context(), 9, 5)
		require.NoError(t, err)
		assert.Equal(t, want, got, answer)
	}
}

func job(name, status, conclusion string, attempt int) map[string]any {
	return map[string]any{"name": name, "status": status, "conclusion": conclusion, "run_attempt": attempt, "html_url": "https://github.com/octo-org/sentry/actions/runs/9"}
}

// wait waits in a bubble where the clock jumps; the server is called without a network, which time does not wait for.
func wait(t *testing.T, s *server, names ...string) (took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		client := &github.Client{API: "https://github.example", Repository: "octo-org/sentry", Token: "token", HTTP: &http.Client{Transport: direct{s}}}
		began := time.Now()
		err = client.Wait(t.Context(), io.Discard, 10*time.Second, time.Hour, 9, names...)
		took = time.Since(began)
	})
	return took, err
}

// direct answers in the process.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestWaitingForAJob(t *testing.T) {
	const infra = "deploy-infrastructure"
	for name, c := range map[string]struct {
		states [][2]string // status and conclusion, one an answer
		want   string      // part of the error; empty: none
	}{
		"success":          {[][2]string{{"completed", "success"}}, ""},
		"skipped":          {[][2]string{{"completed", "skipped"}}, ""},
		"after a while":    {[][2]string{{"waiting", ""}, {"queued", ""}, {"in_progress", ""}, {"completed", "success"}}, ""},
		"failure":          {[][2]string{{"in_progress", ""}, {"completed", "failure"}}, "deploy-infrastructure ended with failure"},
		"cancelled":        {[][2]string{{"completed", "cancelled"}}, "ended with cancelled"},
		"timed out":        {[][2]string{{"completed", "timed_out"}}, "ended with timed_out"},
		"rejected":         {[][2]string{{"waiting", ""}, {"completed", "failure"}}, "ended with failure"},
		"never gets there": {[][2]string{{"in_progress", ""}}, "waited 1h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{}
			s.jobs = func(asked int) []map[string]any {
				st := c.states[min(asked, len(c.states)-1)]
				return []map[string]any{job("deploy / preview", "completed", "success", 1), job("deploy / "+infra, st[0], st[1], 1)}
			}
			took, err := wait(t, s, infra)
			if c.want == "" {
				require.NoError(t, err)
				assert.Equal(t, time.Duration(len(c.states)-1)*10*time.Second, took)
				return
			}
			require.ErrorContains(t, err, c.want)
			if strings.Contains(c.want, "ended with") {
				require.ErrorIs(t, err, github.ErrBlocked)
			}
		})
	}
}

func TestWaitingLooksAtTheLatestAttempt(t *testing.T) {
	s := &server{jobs: func(int) []map[string]any {
		return []map[string]any{job("deploy / a", "completed", "success", 1), job("deploy / b", "completed", "failure", 1), job("deploy / b", "completed", "success", 2)}
	}}
	_, err := wait(t, s, "a", "b")
	require.NoError(t, err, "after running the failed jobs again the old failure still counts")
}

func TestWaitingForAJobThatDoesNotExistIsAnError(t *testing.T) {
	s := &server{jobs: func(int) []map[string]any {
		return []map[string]any{job("deploy / preview", "completed", "success", 1)}
	}}
	took, err := wait(t, s, "deploy-infrastucture")
	require.ErrorContains(t, err, `no job "deploy-infrastucture": its jobs are preview`)
	assert.Less(t, took, time.Minute, "a misspelt name is waited for")

	s = &server{jobs: func(asked int) []map[string]any {
		if asked < 2 {
			return nil
		}
		return []map[string]any{job("deploy / a", "completed", "success", 1)}
	}}
	_, err = wait(t, s, "a")
	require.NoError(t, err, "a job that GitHub lists a moment late fails the deployment")
}

func TestWaitingSurvivesAFewBadAnswers(t *testing.T) {
	s := &server{badGates: 3, jobs: func(int) []map[string]any { return []map[string]any{job("a", "completed", "success", 1)} }}
	_, err := wait(t, s, "a")
	require.NoError(t, err)
	s.badGates = 1000
	_, err = wait(t, s, "a")
	require.ErrorContains(t, err, "502")
	for _, status := range []int{http.StatusInternalServerError, http.StatusTooManyRequests} {
		s.badGates, s.status = 3, status
		_, err = wait(t, s, "a")
		require.NoError(t, err, status)
	}
	s.badGates, s.status = 1, http.StatusUnauthorized
	_, err = s.client(t).HasArtifact(t.Context(), 9, 5)
	require.ErrorContains(t, err, "401", "what asking again does not mend is asked again")
}

func TestALostConnectionIsNoAnswer(t *testing.T) {
	s := &server{artifact: `{"workflow_run":{"id":9}}`}
	client := s.client(t)
	client.HTTP = &http.Client{Transport: &resets{left: 1}}
	there, err := client.HasArtifact(t.Context(), 9, 5)
	require.NoError(t, err)
	assert.True(t, there)
}

// resets loses so many connections.
type resets struct{ left int }

func (c *resets) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.left--; c.left >= 0 {
		return nil, errors.New("connection reset by peer")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// A job that ran again is listed for each of its attempts, and GitHub does not say in which order.
func TestJobsAreThoseOfTheirLatestAttempts(t *testing.T) {
	list := []map[string]any{job("a", "completed", "success", 2), job("b", "completed", "success", 1)}
	for i := range 100 {
		list = append(list, job(strconv.Itoa(i), "completed", "success", 1))
	}
	s := &server{jobs: func(int) []map[string]any { return append(list, job("a", "completed", "failure", 1)) }}
	jobs, err := s.client(t).Jobs(t.Context(), 9)
	require.NoError(t, err)
	require.Len(t, jobs, 102)
	assert.Equal(t, 2, jobs[0].RunAttempt)
	assert.Equal(t, "b", jobs[1].Name)
}

func TestNewChecksItsEnvironment(t *testing.T) {
	for _, env := range []map[string]string{{}, {"GITHUB_REPOSITORY": "octo-org"}, {"GITHUB_REPOSITORY": "octo-org/sentry"}, {"GITHUB_REPOSITORY": "../../x/y", "GITHUB_TOKEN": "t"}} {
		_, err := github.New(func(k string) string { return env[k] })
		assert.Error(t, err, env)
	}
}
