package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/blang/semver"
	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/mod/modfile"
)

const cliModule = "github.com/pulumi/pulumi/pkg/v3"

// cli is the Pulumi CLI in an environment of its own: none of the user's AWS or Pulumi settings reach it.
// It is the Automation API's PulumiCommand.
type cli struct {
	path    string
	version semver.Version

	mu      sync.Mutex
	running map[*exec.Cmd]bool
}

// quick, in a context, spares the calls by which the Automation API asks for outputs and history after each
// operation: the events have told already, and each call costs a third of a second.
type quick struct{}

// Version is what the CLI says of itself.
func (c *cli) Version() semver.Version { return c.version }

// Run runs the CLI; the Automation API calls it.
func (c *cli) Run(ctx context.Context, dir string, stdin io.Reader, out, errOut []io.Writer, env []string, args ...string) (string, string, int, error) {
	if ctx.Value(quick{}) != nil && len(args) > 1 && args[0] == "stack" {
		switch args[1] {
		case "output":
			return "{}", "", 0, nil
		case "history":
			return "[]", "", 0, nil
		}
	}
	if !slices.Contains(args, "--non-interactive") {
		args = append([]string{"--non-interactive"}, args...)
	}
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Dir, cmd.Stdin = dir, stdin
	cmd.Env = append(cleanEnvironment(os.Environ()), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout = io.MultiWriter(append(out, &stdout)...)
	cmd.Stderr = io.MultiWriter(append(errOut, &stderr)...)
	// An interrupted engine finishes what it has begun and writes its state. In a process group of its own it
	// hears Ctrl-C once, from here: a second one would make it give up.
	cmd.SysProcAttr = apart()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Start(); err != nil {
		return "", "", -1, fmt.Errorf("run the Pulumi CLI: %w", err)
	}
	c.mu.Lock()
	c.running[cmd] = true
	c.mu.Unlock()
	err := cmd.Wait()
	c.mu.Lock()
	delete(c.running, cmd)
	c.mu.Unlock()
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), err
}

// kill ends what runs now, as a power failure would.
func (c *cli) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for cmd := range c.running {
		_ = cmd.Process.Kill()
	}
}

// cleanEnvironment leaves out whatever could lead the engine or a plugin to the user's real AWS or Pulumi
// account, and proxies, which must not see 127.0.0.1.
func cleanEnvironment(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(e), "=")
		return strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "PULUMI_") || strings.HasSuffix(name, "_PROXY")
	})
}

// CLI is the path of the Pulumi CLI that a sandbox for the project in projectDir uses. It is built when there is
// none, which takes minutes; log gets the progress.
func CLI(ctx context.Context, projectDir string, log io.Writer) (string, error) {
	found, err := findCLI(ctx, projectDir, log)
	if err != nil {
		return "", err
	}
	return found.path, nil
}

// findCLI is the Pulumi CLI on PATH when it is at least the version that tools/go.mod pins, else that
// version built from source once and kept in the user's cache.
func findCLI(ctx context.Context, projectDir string, log io.Writer) (*cli, error) {
	tools, err := toolsDir(projectDir)
	if err != nil {
		return nil, err
	}
	pinned, err := pinnedVersion(filepath.Join(tools, "go.mod"))
	if err != nil {
		return nil, err
	}
	if path, err := exec.LookPath("pulumi"); err == nil {
		if v, err := versionOf(ctx, path); err == nil && v.GTE(pinned) {
			return &cli{path: path, version: v, running: map[*exec.Cmd]bool{}}, nil
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find a place for the Pulumi CLI: %w (set HOME or XDG_CACHE_HOME)", err)
	}
	name := "pulumi"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(cache, "sentry-sandbox", "pulumi-"+pinned.String(), name)
	if err := buildCLI(ctx, tools, path, pinned, log); err != nil {
		return nil, err
	}
	return &cli{path: path, version: pinned, running: map[*exec.Cmd]bool{}}, nil
}

// toolsDir is the tools module of the repository that holds the project.
func toolsDir(projectDir string) (string, error) {
	dir, err := filepath.Abs(projectDir)
	if err != nil {
		return "", err
	}
	for {
		tools := filepath.Join(dir, "tools")
		if _, err := os.Stat(filepath.Join(tools, "go.mod")); err == nil {
			return tools, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("no tools/go.mod in %s or above: it pins the Pulumi CLI's version", projectDir)
		}
		dir = filepath.Dir(dir)
	}
}

func pinnedVersion(goMod string) (semver.Version, error) {
	text, err := os.ReadFile(goMod)
	if err != nil {
		return semver.Version{}, fmt.Errorf("read the Pulumi CLI's version: %w", err)
	}
	file, err := modfile.ParseLax(goMod, text, nil)
	if err != nil {
		return semver.Version{}, fmt.Errorf("read the Pulumi CLI's version: %w", err)
	}
	for _, r := range file.Require {
		if r.Mod.Path == cliModule {
			return semver.Parse(strings.TrimPrefix(r.Mod.Version, "v"))
		}
	}
	return semver.Version{}, fmt.Errorf("%s does not require %s, whose version is the Pulumi CLI's", goMod, cliModule)
}

func versionOf(ctx context.Context, path string) (semver.Version, error) {
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.Env = append(cleanEnvironment(os.Environ()), "PULUMI_SKIP_UPDATE_CHECK=true")
	out, err := cmd.Output()
	if err != nil {
		return semver.Version{}, err
	}
	return semver.ParseTolerant(strings.TrimSpace(string(out)))
}

// buildCLI builds the CLI unless it is there. A lock keeps several test processes from building it at once.
func buildCLI(ctx context.Context, tools, path string, version semver.Version, log io.Writer) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make a place for the Pulumi CLI: %w", err)
	}
	unlock, err := lockFile(path+".lock", log, "builds the Pulumi CLI")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return nil // somebody else has just built it
	}
	fmt.Fprintf(log, "No Pulumi CLI v%s or newer on PATH: building it from source, once. This takes some minutes.\n", version)
	started := time.Now()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for tick := time.NewTicker(20 * time.Second); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				fmt.Fprintf(log, "  … still building, %s\n", time.Since(started).Round(time.Second))
			}
		}
	}()
	// Built beside its place and moved there: an interrupted build leaves nothing that looks finished. The name
	// is this process's own, for a build whose parent was killed goes on alone.
	leftovers, err := filepath.Glob(path + ".*.new")
	if err != nil {
		return err
	}
	for _, file := range leftovers {
		_ = os.Remove(file)
	}
	unfinished := fmt.Sprintf("%s.%d.new", path, os.Getpid())
	cmd := exec.CommandContext(ctx, "go", "build", "-C", tools, "-trimpath",
		"-ldflags", "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v"+version.String(),
		"-o", unfinished, cliModule+"/cmd/pulumi")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build the Pulumi CLI v%s from %s: %w\n%s", version, tools, err, output.String())
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("keep the Pulumi CLI: %w", err)
	}
	fmt.Fprintf(log, "Built in %s: %s\n", time.Since(started).Round(time.Second), path)
	return nil
}

// lockFile takes an exclusive lock that ends with the process at the latest, and says that it waits for another
// process that does something.
func lockFile(path string, log io.Writer, does string) (unlock func(), err error) {
	waiting := time.AfterFunc(time.Second, func() { fmt.Fprintf(log, "Waiting for another process that %s …\n", does) })
	defer waiting.Stop()
	return lockedfile.MutexAt(path).Lock()
}
