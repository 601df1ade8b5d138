package sandbox

import (
	"context"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optimport"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"sentry/internal/aws"
	"sentry/internal/recovery"
)

// Recover puts the stack in order after an update that was cut short, as `delivery recover` does on AWS: the lock
// is broken, as the process that took it is gone, and what AWS has is brought together with the state.
func (s *Stack) Recover(ctx context.Context) (recovery.Report, error) {
	if err := s.copyProject(); err != nil {
		return recovery.Report{}, err
	}
	if err := s.stack.Cancel(ctx); err != nil {
		return recovery.Report{}, fmt.Errorf("break the lock of %s: %w", s.name, engineError(err))
	}
	return recovery.Recover(ctx, recoverable{s}, s.sandbox.Cloud.Account(string(s.sandbox.project.Name), s.name))
}

// recoverable is a stack as recovery works on it.
type recoverable struct{ *Stack }

func (s recoverable) Export(ctx context.Context) (apitype.UntypedDeployment, error) {
	d, err := s.stack.Export(ctx)
	return d, engineError(err)
}

func (s recoverable) Import(ctx context.Context, d apitype.UntypedDeployment) error {
	return engineError(s.stack.Import(ctx, d))
}

func (s recoverable) Refresh(ctx context.Context) error {
	_, err := s.Stack.Refresh(ctx)
	return err
}

func (s recoverable) Plan(ctx context.Context) ([]recovery.Step, error) {
	var steps []recovery.Step
	err := Watch(func(stream chan events.EngineEvent) error {
		_, err := s.stack.Preview(ctx, optpreview.EventStreams(stream), optpreview.SuppressProgress())
		return err
	}, func(e events.EngineEvent) {
		if e.ResourcePreEvent == nil || e.ResourcePreEvent.Metadata.New == nil {
			return
		}
		new := e.ResourcePreEvent.Metadata.New
		steps = append(steps, recovery.Step{Op: e.ResourcePreEvent.Metadata.Op, Resource: apitype.ResourceV3{
			URN: resource.URN(new.URN), Type: tokens.Type(new.Type), Custom: new.Custom, Parent: resource.URN(new.Parent),
			Provider: new.Provider, Inputs: new.Inputs, Protect: new.Protect,
		}})
	})
	return steps, engineError(err)
}

func (s recoverable) Adopt(ctx context.Context, r apitype.ResourceV3, id string) error {
	provider, _, _ := strings.Cut(r.Provider, "::aws::")
	names := map[string]string{"parent": string(r.Parent), "provider": provider + "::aws"}
	err := Watch(func(stream chan events.EngineEvent) error {
		_, err := s.stack.ImportResources(ctx, optimport.Protect(false), optimport.GenerateCode(false), optimport.NameTable(names),
			optimport.Resources([]*optimport.ImportResource{{
				ID: id, Type: string(r.Type), Name: r.URN.Name(), Parent: "parent", Provider: "provider",
			}}))
		return err
	}, func(events.EngineEvent) {})
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return recovery.ErrAbsent
	}
	return engineError(err)
}

// Account is the cloud as recovery asks it about a project's environment.
func (c *Cloud) Account(project, environment string) recovery.Cloud {
	return account{c, environment, project}
}

// account is the sandbox's AWS account, as it answers about the tags of an environment.
type account struct {
	cloud                *Cloud
	environment, project string
}

func (a account) Place(context.Context) (id, region string, err error) {
	return AccountID, DefaultRegion, nil
}

// Tagged leaves out what AWS's tagging API leaves out, roles.
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
func (a account) Tagged(context.Context) ([]recovery.Tagged, error) {
	var found []recovery.Tagged
	for _, o := range a.cloud.Objects() {
		tags := o.Props.tags("tagsAll")
		if tags["Project"] != a.project || tags["Environment"] != a.environment || o.Type == aws.IAMRole {
			continue
		}
		name, _ := tags["Name"].(string)
		arn := o.Props.str("arn")
		if arn == "" {
			arn = o.ID // a service's id is its ARN
		}
		found = append(found, recovery.Tagged{ARN: arn, Name: name})
	}
	return found, nil
}
