package adopt_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/adopt"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/reliability"
)

func imports(t *testing.T, file adopt.ImportFile) []deploy.Import {
	urns := map[string]resource.URN{}
	var out []deploy.Import
	for _, r := range file.Resources {
		var parentType tokens.Type
		if r.Parent != "" {
			parentType = urns[r.Parent].QualifiedType()
		}
		urns[r.Name] = resource.NewURN("staging", "sentry", parentType, tokens.Type(r.Type), r.LogicalName)
		version, err := semver.ParseTolerant(r.Version)
		imp := deploy.Import{
			Type: tokens.Type(r.Type), Name: r.LogicalName, ID: resource.ID(r.ID), Component: r.Component,
			Parent: urns[r.Parent],
		}
		if err == nil {
			imp.Version = &version
		}
		if r.Provider != "" {
			imp.Provider = resource.URN(file.NameTable[r.Provider])
			imp.ProviderInputs = resource.NewPropertyMapFromMap(file.ProviderInputs[r.Provider])
		}
		out = append(out, imp)
	}
	return out
}

func TestScratch(t *testing.T) {
	for _, name := range []string{"staging", "older", "later"} {
		fmt.Println("====", name)
		text, err := os.ReadFile("/tmp/adoptwork/" + name + ".tfstate")
		require.NoError(t, err)
		state, err := adopt.Read(text)
		require.NoError(t, err)
		p, err := project.Open(fixture.Project(t))
		require.NoError(t, err)
		settings, err := p.Config("staging")
		require.NoError(t, err)
		s := reliability.NewStack(p.Name, "staging", infra.DeployIn(p.Dir), settings)
		state.Fill(s.Cloud)
		plan, err := adopt.Make(t.Context(), adopt.Options{Project: p, Environment: "staging", Program: infra.DeployIn, State: state, Rules: adopt.RulesIn(s.Cloud)})
		if err != nil {
			fmt.Println("====", name, err)
			continue
		}
		fmt.Println("PROBLEMS", plan.Problems)
		for _, r := range plan.Rows {
			if name == "later" {
				fmt.Printf("%-70s %-10s %s %s %s %s%s\n", r.Address, r.Verdict, r.Token, r.Name, r.ID, r.Why, r.Ask)
			}
		}
		require.NoError(t, p.SetConfig("staging", plan.Values()))
		settings, err = p.Config("staging")
		require.NoError(t, err)
		s.Configure(settings)
		fmt.Println(settings)
		require.NoError(t, s.Import(imports(t, plan.ImportFile())))
		steps, err := s.Preview()
		for _, step := range steps {
			if step.Op != "same" {
				fmt.Println(step.Op, step.Resource.URN[strings.LastIndex(string(step.Resource.URN), "$")+1:])
			}
		}
		require.NoError(t, err)
		s.Cloud.Journal()
		var tables []string
		for _, step := range steps {
			if step.Op == "create" && (step.Resource.Type == "aws:ec2/routeTable:RouteTable" || step.Resource.Type == "aws:ec2/route:Route") {
				tables = append(tables, string(step.Resource.URN))
			}
		}
		fmt.Println("TARGET", tables)
		require.NoError(t, s.UpOnly(tables...))
		for _, o := range s.Cloud.Journal() {
			fmt.Println("  ", o)
		}
		var moved []deploy.Import
		for _, o := range s.Cloud.Objects() {
			if o.Type != "aws:ec2/routeTableAssociation:RouteTableAssociation" {
				continue
			}
			for _, row := range plan.Rows {
				if !row.Moved || !strings.HasPrefix(row.ID, o.Props["subnetId"].(string)+"/") {
					continue
				}
				for _, table := range s.Cloud.Objects() {
					if table.Type == "aws:ec2/routeTable:RouteTable" && table.Name() == row.Name {
						require.NoError(t, s.Cloud.Lose(o.Type, o.ID))
						s.Cloud.Put(o.Type, o.ID+"x", map[string]any{"id": o.ID+"x", "subnetId": o.Props["subnetId"], "routeTableId": table.ID})
						moved = append(moved, deploy.Import{Type: tokens.Type(o.Type), Name: row.Name, ID: resource.ID(o.Props["subnetId"].(string)+"/"+table.ID), Parent: resource.URN(table.URN),
							Provider: resource.URN(plan.ImportFile().NameTable["aws"])})
					}
				}
			}
		}
		require.NoError(t, s.Import(moved))
		if err := s.Up(); err != nil {
			fmt.Println("UP", err)
		}
		for _, o := range s.Cloud.Journal() {
			fmt.Println("  ", o)
		}
		steps, err = s.Preview()
		require.NoError(t, err)
		for _, step := range steps {
			if step.Op != "same" {
				fmt.Println("SECOND", step.Op, step.Resource.URN[strings.LastIndex(string(step.Resource.URN), "$")+1:])
			}
		}
		steps, err = s.PreviewRefreshed()
		require.NoError(t, err)
		for _, step := range steps {
			if step.Op != "same" {
				fmt.Println("REFRESHED", step.Op, step.Resource.URN[strings.LastIndex(string(step.Resource.URN), "$")+1:])
			}
		}
	}
}
