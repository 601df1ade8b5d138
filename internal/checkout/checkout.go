// Package checkout puts another commit of a project into a folder of its own, so that what it defines can be
// compared with the working tree, by its own code.
package checkout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// At checks out ref of the repository that holds dir. project is dir's counterpart in it; remove takes it away
// again. A ref that is no commit, and an option in its place, is an error.
func At(ctx context.Context, dir, ref string) (project string, remove func() error, err error) {
	git := func(args ...string) (string, error) {
		text, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(text)))
		}
		return strings.TrimSpace(string(text)), nil
	}
	prefix, err := git("rev-parse", "--show-prefix")
	if err != nil {
		return "", nil, fmt.Errorf("find the project in its repository: %w", err)
	}
	if _, err := git("rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}"); err != nil {
		return "", nil, fmt.Errorf("no commit %q in %s: fetch it first (a shallow clone has the newest commit only)", ref, dir)
	}
	tree, err := os.MkdirTemp("", "sentry-base-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for %s: %w", ref, err)
	}
	remove = func() error {
		// Not with ctx: a work tree that stays registered after an interrupt is in the way of the next one.
		err := exec.Command("git", "-C", dir, "worktree", "remove", "--force", tree).Run()
		return errors.Join(err, os.RemoveAll(tree))
	}
	if _, err := git("worktree", "add", "--detach", "--force", tree, ref); err != nil {
		return "", nil, errors.Join(fmt.Errorf("check out %s: %w", ref, err), os.RemoveAll(tree))
	}
	return filepath.Join(tree, prefix), remove, nil
}
