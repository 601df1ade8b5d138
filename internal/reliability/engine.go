// Package reliability interrupts deployments at every operation, in every way that it knows, and says what became of
// them. It runs Pulumi's engine in this process, over the sandbox's AWS: a thousand deployments take a minute.
package reliability

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/pkg/v3/backend"
	"github.com/pulumi/pulumi/pkg/v3/display"
	"github.com/pulumi/pulumi/pkg/v3/engine"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy/deploytest"
	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/pkg/v3/resource/stack"
	"github.com/pulumi/pulumi/pkg/v3/secrets/b64"
	"github.com/pulumi/pulumi/pkg/v3/util/cancel"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/env"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"sentry/internal/recovery"
	"sentry/internal/sandbox"
)

// Stack is one stack in an account of its own. What its engine has persisted is in it, and nothing else: whoever
// drops everything but the cloud and this has lost the process.
type Stack struct {
	Cloud   *sandbox.Cloud
	project string
	name    string
	program pulumi.RunFunc
	config  map[string]string
	state   *apitype.DeploymentV3
	// warnings are the program's and the engine's of the last operation.
	warnings []string
	// signal is a Ctrl-C to the operation that runs.
	signal func()
}

// NewStack is a stack that was never deployed.
func NewStack(project, name string, program pulumi.RunFunc, settings map[string]string) *Stack {
	return &Stack{Cloud: sandbox.NewCloud(), project: project, name: name, program: program, config: maps.Clone(settings)}
}

// Configure changes the configuration; an empty value takes a key away.
func (s *Stack) Configure(settings map[string]string) {
	s.config = maps.Clone(s.config)
	maps.Copy(s.config, settings)
	maps.DeleteFunc(s.config, func(_, value string) bool { return value == "" })
}

// Up deploys.
func (s *Stack) Up() error { return s.operate(engine.Update, false, nil) }

// Preview fills in the steps of what Up would do.
func (s *Stack) Preview() ([]recovery.Step, error) {
	var steps []recovery.Step
	err := s.operate(engine.Update, true, &steps)
	return steps, err
}

// Destroy deletes everything.
func (s *Stack) Destroy() error { return s.operate(engine.Destroy, false, nil) }

// PreviewDestroy is what the CLI does before it destroys: its error is a refusal.
func (s *Stack) PreviewDestroy() error { return s.operate(engine.Destroy, true, nil) }

// Import takes resources that exist into the state, as `pulumi import` does: components are made empty, and a provider
// that the state does not have gets its inputs from the first that names it.
func (s *Stack) Import(imports []deploy.Import) error {
	return s.operate(func(info engine.UpdateInfo, ctx *engine.Context, options engine.UpdateOptions, dryRun bool) (*deploy.Plan, display.ResourceChanges, error) {
		return engine.Import(info, ctx, options, imports, dryRun)
	}, false, nil)
}

// UpOnly deploys some resources, by their URNs, and leaves the others as they are.
func (s *Stack) UpOnly(urns ...string) error { return s.operate(only(engine.Update, urns), false, nil) }

// RefreshOnly reads into the state what AWS has of some resources.
func (s *Stack) RefreshOnly(urns ...string) error {
	return s.operate(only(engine.Refresh, urns), false, nil)
}

// Refresh reads into the state what AWS has.
func (s *Stack) Refresh() error { return s.operate(engine.Refresh, false, nil) }

// PreviewRefreshed is Preview of what Up would do with the state that a refresh would leave.
func (s *Stack) PreviewRefreshed() ([]recovery.Step, error) {
	before := s.state
	if err := s.Refresh(); err != nil {
		return nil, err
	}
	defer func() { s.state = before }()
	return s.Preview()
}

func only(run operation, urns []string) operation {
	return func(info engine.UpdateInfo, ctx *engine.Context, options engine.UpdateOptions, dryRun bool) (*deploy.Plan, display.ResourceChanges, error) {
		options.Targets = deploy.NewUrnTargets(urns)
		return run(info, ctx, options, dryRun)
	}
}

// Forget loses the state, all of it; AWS has what it had.
func (s *Stack) Forget() { s.state = nil }

// Recover is what a person does after an interruption: delivery recover.
func (s *Stack) Recover(ctx context.Context) (recovery.Report, error) {
	return recovery.Recover(ctx, recoverable{s}, s.Cloud.Account(s.project, s.name))
}

type operation = func(engine.UpdateInfo, *engine.Context, engine.UpdateOptions, bool) (*deploy.Plan, display.ResourceChanges, error)

// noPlugins: the only provider is the sandbox's, so the engine finds every plugin that it asks for.
type noPlugins struct{ engine.PluginManager }

func (noPlugins) HasPlugin(context.Context, workspace.PluginDescriptor) bool { return true }

func (noPlugins) HasPluginGTE(context.Context, workspace.PluginDescriptor) (bool, *semver.Version, error) {
	return true, nil, nil
}

func (noPlugins) GetPluginPath(context.Context, diag.Sink, workspace.PluginDescriptor, []workspace.ProjectPlugin) (string, error) {
	return "installed", nil
}

// operate runs one operation of the engine. When the cloud loses the process, nothing is persisted from then on.
func (s *Stack) operate(run operation, dryRun bool, steps *[]recovery.Step) error {
	snapshot, err := s.snapshot()
	if err != nil {
		return err
	}
	cancelled, source := cancel.NewContext(context.Background())
	persister := &persister{stack: s}
	aws := sandbox.NewLocal(s.Cloud, func() {
		persister.lose()
		source.Cancel()
		source.Terminate()
	})
	defer aws.Close()
	defer source.Terminate() // ends what the engine has left waiting
	signals := 0
	s.signal = func() { // as the CLI treats it: the first one ends what was begun, the second one everything
		if signals++; signals == 1 {
			source.Cancel()
		} else {
			source.Terminate()
		}
	}

	var problems []string
	s.warnings = nil
	events := make(chan engine.Event)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for e := range events {
			switch payload := e.Payload().(type) {
			case engine.DiagEventPayload:
				switch text := strings.TrimSpace(colors.Never.Colorize(payload.Message)); payload.Severity {
				case diag.Error:
					problems = append(problems, text)
				case diag.Warning:
					s.warnings = append(s.warnings, text)
				}
			case engine.ResourcePreEventPayload:
				if steps != nil && payload.Metadata.New != nil {
					*steps = append(*steps, step(payload.Metadata))
				}
			}
		}
	}()
	var host plugin.Host
	ctx := &engine.Context{Cancel: cancelled, Events: events, PluginManager: noPlugins{}}
	if !dryRun {
		manager := persister.manager(snapshot, s.Cloud.Breaks())
		ctx.SnapshotManager = manager
		defer func() { _ = manager.Close() }()
	}
	_, _, err = run(s.info(snapshot), ctx, engine.UpdateOptions{
		Parallel: 8,
		HostFactory: func(_ context.Context, told, status diag.Sink, _ plugin.DebugContext) (plugin.Host, error) {
			host = deploytest.NewPluginHost(told, status, deploytest.NewLanguageRuntime(func(info plugin.RunInfo, _ *deploytest.ResourceMonitor) error {
				return s.run(info, host.ServerAddr())
			}), provider(aws))
			return host, nil
		},
	}, dryRun)
	close(events)
	<-drained
	if host != nil {
		_ = host.Close()
	}
	if persister.isLost() {
		return errLost
	}
	if err != nil && len(problems) > 0 {
		return errors.New(strings.Join(problems, "\n"))
	}
	return err
}

// errLost is the end of an operation whose process was lost.
var errLost = errors.New("the process was lost")

// run runs the program as the language host does.
func (s *Stack) run(info plugin.RunInfo, engineAddress string) error {
	ctx, err := pulumi.NewContext(context.Background(), pulumi.RunInfo{
		Project: s.project, Stack: s.name, Config: s.config, DryRun: info.DryRun, Parallel: info.Parallel,
		MonitorAddr: info.MonitorAddress, EngineAddr: engineAddress, Organization: "organization",
	})
	if err != nil {
		return err
	}
	defer ctx.Close()
	return pulumi.RunWithContext(ctx, s.program)
}

func (s *Stack) info(snapshot *deploy.Snapshot) engine.UpdateInfo {
	settings := config.Map{}
	for name, value := range s.config {
		if key, err := config.ParseKey(name); err == nil {
			settings[key] = config.NewValue(value)
		}
	}
	name := tokens.MustParseStackName(s.name)
	return engine.UpdateInfo{
		Root:    "/",
		Project: &workspace.Project{Name: tokens.PackageName(s.project), Runtime: workspace.NewProjectRuntimeInfo("go", nil)},
		Target: &deploy.Target{
			Name: name, Organization: "organization", Config: settings, Decrypter: config.NopDecrypter, Snapshot: snapshot,
		},
	}
}

func (s *Stack) snapshot() (*deploy.Snapshot, error) {
	if s.state == nil {
		return nil, nil //nolint:nilnil // the engine's word for a stack that was never deployed
	}
	return stack.DeserializeDeploymentV3(context.Background(), *s.state, stack.Base64SecretsProvider{})
}

// provider is the sandbox's, whatever version a program asks for.
func provider(aws *sandbox.Local) *deploytest.ProviderLoader {
	return deploytest.NewProviderLoader("*", semver.MustParse("0.0.0"), func() (plugin.Provider, error) {
		return plugin.NewProviderWithClient(nil, pulumirpc.NewResourceProviderClient(aws.Connect()), false), nil
	}, deploytest.WithoutGrpc, deploytest.WithHandshake)
}

// persister is the state backend: it keeps what was written last, until the process is lost.
type persister struct {
	stack *Stack
	mu    sync.Mutex
	lost  bool
}

// manager decides what is written when. What was written before the end is asked for only where the process does not
// live to see it, and is half of the work: an operation that does not break writes once, at the end.
func (p *persister) manager(snapshot *deploy.Snapshot, breaks bool) *backend.SnapshotManager {
	settings.Lock()
	defer settings.Unlock()
	name := env.SkipCheckpoints.Var().Name()
	before, set := os.LookupEnv(name)
	_ = os.Setenv(name, strconv.FormatBool(!breaks))
	manager := backend.NewSnapshotManager(p, b64.NewBase64SecretsManager(), snapshot, nil)
	if set {
		_ = os.Setenv(name, before)
	} else {
		_ = os.Unsetenv(name)
	}
	return manager
}

// settings guards what the engine takes from the process's environment.
var settings sync.Mutex

func (p *persister) Save(d apitype.TypedDeployment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.lost {
		p.stack.state = d.Deployment
	}
	return nil
}

func (p *persister) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = true
}

func (p *persister) isLost() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

func step(metadata engine.StepEventMetadata) recovery.Step {
	made := metadata.New
	told := apitype.ResourceV3{URN: made.URN, Type: made.Type, Custom: made.Custom, Parent: made.Parent, Provider: made.Provider}
	if metadata.Op != deploy.OpSame { // whose inputs nobody asks for
		inputs, err := stack.SerializeProperties(context.Background(), made.Inputs, config.NopEncrypter, true)
		if err == nil { // a resource whose inputs cannot be told is none that could be looked for
			told.Inputs = inputs
		}
	}
	return recovery.Step{Op: apitype.OpType(metadata.Op), Resource: told}
}

// recoverable is a stack as recovery works on it.
type recoverable struct{ *Stack }

func (s recoverable) Export(context.Context) (apitype.UntypedDeployment, error) {
	if s.state == nil {
		return apitype.UntypedDeployment{Version: 3, Deployment: json.RawMessage(`{}`)}, nil
	}
	text, err := json.Marshal(s.state)
	return apitype.UntypedDeployment{Version: 3, Deployment: text}, err
}

func (s recoverable) Import(_ context.Context, d apitype.UntypedDeployment) error {
	state := &apitype.DeploymentV3{}
	if err := json.Unmarshal(d.Deployment, state); err != nil {
		return err
	}
	snapshot, err := stack.DeserializeDeploymentV3(context.Background(), *state, stack.Base64SecretsProvider{})
	if err != nil {
		return err
	}
	if err := snapshot.VerifyIntegrity(); err != nil {
		return err
	}
	s.Stack.state = state
	return nil
}

func (s recoverable) Refresh(context.Context) error { return s.Stack.Refresh() }

func (s recoverable) Plan(context.Context) ([]recovery.Step, error) { return s.Preview() }

func (s recoverable) Adopt(_ context.Context, r apitype.ResourceV3, id string) error {
	providerURN := resource.URN(r.Provider[:strings.LastIndex(r.Provider, "::")])
	err := s.Stack.Import([]deploy.Import{{
		Type: r.Type, Name: r.URN.Name(), ID: resource.ID(id), Parent: r.Parent, Provider: providerURN,
	}})
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return recovery.ErrAbsent
	}
	return err
}
