// Package infra defines one environment of the product sentry on AWS. The environments differ by the values
// of their stack files only.
//
// The constructors of the components have one outline: register the component, create the children, set the
// outputs, register them. They check no arguments, which come from package config: what has passed there can be
// deployed.
package infra

import (
	"cmp"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// backendPort is where the container listens, TCP.
const backendPort = 8080

// Deploy is the Pulumi program: configuration → provider → components → outputs.
func Deploy(ctx *pulumi.Context) error {
	return DeployIn(ctx.RootDirectory())(ctx)
}

// DeployIn is Deploy for a host that does not say where the project is, as the Automation API's inline
// programs. dir holds the stack files; empty stands for the working directory.
func DeployIn(dir string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		environment, err := NewEnvironment(ctx, dir)
		if err != nil {
			return err
		}
		// What else the back end works with, such as a database, is made here: examples/ has some.
		return environment.RunBackend(ctx)
	}
}

// NewEnvironment registers all but the back end.
func NewEnvironment(ctx *pulumi.Context, dir string) (*Environment, error) {
	cfg, err := config.Load(ctx, dir)
	if err != nil {
		return nil, err
	}
	provider, err := newProvider(ctx, "aws", cfg.Region, cfg)
	if err != nil {
		return nil, err
	}
	account, err := lookUpAccount(ctx, cfg, provider)
	if err != nil {
		return nil, err
	}
	e := &Environment{Config: cfg, Account: account, Provider: pulumi.Providers(provider)}
	e.Config.Buckets.Suffix = cmp.Or(cfg.Buckets.Suffix, account.ID)

	if e.Network, err = NewNetwork(ctx, cfg.Name(), &NetworkArgs{
		Account:      account,
		Network:      cfg.Network,
		Port:         backendPort,
		LoadBalanced: cfg.HTTPS != nil,
		FlowLogs:     cfg.Monitoring.FlowLogs,
		Adopted:      cfg.Adopted,
	}, e.Provider); err != nil {
		return nil, err
	}
	if e.Buckets, err = NewBuckets(ctx, cfg.Name(), &BucketsArgs{
		Account:     account,
		Buckets:     e.Config.Buckets,
		TaskRoleARN: account.iamARN("role/" + taskRoleName(cfg.Name())),
		KMSKeyARN:   cfg.KMSKeyARN,
		AccessLogs:  cfg.Monitoring.AccessLogs,
		Protect:     cfg.Protect,
		Adopted:     cfg.Adopted,
	}, e.Provider); err != nil {
		return nil, err
	}
	if err := e.open(ctx, provider); err != nil {
		return nil, err
	}
	if e.Observability, err = NewObservability(ctx, cfg.Name(), &ObservabilityArgs{
		Stack:        cfg.Stack,
		Account:      account,
		Monitoring:   cfg.Monitoring,
		Scaling:      cfg.Scaling,
		DesiredCount: cfg.Tasks.DesiredCount,
		KMSKeyARN:    cfg.KMSKeyARN,
		Protect:      cfg.Protect,
		LoadBalancer: e.Edge.LoadBalancer,
	}, e.Provider); err != nil {
		return nil, err
	}
	e.Backend = e.backend()
	return e, nil
}

// RunBackend registers the back end, and exports what came of all.
func (e *Environment) RunBackend(ctx *pulumi.Context) error {
	var err error
	if e.Service, err = NewService(ctx, e.Config.Name(), e.Backend, e.Provider); err != nil {
		return err
	}
	e.export(ctx)
	return nil
}
