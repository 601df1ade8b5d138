package shipped_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/emulated"
	"sentry/internal/delivery/github"
	"sentry/internal/delivery/shipped"
)

var (
	commit      = strings.Repeat("c", 40)
	application = "octo-org/sentry@" + commit
	digest      = "sha256:" + strings.Repeat("d", 64)
	want        = shipped.Wanted{Commit: commit, Application: application, Platform: "linux/amd64", APIURL: "/api", BackendJob: "deploy-backend", FrontendJob: "deploy-frontend"}
)

// hub is GitHub with one run of deploy-staging.yml, number 7, and its two artifacts.
type hub map[string]string

// message is what the runner makes of a notice.
func message(notice string) string { return notice[strings.LastIndex(notice, "::")+2:] }

func newHub() hub {
	image := shipped.Image{Application: application, Platform: "linux/amd64", Digest: digest, Artifact: 11, Run: 7}
	site := shipped.Site{Application: application, APIURL: "/api", Artifact: 12, Run: 7}
	annotations := func(title, text string) string {
		return fmt.Sprintf(`[{"annotation_level":"notice","title":%q,"message":%q}]`, title, message(text))
	}
	return hub{
		"/actions/workflows/deploy-staging.yml/runs": `{"workflow_runs":[{"id":7,"display_title":"Deploy staging ` + commit + `","head_branch":"main","path":".github/workflows/deploy-staging.yml"}]}`,
		"/actions/runs/7/jobs": `{"jobs":[{"name":"deploy / deploy-backend","conclusion":"success","check_run_url":"https://x/check-runs/1"},
			{"name":"deploy / deploy-frontend","conclusion":"success","check_run_url":"https://x/check-runs/2"},
			{"name":"deploy / build-frontend","conclusion":"success","check_run_url":"https://x/check-runs/3"}]}`,
		"/check-runs/1/annotations": annotations("Shipped image", image.Notice()),
		"/check-runs/2/annotations": annotations("Shipped site", site.Notice()),
		"/actions/artifacts/11":     `{"expired":false,"workflow_run":{"id":7}}`,
		"/actions/artifacts/12":     `{"expired":false,"workflow_run":{"id":7}}`,
	}
}

func (h hub) client(t *testing.T) *github.Client {
	t.Helper()
	url := emulated.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := h[strings.TrimPrefix(r.URL.Path, "/repos/octo-org/sentry")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = "{}"
		}
		if answer == "forbidden" {
			w.WriteHeader(http.StatusForbidden)
		}
		_, err := w.Write([]byte(answer))
		assert.NoError(t, err)
	}))
	return &github.Client{API: url, Repository: "octo-org/sentry", Token: "t", HTTP: http.DefaultClient}
}

func TestWhatStagingRanIsFound(t *testing.T) {
	image, site, err := shipped.Find(t.Context(), newHub().client(t), want, "production", "staging")
	require.NoError(t, err)
	assert.Equal(t, &shipped.Image{Application: application, Platform: "linux/amd64", Digest: digest, Artifact: 11, Run: 7}, image)
	assert.Equal(t, &shipped.Site{Application: application, APIURL: "/api", Artifact: 12, Run: 7}, site)
}

func TestOnlyTheVerySameIsShippedAgain(t *testing.T) {
	for what, change := range map[string]func(h hub, w *shipped.Wanted){
		"another commit": func(_ hub, w *shipped.Wanted) { w.Commit = strings.Repeat("b", 40) },
		"a branch, of whatever commit": func(h hub, _ *shipped.Wanted) {
			h.edit("/actions/workflows/deploy-staging.yml/runs", commit, "feature/x")
		},
		"the workflow of a branch": func(h hub, _ *shipped.Wanted) {
			h.edit("/actions/workflows/deploy-staging.yml/runs", `"main"`, `"feature"`)
		},
		"another workflow": func(h hub, _ *shipped.Wanted) {
			h.edit("/actions/workflows/deploy-staging.yml/runs", `workflows/deploy-staging.yml"`, `workflows/x.yml"`)
		},
		"another environment by its name": func(h hub, _ *shipped.Wanted) {
			h.edit("/actions/workflows/deploy-staging.yml/runs", "Deploy staging", "Deploy stagin")
		},
		"another application": func(_ hub, w *shipped.Wanted) { w.Application = "octo-org/other@" + commit },
		"gone artifacts":      func(h hub, _ *shipped.Wanted) { delete(h, "/actions/artifacts/11"); delete(h, "/actions/artifacts/12") },
		"a notice of a job with foreign code": func(h hub, _ *shipped.Wanted) {
			h.edit("/actions/runs/7/jobs", "deploy / deploy-backend", "deploy / build-backend")
			h.edit("/actions/runs/7/jobs", "deploy / deploy-frontend", "deploy / x")
		},
		"a failed job": func(h hub, _ *shipped.Wanted) {
			h["/actions/runs/7/jobs"] = strings.ReplaceAll(h["/actions/runs/7/jobs"], "success", "failure")
		},
		"artifacts of another": func(h hub, _ *shipped.Wanted) {
			h.edit("/actions/artifacts/11", `{"id":7}`, `{"id":8}`)
			h.edit("/actions/artifacts/12", `{"id":7}`, `{"id":8}`)
		},
		"no run at all": func(h hub, _ *shipped.Wanted) { delete(h, "/actions/workflows/deploy-staging.yml/runs") },
	} {
		h, w := newHub(), want
		change(h, &w)
		image, site, err := shipped.Find(t.Context(), h.client(t), w, "production", "staging")
		require.NoError(t, err, what)
		assert.Nil(t, image, "%s: what was never tried is shipped", what)
		assert.Nil(t, site, what)
	}
	for what, w := range map[string]shipped.Wanted{"another platform": {Platform: "linux/arm64", APIURL: want.APIURL}, "another API": {Platform: want.Platform, APIURL: "/v2"}} {
		w.Commit, w.Application, w.BackendJob, w.FrontendJob = want.Commit, want.Application, want.BackendJob, want.FrontendJob
		image, site, err := shipped.Find(t.Context(), newHub().client(t), w, "staging")
		require.NoError(t, err, what)
		assert.Equal(t, w.Platform == want.Platform, image != nil, what)
		assert.Equal(t, w.APIURL == want.APIURL, site != nil, what)
	}
}

func (h hub) edit(path, before, after string) {
	if !strings.Contains(h[path], before) {
		panic(before + " is not in " + h[path])
	}
	h[path] = strings.Replace(h[path], before, after, 1)
}

// Of several runs of one commit the last one counts, wherever GitHub lists it, and of several environments the first.
func TestTheLastRunOfTheFirstEnvironmentCounts(t *testing.T) {
	h := newHub()
	run := func(id int, environment, title, updated string) string {
		return fmt.Sprintf(`{"id":%d,"display_title":"Deploy %s %s","head_branch":"main","path":".github/workflows/deploy-%[2]s.yml","updated_at":%[4]q}`, id, environment, title, updated)
	}
	h["/actions/workflows/deploy-staging.yml/runs"] = `{"workflow_runs":[` + strings.Join([]string{
		run(5, "staging", strings.Repeat("b", 40), "2026-11-20T12:00:00Z"), run(6, "staging", commit, "2026-11-20T10:00:00Z"), run(7, "staging", commit, "2026-11-20T11:00:00Z"),
	}, ",") + `]}`
	h["/actions/workflows/deploy-production.yml/runs"] = `{"workflow_runs":[` + run(8, "production", commit, "2026-11-20T09:00:00Z") + `]}`
	for i, id := range []int{6, 8} {
		check := 60 + i
		h[fmt.Sprintf("/actions/runs/%d/jobs", id)] = fmt.Sprintf(`{"jobs":[{"name":"deploy / deploy-backend","conclusion":"success","check_run_url":"https://x/check-runs/%d"},
			{"name":"deploy / deploy-frontend","conclusion":"success","check_run_url":"https://x/check-runs/%[1]d"}]}`, check)
		image := shipped.Image{Application: application, Platform: "linux/amd64", Digest: digest, Artifact: int64(id * 10), Run: int64(id)}
		site := shipped.Site{Application: application, APIURL: "/api", Artifact: int64(id * 10), Run: int64(id)}
		h[fmt.Sprintf("/check-runs/%d/annotations", check)] = fmt.Sprintf(`[{"annotation_level":"notice","title":"Shipped image","message":%q},
			{"annotation_level":"notice","title":"Shipped site","message":%q}]`, message(image.Notice()), message(site.Notice()))
		h[fmt.Sprintf("/actions/artifacts/%d", id*10)] = fmt.Sprintf(`{"expired":false,"workflow_run":{"id":%d}}`, id)
	}
	for first, want7 := range map[string]int64{"staging": 7, "production": 8} {
		image, site, err := shipped.Find(t.Context(), h.client(t), want, first, map[string]string{"staging": "production", "production": "staging"}[first])
		require.NoError(t, err)
		assert.Equal(t, want7, image.Run, "an older build is shipped")
		assert.Equal(t, want7, site.Run, "an older build is shipped")
	}
}

// A value that somebody chose must not become a second command to the runner.
func TestANoticeIsOneCommand(t *testing.T) {
	text := shipped.Image{Application: "a\r\n::set-env::%0A", Platform: "p", Digest: "d", Artifact: 1, Run: 2}.Notice()
	assert.Equal(t, "::notice title=Shipped image::a%0D%0A::set-env::%250A for p is d, artifact 1 of run 2", text)
}

// Going back to an older release must not need what has expired: the environment's own repository has the image.
func TestAnImageOfItsOwnNeedsNoArtifact(t *testing.T) {
	h := newHub()
	delete(h, "/actions/artifacts/11")
	image, _, err := shipped.Find(t.Context(), h.client(t), want, "staging")
	require.NoError(t, err)
	require.NotNil(t, image)
	assert.Equal(t, digest, image.Digest)
	assert.Zero(t, image.Artifact)
	assert.Zero(t, image.Run)
}

// An answer that GitHub did not give is not one that says no: what was tried is not built again, it is asked again.
func TestAnUnansweredQuestionIsAnError(t *testing.T) {
	for _, path := range []string{"/actions/workflows/deploy-staging.yml/runs", "/actions/runs/7/jobs", "/check-runs/1/annotations", "/check-runs/2/annotations", "/actions/artifacts/11", "/actions/artifacts/12"} {
		h := newHub()
		h[path] = "forbidden"
		_, _, err := shipped.Find(t.Context(), h.client(t), want, "staging")
		require.Error(t, err, path)
	}
	_, deployed, err := shipped.Last(t.Context(), hub{"/actions/workflows/deploy-staging.yml/runs": "forbidden"}.client(t), "staging")
	require.Error(t, err, "never deployed, as far as one could ask: all of it is deployed again")
	assert.False(t, deployed)
}

func TestLast(t *testing.T) {
	for name, c := range map[string]struct {
		runs     []map[string]any
		want     string
		deployed bool
	}{
		"never":                     {nil, "", false},
		"a branch":                  {[]map[string]any{{"display_title": "Deploy staging feature/x"}}, "", true},
		"a commit":                  {[]map[string]any{{"display_title": "Deploy staging " + commit}}, commit, true},
		"an older run, again later": {[]map[string]any{{"display_title": "Deploy staging x", "updated_at": "2026-11-20T10:00:00Z"}, {"display_title": "Deploy staging " + commit, "updated_at": "2026-11-20T11:00:00Z"}}, commit, true},
	} {
		text, err := json.Marshal(map[string]any{"workflow_runs": c.runs})
		require.NoError(t, err)
		got, deployed, err := shipped.Last(t.Context(), hub{"/actions/workflows/deploy-staging.yml/runs": string(text)}.client(t), "staging")
		require.NoError(t, err)
		assert.Equal(t, c.want, got, name)
		assert.Equal(t, c.deployed, deployed, name)
	}
}
