package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/emulated"
)

// The workflows, every script of every job, on a real repository with the real CLI. The steps build on each other. All of
// them take minutes, so most run in CI only: CI=1 go test ./cmd/delivery.
func TestThePipeline(t *testing.T) {
	w := newWorld(t)
	for _, step := range []struct {
		name   string
		always bool
		run    func(t *testing.T, w *world)
	}{
		{"staging, from nothing", true, fromNothing},
		{"a broken image is taken back", true, brokenImage},
		{"production ships what staging ran", false, promoted},
		{"a release changes nothing else", false, nothingElse},
		{"a scan that finds something", false, scanned},
		{"a branch that wants more", false, branchAsAttacker},
		{"a pull request", false, pullRequest},
		{"drift, and a lock that was left behind", false, driftAndLock},
		{"one address for site and API", false, oneAddress},
		{"where nobody can be asked", false, byHand},
	} {
		if os.Getenv("CI") == "" && !step.always {
			continue
		}
		require.True(t, t.Run(step.name, func(t *testing.T) {
			w.t = t
			w.pipeline.Roles = nil
			step.run(t, w)
		}))
	}
}

func fromNothing(t *testing.T, w *world) {
	w.pipeline.Environment["SOURCE"] = w.git.Run("rev-parse", "main")
	reached := map[string]bool{}
	w.pipeline.OnStep = func(job, _ string, env map[string]string) { reached[job] = reached[job] || env["EVIL"] != "" }
	run := w.deploy("staging", map[string]any{"infrastructure": true})
	w.pipeline.OnStep = nil
	w.succeed(run)
	for job, evil := range reached {
		assert.False(t, evil, "%s: what a package has written reaches a job that deploys", job)
	}
	assert.Equal(t, "Deploy staging "+w.git.Run("rev-parse", "main"), run.Title)
	assert.Contains(t, w.image("staging"), account+".dkr.ecr.us-east-1.amazonaws.com/sentry-staging-backend@sha256:")
	assert.Equal(t, w.image("staging"), w.record("staging"))
	assert.Contains(t, run.Job("build").Summary, "asked for by hand")
	assert.Contains(t, run.Job("preview").Summary, "Preview of `staging`")
	assert.Contains(t, run.Job("preview").Summary, "#### Cost", "whoever approves is not told the price")
	assert.Contains(t, run.Job("summary").Summary, "Deployed to `staging`")
	assert.Equal(t, "api=/api\n", w.site("staging", "assets/app-0123abcd.js"))
	assert.Equal(t, "ok\n", w.site("staging", ".well-known/security.txt"), "hidden files of the build are lost on the way")
	for _, role := range w.pipeline.Roles {
		assert.Contains(t, role, "role/sentry-deploy-staging as environment:staging", "a job that runs a branch has the identity of main")
	}
	w.nothingToTake()
}

// promoted is the same commit in another environment: built once.
func promoted(t *testing.T, w *world) {
	w.write("backend/Dockerfile", "FROM mended\n")
	w.git.Commit("mended")
	before := w.image("staging")
	w.succeed(w.deploy("staging", map[string]any{}))
	assert.NotEqual(t, before, w.image("staging"), "after a release that failed the next one does not get through")
	assert.Equal(t, w.image("staging"), w.record("staging"))
	builds, sites := len(w.lines("image-builds")), len(w.lines("site-builds"))

	w.pipeline.Roles = nil
	run := w.deploy("production", map[string]any{"infrastructure": "detect"})
	w.succeed(run)
	assert.Equal(t, "skipped", run.Job("build-backend").Result)
	assert.Equal(t, "skipped", run.Job("build-frontend").Result)
	assert.Len(t, w.lines("image-builds"), builds, "production runs another image than the one that was tried")
	assert.Len(t, w.lines("site-builds"), sites)
	digest := func(image string) string {
		_, digest, _ := strings.Cut(image, "@")
		return digest
	}
	assert.Equal(t, digest(w.image("staging")), digest(w.image("production")))
	assert.Contains(t, w.image("production"), "/sentry-production-backend@")
	assert.Equal(t, w.image("production"), w.record("production"))
	assert.Equal(t, "api=/api\n", w.site("production", "assets/app-0123abcd.js"))
	assert.Contains(t, run.Job("summary").Summary, "built before")
	assert.Equal(t, "deploy / preview: arn:aws:iam::"+account+":role/sentry-preview-production as ref:refs/heads/main", w.pipeline.Roles[0],
		"the preview waits for the approval that it is to inform")
	for _, role := range w.pipeline.Roles[1:] {
		assert.Contains(t, role, "role/sentry-deploy-production as environment:production")
	}

	w.hub.Environments["production"] = unreviewed
	defer func() { w.hub.Environments["production"] = reviewed }()
	refused := w.deploy("production", nil)
	assert.Equal(t, "failure", refused.Job("preview").Result)
	assert.Contains(t, refused.Job("preview").Log, "has no required reviewers", "production is deployed, and nobody was asked")
	assert.Equal(t, "skipped", refused.Job("deploy-backend").Result)
}

// brokenImage is D3, D5 and D8: the job says why within minutes, and nothing keeps the broken image.
func brokenImage(t *testing.T, w *world) {
	before := w.image("staging")
	w.write("backend/Dockerfile", "FROM broken\n")
	w.git.Commit("broken")
	w.services.breakOthers()
	run := w.deploy("staging", map[string]any{})
	assert.Equal(t, "failure", run.Job("deploy-backend").Result)
	log := run.Job("deploy-backend").Log
	assert.Contains(t, log, "rolled back: the service runs sentry-staging-backend:")
	assert.Contains(t, log, "Task 1 stopped")
	assert.Contains(t, log, "    | panic: no database")
	assert.Contains(t, log, "and goes back to "+before)
	assert.Equal(t, before, w.image("staging"))
	assert.Equal(t, before, w.record("staging"), "the next update deploys the broken image")
	assert.Equal(t, "skipped", run.Job("deploy-infrastructure").Result)
	assert.Equal(t, "failure", run.Job("deploy-frontend").Result, "pages for an API that is not there")
	assert.Contains(t, run.Job("summary").Summary, "panic: no database")
	w.services.breaks = false
}

// nothingElse is D2: without the infrastructure, what the commit says of size and count is refused.
func nothingElse(t *testing.T, w *world) {
	before := w.image("staging")
	w.edit("Pulumi.staging.yaml", "sentry:taskCpu: 256", "sentry:taskCpu: 512")
	w.edit("Pulumi.staging.yaml", "sentry:taskMemory: 512", "sentry:taskMemory: 1024")
	w.write("backend/Dockerfile", "FROM bigger\n")
	w.git.Commit("bigger")
	run := w.deploy("staging", map[string]any{})
	log := run.Job("deploy-backend").Log
	assert.Contains(t, log, `cpu: "256" → "512"`)
	assert.Contains(t, log, "deploy the infrastructure too")
	assert.Equal(t, before, w.image("staging"), "what nobody has looked at was deployed")

	// A front end that is closed to the world has no address, and is published all the same.
	w.edit("Pulumi.staging.yaml", "sentry:publicFrontend: true", "sentry:publicFrontend: false")
	w.git.Commit("closed")
	closed := w.deploy("staging", map[string]any{"infrastructure": true})
	w.succeed(closed)
	assert.NotEqual(t, before, w.image("staging"))
	assert.NotContains(t, closed.Job("summary").Summary, "- Site:")
	assert.Equal(t, "api=/api\n", w.site("staging", "assets/app-0123abcd.js"))
}

// scanned is 12.6: what ECR knows to be broken is not released, unless it is accepted by its name.
func scanned(t *testing.T, w *world) {
	before := w.image("staging")
	w.write("backend/Dockerfile", "FROM vulnerable\n")
	w.git.Commit("vulnerable")
	w.services.findings = []any{map[string]any{"name": "CVE-2026-1", "severity": "CRITICAL"}}
	run := w.deploy("staging", map[string]any{})
	assert.Equal(t, "failure", run.Job("deploy-backend").Result)
	assert.Contains(t, run.Job("summary").Summary, "found critical vulnerabilities: CVE-2026-1")
	assert.Equal(t, before, w.image("staging"), "what is known to be broken is released")
	assert.Equal(t, before, w.record("staging"))
	w.pipeline.Vars["ACCEPTED_VULNERABILITIES_STAGING"] = "CVE-2026-1"
	w.succeed(w.deploy("staging", map[string]any{}))
	assert.NotEqual(t, before, w.image("staging"))
	w.services.findings = nil

	// The same commit, built again: another image, which is what runs then.
	accepted, builds := w.image("staging"), len(w.lines("image-builds"))
	w.pipeline.Environment["BASE_OF_TODAY"] = "newer"
	w.succeed(w.deploy("staging", map[string]any{"rebuild": true}))
	assert.Len(t, w.lines("image-builds"), builds+1)
	assert.NotEqual(t, accepted, w.image("staging"), "what was built anew is not what is released")
}

// branchAsAttacker deploys a branch to staging, as anybody may who can push one. Its program asks for what it can get.
func branchAsAttacker(t *testing.T, w *world) {
	w.git.Run("checkout", "--quiet", "-b", "feature/x")
	w.edit("main.go", "func main() {", "func main() {\n\tspy()\n")
	w.write("spy.go", `package main

import (
	"os"
	"strings"
)

func spy() {
	f, err := os.OpenFile(os.Getenv("SPY")+"/program", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	f.WriteString(strings.Join(os.Environ(), "\n") + "\n")
}
`)
	w.git.Commit("spy")
	w.git.Run("checkout", "--quiet", "main")
	run := w.deploy("staging", map[string]any{"ref": "feature/x", "infrastructure": true})
	w.succeed(run)
	assert.Equal(t, "Deploy staging feature/x", run.Title)
	text, err := os.ReadFile(filepath.Join(w.spy, "program"))
	require.NoError(t, err)
	tokens := regexp.MustCompile(`(?m)^ACTIONS_ID_TOKEN_REQUEST_TOKEN=(.*)$`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, tokens)
	for _, token := range tokens {
		assert.Equal(t, "for environment:staging", token[1], "code of a branch can ask for a token of main's, which other roles trust")
	}
	assert.NotContains(t, string(text), "GITHUB_TOKEN=")
	assert.NotContains(t, string(text), "LEFT_BEHIND=")

	// What a branch has built is never taken for what main has.
	w.git.Run("merge", "--quiet", "--ff-only", "feature/x")
	builds := len(w.lines("image-builds"))
	w.succeed(w.deploy("production", nil))
	assert.Len(t, w.lines("image-builds"), builds+1, "production ships what a run of a branch has left behind")
	refused := w.deploy("production", map[string]any{"ref": w.unmerged()})
	assert.Contains(t, refused.Job("build").Log, "is not part of origin/main: merge it first")
}

// pullRequest is one from inside of the repository: a preview with staging's own state, one of production without any
// credentials, and comments by the code of main.
func pullRequest(t *testing.T, w *world) {
	w.git.Run("checkout", "--quiet", "-b", "feature/z")
	w.edit("Pulumi.staging.yaml", "sentry:desiredCount: 1", "sentry:desiredCount: 2")
	w.edit("Pulumi.production.yaml", "sentry:desiredCount: 2", "sentry:desiredCount: 3")
	head := w.git.Commit("more tasks")
	w.git.Run("checkout", "--quiet", "--detach", "main")
	w.git.Run("merge", "--quiet", "--no-ff", "--no-edit", "feature/z")
	merge := w.git.Run("rev-parse", "HEAD")
	w.git.Run("checkout", "--quiet", "main")
	w.hub.Pulls[1] = head
	head1 := map[string]any{"sha": head, "repo": map[string]any{"full_name": emulated.Repository}}
	run := w.pipeline.Run("pull-request.yml", emulated.Event{
		Name: "pull_request", Ref: "refs/pull/1/merge", SHA: merge, Payload: map[string]any{"pull_request": map[string]any{"number": 1.0, "head": head1}},
	})
	w.succeed(run)
	assert.Equal(t, []string{"preview (staging): arn:aws:iam::" + account + ":role/sentry-preview-staging as pull_request"}, w.pipeline.Roles)

	comment := w.pipeline.Run("pull-request-comment.yml", emulated.Event{
		Name: "workflow_run", Ref: "refs/heads/main", SHA: w.git.Run("rev-parse", "main"),
		Payload: map[string]any{"workflow_run": map[string]any{
			"id": float64(run.ID), "event": "pull_request", "conclusion": "success", "head_branch": "feature/z", "head_sha": head,
			"head_repository": map[string]any{"full_name": emulated.Repository, "owner": map[string]any{"login": "octo-org"}},
		}},
	})
	w.succeed(comment)
	require.Len(t, w.hub.Comments, 2)
	all := strings.Join(w.hub.Comments, "\n")
	assert.Contains(t, all, "desiredCount: 1 → 2")
	assert.Contains(t, all, "desiredCount: 2 → 3")
	assert.Equal(t, 1, strings.Count(all, "Made in the sandbox"), "only production is shown without its state")
	assert.Equal(t, 2, strings.Count(all, "#### Cost"))
}

func driftAndLock(t *testing.T, w *world) {
	event := emulated.Event{Name: "workflow_dispatch", Ref: "refs/heads/main", SHA: w.git.Run("rev-parse", "main")}
	w.succeed(w.pipeline.Run("drift.yml", event))
	assert.Empty(t, w.hub.Issues, "what was deployed is reported as drift")
	require.NoError(t, w.cloud.Mutate("aws:cloudwatch/logGroup:LogGroup", "sentry-staging-backend", func(props map[string]any) { props["retentionInDays"] = float64(365) }))
	run := w.pipeline.Run("drift.yml", event)
	w.succeed(run)
	require.Len(t, w.hub.Issues, 1)
	assert.Contains(t, w.hub.Issues[0], "retentionInDays: 7 → 365")

	// The machine of that run was lost while it held the lock.
	key := ".pulumi/locks/organization/sentry/production/abc.json"
	body := `{"pid":1,"username":"runner","hostname":"sentry-run-` + strconv.FormatInt(run.ID, 10) + `","timestamp":"2026-11-20T10:30:00Z"}`
	_, err := w.bucket.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("state"), Key: &key, Body: strings.NewReader(body)})
	require.NoError(t, err)
	event.Inputs = map[string]any{"environment": "production"}
	shown := w.pipeline.Run("unlock.yml", event)
	w.succeed(shown)
	summary := shown.Job("show").Summary
	require.Contains(t, summary, "run "+strconv.FormatInt(run.ID, 10)+": ended")
	_, tag, _ := strings.Cut(summary, "its tag is `")
	tag, _, _ = strings.Cut(tag, "`")
	event.Inputs = map[string]any{"environment": "production", "lock": "abc", "tag": tag, "taken-by-hand": false}
	w.succeed(w.pipeline.Run("unlock.yml", event))
	assert.NotContains(t, emulated.Keys(t, w.bucket, "state"), key)
}

// oneAddress is sentry:https: pages, platform and CloudFront follow from the stack's own outputs, also before they are there.
func oneAddress(t *testing.T, w *world) {
	delete(w.pipeline.Vars, "API_URL")
	refused := w.deploy("staging", map[string]any{})
	assert.Contains(t, refused.Job("preview").Log, "the API of stack staging has no address", "the approval is asked for, and then the front end fails")
	assert.Equal(t, "skipped", refused.Job("build-frontend").Result)

	before := w.image("staging")
	w.edit("Pulumi.staging.yaml", "config:\n", "config:\n  sentry:https: true\n  sentry:container:\n    cpuArchitecture: arm64\n")
	w.git.Commit("one address, other machines")
	run := w.deploy("staging", map[string]any{"infrastructure": true})
	w.succeed(run)
	assert.Equal(t, "ubuntu-24.04-arm", run.Job("preview").Outputs["runner"])
	assert.Contains(t, w.lines("image-platforms"), "linux/arm64", "the image does not start on the machines of the environment")
	assert.NotEqual(t, before, w.image("staging"), "the image of the other machines is released")
	assert.Equal(t, "api=/api\n", w.site("staging", "assets/app-0123abcd.js"))
	require.Len(t, w.told, 1, "visitors get the old pages for as long as CloudFront keeps them")
	assert.Regexp(t, `^POST /2020-05-31/distribution/E\w+/invalidation$`, w.told[0])
	assert.Regexp(t, `https://\w+\.cloudfront\.net`, run.Job("summary").Summary)

	again := w.deploy("staging", map[string]any{"infrastructure": true})
	w.succeed(again)
	assert.NotContains(t, again.Job("preview").Summary, "to create", "what was deployed a moment ago is not what is previewed")
}

// byHand is D9's way out: no push deploys, and whoever starts a deployment names the commit.
func byHand(t *testing.T, w *world) {
	w.hub.Environments["production"] = unreviewed
	w.pipeline.Vars["DEPLOY_UNREVIEWED"] = "by-hand"
	w.pipeline.Vars["API_URL"] = "/api"
	assert.Equal(t, "skipped", w.deploy("production", nil).Conclusion, "each push ends in a refusal, or worse")
	assert.Contains(t, w.deploy("production", map[string]any{}).Job("preview").Log, "name its commit")
	w.succeed(w.deploy("production", map[string]any{"ref": w.git.Run("rev-parse", "main~1")}))
}

// unmerged is a commit that is not part of main.
func (w *world) unmerged() string {
	w.git.Run("checkout", "--quiet", "-b", "feature/y")
	defer w.git.Run("checkout", "--quiet", "main")
	return w.git.Commit("unmerged")
}

// nothingToTake fails when a package of the application found something with which it could go further.
func (w *world) nothingToTake() {
	w.t.Helper()
	token := regexp.MustCompile(`(?m)^(ACTIONS_ID_TOKEN_REQUEST_TOKEN|ACTIONS_RUNTIME_TOKEN|AWS_ACCESS_KEY_ID|AWS_ROLE|GITHUB_TOKEN|APPLICATION_TOKEN|VARS|LEFT_BEHIND)=.+$`)
	for _, file := range []string{"npm-environment", "npm-parent", "docker-environment"} {
		text, err := os.ReadFile(filepath.Join(w.spy, file))
		require.NoError(w.t, err)
		assert.Empty(w.t, token.FindAllString(string(text), -1), "%s: code of the application can become a deployment", file)
	}
	assert.Empty(w.t, w.lines("npm-checkouts"), "a repository with its credentials lies beside the application's source")
	assert.Empty(w.t, w.lines("npm-programs"), "the programs that deploy lie beside the application's source")
}

func (w *world) lines(file string) []string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.spy, file))
	require.NoError(w.t, err)
	return strings.Fields(string(text))
}

func (w *world) site(environment, key string) string {
	w.t.Helper()
	bucket := "sentry-" + environment + "-frontend-" + account
	out, err := w.bucket.GetObject(w.t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	require.NoError(w.t, err)
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	require.NoError(w.t, err)
	return string(text)
}
