package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/emulated"
	"sentry/internal/project"
)

const lockDir = ".pulumi/locks/organization/sentry/production/"

// state gives the runner's project a state bucket with these objects.
func (r *runner) state(objects map[string]string) (keys func() []string) {
	r.t.Helper()
	client, url := emulated.S3(r.t, "state", objects)
	p, err := project.Open(r.dir)
	require.NoError(r.t, err)
	require.NoError(r.t, p.SetBackend("s3://state?region=us-east-1&s3ForcePathStyle=true&endpoint="+url))
	return func() []string { return emulated.Keys(r.t, client, "state") }
}

var twoLocks = map[string]string{
	lockDir + "aaaa.json": `{"pid":1,"username":"runner","hostname":"vm","timestamp":"2026-11-20T10:30:00Z"}`,
	lockDir + "bbbb.json": `{"pid":2,"username":"ada","hostname":"laptop","timestamp":"2026-11-21T10:30:00Z"}`,
}

// holder answers for the run that took lock aaaa.
func (r *runner) holder(status, completed string) {
	job := map[string]any{"name": "deploy / deploy-infrastructure", "status": status, "started_at": "2026-11-20T10:29:00Z"}
	run := map[string]any{"id": 7, "name": "Deploy production", "status": status, "created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:40:00Z", "html_url": "https://run/7"}
	if completed != "" {
		job["completed_at"] = completed
	}
	r.github(map[string]any{
		"/actions/workflows/deploy-production.yml/runs": map[string]any{"workflow_runs": []any{run}},
		"/actions/runs/7/jobs":                          map[string]any{"jobs": []any{job}},
	})
}

// tag is what `lock show` gives a person to type.
func (r *runner) tag(id string) string {
	r.t.Helper()
	require.NoError(r.t, r.run("lock", "show", "--stack", "production"))
	_, rest, ok := strings.Cut(r.summary(), "lock `"+id+"`")
	require.True(r.t, ok, r.summary())
	_, rest, _ = strings.Cut(rest, "its tag is `")
	tag, _, _ := strings.Cut(rest, "`")
	return tag
}

func TestUnlockShowsThenRemovesTheOneLockOfADeadRun(t *testing.T) {
	r := newRunner(t)
	keys := r.state(twoLocks)
	r.holder("completed", "2026-11-20T10:40:00Z")
	tag := r.tag("aaaa")
	assert.Contains(t, r.summary(), "held by `runner@vm (pid 1)`")
	assert.Contains(t, r.summary(), "https://run/7): ended")
	assert.Contains(t, r.summary(), "taken by hand")
	assert.Len(t, keys(), 2, "showing removed something")

	require.Error(t, r.run("lock", "remove", "--stack", "production", "--lock", "aaaa", "--tag", "else"))
	assert.Len(t, keys(), 2)
	require.NoError(t, r.run("lock", "remove", "--stack", "production", "--lock", "aaaa", "--tag", tag))
	assert.Equal(t, []string{lockDir + "bbbb.json"}, keys(), "another holder's lock went with it")
}

func TestALivingRunKeepsItsLock(t *testing.T) {
	r := newRunner(t)
	keys := r.state(twoLocks)
	r.holder("in_progress", "")
	tag := r.tag("aaaa")
	err := r.run("lock", "remove", "--stack", "production", "--lock", "aaaa", "--tag", tag, "--taken-by-hand")
	require.ErrorContains(t, err, "still running")
	assert.Len(t, keys(), 2)
}

func TestAPersonsLockNeedsAPersonsWord(t *testing.T) {
	r := newRunner(t)
	keys := r.state(twoLocks)
	r.holder("completed", "2026-11-20T10:40:00Z")
	tag := r.tag("bbbb")
	require.ErrorContains(t, r.run("lock", "remove", "--stack", "production", "--lock", "bbbb", "--tag", tag), "ask ada@laptop")
	require.NoError(t, r.run("lock", "remove", "--stack", "production", "--lock", "bbbb", "--tag", tag, "--taken-by-hand"))
	assert.Equal(t, []string{lockDir + "aaaa.json"}, keys())
}

func TestNothingLockedNeedsNoGitHub(t *testing.T) {
	r := newRunner(t)
	_ = r.state(nil)
	r.env["GITHUB_TOKEN"] = ""
	require.NoError(t, r.run("lock", "show", "--stack", "production"))
	assert.Contains(t, r.summary(), "is not locked")
}

// issues plays GitHub's issues and notes what is changed.
func (r *runner) issues(open ...map[string]any) *[]string {
	changes := &[]string{}
	r.env["GITHUB_API_URL"] = emulated.Serve(r.t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var answer any = open
		if q.Method != http.MethodGet {
			body, _ := io.ReadAll(q.Body)
			*changes = append(*changes, q.Method+" "+strings.TrimPrefix(q.URL.Path, "/repos/octo-org/sentry")+" "+string(body))
			answer = map[string]any{"number": 5}
		}
		assert.NoError(r.t, json.NewEncoder(w).Encode(answer))
	}))
	return changes
}

func TestDriftOpensUpdatesAndClosesOneIssue(t *testing.T) {
	existing := map[string]any{"number": 5, "body": "<!-- sentry-drift:staging -->\nold", "user": map[string]string{"type": "Bot"}}
	other := map[string]any{"number": 4, "body": "<!-- sentry-drift:production -->\nold", "user": map[string]string{"type": "Bot"}}
	for name, c := range map[string]struct {
		recording string
		status    int
		open      []map[string]any
		want      []string // the beginnings of the changes
		failed    bool
	}{
		"drift, first night":        {"drift.json", 0, []map[string]any{other}, []string{"POST /issues {"}, false},
		"drift, next night":         {"drift.json", 0, []map[string]any{other, existing}, []string{"PATCH /issues/5 {"}, false},
		"clean again":               {"nodrift.json", 0, []map[string]any{other, existing}, []string{"POST /issues/5/comments", "PATCH /issues/5 {"}, false},
		"clean":                     {"nodrift.json", 0, []map[string]any{other}, nil, false},
		"could not look: no answer": {"refused.json", 1, []map[string]any{existing}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t)
			_ = r.state(twoLocks) // another stack's locks do not matter
			r.pulumi(recordings+c.recording, "", c.status)
			changes := r.issues(c.open...)
			err := r.run("drift", "--stack", "staging")
			assert.Equal(t, c.failed, err != nil, "%v", err)
			require.Len(t, *changes, len(c.want))
			for i, want := range c.want {
				assert.True(t, strings.HasPrefix((*changes)[i], want), (*changes)[i])
			}
		})
	}
}

func TestDriftLeavesAStackAloneThatIsBeingDeployed(t *testing.T) {
	r := newRunner(t)
	_ = r.state(twoLocks)
	changes := r.issues()
	r.pulumi("none", "must not be called", 1)
	require.NoError(t, r.run("drift", "--stack", "production"))
	assert.Contains(t, r.out.String(), "::notice::stack production is being updated by runner@vm")
	assert.Empty(t, *changes)
}

func TestComment(t *testing.T) {
	body := filepath.Join(t.TempDir(), "staging.md")
	require.NoError(t, os.WriteFile(body, []byte("<!-- sentry-preview:staging -->\nx"), 0o644))
	r := newRunner(t)
	changes := r.issues()
	require.NoError(t, r.run("comment", "--stack", "staging", "--pull-request", "12", "--body", body))
	require.Len(t, *changes, 1)
	assert.True(t, strings.HasPrefix((*changes)[0], "POST /issues/12/comments"), (*changes)[0])
	// The fork has been pushed to again, or its pull request closed.
	require.NoError(t, r.run("comment", "--stack", "staging", "--head", "octo-fork:feature/x@"+strings.Repeat("ab", 20), "--body", body))
	assert.Len(t, *changes, 1, "a comment about a commit that nobody proposes any more")
	require.Error(t, r.run("comment", "--stack", "staging", "--head", "octo-fork:feature/x", "--body", body))
	require.Error(t, r.run("comment", "--stack", "production", "--pull-request", "12", "--body", body), "staging's preview under production's marker")
}
