package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/delivery/emulated"
	"sentry/internal/delivery/update"
	"sentry/internal/project"
	"sentry/internal/recovery"
	"sentry/internal/sandbox"
)

// E2: an update is killed while AWS makes the cluster and others; the stack is put in order, and the same update goes
// on from there. Engine, CLI and program are the real ones.
func TestRecover(t *testing.T) {
	r := newRunner(t)
	r.env["GITHUB_REPOSITORY"] = ""
	p, err := project.Open(r.dir)
	require.NoError(t, err)
	sb, err := sandbox.New(t.Context(), sandbox.Options{Project: p, Program: infra.DeployIn, Log: t.Output()})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(r.dir, "bin"), 0o755))
	require.NoError(t, os.Symlink(self, filepath.Join(r.dir, "bin/sentry")))
	require.NoError(t, p.UseBinary("bin/sentry"))
	keys := r.state(nil)
	for name, value := range sb.Environment() {
		t.Setenv(name, value)
	}
	p, err = project.Open(r.dir)
	require.NoError(t, err)
	r.env["PULUMI_BACKEND_URL"] = p.Backend
	for name, value := range map[string]string{
		"PULUMI_BACKEND_URL": p.Backend, "PULUMI_CONFIG_PASSPHRASE": "x", "AWS_ENDPOINT_URL": emulated.Serve(t, answers{sb.Cloud.Account("sentry", "staging")}),
		"PATH": tools(t, r.dir) + string(os.PathListSeparator) + os.Getenv("PATH"),
	} {
		t.Setenv(name, value)
	}
	pulumi := func(args ...string) error {
		return update.CLI(r.dir)(t.Context(), t.Output(), t.Output(), append(args, "--stack", "staging", "--non-interactive")...)
	}
	initialize := func() error {
		return update.CLI(r.dir)(t.Context(), t.Output(), t.Output(), "stack", "init", "staging", "--secrets-provider", "passphrase", "--non-interactive")
	}
	require.NoError(t, initialize())

	killed := exec.Command("pulumi", "up", "--yes", "--skip-preview", "--stack", "staging", "--non-interactive")
	killed.Dir, killed.Stdout, killed.Stderr = r.dir, t.Output(), t.Output()
	lost := make(chan struct{})
	sb.Cloud.Inject(sandbox.Fault{Op: "create", Type: "aws:ecs/cluster:Cluster", Call: func() {
		_ = killed.Process.Kill()
		<-lost
	}})
	require.NoError(t, killed.Start())
	require.Error(t, killed.Wait())
	close(lost)

	require.ErrorContains(t, r.run("recover", "-s", "staging"), "was not taken by a deployment run")
	require.NoError(t, r.run("recover", "-s", "staging", "--taken-by-hand"))
	assert.Contains(t, r.out.String(), "Nothing has been changed yet: run this again with --yes.")
	assert.Contains(t, strings.Join(keys(), "\n"), ".pulumi/locks/", "showing has removed the lock")
	r.out.Reset()
	require.NoError(t, r.run("recover", "-s", "staging", "--taken-by-hand", "--yes"))
	t.Log(r.out.String())
	assert.Contains(t, r.out.String(), "Taken into the state, as AWS has it already:")
	assert.Contains(t, r.out.String(), "Cluster sentry-staging")
	assert.Contains(t, r.out.String(), "state and AWS agree")
	assert.NotContains(t, strings.Join(keys(), "\n"), ".pulumi/locks/")
	r.out.Reset()
	require.NoError(t, r.run("recover", "-s", "staging"))
	assert.Contains(t, r.out.String(), "State and AWS agree")

	require.NoError(t, pulumi("up", "--yes", "--skip-preview"))
	require.NoError(t, pulumi("preview", "--expect-no-changes"))

	// The state is gone: AWS alone has everything still.
	require.NoError(t, pulumi("stack", "rm", "--force", "--preserve-config", "--yes"))
	require.NoError(t, initialize())
	r.out.Reset()
	require.NoError(t, r.run("recover", "-s", "staging", "--yes"))
	assert.Contains(t, r.out.String(), "state and AWS agree")
	assert.NotContains(t, r.out.String(), "delete it by hand")
	require.NoError(t, pulumi("preview", "--expect-no-changes"))

	made := map[string]int{}
	for _, o := range sb.Cloud.Objects() {
		made[o.Type+" "+o.Name()]++
	}
	for name, times := range made {
		assert.Equal(t, 1, times, name)
	}
}

// answers are AWS's to recover's questions, about the sandbox's cloud.
type answers struct{ account recovery.Cloud }

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // the SDK's
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case strings.Contains(string(body), "Action=GetCallerIdentity"):
		fmt.Fprintf(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>", sandbox.AccountID)
	case strings.HasPrefix(r.URL.Path, "/2020-05-31/origin-access-control"):
		fmt.Fprint(w, "<OriginAccessControlList><IsTruncated>false</IsTruncated></OriginAccessControlList>")
	case operation == "GetResources":
		tagged, err := a.account.Tagged(r.Context())
		mappings := []any{}
		for _, t := range tagged {
			mappings = append(mappings, map[string]any{"ResourceARN": t.ARN, "Tags": []any{map[string]any{"Key": "Name", "Value": t.Name}}})
		}
		reply(w, map[string]any{"ResourceTagMappingList": mappings}, err)
	default: // ECS, about what lives
		active := map[string]any{"status": "ACTIVE"}
		reply(w, map[string]any{"taskDefinition": active, "clusters": []any{active}, "services": []any{active}}, nil)
	}
}

func reply(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}
