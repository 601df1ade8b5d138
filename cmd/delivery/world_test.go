package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/delivery/emulated"
	"sentry/internal/delivery/emulated/host"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// world is everything that the workflows meet: a repository with an application in it, GitHub, an AWS, and the tools of
// a runner. The engine, its CLI, the programs and the scripts are the real ones.
type world struct {
	t        *testing.T
	git      fixture.Git
	hub      *emulated.Hub
	cloud    *sandbox.Cloud
	services *services
	pipeline *emulated.Pipeline
	bucket   *s3.Client // holds the states and the sites
	told     []string   // the distributions that have forgotten their copies
	spy      string     // what the application's packages have found
	registry string
}

const account = "123456789012"

// What GitHub says of an environment that admits main only, with and without a reviewer.
const (
	reviewed   = `{"protection_rules":[{"type":"required_reviewers","reviewers":[{}]}],"deployment_branch_policy":{"custom_branch_policies":true}}`
	unreviewed = `{"protection_rules":[],"deployment_branch_policy":{"custom_branch_policies":true}}`
)

func newWorld(t *testing.T) *world {
	t.Helper()
	emulated.Isolate(t)
	w := &world{t: t, hub: emulated.NewHub(), spy: t.TempDir(), registry: t.TempDir()}
	w.git = repository(t)
	p, err := project.Open(w.git.Dir)
	require.NoError(t, err)
	sb, err := sandbox.New(t.Context(), sandbox.Options{Project: p, Program: infra.DeployIn, Log: t.Output()})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	w.cloud = sb.Cloud
	w.services = &services{t: t, cloud: sb.Cloud, definitions: map[string]map[string]any{}, running: map[string]string{}}

	var address string
	w.bucket, address = emulated.S3(t, "state", nil)
	w.pipeline = emulated.NewPipeline(t, w.git.Dir, w.hub)
	w.pipeline.Vars["AWS_ACCOUNT_ID"] = account
	w.pipeline.Vars["PULUMI_BACKEND_URL"] = "s3://state?region=us-east-1&s3ForcePathStyle=true&endpoint=" + address
	w.pipeline.Vars["API_URL"] = "/api"
	w.pipeline.Trusts = trusts
	environment := w.pipeline.Environment
	for name, value := range sb.Environment() {
		if name != "AWS_ACCESS_KEY_ID" && name != "AWS_SECRET_ACCESS_KEY" { // which a job gets with its role
			environment[name] = value
		}
	}
	for name, value := range map[string]string{
		"PULUMI_CONFIG_PASSPHRASE": "x", "GITHUB_API_URL": emulated.Serve(t, w.hub), "SPY": w.spy, "REGISTRY": w.registry,
		"AWS_ENDPOINT_URL_S3": address, "AWS_ENDPOINT_URL_ECS": emulated.Serve(t, w.services), "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": emulated.Serve(t, w.services),
		"AWS_ENDPOINT_URL_ECR":        emulated.Serve(t, w.services),
		"AWS_ENDPOINT_URL_CLOUDFRONT": emulated.Serve(t, http.HandlerFunc(w.invalidate)),
		"PATH":                        tools(t, p.Dir) + string(os.PathListSeparator) + os.Getenv("PATH"), "GOCACHE": goEnv(t, "GOCACHE"), "GOMODCACHE": goEnv(t, "GOMODCACHE"),
	} {
		environment[name] = value
	}
	for _, stack := range p.Environments() {
		w.pulumi("stack", "init", stack, "--secrets-provider", "passphrase")
		w.bucketFor("sentry-" + stack + "-frontend-" + account)
	}
	w.hub.Environments["staging"] = unreviewed
	w.hub.Environments["production"] = reviewed
	return w
}

// repository is this one as it is in the working tree, with the stack files of the fixture and an application.
func repository(t *testing.T) fixture.Git {
	t.Helper()
	root, dir := fixture.Root(t), fixture.Project(t)
	for _, name := range []string{"go.mod", "go.sum", "main.go", "infra", "internal", "cmd", "bootstrap", ".github"} {
		fixture.Copy(t, filepath.Join(root, name), filepath.Join(dir, name))
	}
	for name, text := range map[string]string{"backend/Dockerfile": "FROM scratch\n", "frontend/package.json": "{}", "frontend/package-lock.json": "{}", ".gitignore": "bin/\n"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	fixture.Replace(t, filepath.Join(dir, "Pulumi.production.yaml"), "config:\n", "config:\n  sentry:protect: true\n")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".ci"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".ci/run"), []byte("#!/bin/sh\n# This very test is part of it.\n"), 0o700))
	git := fixture.NewGit(t, dir)
	git.Run("config", "uploadpack.allowAnySHA1InWant", "true")
	git.Commit("first")
	return git
}

// TestMain makes this binary the commands of which it is given the names: Pulumi's language host, and the program.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "pulumi-language-go":
		host.Main()
	case "sentry":
		pulumi.Run(infra.Deploy)
	default:
		os.Exit(m.Run())
	}
}

// tools is a folder with the commands of a runner: the real CLI of Pulumi, a language host for it, and stand-ins.
func tools(t *testing.T, projectDir string) string {
	t.Helper()
	cli, err := sandbox.CLI(t.Context(), projectDir, t.Output())
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(cli, filepath.Join(dir, "pulumi")))
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "pulumi-language-go")))
	entries, err := os.ReadDir("testdata/tools")
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join("testdata/tools", e.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, e.Name()), text, 0o700))
	}
	return dir
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// trusts is what bootstrap's roles trust: an environment's deploy role that environment, its preview role main, and
// pull requests too where it is not guarded.
func trusts(role, subject string) bool {
	return strings.HasPrefix(role, "arn:aws:iam::"+account+":") && (trustsIn(role, subject, "staging") || trustsIn(role, subject, "production"))
}

func trustsIn(role, subject, environment string) bool {
	switch _, name, _ := strings.Cut(role, ":role/"); name {
	case "sentry-deploy-" + environment:
		return subject == "environment:"+environment
	case "sentry-preview-" + environment:
		return subject == "ref:refs/heads/main" || environment == "staging" && subject == "pull_request"
	}
	return false
}

func (w *world) pulumi(args ...string) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(strings.Split(w.pipeline.Environment["PATH"], string(os.PathListSeparator))[0], "pulumi"), args...)
	cmd.Dir = w.t.TempDir()
	fixture.Copy(w.t, filepath.Join(w.git.Dir, "Pulumi.yaml"), filepath.Join(cmd.Dir, "Pulumi.yaml"))
	cmd.Env = append(os.Environ(), "PULUMI_BACKEND_URL="+w.pipeline.Vars["PULUMI_BACKEND_URL"])
	for name, value := range w.pipeline.Environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(w.t, err, string(out))
}

func (w *world) bucketFor(name string) {
	w.t.Helper()
	_, err := w.bucket.CreateBucket(w.t.Context(), &s3.CreateBucketInput{Bucket: &name})
	require.NoError(w.t, err)
}

func (w *world) write(name, text string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(filepath.Join(w.git.Dir, name), []byte(text), 0o600))
}

func (w *world) edit(name, before, after string) {
	w.t.Helper()
	fixture.Replace(w.t, filepath.Join(w.git.Dir, name), before, after)
}

// invalidate is CloudFront, as the publishing job meets it.
func (w *world) invalidate(out http.ResponseWriter, r *http.Request) {
	w.told = append(w.told, r.Method+" "+r.URL.Path)
	out.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(out, "<Invalidation><Id>I1EXAMPLE</Id></Invalidation>") // the client has gone
}

// deploy starts a deployment by hand, or for production by a push when there are no inputs.
func (w *world) deploy(environment string, inputs map[string]any) *emulated.Run {
	w.t.Helper()
	event := emulated.Event{
		Name: "workflow_dispatch", Ref: "refs/heads/main", SHA: w.git.Run("rev-parse", "main"), Inputs: inputs,
		Payload: map[string]any{"repository": map[string]any{"private": true}},
	}
	if inputs == nil {
		event.Name = "push"
	}
	return w.pipeline.Run("deploy-"+environment+".yml", event)
}

func (w *world) succeed(run *emulated.Run) {
	w.t.Helper()
	for _, j := range run.Jobs {
		require.NotEqual(w.t, "failure", j.Result, "%s:\n%s", j.Name, j.Log)
	}
	require.Equal(w.t, "success", run.Conclusion)
}

// image is what the service of an environment runs, by ECS.
func (w *world) image(environment string) string {
	w.services.mu.Lock()
	defer w.services.mu.Unlock()
	runs, _ := w.services.state("sentry-" + environment + "-backend")
	return w.services.image(runs)
}

// record is what the release record of an environment holds.
func (w *world) record(environment string) string {
	w.t.Helper()
	for _, o := range w.cloud.Objects() {
		if o.Type == "aws:ssm/parameter:Parameter" && o.Name() == "sentry-"+environment+"-backend-image" {
			value, _ := o.Props["insecureValue"].(string)
			return value
		}
	}
	require.Fail(w.t, "no release record of "+environment)
	return ""
}

// services is ECS as the deploying job asks it: it runs what the provider has told the sandbox's AWS, unless the image
// is a broken one; then it goes back to what ran before.
type services struct {
	t           *testing.T
	mu          sync.Mutex
	cloud       *sandbox.Cloud
	definitions map[string]map[string]any // by ARN, also those that are gone
	running     map[string]string         // the task definition that each service runs
	breaks      bool                      // images other than these are broken
	good        map[string]bool
	findings    []any // of the scan of every image
}

// neverPulled is the end of the image of an environment without one.
var neverPulled = "@sha256:" + strings.Repeat("0", 64)

// breakOthers makes every image broken that no service runs by now.
func (s *services) breakOthers() {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := map[string]bool{}
	for service := range s.running {
		known[s.image(s.running[service])] = true
	}
	s.good, s.breaks = known, true
}

// state is the task definition that the service runs, and that it was asked to.
func (s *services) state(service string) (runs, asked string) {
	for _, o := range s.cloud.Objects() {
		if arn, isText := o.Props["arn"].(string); isText && o.Type == "aws:ecs/taskDefinition:TaskDefinition" {
			s.definitions[arn] = o.Props
		}
	}
	for _, o := range s.cloud.Objects() {
		if o.Type == "aws:ecs/service:Service" && o.Name() == service {
			asked, _ = o.Props["taskDefinition"].(string)
		}
	}
	if image := s.image(asked); !s.breaks || s.good[image] || strings.HasSuffix(image, neverPulled) {
		s.running[service] = asked
	}
	return s.running[service], asked
}

func (s *services) image(definition string) string {
	var containers []struct {
		Image string `json:"image"`
	}
	text, _ := s.definitions[definition]["containerDefinitions"].(string)
	_ = json.Unmarshal([]byte(text), &containers) // of a definition that is not there
	if len(containers) == 0 {
		return ""
	}
	return containers[0].Image
}

func (s *services) count(service string) int {
	for _, o := range s.cloud.Objects() {
		if o.Type == "aws:ecs/service:Service" && o.Name() == service {
			n, _ := o.Props["desiredCount"].(float64)
			return int(n)
		}
	}
	return 0
}

func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct {
		Services       []string `json:"services"`
		TaskDefinition string   `json:"taskDefinition"`
		Tasks          []string `json:"tasks"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in) // the questions are the SDK's
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(s.answer(operation, in.Services, in.TaskDefinition)) // the client has gone
}

func (s *services) answer(operation string, names []string, definition string) any {
	switch operation {
	case "DescribeServices":
		name := names[0][strings.LastIndex(names[0], "/")+1:]
		runs, asked := s.state(name)
		n := s.count(name)
		deployments := []any{}
		if runs != "" {
			deployments = append(deployments, map[string]any{"status": "PRIMARY", "taskDefinition": runs, "rolloutState": "COMPLETED", "desiredCount": n, "runningCount": n})
		}
		if runs != asked {
			status := "INACTIVE"
			if runs == "" {
				status, n = "PRIMARY", 0
			}
			deployments = append(deployments, map[string]any{
				"status": status, "taskDefinition": asked, "rolloutState": "FAILED", "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start.", "failedTasks": 3,
			})
		}
		return map[string]any{"services": []any{map[string]any{"status": "ACTIVE", "desiredCount": n, "runningCount": n, "deployments": deployments}}}
	case "DescribeTaskDefinition":
		return map[string]any{"taskDefinition": map[string]any{"containerDefinitions": []any{map[string]any{
			"name": "backend", "essential": true, "image": s.image(definition),
			"logConfiguration": map[string]any{"logDriver": "awslogs", "options": map[string]any{"awslogs-group": "/ecs/x", "awslogs-stream-prefix": "ecs"}},
		}}}}
	case "ListTasks":
		return map[string]any{"taskArns": []string{"arn:task/1"}}
	case "DescribeTasks":
		tasks := []any{}
		for arn := range s.definitions {
			tasks = append(tasks, map[string]any{
				"taskArn": "arn:task/1", "taskDefinitionArn": arn, "stoppedReason": "Essential container in task exited", "stopCode": "EssentialContainerExited",
				"containers": []any{map[string]any{"name": "backend", "exitCode": 1}},
			})
		}
		return map[string]any{"tasks": tasks}
	case "DescribeImageScanFindings":
		return map[string]any{"imageScanStatus": map[string]any{"status": "COMPLETE"}, "imageScanFindings": map[string]any{"findings": s.findings}}
	case "GetLogEvents":
		return map[string]any{"events": []any{map[string]any{"message": "panic: no database"}}}
	}
	return map[string]any{}
}
