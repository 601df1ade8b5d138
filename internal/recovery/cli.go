package recovery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// CLI is a stack as the Pulumi CLI works on it.
type CLI struct {
	// Run runs `pulumi` with the arguments; a preview with --json has to print the engine's events
	// (PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true).
	Run func(ctx context.Context, stdout, stderr io.Writer, args ...string) error
	// Stack is the stack's name.
	Stack string
}

func (c CLI) run(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	if err := c.Run(ctx, &stdout, &stderr, append(args, "--stack", c.Stack, "--non-interactive")...); err != nil {
		return stdout.Bytes(), fmt.Errorf("pulumi %s: %w\n%s", args[0], err, strings.TrimSpace(stderr.String()+stdout.String()))
	}
	return stdout.Bytes(), nil
}

// Export is the state.
func (c CLI) Export(ctx context.Context) (d apitype.UntypedDeployment, err error) {
	text, err := c.run(ctx, "stack", "export")
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	return d, err
}

// Import replaces the state.
func (c CLI) Import(ctx context.Context, d apitype.UntypedDeployment) error {
	return c.fed(ctx, d, "stack", "import")
}

// fed runs a verb that reads a file.
func (c CLI) fed(ctx context.Context, v any, args ...string) error {
	dir, err := os.MkdirTemp("", "sentry-recover-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "input.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	_, err = c.run(ctx, append(args, "--file", file)...)
	return err
}

// Refresh reads into the state what AWS has.
func (c CLI) Refresh(ctx context.Context) error {
	_, err := c.run(ctx, "refresh", "--yes", "--skip-preview", "--color", "never")
	return err
}

// Plan is what an update would do.
func (c CLI) Plan(ctx context.Context) ([]Step, error) {
	stdout, err := c.run(ctx, "preview", "--json")
	if err != nil {
		return nil, err
	}
	var steps []Step
	for events := json.NewDecoder(bytes.NewReader(stdout)); ; {
		var e apitype.EngineEvent
		switch err := events.Decode(&e); {
		case errors.Is(err, io.EOF):
			return steps, nil
		case err != nil:
			return nil, fmt.Errorf("read the engine's events: %w", err)
		}
		steps = append(steps, StepsOf(e)...)
	}
}

// StepsOf are the steps that an event of the engine announces, one or none.
func StepsOf(e apitype.EngineEvent) []Step {
	if e.ResourcePreEvent == nil || e.ResourcePreEvent.Metadata.New == nil {
		return nil
	}
	made := e.ResourcePreEvent.Metadata.New
	return []Step{{Op: e.ResourcePreEvent.Metadata.Op, Resource: apitype.ResourceV3{
		URN: resource.URN(made.URN), Type: tokens.Type(made.Type), Custom: made.Custom, Parent: resource.URN(made.Parent),
		Provider: made.Provider, Inputs: made.Inputs, Protect: made.Protect,
	}}}
}

// imported is the file that `pulumi import` reads.
// https://www.pulumi.com/docs/iac/guides/migration/import/#bulk-import-operations
type imported struct {
	NameTable map[string]string  `json:"nameTable"`
	Resources []importedResource `json:"resources"`
}

type importedResource struct {
	Type     string `json:"type"`
	Name     string `json:"name"`
	ID       string `json:"id"`
	Parent   string `json:"parent"`
	Provider string `json:"provider"`
}

// Adopt imports a resource, unprotected.
func (c CLI) Adopt(ctx context.Context, r apitype.ResourceV3, id string) error {
	provider, _ := providerOf(r)
	err := c.fed(ctx, imported{
		NameTable: map[string]string{"parent": string(r.Parent), "provider": provider},
		Resources: []importedResource{{Type: string(r.Type), Name: r.URN.Name(), ID: id, Parent: "parent", Provider: "provider"}},
	}, "import", "--yes", "--skip-preview", "--protect=false", "--generate-code=false")
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return ErrAbsent
	}
	return err
}
