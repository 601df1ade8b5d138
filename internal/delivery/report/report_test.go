package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/github"
	"sentry/internal/delivery/report"
)

func needs(infrastructure, backend, frontend string) map[string]report.Need {
	return map[string]report.Need{
		report.Build:          {Result: "success", Outputs: map[string]string{"reason": "0 of 3 files touched belong to the infrastructure"}},
		report.Preview:        {Result: "success"},
		report.BuildBackend:   {Result: "success"},
		report.BuildFrontend:  {Result: "skipped"},
		report.Infrastructure: {Result: infrastructure},
		report.Backend:        {Result: backend, Outputs: map[string]string{"image": "repo@sha256:abc"}},
		report.Frontend:       {Result: frontend, Outputs: map[string]string{"url": "http://site.example.invalid"}},
	}
}

// unprepared is a deployment of which a job before the approval did not go well.
func unprepared(job, result string) map[string]report.Need {
	n := needs("skipped", "skipped", "skipped")
	n[job] = report.Need{Result: result}
	return n
}

var results = []string{"success", "failure", "cancelled", "skipped"}

// Every combination of results: the report never calls a deployment good that is not, and never hides one that is.
func TestEveryCombination(t *testing.T) {
	for _, i := range results {
		for _, b := range results {
			for _, f := range results {
				name := strings.Join([]string{i, b, f}, " ")
				n := needs(i, b, f)
				text := report.Render(report.Deployment{Environment: "staging", Needs: n})
				good := (i == "success" || i == "skipped") && b == "success" && f == "success"
				assert.Equal(t, good, report.Judge(n) == report.Succeeded, name)
				assert.Equal(t, good, strings.Contains(text, "Deployed to `staging`"), name)
				assert.Equal(t, i == "failure" || b == "failure" || f == "failure", strings.Contains(text, "### What failed"), "%s: a failure is not listed, or one is invented", name)
				for job, result := range map[string]string{"Infrastructure": i, "Back end": b, "Front end": f} {
					row := line(t, text, "| "+job+" |")
					assert.Equal(t, result == "success", strings.Contains(row, "deployed"), "%s: %s", name, row)
					assert.Equal(t, result == "failure", strings.Contains(row, "failed"), "%s: %s", name, row)
					assert.Equal(t, result == "cancelled", strings.Contains(row, "cancelled"), "%s: %s", name, row)
					if result == "skipped" {
						assert.Regexp(t, "not started|not needed", row, name)
					}
				}
			}
		}
	}
}

func TestBeforeTheApproval(t *testing.T) {
	for _, job := range []string{report.Build, report.Preview, report.BuildBackend, report.BuildFrontend} {
		for result, want := range map[string]report.Verdict{"failure": report.Failed, "cancelled": report.Cancelled} {
			n := unprepared(job, result)
			assert.Equal(t, want, report.Judge(n), "%s %s", job, result)
			text := report.Render(report.Deployment{Environment: "staging", Needs: n})
			for _, later := range []string{"Infrastructure", "Back end", "Front end"} {
				assert.Contains(t, line(t, text, "| "+later+" |"), "not started", "%s %s: nobody looked", job, result)
			}
		}
	}
	text := report.Render(report.Deployment{Environment: "staging", Needs: needs("skipped", "success", "success")})
	assert.Contains(t, line(t, text, "| Site |"), "built before")
	assert.Equal(t, report.Failed, report.Judge(unprepared(report.Preview, "skipped")))
}

func line(t *testing.T, text, start string) string {
	t.Helper()
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, start) {
			return l
		}
	}
	t.Fatalf("the report has no line %q:\n%s", start, text)
	return ""
}

func TestVerdicts(t *testing.T) {
	for want, n := range map[report.Verdict]map[string]report.Need{
		report.Partial:   needs("success", "failure", "failure"),
		report.Failed:    unprepared(report.Preview, "failure"),
		report.Cancelled: needs("cancelled", "cancelled", "cancelled"),
		report.Succeeded: needs("skipped", "success", "success"),
	} {
		assert.Equal(t, want, report.Judge(n))
	}
	assert.Equal(t, report.Failed, report.Judge(needs("skipped", "failure", "failure")), "nothing was deployed, not part of it")
	assert.Equal(t, report.Partial, report.Judge(needs("skipped", "success", "failure")))
}

func full() report.Deployment {
	at := func(minute int) *time.Time { v := time.Date(2026, 11, 20, 10, minute, 0, 0, time.UTC); return &v }
	n := needs("success", "success", "success")
	n[report.Preview] = report.Need{Result: "success", Outputs: map[string]string{"api-url": "http://api.example.invalid", "changes": "1 to change|"}}
	n[report.Frontend].Outputs["release"] = strings.Repeat("ab", 32)
	return report.Deployment{
		Environment: "production", Needs: n, Commit: "0123abcd", Ref: "main", Source: "octo-org/app@4567", Actor: "octocat",
		RunURL: "https://github.com/octo-org/sentry/actions/runs/9", Started: *at(0), Now: *at(42),
		Jobs: []github.Job{
			{Name: "deploy / preview", StartedAt: at(0), CompletedAt: at(3)},
			{Name: "deploy / deploy-infrastructure", StartedAt: at(10), CompletedAt: at(15), URL: "https://job/1"},
			{Name: "deploy / deploy-backend", StartedAt: at(10), CompletedAt: at(21), URL: "https://job/2", Steps: []github.Step{{Name: "Build", Conclusion: "success"}, {Name: "Verify the roll-out", Conclusion: "failure"}}},
			{Name: "deploy / deploy-frontend", StartedAt: at(10), CompletedAt: at(22), URL: "https://job/3"},
		},
	}
}

func TestWhatWhereFromWhichCommitHowLong(t *testing.T) {
	text := report.Render(full())
	for _, want := range []string{
		"Deployed to `production`", "commit `0123abcd` of `main`", "application `octo-org/app@4567`", "by `octocat`", "took 42m0s in all",
		"| Infrastructure | :white_check_mark: deployed | 5m0s |", "| Back end | :white_check_mark: deployed | 11m0s | `repo@sha256:abc` |",
		" · [run](https://github.com/octo-org/sentry/actions/runs/9) · ", "waiting for approval included", "| | result | took | |\n|---|---|---|---|\n", "| Programs | :white_check_mark: done |",
		"| Checks and preview | :white_check_mark: done | 3m0s | 1 to change |", "release `abababababab`", "Site: http://site.example.invalid", "API: http://api.example.invalid",
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "What failed")
	d := full()
	d.Source = "octo-org/sentry@" + d.Commit
	assert.NotContains(t, report.Render(d), "application `", "the same commit is told twice")
}

func TestWhatFailedAndWhy(t *testing.T) {
	d := full()
	d.Needs[report.Backend] = report.Need{Result: "failure", Outputs: map[string]string{"failure": "rolled back: the service runs x:7\n\n```\nlog"}}
	d.Needs[report.Frontend] = report.Need{Result: "failure", Outputs: map[string]string{"blocked": "true"}}
	text := report.Render(d)
	assert.Contains(t, text, "## :x: Deployment to `production` partly failed")
	assert.Contains(t, text, "- **[Back end](https://job/2)** in step `Verify the roll-out`")
	assert.Contains(t, text, "in step `Verify the roll-out`\n\n  ````\n  rolled back: the service runs x:7\n  \n  ```\n  log\n  ````\n", "a message of more than a line leaves its list")
	assert.Contains(t, line(t, text, "| Front end |"), "not started", "a job that only waited in vain is shown as the failure")
	assert.NotContains(t, text, "https://job/3", "the front end is blamed")
	assert.Contains(t, text, "kept its last version")
}

func TestARefusedApprovalIsSaid(t *testing.T) {
	d := full()
	for _, job := range []string{report.Infrastructure, report.Backend, report.Frontend} {
		d.Needs[job] = report.Need{Result: "failure"}
	}
	for i := range d.Jobs {
		d.Jobs[i].Steps = nil
	}
	assert.Contains(t, report.Render(d), "the approval was refused")
}

func TestNothingNeededSaysWhy(t *testing.T) {
	text := report.Render(report.Deployment{Environment: "production", Needs: needs("skipped", "success", "success")})
	assert.Contains(t, line(t, text, "| Infrastructure |"), "0 of 3 files touched")
}

// A back end that was deployed is there, however the rest ended.
func TestWhatIsThereIsSaidWhoeverStoppedTheRest(t *testing.T) {
	text := report.Render(report.Deployment{Environment: "staging", Needs: needs("success", "success", "cancelled")})
	assert.Contains(t, text, "What is marked as deployed is in the environment")
	assert.Contains(t, text, "Deployment to `staging` was cancelled")
	text = report.Render(report.Deployment{Environment: "staging", Needs: needs("failure", "skipped", "skipped")})
	assert.NotContains(t, text, "What is marked as deployed")
	assert.NotContains(t, text, "0 of 3 files touched", "infrastructure that failed was not needed")
	assert.NotContains(t, line(t, text, "| Front end |"), "release", "a release that was not made is named")
	n := unprepared(report.Preview, "failure")
	n[report.Build] = report.Need{Result: "success", Outputs: map[string]string{"reason": "nothing changed"}}
	assert.NotContains(t, line(t, report.Render(report.Deployment{Environment: "staging", Needs: n}), "| Infrastructure |"), "nothing changed")
	assert.Contains(t, line(t, report.Render(report.Deployment{Environment: "staging", Needs: n}), "| Site |"), "not started")
	d := full()
	d.Jobs[1].CompletedAt, d.Jobs[2].StartedAt = nil, nil
	text = report.Render(d)
	assert.Contains(t, text, "| Infrastructure | :white_check_mark: deployed |  |")
	assert.Contains(t, text, "| Back end | :white_check_mark: deployed |  |")
	for _, job := range []string{report.Backend, report.Frontend} {
		n := needs("success", "success", "success")
		n[job] = report.Need{Result: "success"}
		report.Render(report.Deployment{Environment: "staging", Needs: n})
	}
	assert.Contains(t, report.Render(report.Deployment{Environment: "staging", Needs: needs("success", "success", "success")}), "## :white_check_mark: Deployed to `staging`\n\n| |")
}

func TestParseNeeds(t *testing.T) {
	raw, err := json.Marshal(needs("skipped", "success", "failure"))
	require.NoError(t, err)
	got, err := report.ParseNeeds(string(raw))
	require.NoError(t, err)
	assert.Equal(t, "failure", got[report.Frontend].Result)
	for _, bad := range []string{"", "[]", "{}", strings.Replace(string(raw), "skipped", "neutral", 1), strings.Replace(string(raw), "deploy-backend", "backend", 1)} {
		_, err := report.ParseNeeds(bad)
		assert.Error(t, err, bad)
	}
}
