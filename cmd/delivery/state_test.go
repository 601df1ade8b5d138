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
	"sentry/internal/fixture"
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
	lockDir + "aaaa.json": `{"pid":1,"username":"runner","hostname":"sentry-run-7","timestamp":"2026-11-20T10:30:00Z"}`,
	lockDir + "bbbb.json": `{"pid":2,"username":"ada","hostname":"laptop","timestamp":"2026-11-20T10:31:00Z"}`,
}

// holder answers for the run that took lock aaaa.
func (r *runner) holder(status string) {
	r.github(map[string]any{"/actions/runs/7": map[string]any{"id": 7, "status": status}})
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
	r.holder("completed")
	tag := r.tag("aaaa")
	assert.Contains(t, r.summary(), "held by `runner@sentry-run-7 (pid 1)`")
	assert.Contains(t, r.summary(), "run 7: ended")
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
	for _, status := range []string{"in_progress", "waiting", "queued"} {
		r.holder(status)
		tag := r.tag("aaaa")
		err := r.run("lock", "remove", "--stack", "production", "--lock", "aaaa", "--tag", tag, "--taken-by-hand")
		require.ErrorContains(t, err, "has not ended", status)
	}
	// Without an answer it may live.
	r.env["GITHUB_TOKEN"] = ""
	tag := r.tag("aaaa")
	assert.Contains(t, r.summary(), "GitHub could not be asked")
	require.ErrorContains(t, r.run("lock", "remove", "--stack", "production", "--lock", "aaaa", "--tag", tag, "--taken-by-hand"), "could not be asked")
	assert.Len(t, keys(), 2)
}

// D4: a deployment that ran at the same time says nothing about a person's lock, and nobody needs a token to remove it.
func TestAPersonsLockNeedsAPersonsWord(t *testing.T) {
	r := newRunner(t)
	keys := r.state(map[string]string{lockDir + "bbbb.json": twoLocks[lockDir+"bbbb.json"]})
	r.env["GITHUB_TOKEN"], r.env["GITHUB_REPOSITORY"] = "", ""
	tag := r.tag("bbbb")
	require.ErrorContains(t, r.run("lock", "remove", "--stack", "production", "--lock", "bbbb", "--tag", tag), "ask ada@laptop")
	require.NoError(t, r.run("lock", "remove", "--stack", "production", "--lock", "bbbb", "--tag", tag, "--taken-by-hand"))
	assert.Empty(t, keys())
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
		"drift, first night":        {"drift.events", 0, []map[string]any{other}, []string{"POST /issues {"}, false},
		"drift, next night":         {"drift.events", 0, []map[string]any{other, existing}, []string{"PATCH /issues/5 {"}, false},
		"clean again":               {"nodrift.events", 0, []map[string]any{other, existing}, []string{"POST /issues/5/comments", "PATCH /issues/5 {"}, false},
		"clean":                     {"nodrift.events", 0, []map[string]any{other}, nil, false},
		"could not look: no answer": {"refused.events", 1, []map[string]any{existing}, nil, true},
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
	assert.Contains(t, r.out.String(), "::notice::stack production is being updated by runner@sentry-run-7")
	assert.Empty(t, *changes)
}

// pullRequest plays GitHub's side of a comment: one pull request, 12, whose head is the commit abab…, and its run.
func (r *runner) pullRequest(jobs ...map[string]any) (head string, posted *[]string) {
	posted = &[]string{}
	commit := strings.Repeat("ab", 20)
	r.env["GITHUB_API_URL"] = emulated.Serve(r.t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		path := strings.TrimPrefix(q.URL.Path, "/repos/octo-org/sentry")
		var answer any = []any{}
		switch {
		case q.Method != http.MethodGet:
			var body struct{ Body string }
			assert.NoError(r.t, json.NewDecoder(q.Body).Decode(&body))
			*posted = append(*posted, path+" "+body.Body)
		case path == "/pulls":
			answer = []any{map[string]any{"number": 12, "head": map[string]any{"sha": commit}}}
		case strings.HasSuffix(path, "/jobs"):
			answer = map[string]any{"jobs": jobs}
		}
		assert.NoError(r.t, json.NewEncoder(w).Encode(answer))
	}))
	return "octo-fork:feature/x@" + commit, posted
}

func TestComment(t *testing.T) {
	r := newRunner(t)
	head, posted := r.pullRequest(map[string]any{"name": "checks / checks", "conclusion": "failure"}, map[string]any{"name": "build", "conclusion": "success"})
	previews := t.TempDir()
	fixture.Copy(t, recordings+"change.events", filepath.Join(previews, "preview-of-staging", "staging.json"))
	fixture.Copy(t, recordings+"same.events", filepath.Join(previews, "preview-sandbox", "staging.json"))
	fixture.Copy(t, recordings+"same.events", filepath.Join(previews, "preview-sandbox", "dev.json"))
	require.NoError(t, os.MkdirAll(filepath.Join(previews, "preview-price"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(previews, "preview-price", "price.md"), []byte("| staging | +$3 | @octo-org/team\n"), 0o600))
	require.NoError(t, r.run("comment", "--previews", previews, "--run", "77", "--head", head))

	require.Len(t, *posted, 3, "one comment for each environment, also the one that the pull request adds")
	texts := map[string]string{}
	for _, p := range *posted {
		path, text, _ := strings.Cut(p, " ")
		assert.Equal(t, "/issues/12/comments", path)
		for _, e := range []string{"staging", "production", "dev"} {
			if strings.HasPrefix(text, "<!-- sentry-preview:"+e+" -->") {
				texts[e] = text
			}
		}
	}
	assert.Contains(t, texts["staging"], "**1 to replace**", "what the role could see is not shown")
	assert.Contains(t, texts["staging"], "```\n| staging | +$3 | @octo-org/team\n```", "Markdown of the pull request's own code is rendered")
	assert.Contains(t, texts["dev"], "Made in the sandbox, without AWS")
	assert.Contains(t, texts["production"], "There is no preview of this commit.", "after a failed build the last comment stays, about another commit")
	for environment, text := range texts {
		assert.Contains(t, text, ":x: **Not all of the run has passed:** `checks / checks` failure.", "%s: a fine preview hides that the tests have failed", environment)
		assert.Contains(t, text, "#### Cost", "%s: the change has no price", environment)
	}
	assert.Contains(t, texts["production"], "/actions/runs/77")
}

func TestCommentReadsNothingElse(t *testing.T) {
	r := newRunner(t)
	head, posted := r.pullRequest()
	secret := filepath.Join(t.TempDir(), "environ")
	require.NoError(t, os.WriteFile(secret, []byte("GITHUB_TOKEN=hunter2"), 0o600))
	previews := t.TempDir()
	for _, folder := range []string{"preview-price", "preview-of-staging"} {
		require.NoError(t, os.MkdirAll(filepath.Join(previews, folder), 0o755))
	}
	require.NoError(t, os.Symlink(secret, filepath.Join(previews, "preview-price", "price.md")))
	require.NoError(t, os.Symlink(secret, filepath.Join(previews, "preview-of-staging", "staging.json")))
	for _, name := range []string{"..", "A", "x y", "-x"} {
		fixture.Copy(t, recordings+"same.events", filepath.Join(previews, "preview-sandbox", name+".json"))
	}
	require.NoError(t, r.run("comment", "--previews", previews, "--run", "77", "--head", head))
	require.Len(t, *posted, 2)
	assert.NotContains(t, strings.Join(*posted, ""), "hunter2", "an artifact leads to the secrets of the job that comments")

	// The pull request has been pushed to again, or closed.
	*posted = nil
	require.NoError(t, r.run("comment", "--previews", previews, "--run", "77", "--head", "octo-fork:feature/x@"+strings.Repeat("cd", 20)))
	assert.Empty(t, *posted, "a comment about a commit that nobody proposes any more")
	require.Error(t, r.run("comment", "--previews", previews, "--run", "77", "--head", "octo-fork:feature/x"))
}
