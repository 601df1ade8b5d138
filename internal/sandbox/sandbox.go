package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"sentry/internal/project"
)

// passphrase encrypts secrets in the sandbox's state. They are not secret: nothing real is in there.
const passphrase = "sandbox"

// Options say where a sandbox lives and what runs in it.
type Options struct {
	// Dir keeps the sandbox between processes; "" is a temporary one that Close removes.
	Dir string
	// Project has the stack files. They are copied, never written.
	Project project.Project
	// Program is the Pulumi program; it gets the folder with the copies, where the Automation API leaves a
	// program without its root directory.
	Program Program
	// Cloud is shared with whoever made it; nil is a new one, or for a Dir the one that was saved there.
	Cloud *Cloud
	// Log gets what a user has to know while the sandbox starts; nil is nobody.
	Log io.Writer
	// Display gets the engine's own display; nil is nobody. Color is always, never or auto.
	Display io.Writer
	Color   string
}

// Sandbox is the real Pulumi engine with an AWS and an S3 state backend that live in this process.
type Sandbox struct {
	Cloud *Cloud

	options  Options
	dir      string
	project  workspace.Project
	cli      *cli
	provider *server
	state    *stateBackend
	unlock   func()
}

// New starts a sandbox. The first one on a machine without a Pulumi CLI builds it, which takes minutes.
func New(ctx context.Context, options Options) (sb *Sandbox, err error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	if options.Color == "" {
		options.Color = "never"
	}
	sb = &Sandbox{options: options, Cloud: options.Cloud, dir: options.Dir}
	settings, err := workspace.LoadProject(filepath.Join(options.Project.Dir, "Pulumi.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read the project in %s: %w", options.Project.Dir, err)
	}
	sb.project = *settings
	defer func() {
		if err != nil {
			err = errors.Join(err, sb.Close())
			sb = nil
		}
	}()
	if sb.dir == "" {
		if sb.dir, err = os.MkdirTemp("", "sentry-sandbox-"); err != nil {
			return sb, fmt.Errorf("make the sandbox's folder: %w", err)
		}
	}
	if sb.dir, err = filepath.Abs(sb.dir); err != nil {
		return sb, err
	}
	for _, folder := range []string{"project", "home"} {
		if err := os.MkdirAll(filepath.Join(sb.dir, folder), 0o755); err != nil {
			return sb, fmt.Errorf("make the sandbox's folder: %w", err)
		}
	}
	if options.Dir != "" {
		// One process at a time: the cloud's file has one writer.
		if sb.unlock, err = lockFile(filepath.Join(sb.dir, "lock"), options.Log, "uses "+sb.dir); err != nil {
			return sb, err
		}
		if sb.Cloud == nil {
			if sb.Cloud, err = LoadCloud(filepath.Join(sb.dir, "cloud.json")); err != nil {
				return sb, err
			}
		}
	}
	if sb.Cloud == nil {
		sb.Cloud = NewCloud()
	}
	if sb.cli, err = findCLI(ctx, options.Project.Dir, options.Log); err != nil {
		return sb, err
	}
	kept := ""
	if options.Dir != "" {
		kept = filepath.Join(sb.dir, "state")
	}
	if sb.state, err = serveState(kept); err != nil {
		return sb, err
	}
	sb.provider, err = serve(sb.Cloud, sb.cli.kill)
	return sb, err
}

// Close stops the sandbox and removes a temporary one.
func (sb *Sandbox) Close() error {
	if sb.provider != nil {
		sb.provider.close()
	}
	if sb.state != nil {
		sb.state.close()
	}
	var err error
	if sb.options.Dir == "" {
		err = os.RemoveAll(sb.dir)
	}
	if sb.unlock != nil {
		sb.unlock()
	}
	return err
}

// Stack is one stack in the sandbox. Its configuration is a copy of the project's stack file.
type Stack struct {
	sandbox *Sandbox
	name    string
	dir     string // holds this stack's own copies of the project's files
	extra   map[string]string
	stack   auto.Stack
}

// Stack selects a stack, or makes it. The configuration begins as the stack file's.
func (sb *Sandbox) Stack(ctx context.Context, name string) (*Stack, error) {
	return sb.StackWith(ctx, name, passphrase)
}

// StackWith is Stack for somebody with another passphrase.
func (sb *Sandbox) StackWith(ctx context.Context, name, passphrase string) (*Stack, error) {
	if err := sb.options.Project.Check(name); err != nil {
		return nil, err
	}
	s := &Stack{sandbox: sb, name: name, dir: filepath.Join(sb.dir, "project", name), extra: map[string]string{}}
	if err := s.copyProject(); err != nil {
		return nil, err
	}
	project := sb.project
	project.Backend = &workspace.ProjectBackend{URL: sb.state.url}
	environment := sb.Environment()
	environment["PULUMI_BACKEND_URL"] = sb.state.url
	environment["PULUMI_CONFIG_PASSPHRASE"] = passphrase
	w, err := auto.NewLocalWorkspace(ctx,
		auto.WorkDir(s.dir),
		auto.Project(project),
		auto.Program(sb.options.Program(s.dir)),
		auto.PulumiHome(filepath.Join(sb.dir, "home")),
		auto.Pulumi(sb.cli),
		auto.SecretsProvider("passphrase"),
		auto.EnvVars(environment))
	if err != nil {
		return nil, fmt.Errorf("open stack %s: %w", name, err)
	}
	if s.stack, err = auto.UpsertStack(ctx, name, w); err != nil {
		return nil, fmt.Errorf("open stack %s: %w", name, engineError(err))
	}
	return s, nil
}

// copyProject copies the project's YAML files into the stack's folder, the settings of SetConfig written
// into the stack's own, and its encryption replaced by the sandbox's.
func (s *Stack) copyProject() error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("copy the project: %w", err)
	}
	for _, name := range s.sandbox.options.Project.Environments() {
		file := "Pulumi." + name + ".yaml"
		text, err := os.ReadFile(s.sandbox.options.Project.StackFile(name))
		if err != nil {
			return fmt.Errorf("copy the project: %w", err)
		}
		if name == s.name {
			if text, err = s.configured(file, text); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(s.dir, file), text, 0o600); err != nil {
			return fmt.Errorf("copy the project: %w", err)
		}
	}
	return nil
}

func (s *Stack) configured(file string, text []byte) ([]byte, error) {
	var settings map[string]any
	if err := yaml.Unmarshal(accountForm.ReplaceAll(text, []byte(AccountID)), &settings); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if settings == nil {
		settings = map[string]any{}
	}
	config, _ := settings["config"].(map[string]any)
	if config == nil {
		config = map[string]any{}
	}
	delete(config, bootstrapped(string(s.sandbox.project.Name)))
	for key, value := range s.extra {
		if !strings.Contains(key, ":") {
			key = string(s.sandbox.project.Name) + ":" + key
		}
		config[key] = configValue(value)
	}
	s.sandbox.Cloud.stage(config[string(s.sandbox.project.Name)+":adopted"])
	for _, key := range []string{"secretsprovider", "encryptedkey", "encryptionsalt"} {
		delete(settings, key)
	}
	// The salt that the engine chose the first time keeps the state's secrets readable.
	before, err := os.ReadFile(filepath.Join(s.dir, file))
	if err == nil {
		var had map[string]any
		if yaml.Unmarshal(before, &had) == nil && had["encryptionsalt"] != nil {
			settings["encryptionsalt"] = had["encryptionsalt"]
		}
	}
	settings["config"] = config
	return yaml.Marshal(settings)
}

// configValue is a value as `pulumi config set` and a YAML file would give it: lists and objects in flow
// style are structured, everything else is text or a number.
func configValue(text string) any {
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err == nil {
		switch v := v.(type) {
		case []any, map[string]any, bool:
			return v
		case int:
			if strconv.Itoa(v) == text { // 007 is a text
				return v
			}
		}
	}
	return text
}

// SetConfig changes this stack's configuration in the sandbox; the namespace is the project's unless the
// key has one, and an empty value takes a setting back. It holds for this Stack value.
func (s *Stack) SetConfig(settings map[string]string) error {
	maps.Copy(s.extra, settings)
	maps.DeleteFunc(s.extra, func(_, value string) bool { return value == "" })
	return s.copyProject()
}

// Event is what happened, or in a preview would happen, to one resource.
type Event struct {
	Op   string // create, update, delete, replace, create-replacement, delete-replaced, same, refresh …
	Type string
	Name string
	URN  string
	Keys []string // the properties that changed, for a replacement those that force it
}

// Result is the outcome of an operation.
type Result struct {
	Counts  map[string]int // resources by what happened to them: create, update, replace, delete, same
	Events  []Event        // everything but same
	Outputs map[string]any // the stack's outputs, secret ones masked
	// EngineEvents are all events, as the engine sent them.
	EngineEvents []apitype.EngineEvent
}

// Changed reports whether anything but same happened.
func (r Result) Changed() bool { return len(r.Events) > 0 }

// Strings are the events in short, sorted: "update aws:ecs/service:Service sentry-staging-backend desiredCount".
func (r Result) Strings() []string {
	out := make([]string, len(r.Events))
	for i, e := range r.Events {
		out[i] = strings.TrimSuffix(fmt.Sprintf("%s %s %s %s", e.Op, e.Type, e.Name, strings.Join(e.Keys, ",")), " ")
	}
	slices.Sort(out)
	return out
}

// collect runs an engine operation and gathers its events.
func (s *Stack) collect(run func(events chan events.EngineEvent, out []io.Writer) error) (Result, error) {
	r := Result{Counts: map[string]int{}}
	var writers []io.Writer
	if s.sandbox.options.Display != nil {
		writers = append(writers, s.sandbox.options.Display)
	}
	err := Watch(func(stream chan events.EngineEvent) error { return run(stream, writers) }, r.add)
	return r, engineError(err)
}

func (r *Result) add(e events.EngineEvent) {
	r.EngineEvents = append(r.EngineEvents, e.EngineEvent)
	switch {
	case e.ResourcePreEvent != nil:
		m := e.ResourcePreEvent.Metadata
		switch m.Op { // which change nothing
		case apitype.OpSame, apitype.OpRefresh, apitype.OpRead, apitype.OpReadDiscard:
			return
		}
		keys := slices.Clone(m.Diffs)
		if len(m.Keys) > 0 {
			keys = slices.Clone(m.Keys)
		}
		slices.Sort(keys)
		r.Events = append(r.Events, Event{string(m.Op), m.Type, resource.URN(m.URN).Name(), m.URN, slices.Compact(keys)})
	case e.ResOutputsEvent != nil:
		if m := e.ResOutputsEvent.Metadata; m.Type == string(resource.RootStackType) && m.New != nil {
			r.Outputs = m.New.Outputs
		}
	case e.SummaryEvent != nil:
		for op, n := range e.SummaryEvent.ResourceChanges {
			r.Counts[string(op)] = n
		}
	}
}

// Preview says what Up would do. The project's stack file is read anew.
func (s *Stack) Preview(ctx context.Context, opts ...optpreview.Option) (Result, error) {
	if err := s.copyProject(); err != nil {
		return Result{}, err
	}
	return s.collect(func(stream chan events.EngineEvent, out []io.Writer) error {
		_, err := s.stack.Preview(ctx, append(opts, optpreview.EventStreams(stream), optpreview.ProgressStreams(out...),
			optpreview.Color(s.sandbox.options.Color), optpreview.SuppressProgress())...)
		return err
	})
}

// Up deploys. The project's stack file is read anew.
func (s *Stack) Up(ctx context.Context, opts ...optup.Option) (Result, error) {
	if err := s.copyProject(); err != nil {
		return Result{}, err
	}
	return s.collect(func(stream chan events.EngineEvent, out []io.Writer) error {
		_, err := s.stack.Up(context.WithValue(ctx, quick{}, true), append(opts, optup.EventStreams(stream), optup.ProgressStreams(out...),
			optup.Color(s.sandbox.options.Color), optup.SuppressProgress(), optup.ShowSecrets(false))...)
		return err
	})
}

// Refresh reads what is in the cloud into the state.
func (s *Stack) Refresh(ctx context.Context, opts ...optrefresh.Option) (Result, error) {
	return s.collect(func(stream chan events.EngineEvent, out []io.Writer) error {
		_, err := s.stack.Refresh(context.WithValue(ctx, quick{}, true), append(opts, optrefresh.EventStreams(stream), optrefresh.ProgressStreams(out...),
			optrefresh.Color(s.sandbox.options.Color))...)
		return err
	})
}

// Destroy deletes everything that the stack made.
func (s *Stack) Destroy(ctx context.Context, opts ...optdestroy.Option) (Result, error) {
	return s.collect(func(stream chan events.EngineEvent, out []io.Writer) error {
		_, err := s.stack.Destroy(context.WithValue(ctx, quick{}, true), append(opts, optdestroy.EventStreams(stream), optdestroy.ProgressStreams(out...),
			optdestroy.Color(s.sandbox.options.Color), optdestroy.SuppressProgress())...)
		return err
	})
}

// Pulumi runs a command of the CLI on the stack, as a person does in the project's folder, and returns what it printed.
func (s *Stack) Pulumi(ctx context.Context, args ...string) (string, error) {
	var stdout, stderr strings.Builder
	if err := s.run(ctx, &stdout, &stderr, args...); err != nil {
		return stdout.String(), fmt.Errorf("pulumi %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// Outputs are the stack's outputs as plain values, secret ones masked.
func (s *Stack) Outputs(ctx context.Context) (map[string]any, error) {
	out, err := s.stack.Outputs(ctx)
	return plainOutputs(out), engineError(err)
}

func plainOutputs(m auto.OutputMap) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		if out[k] = v.Value; v.Secret {
			out[k] = "[secret]"
		}
	}
	return out
}

// Export is the stack's state.
func (s *Stack) Export(ctx context.Context) (apitype.UntypedDeployment, error) {
	d, err := s.stack.Export(ctx)
	return d, engineError(err)
}

var (
	ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")
	// What engine, SDK and multierror put around a program's error.
	wrapping = regexp.MustCompile(`^(an unhandled error occurred: )?(\d+ errors? occurred:)?$|^(update|preview|destroy|refresh) failed$`)
)

// engineError keeps of an Automation API error what the engine said; the rest of it is the whole display.
func engineError(err error) error {
	if err == nil {
		return nil
	}
	text := ansi.ReplaceAllString(err.Error(), "")
	if _, diagnostics, found := strings.Cut(text, "\nDiagnostics:\n"); found {
		text = diagnostics
	}
	var lines []string
	inError := false
	for line := range strings.Lines(text) {
		indented := strings.HasPrefix(line, "    ")
		line = strings.TrimSpace(line)
		if _, message, found := strings.Cut(line, "error: "); found && (strings.HasPrefix(line, "error: ") || strings.HasPrefix(line, "stderr: ")) {
			line, inError = message, true
		} else if line == "" && len(lines) > 0 || !indented {
			inError = false
		}
		line = strings.TrimPrefix(strings.TrimPrefix(line, "error: "), "* ")
		if inError && line != "" && !wrapping.MatchString(line) && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return err
	}
	return &EngineError{Lines: lines, err: err}
}

// EngineError is an operation that the engine ended with errors.
type EngineError struct {
	Lines []string // what the engine said
	err   error
}

func (e *EngineError) Error() string { return strings.Join(e.Lines, "\n") }

// Unwrap is the Automation API's error with all that the engine displayed.
func (e *EngineError) Unwrap() error { return e.err }
