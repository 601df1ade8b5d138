package emulated

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Repository is the name of the repository that Hub has.
const Repository = "octo-org/sentry"

// Hub is the part of GitHub's REST API that delivery asks, for one repository. A [Pipeline] fills it.
type Hub struct {
	mu   sync.Mutex
	runs []*Run
	// Environments answer for how they are protected, as the API does.
	Environments map[string]string
	// Comments and Issues are the texts that were posted.
	Comments, Issues []string
	// Pulls are the heads of the open pull requests, as commits, by number.
	Pulls map[int]string

	notices   map[int64][]map[string]any // by job
	artifacts map[int64]int64            // the runs that have them
	numbers   int64
}

// NewHub is a GitHub without runs.
func NewHub() *Hub {
	return &Hub{Environments: map[string]string{}, Pulls: map[int]string{}, notices: map[int64][]map[string]any{}, artifacts: map[int64]int64{}, numbers: 1000}
}

func (h *Hub) number() int64 {
	h.numbers++
	return h.numbers
}

func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/repos/"+Repository)
	if r.Method != http.MethodGet {
		h.post(w, r, path)
		return
	}
	answer, found := h.get(path)
	if !found {
		w.WriteHeader(http.StatusNotFound)
	}
	if text, isText := answer.(string); isText {
		fmt.Fprint(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(answer) // the client has gone
}

func (h *Hub) get(path string) (answer any, found bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	id, _ := strconv.ParseInt(parts[len(parts)-1], 10, 64) // 0 where the path ends with a word
	switch {
	case at(2) == "deployment-branch-policies":
		return map[string]any{"branch_policies": []any{map[string]string{"name": "main"}}}, true
	case at(0) == "environments":
		text, ok := h.Environments[at(1)]
		return text, ok
	case at(1) == "workflows":
		runs := []any{}
		for _, run := range h.runs {
			if run.Workflow == at(2) && run.Conclusion == "success" {
				runs = append(runs, run.json())
			}
		}
		return map[string]any{"workflow_runs": runs}, true
	case at(1) == "runs":
		run, _ := strconv.ParseInt(at(2), 10, 64)
		for _, r := range h.runs {
			if r.ID == run && at(3) == "jobs" {
				return map[string]any{"jobs": r.jobs()}, true
			}
			if r.ID == run {
				return r.json(), true
			}
		}
	case at(1) == "artifacts":
		run, ok := h.artifacts[id]
		return map[string]any{"workflow_run": map[string]any{"id": run}}, ok
	case at(0) == "check-runs":
		job, _ := strconv.ParseInt(at(1), 10, 64)
		return h.notices[job], true
	case at(0) == "pulls":
		pulls := []any{}
		for number, sha := range h.Pulls {
			pulls = append(pulls, map[string]any{"number": number, "head": map[string]any{"sha": sha}})
		}
		return pulls, true
	case at(0) == "issues":
		return []any{}, true
	}
	return map[string]any{}, false
}

func (h *Hub) post(w http.ResponseWriter, r *http.Request, path string) {
	var body struct{ Body string }
	_ = json.NewDecoder(r.Body).Decode(&body) // a body that is none has no text
	if strings.HasSuffix(path, "/comments") {
		h.Comments = append(h.Comments, body.Body)
	} else {
		h.Issues = append(h.Issues, body.Body)
	}
	fmt.Fprint(w, `{"number":1}`)
}

// Run is one run of a workflow.
type Run struct {
	ID         int64
	Workflow   string // the file's name
	Title      string
	Conclusion string // empty while it runs
	Jobs       []*Job
}

func (r *Run) json() map[string]any {
	status := "completed"
	if r.Conclusion == "" {
		status = "in_progress"
	}
	return map[string]any{
		"id": r.ID, "display_title": r.Title, "status": status, "conclusion": r.Conclusion, "head_branch": "main",
		"path": ".github/workflows/" + r.Workflow, "updated_at": fmt.Sprintf("2026-11-20T10:00:%02dZ", r.ID%60),
	}
}

// Job is one job of a run, as it went.
type Job struct {
	ID      int64
	Name    string            // with the calling job's before it
	Result  string            // success, failure or skipped; empty while it runs or waits
	Outputs map[string]string // with the values of the expressions
	Log     string
	Summary string
}

func (r *Run) jobs() []any {
	jobs := []any{}
	for _, j := range r.Jobs {
		status := "completed"
		if j.Result == "" {
			status = "in_progress"
		}
		jobs = append(jobs, map[string]any{
			"id": j.ID, "name": j.Name, "status": status, "conclusion": j.Result, "check_run_url": fmt.Sprintf("https://api.github.example/check-runs/%d", j.ID),
		})
	}
	return jobs
}

// Job is the job with a name, without that of the calling job; nil when it did not come to it.
func (r *Run) Job(name string) *Job {
	for _, j := range r.Jobs {
		if j.Name == name || strings.HasSuffix(j.Name, " / "+name) {
			return j
		}
	}
	return nil
}
