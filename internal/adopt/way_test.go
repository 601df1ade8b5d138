package adopt_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/adopt"
	"sentry/internal/aws"
	"sentry/internal/recovery"
	"sentry/internal/reliability"
	"sentry/internal/sandbox"
)

func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(t, text, pairs[i])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// production is the same project with production's values.
func production(t *testing.T) string {
	t.Helper()
	return replaced(t, stateFile(t, "staging"), "staging", "production", "10.0.0.0/16", "10.1.0.0/16", "10.0.0.0/24", "10.1.0.0/24",
		"10.0.1.0/24", "10.1.1.0/24", `"cpu": "256"`, `"cpu": "512"`, `"memory": "512"`, `"memory": "1024"`,
		`"desired_count": 1`, `"desired_count": 2`, `"retention_in_days": 7`, `"retention_in_days": 30`)
}

// older is a project with other subnets, in other zones, with buckets that have no settings yet and another suffix.
func older(t *testing.T) string {
	t.Helper()
	return replaced(t, stateFile(t, "staging"), "10.0.0.0/24", "10.0.10.0/24", "10.0.1.0/24", "10.0.20.0/24",
		`"availability_zone": "us-east-1a"`, `"availability_zone": "us-east-1c"`, "sentry-staging-clips", "sentry-staging-clips-x7",
		`"retention_in_days": 7`, `"retention_in_days": 0`)
}

var versions = map[string]struct {
	environment string
	state       func(*testing.T) string
	tasks       float64
}{
	"staging":    {"staging", func(t *testing.T) string { return stateFile(t, "staging") }, 1},
	"production": {"production", production, 2},
	"older":      {"staging", older, 1},
	"later":      {"staging", func(t *testing.T) string { return stateFile(t, "later") }, 1},
}

// The whole way, on the real engine, with an AWS that Terraform has filled.
func TestTheWay(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			w := start(t, version.environment, read(t, version.state(t)))
			w.watch(version.tasks)
			require.NoError(t, w.stack.Import(w.imports()))
			assert.Empty(t, w.stack.Cloud.Journal(), "an import changes something in AWS")
			w.previewIsGentle()

			w.moveRoutes()
			require.NoError(t, w.stack.Up())
			for _, done := range w.stack.Cloud.Journal() {
				assert.NotEqual(t, "delete", done.Op, "%s", done)
			}
			w.unchanged(w.stack.Preview())
			w.unchanged(w.stack.PreviewRefreshed())
		})
	}
}

// Whoever updates before the subnets were moved gets an error, and no outage.
func TestTheShortWay(t *testing.T) {
	w := start(t, "staging", read(t, stateFile(t, "staging")))
	w.watch(1)
	require.NoError(t, w.stack.Import(w.imports()))
	require.ErrorContains(t, w.stack.Up(), "Resource.AlreadyAssociated")
	w.moveRoutes()
	require.NoError(t, w.stack.Up())
	w.unchanged(w.stack.PreviewRefreshed())
}

// The record of releases keeps what ran, and the key that said it can go.
func TestTheImageThatRanBefore(t *testing.T) {
	w := start(t, "staging", read(t, stateFile(t, "staging")))
	require.NoError(t, w.stack.Import(w.imports()))
	w.moveRoutes()
	require.NoError(t, w.stack.Up())
	adopted := maps.Clone(w.plan.Values()["sentry:adopted"].(map[string]any))
	delete(adopted, "image")
	text, err := json.Marshal(adopted)
	require.NoError(t, err)
	w.stack.Configure(map[string]string{"sentry:adopted": string(text)})
	w.unchanged(w.stack.Preview())
}

type way struct {
	*testing.T
	plan  *adopt.Plan
	stack *reliability.Stack
	file  adopt.ImportFile
	urns  map[string]resource.URN
}

func start(t *testing.T, environment string, state adopt.State) *way {
	t.Helper()
	p := open(t)
	settings, err := p.Config(environment)
	require.NoError(t, err)
	w := &way{T: t, stack: reliability.NewStack(p.Name, environment, infra.DeployIn(p.Dir), settings), urns: map[string]resource.URN{}}
	state.Fill(w.stack.Cloud)
	w.plan, err = adopt.Make(t.Context(), adopt.Options{
		Project: p, Environment: environment, Program: infra.DeployIn, State: state, Rules: adopt.RulesIn(w.stack.Cloud),
	})
	require.NoError(t, err)
	require.Empty(t, w.plan.Problems)
	require.NoError(t, p.SetConfig(environment, w.plan.Values()))
	settings, err = p.Config(environment)
	require.NoError(t, err)
	w.stack.Configure(settings)
	w.file = w.plan.ImportFile()
	return w
}

// imports are the import file as the engine gets it from the CLI.
func (w *way) imports() []deploy.Import {
	var all []deploy.Import
	for _, r := range w.file.Resources {
		var parentType tokens.Type
		if r.Parent != "" {
			parentType = w.urns[r.Parent].QualifiedType()
		}
		w.urns[r.Name] = resource.NewURN(tokens.QName(w.plan.Environment), "sentry", parentType, tokens.Type(r.Type), r.LogicalName)
		entry := deploy.Import{
			Type: tokens.Type(r.Type), Name: r.LogicalName, ID: resource.ID(r.ID), Component: r.Component, Parent: w.urns[r.Parent],
		}
		if version, err := semver.ParseTolerant(r.Version); err == nil {
			entry.Version = &version
		}
		if r.Provider != "" {
			entry.Provider = resource.URN(w.file.NameTable[r.Provider])
			entry.ProviderInputs = resource.NewPropertyMapFromMap(w.file.ProviderInputs[r.Provider])
		}
		all = append(all, entry)
	}
	return all
}

// watch looks at what must hold at every moment, whatever is done.
func (w *way) watch(tasks float64) {
	kept := map[string]bool{}
	for _, o := range w.stack.Cloud.Objects() {
		switch o.Type {
		case aws.EC2RouteTable, aws.EC2Route, aws.EC2RouteTableAssociation, aws.IAMRolePolicy, aws.IAMRolePolicyAttachment:
		default:
			kept[o.Type+" "+o.ID] = true
		}
	}
	w.stack.Cloud.Observe(func(objects []*sandbox.Object) {
		there, routed := map[string]bool{}, map[any]bool{}
		for _, o := range objects {
			there[o.Type+" "+o.ID] = true
			if o.Type == aws.EC2Route && o.Props["destinationCidrBlock"] == "0.0.0.0/0" {
				routed[o.Props["routeTableId"]] = true
			}
		}
		for what := range kept {
			assert.True(w, there[what], "%s is gone", what)
		}
		ways := map[any]bool{}
		for _, o := range objects {
			switch o.Type {
			case aws.EC2RouteTableAssociation:
				ways[o.Props["subnetId"]] = routed[o.Props["routeTableId"]]
			case aws.ECSService:
				assert.GreaterOrEqual(w, o.Props["desiredCount"], tasks, "fewer tasks are running")
			}
		}
		for _, o := range objects {
			if o.Type == aws.EC2Subnet {
				assert.True(w, ways[o.ID], "%s has no way to the internet", o.ID)
			}
		}
	})
}

// previewIsGentle: the first update neither replaces nor deletes anything.
func (w *way) previewIsGentle() {
	w.Helper()
	steps, err := w.stack.Preview()
	require.NoError(w, err)
	for _, step := range steps {
		assert.Contains(w, []apitype.OpType{apitype.OpSame, apitype.OpCreate, apitype.OpUpdate}, step.Op, step.Resource.URN)
	}
	for _, made := range w.plan.New {
		assert.Contains(w, created(steps), made, "the table promises something that the update does not make")
	}
}

func created(steps []recovery.Step) []string {
	var all []string
	for _, step := range steps {
		if step.Op == apitype.OpCreate {
			typ := string(step.Resource.Type)
			all = append(all, typ[strings.LastIndex(typ, ":")+1:]+" "+step.Resource.URN.Name())
		}
	}
	return all
}

// moveRoutes makes the new route tables, moves the subnets to them as `aws ec2 replace-route-table-association` does, and
// imports what came of it.
func (w *way) moveRoutes() {
	w.Helper()
	steps, err := w.stack.Preview()
	require.NoError(w, err)
	var tables []string
	for _, step := range steps {
		if typ := string(step.Resource.Type); step.Op == apitype.OpCreate && (typ == aws.EC2RouteTable || typ == aws.EC2Route) {
			tables = append(tables, string(step.Resource.URN))
		}
	}
	if len(tables) > 0 {
		require.NoError(w, w.stack.UpOnly(tables...))
	}
	byName := map[string]sandbox.Object{}
	for _, o := range w.stack.Cloud.Objects() {
		if o.Type == aws.EC2RouteTable {
			byName[o.Name()] = o
		}
	}
	var moved []deploy.Import
	for _, row := range w.plan.Rows {
		if !row.Moved {
			continue
		}
		subnet, _, _ := strings.Cut(row.ID, "/")
		table := byName[row.Name]
		reassociate(w, w.stack.Cloud, subnet, table.ID)
		moved = append(moved, deploy.Import{
			Type: aws.EC2RouteTableAssociation, Name: row.Name, ID: resource.ID(subnet + "/" + table.ID), Parent: resource.URN(table.URN),
			Provider: resource.URN(w.file.NameTable["aws"]),
		})
	}
	require.Len(w, moved, 2)
	require.NoError(w, w.stack.Import(moved))
}

// reassociate is AWS's ReplaceRouteTableAssociation: one step, after which the association has another id.
func reassociate(t require.TestingT, cloud *sandbox.Cloud, subnet, table string) {
	for _, o := range cloud.Objects() {
		if o.Type == aws.EC2RouteTableAssociation && o.Props["subnetId"] == subnet {
			require.NoError(t, cloud.Lose(o.Type, o.Name()))
			id := o.ID + "x"
			cloud.Put(o.Type, id, map[string]any{"id": id, "subnetId": subnet, "routeTableId": table})
		}
	}
}

func (w *way) unchanged(steps []recovery.Step, err error) {
	w.Helper()
	require.NoError(w, err)
	for _, step := range steps {
		assert.Equal(w, apitype.OpSame, step.Op, fmt.Sprint(step.Resource.URN))
	}
}
