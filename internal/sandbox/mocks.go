package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"sentry/internal/aws"
)

// Resource is one registration as the program made it. Inputs and Outputs are copies.
type Resource struct {
	Type, Name, URN, ID string
	// Version is the provider's that the program asks for.
	Version        string
	Parent         string            // URN
	Provider       string            // reference "urn::id", "" when none
	Providers      map[string]string // package to reference; for components
	Custom, Remote bool
	Protect        bool
	RetainOnDelete bool

	DependsOn            []string // URNs: explicit dependencies and those of the inputs
	PropertyDependencies map[string][]string
	IgnoreChanges        []string
	ReplaceOnChanges     []string
	DeleteBeforeReplace  *bool // nil: the provider decides
	DeletedWith          string
	Aliases              int
	CustomTimeouts       Timeouts

	Inputs, Outputs resource.PropertyMap
}

// Timeouts are durations such as "20m", "" for the provider's own.
type Timeouts struct{ Create, Update, Delete string }

// InAWS reports whether it is something in AWS: components and providers are not.
func (r Resource) InAWS() bool { return r.Custom && !strings.HasPrefix(r.Type, "pulumi:") }

// Recording is all that a program registered, ordered by type, then name.
type Recording struct {
	Resources []Resource
	// Outputs are the stack outputs as plain values; secrets are unwrapped, [Unknown] is for what a preview
	// cannot know.
	Outputs map[string]any
}

// ByType are the resources of one type token.
func (r *Recording) ByType(token string) []Resource {
	var out []Resource
	for _, x := range r.Resources {
		if x.Type == token {
			out = append(out, x)
		}
	}
	return out
}

// Find is the resource with a type token and a logical name.
func (r *Recording) Find(token, name string) (Resource, bool) {
	i := slices.IndexFunc(r.Resources, func(x Resource) bool { return x.Type == token && x.Name == name })
	if i < 0 {
		return Resource{}, false
	}
	return r.Resources[i], true
}

// MockOptions say in which stack a program runs. Project and Stack are required.
type MockOptions struct {
	Project, Stack string
	Config         map[string]string // full keys, such as "sentry:vpcCidr"
	DryRun         bool              // a preview: all that AWS computes is unknown
	Cloud          *Cloud            // nil: an empty one
	RootDirectory  string            // what the program sees as its project's folder
}

// Record runs a program under Pulumi's mocks over the catalogue and returns what it registered, also
// when it fails. What AWS would refuse is an error.
func Record(program pulumi.RunFunc, opts MockOptions) (*Recording, error) {
	m := &mocks{MockOptions: opts, urns: map[string]bool{}, providers: map[string]settings{}, ancestry: map[string]Resource{}}
	if m.Cloud == nil {
		m.Cloud = NewCloud()
	}
	exports := map[string]pulumi.Input{}
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		m.ctx = ctx
		err := program(ctx)
		exports = ctx.GetCurrentExportMap()
		return err
	}, pulumi.WithMocks(opts.Project, opts.Stack, m), func(info *pulumi.RunInfo) {
		info.Config, info.DryRun, info.RootDirectory = opts.Config, opts.DryRun, opts.RootDirectory
	})

	r := &Recording{Resources: m.resources, Outputs: map[string]any{}}
	slices.SortFunc(r.Resources, func(a, b Resource) int {
		return strings.Compare(a.Type+"\x00"+a.Name+"\x00"+a.URN, b.Type+"\x00"+b.Name+"\x00"+b.URN)
	})
	if err != nil {
		return r, err
	}
	for name, input := range exports {
		value, err := await(context.Background(), pulumi.ToOutput(input))
		if err != nil {
			return r, fmt.Errorf("stack output %s: %w", name, err)
		}
		r.Outputs[name] = value
	}
	return r, nil
}

// await is an output's value, Unknown when a preview cannot tell.
func await(ctx context.Context, o pulumi.Output) (any, error) {
	result, err := internals.UnsafeAwaitOutput(ctx, o)
	if err != nil {
		return nil, err
	}
	if !result.Known {
		return Unknown, nil
	}
	return result.Value, nil
}

type mocks struct {
	MockOptions
	ctx *pulumi.Context

	mu        sync.Mutex
	resources []Resource
	urns      map[string]bool
	providers map[string]settings // by URN
	ancestry  map[string]Resource // by URN; the components, recorded before their children
}

// NewResource is Pulumi's hook for every registration.
func (m *mocks) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	rpc := args.RegisterRPC
	if rpc == nil {
		return m.readResource(args)
	}
	inputs, err := plugin.UnmarshalProperties(rpc.GetObject(), plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true})
	if err != nil {
		return "", nil, err
	}
	r := recorded(rpc)
	r.Inputs = inputs.Copy()
	r.URN = m.urn(rpc.GetParent(), r.Type, r.Name)
	if r.Custom {
		m.mu.Lock()
		taken := m.urns[r.URN]
		m.urns[r.URN] = true
		m.mu.Unlock()
		if taken {
			return "", nil, fmt.Errorf("Duplicate resource URN '%s'; try giving it a unique name", r.URN)
		}
	}

	m.mu.Lock()
	if !r.Custom && (r.Remote || r.Type != aws.VpcComponent) {
		m.ancestry[r.URN] = r
	}
	m.mu.Unlock()

	var id string
	var out resource.PropertyMap
	switch {
	case r.Remote:
		out, err = m.construct(r, inputs)
	case r.Custom && strings.HasPrefix(r.Type, "pulumi:providers:"):
		id, out, err = m.provider(r, inputs)
	case r.Custom:
		id, out, err = m.resource(r, inputs)
	case r.Type == aws.VpcComponent:
		return "", resource.PropertyMap{}, nil // the remote registration stands for it
	}
	r.ID, r.Outputs = id, out.Copy()
	m.mu.Lock()
	m.resources = append(m.resources, r)
	m.mu.Unlock()
	if err != nil {
		return "", nil, fmt.Errorf("%s %q: %w", r.Type, r.Name, err)
	}
	if m.DryRun {
		// Pulumi's mocks drop what is unknown inside a list or object; a whole property that is missing is unknown.
		maps.DeleteFunc(out, func(_ resource.PropertyKey, v resource.PropertyValue) bool { return v.ContainsUnknowns() })
	}
	for _, key := range rpc.GetAdditionalSecretOutputs() {
		if v, ok := out[resource.PropertyKey(key)]; ok {
			out[resource.PropertyKey(key)] = resource.MakeSecret(v)
		}
	}
	return id, out, nil
}

// readResource answers for a resource that the program uses, but does not make.
func (m *mocks) readResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	c, err := m.Cloud.call(args.TypeToken, m.urn(args.ReadRPC.GetParent(), args.TypeToken, args.Name), m.settings(args.Provider), attrs{})
	if err != nil {
		return "", nil, err
	}
	props, found, err := c.read(args.ID, nil)
	if err == nil && !found {
		err = fmt.Errorf("resource '%s' does not exist", args.ID)
	}
	if err != nil {
		return "", nil, fmt.Errorf("read %s %q: %w", args.TypeToken, args.Name, err)
	}
	return args.ID, properties(props), nil
}

func recorded(rpc *pulumirpc.RegisterResourceRequest) Resource {
	r := Resource{
		Type: rpc.GetType(), Name: rpc.GetName(), Parent: rpc.GetParent(), Version: rpc.GetVersion(),
		Provider: rpc.GetProvider(), Providers: rpc.GetProviders(),
		Custom: rpc.GetCustom(), Remote: rpc.GetRemote(), Protect: rpc.GetProtect(), RetainOnDelete: rpc.GetRetainOnDelete(),
		DependsOn: slices.Clone(rpc.GetDependencies()), IgnoreChanges: rpc.GetIgnoreChanges(), ReplaceOnChanges: rpc.GetReplaceOnChanges(),
		DeletedWith: rpc.GetDeletedWith(), Aliases: len(rpc.GetAliases()) + len(rpc.GetAliasURNs()),
		PropertyDependencies: map[string][]string{},
		CustomTimeouts: Timeouts{
			Create: rpc.GetCustomTimeouts().GetCreate(),
			Update: rpc.GetCustomTimeouts().GetUpdate(),
			Delete: rpc.GetCustomTimeouts().GetDelete(),
		},
	}
	slices.Sort(r.DependsOn)
	if rpc.GetDeleteBeforeReplaceDefined() {
		v := rpc.GetDeleteBeforeReplace()
		r.DeleteBeforeReplace = &v
	}
	for key, deps := range rpc.GetPropertyDependencies() {
		r.PropertyDependencies[key] = deps.GetUrns()
	}
	return r
}

// urn is the URN that the engine would give; Pulumi's own mocks do the same.
func (m *mocks) urn(parent, typ, name string) string {
	chain := typ
	if p := resource.URN(parent); parent != "" && p.QualifiedType() != resource.RootStackType {
		chain = string(p.QualifiedType()) + resource.URNTypeDelimiter + typ
	}
	return string(resource.URN(strings.Join([]string{"urn:pulumi:" + m.Stack, m.Project, chain, name}, resource.URNNameDelimiter)))
}

func (m *mocks) provider(r Resource, inputs resource.PropertyMap) (string, resource.PropertyMap, error) {
	in := plain(inputs)
	if r.Type == aws.Provider {
		c, err := m.Cloud.call(aws.Provider, r.URN, settings{}, decoded(in))
		if err != nil {
			return "", nil, err
		}
		if err := refusal(c.checkInputs("")); err != nil {
			return "", nil, err
		}
		s, err := configure(in)
		if err != nil {
			return "", nil, err
		}
		m.mu.Lock()
		m.providers[r.URN] = s
		m.mu.Unlock()
	}
	if m.DryRun {
		return "", inputs, nil
	}
	return r.Name + "_id", inputs, nil
}

func (m *mocks) settings(reference string) settings {
	urn := reference
	if i := strings.LastIndex(reference, resource.URNNameDelimiter); i >= 0 {
		urn = reference[:i]
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.providers[urn]; ok {
		return s
	}
	return settings{region: m.Config["aws:region"]}
}

func (m *mocks) resource(r Resource, inputs resource.PropertyMap) (string, resource.PropertyMap, error) {
	c, err := m.Cloud.call(r.Type, r.URN, m.settings(r.Provider), plain(inputs))
	if err != nil {
		return "", nil, err
	}
	if err := refusal(c.checkInputs(r.Name + "-1234567")); err != nil {
		return "", nil, err
	}
	delete(c.in, "__defaults")
	var id string
	var out attrs
	if m.DryRun {
		out = c.preview(nil)
	} else if id, out, err = c.create(); err != nil {
		return "", nil, err
	}
	delete(out, "id")
	props := properties(out)
	maps.Copy(props, secretsOf(inputs))
	return id, props, nil
}

// secretsOf are the inputs that are secret: they stay so among the outputs.
func secretsOf(inputs resource.PropertyMap) resource.PropertyMap {
	out := resource.PropertyMap{}
	for k, v := range inputs {
		if v.ContainsSecrets() {
			out[k] = v
		}
	}
	return out
}

// construct builds a remote component's children through the program's own context, as its provider
// would do through the engine.
func (m *mocks) construct(r Resource, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	if r.Type != aws.VpcComponent {
		return nil, errors.New("the sandbox does not know this component: add it to internal/sandbox/vpc.go")
	}
	c, err := m.Cloud.call(aws.VpcComponent, "", settings{}, plain(inputs))
	if err != nil {
		return nil, err
	}
	if err := refusal(c.checkInputs("")); err != nil {
		return nil, err
	}
	var opts []pulumi.ResourceOption
	if parent := resource.URN(r.Parent); parent != "" && parent.QualifiedType() != resource.RootStackType {
		var res pulumi.ResourceState
		if err := m.ctx.RegisterResource(string(parent.Type()), parent.Name(), nil, &res, pulumi.URN_(string(parent))); err != nil {
			return nil, err
		}
		opts = append(opts, pulumi.Parent(&res))
	}
	reference := m.inherited(r, "aws")
	if i := strings.LastIndex(reference, resource.URNNameDelimiter); i >= 0 {
		urn := resource.URN(reference[:i])
		var res pulumi.ProviderResourceState
		if err := m.ctx.RegisterResource(string(urn.Type()), urn.Name(), nil, &res, pulumi.URN_(string(urn))); err != nil {
			return nil, err
		}
		opts = append(opts, pulumi.Providers(&res))
	}
	region := cmp.Or(m.settings(reference).region, DefaultRegion)
	component, err := constructVpc(m.ctx, r.Name, c.in, region, opts...)
	if err != nil {
		return nil, err
	}
	out := resource.PropertyMap{}
	for key, value := range component.outputs {
		v, err := m.resolved(value)
		if err != nil {
			return nil, err
		}
		out[resource.PropertyKey(key)] = v
	}
	return out, nil
}

// inherited is the provider that a component was given for a package, itself or by an ancestor.
func (m *mocks) inherited(r Resource, pkg string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ok := true; ok; r, ok = m.ancestry[r.Parent] {
		if reference := r.Providers[pkg]; reference != "" {
			return reference
		}
	}
	return ""
}

func (m *mocks) resolved(v pulumi.Input) (resource.PropertyValue, error) {
	if elements, ok := v.(pulumi.Array); ok {
		out := make([]resource.PropertyValue, len(elements))
		for i, e := range elements {
			var err error
			if out[i], err = m.resolved(e); err != nil {
				return resource.PropertyValue{}, err
			}
		}
		return resource.NewProperty(out), nil
	}
	value, err := await(m.ctx.Context(), pulumi.ToOutput(v))
	if err != nil {
		return resource.PropertyValue{}, err
	}
	switch value := value.(type) {
	case pulumi.Resource:
		urn, id, err := awaitedResource(m.ctx.Context(), value)
		if err != nil {
			return resource.PropertyValue{}, err
		}
		return resource.MakeCustomResourceReference(resource.URN(urn), resource.ID(id), ""), nil
	case pulumi.ID:
		return resource.NewProperty(string(value)), nil
	}
	return property(value), nil
}

// Call is Pulumi's hook for every invoke.
func (m *mocks) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	out, err := invoke(args.Token, plain(args.Args), m.settings(args.Provider), m.Cloud)
	return properties(out), err
}
