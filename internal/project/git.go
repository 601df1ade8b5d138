package project

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Git runs git in a folder and returns what it printed, without the last line break.
func Git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	cmd.Env = WithoutRepository(os.Environ())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(stderr.String()); text != "" {
			return "", fmt.Errorf("git %s: %w: %s", args[0], err, text)
		}
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// local are the variables by which git tells the programs of a hook which repository it works on: they win
// over the folder that a command names. `git rev-parse --local-env-vars` lists them.
var local = []string{
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_OBJECT_DIRECTORY",
	"GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS",
	"GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR",
}

// WithoutRepository is an environment without the variables that lead git to another repository than that of
// the folder it is told.
func WithoutRepository(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(local, name)
	})
}

// At checks another commit of the project out into a folder of its own, so that what it defines can be compared
// with the working tree, by its own code; remove takes the folder away again. A ref that is no commit, and an
// option in its place, is an error.
func (p Project) At(ctx context.Context, ref string) (dir string, remove func() error, err error) {
	prefix, err := Git(ctx, p.Dir, "rev-parse", "--show-prefix")
	if err != nil {
		return "", nil, fmt.Errorf("find the project in its repository: %w", err)
	}
	if _, err := Git(ctx, p.Dir, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}"); err != nil {
		return "", nil, fmt.Errorf("no commit %q in %s: fetch it first (a shallow clone has the newest commit only)", ref, p.Dir)
	}
	tree, err := os.MkdirTemp("", "sentry-base-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for %s: %w", ref, err)
	}
	remove = func() error {
		// Not with ctx: a worktree that stays registered after an interrupt is in the way of the next one.
		_, err := Git(context.WithoutCancel(ctx), p.Dir, "worktree", "remove", "--force", tree)
		return errors.Join(err, os.RemoveAll(tree))
	}
	if _, err := Git(ctx, p.Dir, "worktree", "add", "--detach", "--force", tree, ref); err != nil {
		return "", nil, errors.Join(fmt.Errorf("check out %s: %w", ref, err), os.RemoveAll(tree))
	}
	return filepath.Join(tree, prefix), remove, nil
}
