package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sentry/infra"
	"sentry/internal/delivery/preview"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// plantedSecret is looked for wherever somebody reads: it has a part that no escaping changes.
const plantedSecret = `hunter2-"quoted"-9f8e7d`

// planting is the program, and a team's addition that has a secret in every place: a value of the configuration, a
// parameter, a text that other texts are made of, a log line, an output.
func planting(dir string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		if err := infra.DeployIn(dir)(ctx); err != nil {
			return err
		}
		secret := config.RequireSecret(ctx, "planted:token")
		parameter, err := ssm.NewParameter(ctx, "sentry-staging-planted", &ssm.ParameterArgs{
			Name: pulumi.String("/sentry/staging/planted"), Type: pulumi.String("SecureString"), Value: secret,
			Description: pulumi.Sprintf("derived from %s", secret),
		})
		if err != nil {
			return err
		}
		secret.ApplyT(func(text string) error { return ctx.Log.Warn("a careless line: "+text, nil) })
		ctx.Export("planted", secret)
		ctx.Export("derived", pulumi.Map{"list": pulumi.StringArray{pulumi.Sprintf("postgres://app:%s@db", secret)}})
		ctx.Export("fromAWS", parameter.Value)
		return nil
	}
}

// From the configuration to the state, no one reads a secret: not in previews, what is made of their events, states, their
// history, or outputs.
func TestNobodyReadsAPlantedSecret(t *testing.T) {
	t.Parallel()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	dir := t.TempDir()
	var display, log bytes.Buffer
	sb, err := sandbox.New(t.Context(), sandbox.Options{Dir: dir, Project: p, Program: planting, Display: &display, Log: &log})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	stack := open(t, sb, "staging")
	encrypt(t, stack, p.Dir, dir)

	places := map[string]string{}
	see := func(what string, r sandbox.Result) {
		events, err := json.Marshal(r.EngineEvents)
		require.NoError(t, err)
		require.Contains(t, string(events), "planted", "%s has nothing of the secret's resource", what)
		var lines bytes.Buffer
		for _, e := range r.EngineEvents {
			require.NoError(t, json.NewEncoder(&lines).Encode(e))
		}
		read, err := preview.Parse(&lines)
		require.NoError(t, err)
		places["events of "+what], places["comment on "+what] = string(events), preview.Render(read, preview.Options{Stack: "staging"})
		// The other jobs' summaries and the report have no more than this.
		require.NotEmpty(t, read.Outputs)
		places["what "+what+" hands on"] = fmt.Sprint(read.Outputs)
	}
	planned, err := stack.Preview(t.Context(), optpreview.Diff())
	require.NoError(t, err, display.String())
	see("a preview", planned)
	made, err := stack.Up(t.Context())
	require.NoError(t, err, display.String())
	see("an update", made)

	require.Contains(t, display.String(), "a careless line: [secret]")

	outputs, err := stack.Outputs(t.Context())
	require.NoError(t, err)
	var printed bytes.Buffer
	printOutputs(&printed, "", outputs)
	require.Regexp(t, `planted +\[secret\]`, printed.String())
	places["outputs"], places["display"], places["log"] = printed.String(), display.String(), log.String()
	for _, verb := range []string{"stack output", "stack output --json", "stack export", "stack --show-urns", "stack history", "config"} {
		places[verb], err = stack.Pulumi(t.Context(), strings.Fields(verb)...)
		require.NoError(t, err)
	}
	for what, text := range places {
		assert.False(t, strings.Contains(text, "hunter2") || strings.Contains(text, "9f8e7d"), "%s shows the secret", what)
	}
	// AWS has it, which the sandbox keeps in a file of its own; no other file does.
	within := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		within++
		assert.True(t, filepath.Base(path) == "cloud.json" || !bytes.Contains(text, []byte("hunter2")), "%s holds the secret", path)
		return err
	}))
	assert.Greater(t, within, 1)
}

// encrypt puts the secret into the stack's file, as pulumi config set --secret does.
func encrypt(t *testing.T, stack *sandbox.Stack, projectDir, sandboxDir string) {
	t.Helper()
	_, err := stack.Pulumi(t.Context(), "config", "set", "--secret", "planted:token", plantedSecret)
	require.NoError(t, err)
	var secure string
	require.NoError(t, filepath.WalkDir(sandboxDir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "Pulumi.staging.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var file struct {
			Config map[string]any
		}
		if err := yaml.Unmarshal(text, &file); err != nil {
			return err
		}
		token, _ := file.Config["planted:token"].(map[string]any)
		secure, _ = token["secure"].(string)
		return nil
	}))
	require.NotEmpty(t, secure)
	file := filepath.Join(projectDir, "Pulumi.staging.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(text, "  planted:token:\n    secure: "+secure+"\n"...), 0o600))
}
