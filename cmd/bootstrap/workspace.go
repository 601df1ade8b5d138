package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"sentry/bootstrap/account"
)

func (b *bootstrap) stackInFolder(ctx context.Context, local string) (auto.Stack, error) {
	folder, err := filepath.Abs(local)
	if err != nil {
		return auto.Stack{}, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return auto.Stack{}, fmt.Errorf("make a folder for the first state: %w", err)
	}
	// Without metadata: its files are not replaced in one step, and a process lost while it writes one leaves
	// a state that Pulumi cannot open.
	return b.stackAt(ctx, "file://"+filepath.ToSlash(folder)+"?metadata=skip")
}

func (b *bootstrap) stackIn(ctx context.Context, bucket string) (auto.Stack, error) {
	url, err := b.backend(bucket)
	if err != nil {
		return auto.Stack{}, err
	}
	return b.stackAt(ctx, url)
}

// stackAt selects or creates the stack in a backend. The program runs in this process.
//
// There are no secrets in this state, so its passphrase is empty: the key that it creates could not protect
// it, because removing the key would make the state unreadable that says how to remove the rest.
func (b *bootstrap) stackAt(ctx context.Context, backendURL string) (auto.Stack, error) {
	env := map[string]string{"PULUMI_BACKEND_URL": backendURL, "PULUMI_CONFIG_PASSPHRASE": ""}
	maps.Copy(env, b.env)
	dir, err := os.MkdirTemp(b.scratch, "workspace-")
	if err != nil {
		return auto.Stack{}, fmt.Errorf("make a folder for Pulumi: %w", err)
	}
	project := workspace.Project{Name: tokens.PackageName(account.Project), Runtime: workspace.NewProjectRuntimeInfo("go", nil)}
	ws, err := auto.NewLocalWorkspace(ctx,
		auto.WorkDir(dir),
		auto.Program(account.Deploy),
		auto.Project(project),
		auto.Pulumi(b.pulumi),
		auto.SecretsProvider("passphrase"),
		auto.EnvVars(env),
	)
	if err != nil {
		return auto.Stack{}, fmt.Errorf("start Pulumi: %w", err)
	}
	stack, err := auto.UpsertStack(ctx, account.Stack, ws)
	if err != nil {
		return auto.Stack{}, fmt.Errorf("open the state in %s: %w", backendURL, cause(err))
	}
	return stack, nil
}

// configure writes the stack's file itself; `pulumi config` would be a process for it.
func configure(ctx context.Context, ws auto.Workspace, values map[string]string) error {
	settings, err := ws.StackSettings(ctx, account.Stack)
	if err != nil {
		settings = &workspace.ProjectStack{} // a stack that was not created by this process has no file yet
	}
	settings.Config = config.Map{}
	for name, value := range values {
		key, err := config.ParseKey(name)
		if err != nil {
			return err
		}
		settings.Config[key] = config.NewValue(value)
	}
	return ws.SaveStackSettings(ctx, account.Stack, settings)
}
