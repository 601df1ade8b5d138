package sandbox

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"sentry/internal/aws"
)

// server is the resource provider that the engine attaches to, in place of the plugins aws and awsx.
// Every connection is one instance of the provider, with its own configuration.
type server struct {
	pulumirpc.UnimplementedResourceProviderServer
	cloud  *Cloud
	killed func() // called when the cloud was told to lose the process

	grpc *grpc.Server
	port int
}

// instance is the provider at the other end of one connection.
type instance struct {
	mu       sync.Mutex
	settings settings
	engine   *grpc.ClientConn
}

type instanceKey struct{}

// serve is the provider at a port of this machine, for an engine that attaches to it by itself. killed is called when the
// cloud was told to lose the process.
func serve(cloud *Cloud, killed func()) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the sandbox's provider: %w", err)
	}
	s := &server{cloud: cloud, killed: killed, port: listener.Addr().(*net.TCPAddr).Port}
	// A state with a large policy is more than gRPC's 4 MB only when something is wrong; Pulumi allows 400 MB. What has
	// not begun when the server stops must not reach the cloud afterwards.
	s.grpc = grpc.NewServer(grpc.StatsHandler(instances{}), grpc.MaxRecvMsgSize(400<<20), grpc.WaitForHandlers(true))
	pulumirpc.RegisterResourceProviderServer(s.grpc, s)
	pulumirpc.RegisterLanguageRuntimeServer(s.grpc, language{})
	go func() { _ = s.grpc.Serve(listener) }()
	return s, nil
}

func (s *server) close() { s.grpc.Stop() }

// instances gives every connection its instance.
type instances struct{}

func (instances) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, instanceKey{}, &instance{})
}

func (instances) HandleConn(ctx context.Context, event stats.ConnStats) {
	if _, ended := event.(*stats.ConnEnd); !ended {
		return
	}
	at(ctx).detach()
}

func (instances) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (instances) HandleRPC(context.Context, stats.RPCStats)                       {}

func at(ctx context.Context) *instance {
	i, _ := ctx.Value(instanceKey{}).(*instance)
	return i
}

func (i *instance) attach(address string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.engine != nil || address == "" {
		return nil
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("attach the sandbox's provider to the engine: %w", err)
	}
	i.engine = conn
	return nil
}

func (i *instance) detach() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.engine != nil {
		_ = i.engine.Close()
	}
}

// Handshake begins an instance.
func (s *server) Handshake(ctx context.Context, req *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true}, at(ctx).attach(req.GetEngineAddress())
}

// Attach is how an engine says where it is to a provider that it did not start.
func (s *server) Attach(ctx context.Context, req *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, at(ctx).attach(req.GetAddress())
}

// GetPluginInfo answers with a version for both packages.
func (s *server) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: aws.Version()}, nil
}

// Cancel has nothing to interrupt: no operation here takes long.
func (s *server) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// CheckConfig refuses what the provider does not know, and the wrong account.
func (s *server) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	in, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	resp := &pulumirpc.CheckResponse{Inputs: req.GetNews()}
	if strings.HasSuffix(string(resource.URN(req.GetUrn()).Type()), ":awsx") {
		return resp, nil
	}
	c, err := s.cloud.call(aws.Provider, req.GetUrn(), settings{}, decoded(in))
	if err != nil {
		return nil, err
	}
	resp.Failures = failures(c.checkInputs(""))
	return resp, nil
}

// DiffConfig: another region replaces the provider, and with it all that it made; nothing else does.
func (s *server) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	before, err := unmarshal(req.GetOlds())
	if err != nil {
		return nil, err
	}
	now, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	resp := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	keys := map[string]bool{}
	for _, key := range slices.Concat(sortedKeys(before), sortedKeys(now)) {
		if !reflect.DeepEqual(before[key], now[key]) && key != "version" && !keys[key] {
			keys[key] = true
			resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
			resp.Diffs = append(resp.Diffs, key)
		}
	}
	if old := before.str("region"); old != "" && now.str("region") != "" && old != now.str("region") {
		resp.Replaces = []string{"region"}
	}
	return resp, nil
}

// Configure sets region and default tags, and refuses the wrong account.
func (s *server) Configure(ctx context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	in, err := unmarshal(req.GetArgs())
	if err != nil {
		return nil, err
	}
	configured, err := configure(in)
	if err != nil {
		return nil, err
	}
	i := at(ctx)
	i.mu.Lock()
	i.settings = configured
	i.mu.Unlock()
	return &pulumirpc.ConfigureResponse{SupportsPreview: true, AcceptSecrets: true}, nil
}

// Invoke answers the functions of the catalogue.
func (s *server) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	args, err := unmarshal(req.GetArgs())
	if err != nil {
		return nil, err
	}
	out, err := invoke(req.GetTok(), args, at(ctx).configured(), s.cloud)
	if err != nil {
		return nil, err
	}
	result, err := marshal(out, req.GetArgs())
	return &pulumirpc.InvokeResponse{Return: result}, err
}

func (i *instance) configured() settings {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.settings
}

func (s *server) call(ctx context.Context, urn string, inputs *structpb.Struct) (*call, error) {
	in, err := unmarshal(inputs)
	if err != nil {
		return nil, err
	}
	return s.cloud.call(string(resource.URN(urn).Type()), urn, at(ctx).configured(), in)
}

// Check refuses unknown and missing inputs, and invents names as the real provider does.
func (s *server) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	c, err := s.call(ctx, req.GetUrn(), req.GetNews())
	if err != nil {
		return nil, err
	}
	before, err := unmarshal(req.GetOlds())
	if err != nil {
		return nil, err
	}
	// Random, but the same in the preview and in the update that follows.
	seed := hex.EncodeToString(req.GetRandomSeed())
	auto := c.logical() + "-" + (seed + "0000000")[:7]
	if c.Name == "bucket" || c.typ == aws.ECRRepository {
		auto = strings.ToLower(auto)
	} else if c.typ == aws.KMSAlias {
		auto = "alias/" + auto
	}
	if slices.Contains(before.strings("__defaults"), c.Name) && before.str(c.Name) != "" {
		auto = before.str(c.Name)
	}
	problems := c.checkInputs(auto)
	inputs, err := marshal(c.in, req.GetNews())
	return &pulumirpc.CheckResponse{Inputs: inputs, Failures: failures(problems)}, err
}

func failures(problems []problem) []*pulumirpc.CheckFailure {
	var out []*pulumirpc.CheckFailure
	for _, p := range problems {
		out = append(out, &pulumirpc.CheckFailure{Property: p.property, Reason: p.reason})
	}
	return out
}

var diffKinds = map[string]map[bool]pulumirpc.PropertyDiff_Kind{
	"add":    {false: pulumirpc.PropertyDiff_ADD, true: pulumirpc.PropertyDiff_ADD_REPLACE},
	"delete": {false: pulumirpc.PropertyDiff_DELETE, true: pulumirpc.PropertyDiff_DELETE_REPLACE},
	"update": {false: pulumirpc.PropertyDiff_UPDATE, true: pulumirpc.PropertyDiff_UPDATE_REPLACE},
}

// change is a call about a resource that exists, with its inputs and its state before it.
func (s *server) change(ctx context.Context, urn string, inputs, oldInputs, oldState *structpb.Struct) (c *call, before, state attrs, err error) {
	if c, err = s.call(ctx, urn, inputs); err != nil {
		return nil, nil, nil, err
	}
	if state, err = unmarshal(oldState); err != nil {
		return nil, nil, nil, err
	}
	before, err = unmarshal(oldInputs)
	return c, before, state, err
}

// Diff says what changed and what of it replaces the resource.
func (s *server) Diff(ctx context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	c, before, state, err := s.change(ctx, req.GetUrn(), req.GetNews(), req.GetOldInputs(), req.GetOlds())
	if err != nil {
		return nil, err
	}
	resp := &pulumirpc.DiffResponse{
		Changes:         pulumirpc.DiffResponse_DIFF_NONE,
		HasDetailedDiff: true,
		DetailedDiff:    map[string]*pulumirpc.PropertyDiff{},
	}
	for _, d := range c.diff(before, state) {
		if slices.Contains(req.GetIgnoreChanges(), d.key) {
			continue
		}
		resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
		resp.Diffs = append(resp.Diffs, d.key)
		resp.DetailedDiff[d.key] = &pulumirpc.PropertyDiff{Kind: diffKinds[d.kind][d.replaces], InputDiff: before.has(d.key) || d.kind == "add"}
		if d.replaces {
			resp.Replaces = append(resp.Replaces, d.key)
		}
	}
	// Two resources cannot have one name at a time: unless the provider invented it, the old one goes first, even
	// where the name is what changes.
	// https://github.com/pulumi/pulumi-terraform-bridge/blob/main/pkg/tfbridge/names.go
	named := slices.ContainsFunc(sortedKeys(c.facts.Inputs), func(key string) bool {
		return c.facts.Inputs[key].Autoname && c.in.has(key) && !slices.Contains(c.in.strings("__defaults"), key)
	})
	resp.DeleteBeforeReplace = len(resp.Replaces) > 0 && (named || c.facts.DeleteBeforeReplace)
	return resp, nil
}

// Create makes a resource, or in a preview tells what can be known of it.
func (s *server) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	c, err := s.call(ctx, req.GetUrn(), req.GetProperties())
	if err != nil {
		return nil, err
	}
	if req.GetPreview() {
		props, err := marshal(c.preview(nil), req.GetProperties())
		return &pulumirpc.CreateResponse{Properties: props}, err
	}
	id, out, err := c.create()
	if err != nil {
		return nil, s.answer(ctx, id, out, err, req.GetProperties())
	}
	props, err := marshal(out, req.GetProperties())
	return &pulumirpc.CreateResponse{Id: id, Properties: props}, err
}

// Update changes a resource in place.
func (s *server) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	c, before, state, err := s.change(ctx, req.GetUrn(), req.GetNews(), req.GetOldInputs(), req.GetOlds())
	if err != nil {
		return nil, err
	}
	if req.GetPreview() {
		props, err := marshal(c.preview(state), req.GetNews())
		return &pulumirpc.UpdateResponse{Properties: props}, err
	}
	out, err := c.update(req.GetId(), before, state)
	if err != nil {
		return nil, s.answer(ctx, req.GetId(), out, err, req.GetNews())
	}
	props, err := marshal(out, req.GetNews())
	return &pulumirpc.UpdateResponse{Properties: props}, err
}

// Delete removes a resource; one that is gone already is no error.
func (s *server) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	c, err := s.call(ctx, req.GetUrn(), req.GetOldInputs())
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetProperties())
	if err != nil {
		return nil, err
	}
	if err := c.destroy(req.GetId(), state); err != nil {
		return nil, s.answer(ctx, "", nil, err, nil)
	}
	return &emptypb.Empty{}, nil
}

// Read is a refresh or an import.
func (s *server) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	c, err := s.call(ctx, req.GetUrn(), req.GetInputs())
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetProperties())
	if err != nil {
		return nil, err
	}
	props, found, err := c.read(req.GetId(), state)
	if err != nil {
		return nil, s.answer(ctx, "", nil, err, nil)
	}
	if !found {
		return &pulumirpc.ReadResponse{}, nil
	}
	var before attrs
	if len(c.in) > 0 {
		before = c.in
	}
	inputs, err := marshal(c.inputsOf(props, before), req.GetInputs())
	if err != nil {
		return nil, err
	}
	outputs, err := marshal(props, req.GetProperties())
	return &pulumirpc.ReadResponse{Id: cmp.Or(props.str("id"), req.GetId()), Inputs: inputs, Properties: outputs}, err
}

// answer is how an error reaches the engine: with the state of what exists although the operation
// failed, and not at all when the process is to be lost.
func (s *server) answer(ctx context.Context, id string, out attrs, err error, inputs *structpb.Struct) error {
	if errors.Is(err, errKilled) {
		s.killed()
		<-ctx.Done()
		return ctx.Err()
	}
	if out == nil {
		return err
	}
	props, marshalErr := marshal(out, inputs)
	if marshalErr != nil {
		return errors.Join(err, marshalErr)
	}
	st, detailErr := status.New(codes.Unknown, err.Error()).WithDetails(&pulumirpc.ErrorResourceInitFailed{
		Id: id, Properties: props, Reasons: []string{err.Error()},
	})
	if detailErr != nil {
		return errors.Join(err, detailErr)
	}
	return st.Err()
}

// Construct builds awsx's components through the engine.
func (s *server) Construct(ctx context.Context, req *pulumirpc.ConstructRequest) (*pulumirpc.ConstructResponse, error) {
	if req.GetType() != aws.VpcComponent {
		return nil, fmt.Errorf("the sandbox does not know the component %s: add it to internal/sandbox/vpc.go", req.GetType())
	}
	in, err := unmarshal(req.GetInputs())
	if err != nil {
		return nil, err
	}
	c, err := s.cloud.call(aws.VpcComponent, "", settings{}, in)
	if err != nil {
		return nil, err
	}
	if err := refusal(c.checkInputs("")); err != nil {
		return nil, fmt.Errorf("%s %q: %w", req.GetType(), req.GetName(), err)
	}
	region := cmp.Or(req.GetConfig()["aws:region"], DefaultRegion)
	return provider.Construct(ctx, req, at(ctx).engine,
		func(ctx *pulumi.Context, _, name string, _ provider.ConstructInputs, opts pulumi.ResourceOption) (*provider.ConstructResult, error) {
			component, err := constructVpc(ctx, name, in, region, opts)
			if err != nil {
				return nil, err
			}
			return &provider.ConstructResult{URN: component.URN(), State: component.outputs}, nil
		})
}

var keepAll = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: true}

func unmarshal(s *structpb.Struct) (attrs, error) {
	m, err := plugin.UnmarshalProperties(s, keepAll)
	if err != nil {
		return nil, err
	}
	return plain(m), nil
}

// marshal is the way to the engine: what is secret in the properties that came from there stays secret.
func marshal(a attrs, from *structpb.Struct) (*structpb.Struct, error) {
	before, err := plugin.UnmarshalProperties(from, keepAll)
	if err != nil {
		return nil, err
	}
	out := properties(a)
	delete(out, "id")
	for key := range secretsOf(before) {
		if v, ok := out[key]; ok {
			out[key] = resource.MakeSecret(v)
		}
	}
	return plugin.MarshalProperties(out, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
}
