package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optlist"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"sentry/bootstrap/account"
)

// keepRoles refuses a run that would remove the roles of an environment that lives. One that is gone, with its stack
// file, loses them.
func (b *bootstrap) keepRoles(ctx context.Context, state apitype.DeploymentV3, states []string) error {
	for _, e := range b.recordedEnvironments(state) {
		if slices.ContainsFunc(b.config.Environments, func(kept account.Environment) bool { return kept.Name == e.Name }) {
			continue
		}
		what, err := b.aws.Lives(ctx, e)
		if err != nil {
			return err
		}
		if name := account.ProjectTag + "/" + e.Name; slices.Contains(states, name) {
			what = "state " + name
		}
		if what != "" {
			return fmt.Errorf("environment %s lives in this account (%s), and this run leaves it out: its roles would be removed; "+
				"name it too (--environment %s), or destroy it first; nothing was changed", e.Name, what, e.Name)
		}
		b.say("Environment %s is gone: its roles are removed.", e.Name)
	}
	return nil
}

// recordedEnvironments are those that a state of this program has roles for, as far as it tells what they are.
func (b *bootstrap) recordedEnvironments(state apitype.DeploymentV3) []account.Environment {
	var found []account.Environment
	for _, r := range state.Resources {
		if name, ok := account.DeploysTo(string(r.URN.Type()), r.URN.Name()); ok {
			e := account.Environment{Name: name, Region: b.config.Region}
			for _, configured := range b.config.Environments {
				if configured.Name == name {
					e = configured
				}
			}
			found = append(found, e)
		}
	}
	return found
}

// statesBeside are the other stacks in this program's backend, as <project>/<stack>.
func statesBeside(ctx context.Context, stack auto.Stack) ([]string, error) {
	all, err := stack.Workspace().ListStacks(ctx, optlist.All())
	if err != nil {
		return nil, fmt.Errorf("list the stacks in the bucket: %w", cause(err))
	}
	var names []string
	for _, s := range all {
		if name := strings.TrimPrefix(s.Name, "organization/"); name != account.Stack && name != account.Project+"/"+account.Stack {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// pinned are the environments with the subnets that they have by now.
func (b *bootstrap) pinned(ctx context.Context) ([]account.Environment, error) {
	environments := slices.Clone(b.config.Environments)
	for i, e := range environments {
		subnets, err := b.aws.Subnets(ctx, e)
		if err != nil {
			return nil, fmt.Errorf("look for the subnets of %s: %w", e.Name, err)
		}
		slices.Sort(subnets)
		environments[i].Subnets = subnets
	}
	return environments, nil
}
