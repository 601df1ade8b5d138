package emulated

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sentry/internal/project"
)

// Pipeline runs the repository's own workflows, job after job, with bash on this machine: every script of every step
// as it stands there. Actions are played; AWS, GitHub and the machine's tools are what Environment leads to.
type Pipeline struct {
	t   *testing.T
	Hub *Hub
	// Origin is the folder of the git repository.
	Origin string
	// Vars and Secrets are the repository's.
	Vars, Secrets map[string]string
	// Environment is what every step finds besides what the workflow gives it.
	Environment map[string]string
	// Trusts says whether AWS lets a token with this subject take a role.
	Trusts func(role, subject string) bool
	// Roles are those that were taken, in order, as "<workflow's job>: <role> as <subject>".
	Roles []string
	// OnStep is called before each script with its environment, when set.
	OnStep func(job, step string, environment map[string]string)
	// Instead, when set, stands in for every script, by the id of its step, and returns its outputs. Then no file is moved
	// either: what is left is which jobs run, as whom, and with what.
	Instead func(id string, environment map[string]string) map[string]any

	store string // of the artifacts
}

// NewPipeline is a pipeline of a repository.
func NewPipeline(t *testing.T, origin string, hub *Hub) *Pipeline {
	t.Helper()
	return &Pipeline{t: t, Hub: hub, Origin: origin, Vars: map[string]string{}, Secrets: map[string]string{}, Environment: map[string]string{}, store: t.TempDir()}
}

// Event is what starts a workflow.
type Event struct {
	Name   string // push, workflow_dispatch, pull_request, workflow_run
	Ref    string // refs/heads/main, refs/pull/1/merge
	SHA    string
	Inputs map[string]any
	// Payload is github.event.
	Payload map[string]any
}

type (
	workflowFile struct {
		Name    string            `yaml:"name"`
		RunName string            `yaml:"run-name"`
		Env     map[string]string `yaml:"env"`
		Jobs    yaml.Node         `yaml:"jobs"`
		On      yaml.Node         `yaml:"on"`
	}
	workflowJob struct {
		Needs       []string          `yaml:"needs"`
		If          string            `yaml:"if"`
		Environment yaml.Node         `yaml:"environment"`
		Permissions map[string]string `yaml:"permissions"`
		Env         map[string]string `yaml:"env"`
		Outputs     map[string]string `yaml:"outputs"`
		Uses        string            `yaml:"uses"`
		With        map[string]string `yaml:"with"`
		Secrets     map[string]string `yaml:"secrets"`
		Steps       []workflowStep    `yaml:"steps"`
		Strategy    struct {
			Matrix map[string]string `yaml:"matrix"`
		} `yaml:"strategy"`
	}
	workflowStep struct {
		ID              string            `yaml:"id"`
		Name            string            `yaml:"name"`
		If              string            `yaml:"if"`
		Uses            string            `yaml:"uses"`
		Run             string            `yaml:"run"`
		Env             map[string]string `yaml:"env"`
		With            map[string]string `yaml:"with"`
		Dir             string            `yaml:"working-directory"`
		ContinueOnError bool              `yaml:"continue-on-error"`
	}
)

// Run runs a workflow to its end.
func (p *Pipeline) Run(file string, event Event) *Run {
	p.t.Helper()
	p.Hub.mu.Lock()
	run := &Run{ID: p.Hub.number(), Workflow: file}
	p.Hub.runs = append(p.Hub.runs, run)
	p.Hub.mu.Unlock()
	w, jobs := p.load(file)
	inputs := p.defaults(w.On, event.Inputs)
	run.Title = scope{contexts: p.contexts(run, event, inputs, nil)}.text(w.RunName)
	results := p.jobs(run, event, "", w, jobs, inputs, nil)
	conclusion := worst(results)
	p.Hub.mu.Lock()
	run.Conclusion = conclusion
	p.Hub.mu.Unlock()
	return run
}

func (p *Pipeline) load(file string) (workflowFile, []string) {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.Origin, ".github", "workflows", file))
	require.NoError(p.t, err)
	var w workflowFile
	require.NoError(p.t, yaml.Unmarshal(text, &w))
	var order []string
	for i := 0; i < len(w.Jobs.Content); i += 2 {
		order = append(order, w.Jobs.Content[i].Value)
	}
	return w, order
}

// defaults are the inputs of workflow_dispatch or workflow_call, where none is given.
func (p *Pipeline) defaults(on yaml.Node, given map[string]any) map[string]any {
	var triggers map[string]struct {
		Inputs map[string]struct {
			Default any `yaml:"default"`
		} `yaml:"inputs"`
	}
	inputs := map[string]any{}
	if on.Decode(&triggers) == nil { // a list of triggers has no inputs
		for _, trigger := range []string{"workflow_dispatch", "workflow_call"} {
			for name, input := range triggers[trigger].Inputs {
				inputs[name] = input.Default
			}
		}
	}
	maps.Copy(inputs, given)
	return inputs
}

func (p *Pipeline) contexts(run *Run, event Event, inputs map[string]any, secrets map[string]any) map[string]any {
	vars := map[string]any{}
	for name, value := range p.Vars {
		vars[name] = value
	}
	return map[string]any{
		"github": map[string]any{
			"ref": event.Ref, "ref_name": filepath.Base(event.Ref), "sha": event.SHA, "event_name": event.Name, "event": event.Payload,
			"repository": Repository, "run_id": strconv.FormatInt(run.ID, 10), "run_attempt": "1", "token": "github-token",
		},
		"inputs": inputs, "vars": vars, "secrets": secrets,
	}
}

// jobs runs the jobs of a file, of a called one with the name of the calling job before theirs.
func (p *Pipeline) jobs(run *Run, event Event, prefix string, w workflowFile, order []string, inputs, secrets map[string]any) map[string]*Job {
	done := map[string]*Job{}
	var nodes map[string]workflowJob
	require.NoError(p.t, w.Jobs.Decode(&nodes))
	for len(done) < len(order) {
		before := len(done)
		for _, id := range order {
			j := nodes[id]
			if done[id] != nil || slices.ContainsFunc(j.Needs, func(need string) bool { return done[need] == nil }) {
				continue
			}
			done[id] = p.job(run, event, prefix+id, w, j, p.jobScope(run, event, inputs, secrets, j, done))
		}
		require.Greater(p.t, len(done), before, "the jobs wait for each other for ever")
	}
	return done
}

func (p *Pipeline) jobScope(run *Run, event Event, inputs, secrets map[string]any, j workflowJob, done map[string]*Job) scope {
	needs := map[string]any{}
	status := map[string]bool{"success": true}
	for _, need := range j.Needs {
		outputs := map[string]any{}
		for name, value := range done[need].Outputs {
			outputs[name] = value
		}
		needs[need] = map[string]any{"result": done[need].Result, "outputs": outputs}
		status["success"] = status["success"] && done[need].Result == "success"
		status["failure"] = status["failure"] || done[need].Result == "failure"
	}
	contexts := p.contexts(run, event, inputs, secrets)
	contexts["needs"] = needs
	return scope{contexts, status}
}

// job runs one job, or each of its matrix, or the workflow that it calls.
func (p *Pipeline) job(run *Run, event Event, name string, w workflowFile, j workflowJob, s scope) *Job {
	p.Hub.mu.Lock()
	record := &Job{ID: p.Hub.number(), Name: name, Outputs: map[string]string{}}
	if j.Uses == "" && j.Strategy.Matrix == nil {
		run.Jobs = append(run.Jobs, record)
	}
	p.Hub.mu.Unlock()
	switch {
	case !s.condition(j.If):
		record.Result = "skipped"
	case j.Uses != "":
		called, order := p.load(filepath.Base(j.Uses))
		given := map[string]any{}
		for key, value := range j.With {
			given[key] = s.input(value)
		}
		secrets := map[string]any{}
		for key := range j.Secrets {
			secrets[key] = p.Secrets[key]
		}
		record.Result = worst(p.jobs(run, event, name+" / ", called, order, p.defaults(called.On, given), secrets))
	case j.Strategy.Matrix != nil:
		all := map[string]*Job{}
		for key, list := range j.Strategy.Matrix {
			elements, isList := s.value(embedded.FindStringSubmatch(list)[1]).([]any)
			require.True(p.t, isList, "the matrix of %s is no list", name)
			for _, element := range elements {
				one := scope{maps.Clone(s.contexts), s.status}
				one.contexts["matrix"] = map[string]any{key: element}
				each := j
				each.Strategy.Matrix = nil
				all[toText(element)] = p.job(run, event, fmt.Sprintf("%s (%s)", name, element), w, each, one)
			}
		}
		record.Result = worst(all)
	default:
		p.execute(run, event, w, j, s, record)
	}
	return record
}

// input keeps the type of a whole expression, as GitHub does for a called workflow.
func (s scope) input(raw string) any {
	if m := embedded.FindStringSubmatch(raw); m != nil && m[0] == strings.TrimSpace(raw) {
		return s.value(m[1])
	}
	return s.text(raw)
}

func worst(jobs map[string]*Job) string {
	result := "skipped" // when all are
	for _, j := range jobs {
		if j.Result == "failure" || j.Result == "success" && result == "skipped" {
			result = j.Result
		}
	}
	return result
}

// machine is a runner: what the steps of one job share.
type machine struct {
	*Pipeline
	run         *Run
	event       Event
	job         workflowJob
	record      *Job
	scope       scope
	environment string // of GitHub
	dir, temp   string
	env         map[string]string // what steps have exported
}

func (p *Pipeline) execute(run *Run, event Event, w workflowFile, j workflowJob, s scope, record *Job) {
	root := p.t.TempDir()
	m := &machine{
		Pipeline: p, run: run, event: event, job: j, record: record, scope: scope{maps.Clone(s.contexts), map[string]bool{"success": true}},
		dir: filepath.Join(root, "work"), temp: filepath.Join(root, "temp"), env: map[string]string{},
	}
	for _, dir := range []string{m.dir, m.temp} {
		require.NoError(p.t, os.MkdirAll(dir, 0o755))
	}
	var environment struct {
		Name string `yaml:"name"`
	}
	if j.Environment.Kind == yaml.MappingNode {
		require.NoError(p.t, j.Environment.Decode(&environment))
	} else {
		environment.Name = j.Environment.Value
	}
	m.environment = s.text(environment.Name)
	steps := map[string]any{}
	m.scope.contexts["steps"] = steps
	m.scope.contexts["runner"] = map[string]any{"temp": m.temp}
	for _, env := range []map[string]string{w.Env, j.Env} {
		for name, value := range env {
			m.env[name] = m.scope.text(value)
		}
	}
	result := "success"
	for i, step := range j.Steps {
		outputs, outcome := map[string]any{}, "skipped"
		if m.scope.condition(step.If) {
			outputs, outcome = m.step(i, step)
		}
		if outcome == "failure" && !step.ContinueOnError {
			result = "failure"
			m.scope.status = map[string]bool{"failure": true}
		}
		if step.ID != "" {
			steps[step.ID] = map[string]any{"outputs": outputs, "outcome": outcome}
		}
	}
	for name, value := range j.Outputs {
		record.Outputs[name] = m.scope.text(value)
	}
	p.Hub.mu.Lock()
	record.Result = result
	p.Hub.mu.Unlock()
}

func (m *machine) step(i int, step workflowStep) (outputs map[string]any, outcome string) {
	fmt.Fprintf(logOf{m.record}, "== %s\n", step.Name)
	if step.Uses != "" {
		with := map[string]string{}
		for key, value := range step.With {
			with[key] = m.scope.text(value)
		}
		outputs, err := m.action(step.Uses, with)
		if err != nil {
			fmt.Fprintf(logOf{m.record}, "error: %v\n", err)
			return outputs, "failure"
		}
		return outputs, "success"
	}
	return m.script(i, step)
}

// logOf appends to a job's log.
type logOf struct{ job *Job }

func (l logOf) Write(text []byte) (int, error) {
	l.job.Log += string(text)
	return len(text), nil
}

// script runs a step as the runner does, with files for what it has to say.
func (m *machine) script(i int, step workflowStep) (map[string]any, string) {
	file := func(name string) string { return filepath.Join(m.temp, fmt.Sprintf("%s-%d", name, i)) }
	env := map[string]string{
		"GITHUB_OUTPUT": file("output"), "GITHUB_ENV": file("env"), "GITHUB_STEP_SUMMARY": file("summary"), "GITHUB_PATH": file("path"),
		"GITHUB_REPOSITORY": Repository, "GITHUB_EVENT_NAME": m.event.Name, "GITHUB_RUN_ID": strconv.FormatInt(m.run.ID, 10), "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SERVER_URL": "https://github.com",
		"GITHUB_ACTOR": "octocat", "RUNNER_TEMP": m.temp, "HOME": os.Getenv("HOME"), "PATH": os.Getenv("PATH"), "CI": "true",
	}
	if m.job.Permissions["id-token"] == "write" {
		env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "for " + m.subject()
	}
	for _, more := range []map[string]string{m.Environment, m.env} {
		maps.Copy(env, more)
	}
	for name, value := range step.Env {
		env[name] = m.scope.text(value)
	}
	if m.OnStep != nil {
		m.OnStep(m.record.Name, step.Name, env)
	}
	if m.Instead != nil {
		return m.Instead(step.ID, env), "success"
	}
	script := file("script")
	require.NoError(m.t, os.WriteFile(script, []byte(step.Run), 0o600))
	cmd := exec.CommandContext(m.t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", script)
	cmd.Dir = filepath.Join(m.dir, m.scope.text(step.Dir))
	cmd.Stdout, cmd.Stderr = logOf{m.record}, logOf{m.record}
	cmd.Env = project.WithoutRepository(nil)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	before := len(m.record.Log)
	err := cmd.Run()
	m.notices(m.record.Log[before:])
	summary, _ := os.ReadFile(env["GITHUB_STEP_SUMMARY"]) // not every step writes one
	m.record.Summary += string(summary)
	outcome := "success"
	if err != nil {
		fmt.Fprintf(logOf{m.record}, "error: %v\n", err)
		outcome = "failure"
	}
	for name, value := range readOutputs(m.t, env["GITHUB_ENV"]) {
		m.env[name] = toText(value)
	}
	return readOutputs(m.t, env["GITHUB_OUTPUT"]), outcome
}

var noticeForm = regexp.MustCompile(`(?m)^::notice title=(.*?)::(.*)$`)

// notices keeps what the runner makes of the commands in a log.
func (m *machine) notices(log string) {
	m.Hub.mu.Lock()
	defer m.Hub.mu.Unlock()
	for _, n := range noticeForm.FindAllStringSubmatch(log, -1) {
		m.Hub.notices[m.record.ID] = append(m.Hub.notices[m.record.ID], map[string]any{"annotation_level": "notice", "title": n[1], "message": n[2]})
	}
}

// readOutputs reads a step's outputs, or its variables for later steps, in either of their forms.
func readOutputs(t *testing.T, file string) map[string]any {
	t.Helper()
	outputs := map[string]any{}
	raw, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return outputs
	}
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		if name, delimiter, ok := strings.Cut(lines[i], "<<"); ok {
			var value []string
			for i++; lines[i] != delimiter; i++ {
				value = append(value, lines[i])
			}
			outputs[name] = strings.Join(value, "\n")
		} else if name, value, ok := strings.Cut(lines[i], "="); ok {
			outputs[name] = value
		}
	}
	return outputs
}

// subject is that of the token with which GitHub vouches for the job.
func (m *machine) subject() string {
	switch {
	case m.environment != "":
		return "environment:" + m.environment
	case m.event.Name == "pull_request":
		return "pull_request"
	}
	return "ref:" + m.event.Ref
}
