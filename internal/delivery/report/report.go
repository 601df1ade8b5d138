// Package report writes what a deployment did: also, and above all, when it failed.
package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sentry/internal/delivery/github"
	"sentry/internal/delivery/markdown"
)

// Need is one entry of GitHub's `needs` context.
type Need struct {
	// Result is "success", "failure", "cancelled" or "skipped".
	Result  string            `json:"result"`
	Outputs map[string]string `json:"outputs"`
}

// The jobs of deploy.yml, in the order of the report.
const (
	Build          = "build"
	Preview        = "preview"
	BuildBackend   = "build-backend"
	BuildFrontend  = "build-frontend"
	Infrastructure = "deploy-infrastructure"
	Backend        = "deploy-backend"
	Frontend       = "deploy-frontend"
)

// Jobs are all that the report is about.
var Jobs = []string{Build, Preview, BuildBackend, BuildFrontend, Infrastructure, Backend, Frontend}

// preparing are the jobs that change nothing in the environment.
var preparing = []string{Build, Preview, BuildBackend, BuildFrontend}

var titles = map[string]string{
	Build: "Programs", Preview: "Checks and preview", BuildBackend: "Image", BuildFrontend: "Site",
	Infrastructure: "Infrastructure", Backend: "Back end", Frontend: "Front end",
}

// Deployment is everything the report is made from. Only Environment and Needs are required.
type Deployment struct {
	Environment string
	Needs       map[string]Need
	// Jobs are the run's jobs as GitHub lists them; without them the report has no times and does not name the step
	// that failed.
	Jobs []github.Job
	// Commit, Ref, Source, Actor and RunURL say what was deployed, by whom and where. Source is the application's
	// repository and commit.
	Commit, Ref, Source, Actor, RunURL string
	// Started is when the run began; zero leaves the total out.
	Started, Now time.Time
}

// ParseNeeds reads the `needs` context as toJSON writes it. A job that the report knows and the context does not, or a
// result GitHub does not have, is an error.
func ParseNeeds(raw string) (map[string]Need, error) {
	needs := map[string]Need{}
	if err := json.Unmarshal([]byte(raw), &needs); err != nil {
		return nil, fmt.Errorf("read the results of the jobs (toJSON(needs)): %w", err)
	}
	for _, job := range Jobs {
		need, ok := needs[job]
		if !ok {
			return nil, fmt.Errorf("the results of the jobs lack %q: the summary must need it", job)
		}
		if !slices.Contains([]string{"success", "failure", "cancelled", "skipped"}, need.Result) {
			return nil, fmt.Errorf("job %s: result %q is none of success, failure, cancelled, skipped", job, need.Result)
		}
	}
	return needs, nil
}

// Verdict is the deployment as a whole.
type Verdict string

const (
	// Succeeded means that all of it is in the environment.
	Succeeded Verdict = "succeeded"
	// Failed means that nothing of it is in the environment, or nobody can tell what is.
	Failed Verdict = "failed"
	// Partial means that some of it is in the environment and some is not.
	Partial Verdict = "partly failed"
	// Cancelled means that somebody stopped it, wherever it was.
	Cancelled Verdict = "cancelled"
)

// prepared says whether everything that comes before the approval went well. An image or a site that was shipped before
// is not built.
func prepared(needs map[string]Need) bool {
	return needs[Build].Result == "success" && needs[Preview].Result == "success" &&
		!slices.ContainsFunc([]string{BuildBackend, BuildFrontend}, func(job string) bool {
			return needs[job].Result != "success" && needs[job].Result != "skipped"
		})
}

// Judge sums the jobs up. The application is deployed by every run, so a back end or front end that was skipped was not
// deployed for a reason; infrastructure may be skipped because nothing changed in it.
func Judge(needs map[string]Need) Verdict {
	if !prepared(needs) {
		if slices.ContainsFunc(preparing, func(job string) bool { return needs[job].Result == "cancelled" }) {
			return Cancelled
		}
		return Failed
	}
	done, notDone, cancelled := 0, 0, false
	for _, job := range []string{Infrastructure, Backend, Frontend} {
		switch result := needs[job].Result; {
		case result == "success":
			done++
		case result == "skipped" && job == Infrastructure:
		default:
			notDone++
			cancelled = cancelled || result == "cancelled"
		}
	}
	switch {
	case notDone == 0:
		return Succeeded
	case cancelled:
		return Cancelled
	case done > 0:
		return Partial
	default:
		return Failed
	}
}

// Render is the report as Markdown.
func Render(d Deployment) string {
	var b strings.Builder
	env := markdown.Code(d.Environment)
	switch v := Judge(d.Needs); v {
	case Succeeded:
		fmt.Fprintf(&b, "## :white_check_mark: Deployed to %s\n\n", env)
	case Cancelled:
		fmt.Fprintf(&b, "## :no_entry: Deployment to %s was cancelled\n\n", env)
	default:
		fmt.Fprintf(&b, "## :x: Deployment to %s %s\n\n", env, v)
	}
	d.facts(&b)

	b.WriteString("| | result | took | |\n|---|---|---|---|\n")
	for _, job := range Jobs {
		j := d.job(job)
		took := ""
		if j != nil && j.StartedAt != nil && j.CompletedAt != nil && d.Needs[job].Result != "skipped" {
			took = j.CompletedAt.Sub(*j.StartedAt).Round(time.Second).String()
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", titles[job], d.result(job), took, d.detail(job))
	}
	b.WriteString("\n")
	d.urls(&b)
	d.failures(&b)
	return b.String()
}

func (d Deployment) facts(b *strings.Builder) {
	var facts []string
	if d.Commit != "" {
		fact := "commit " + markdown.Code(d.Commit)
		if d.Ref != "" {
			fact += " of " + markdown.Code(d.Ref)
		}
		facts = append(facts, fact)
	}
	if d.Source != "" && !strings.HasSuffix(d.Source, "@"+d.Commit) {
		facts = append(facts, "application "+markdown.Code(d.Source))
	}
	if d.Actor != "" {
		facts = append(facts, "by "+markdown.Code(d.Actor))
	}
	if d.RunURL != "" {
		facts = append(facts, "[run]("+d.RunURL+")")
	}
	if !d.Started.IsZero() && d.Now.After(d.Started) {
		facts = append(facts, "took "+d.Now.Sub(d.Started).Round(time.Second).String()+" in all, waiting for approval included")
	}
	if len(facts) > 0 {
		b.WriteString(strings.Join(facts, " · ") + "\n\n")
	}
}

// blocked says whether a job ended before its work because an earlier one had failed.
func (d Deployment) blocked(job string) bool { return d.Needs[job].Outputs["blocked"] == "true" }

func (d Deployment) result(job string) string {
	need := d.Needs[job]
	prepares := slices.Contains(preparing, job)
	switch {
	case prepares && need.Result == "success":
		return ":white_check_mark: done"
	case need.Result == "success":
		return ":white_check_mark: deployed"
	case need.Result == "skipped" && (job == BuildBackend || job == BuildFrontend) && d.Needs[Preview].Result == "success":
		return "built before"
	case need.Result == "skipped" && job == Infrastructure && prepared(d.Needs):
		return "not needed"
	case need.Result == "skipped" || d.blocked(job):
		return ":no_entry: not started"
	case need.Result == "cancelled":
		return ":no_entry: cancelled"
	default:
		return ":x: failed"
	}
}

// detail is the most telling output of a job.
func (d Deployment) detail(job string) string {
	out := d.Needs[job].Outputs
	switch {
	case job == Preview:
		return strings.ReplaceAll(out["changes"], "|", "")
	case job == Infrastructure && d.Needs[job].Result == "skipped" && prepared(d.Needs):
		return strings.ReplaceAll(markdown.Plain(d.Needs[Build].Outputs["reason"]), "|", "")
	case job == Backend && out["image"] != "":
		return markdown.Cell(out["image"])
	case job == Frontend && out["release"] != "":
		return "release " + markdown.Cell(out["release"][:min(12, len(out["release"]))])
	}
	return ""
}

func (d Deployment) urls(b *strings.Builder) {
	lines := []string{}
	add := func(what, value string) {
		if value != "" {
			lines = append(lines, "- "+what+": "+value)
		}
	}
	add("Site", d.Needs[Frontend].Outputs["url"])
	add("API", d.Needs[Preview].Outputs["api-url"])
	if len(lines) > 0 {
		b.WriteString(strings.Join(lines, "\n") + "\n\n")
	}
}

func (d Deployment) failures(b *strings.Builder) {
	var failed []string
	for _, job := range Jobs {
		need := d.Needs[job]
		if need.Result != "failure" || d.blocked(job) {
			continue
		}
		line := "- **" + titles[job] + "**"
		if j := d.job(job); j != nil {
			line = fmt.Sprintf("- **[%s](%s)**", titles[job], j.URL)
			step := slices.IndexFunc(j.Steps, func(s github.Step) bool { return s.Conclusion == "failure" })
			switch {
			case step >= 0:
				line += " in step " + markdown.Code(j.Steps[step].Name)
			case len(j.Steps) == 0:
				line += " before its first step: the approval was refused, or no runner took it"
			}
		}
		if text := strings.TrimSpace(need.Outputs["failure"]); text != "" {
			line += "\n\n" + indent(strings.TrimSuffix(markdown.Fence("", text), "\n"))
		}
		failed = append(failed, line)
	}
	if len(failed) > 0 {
		b.WriteString("### What failed\n\n" + strings.Join(failed, "\n") + "\n\n")
	}
	if v := Judge(d.Needs); v == Partial || v == Cancelled {
		b.WriteString("What is marked as deployed is in the environment; what is not has kept its last version. Run the failed jobs again, or deploy the last good commit.\n")
	}
}

func (d Deployment) job(name string) *github.Job {
	for i := range d.Jobs {
		if d.Jobs[i].ShortName() == name {
			return &d.Jobs[i]
		}
	}
	return nil
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") + "\n" }
