// Package changes finds out, from the repository itself, whether commits change the
// infrastructure. It asks git and nothing else: the list of files in GitHub's push
// event, which would be the obvious source, is not sent for most events (F1).
package changes

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Patterns are the paths that make up the infrastructure, and the only place that
// says so: what the program is compiled from (DESIGN: main imports infra, and infra
// no other package of this module), what its dependencies are pinned by, and its
// configuration. Left out on purpose: tests and golden files, which never reach the
// compiled program; bootstrap/, a project of its own that no deployment runs;
// internal/, cmd/ and .github/, which carry changes but are none.
//
// A pattern ending in "/" is a directory with all below it; others follow path.Match.
var Patterns = []string{"main.go", "infra/", "go.mod", "go.sum", "Pulumi.yaml", "Pulumi.*.yaml"}

// Result says whether the infrastructure changed, and why.
type Result struct {
	Changed bool
	// Paths are the infrastructure files touched, sorted; empty when Reason says that
	// the question could not be answered by comparing.
	Paths []string
	// Reason is one sentence for people.
	Reason string
}

var commitID = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Detect compares head with each base in the repository in dir. Bases are commit ids:
// what the branch pointed to before the push, and what was last deployed. Every commit
// on the way counts, not only the sum: a change and its reversal, of which a failed
// deployment may have applied the first half, is a change.
//
// An empty or all-zero base (a first push), one that the repository does not have even
// after asking origin for it (a force push), or no base at all cannot be compared
// with; the answer is then "changed", because a preview that shows nothing costs a
// minute and a change that is never applied costs trust. An unknown head, a directory
// that is no repository, and a history cut short before the base (a shallow clone) are
// errors.
func Detect(ctx context.Context, dir, head string, bases ...string) (Result, error) {
	if _, err := git(ctx, dir, "rev-parse", "--git-dir"); err != nil {
		return Result{}, fmt.Errorf("detect changes: %q is not a git repository: %w", dir, err)
	}
	headID, err := resolve(ctx, dir, head)
	if err != nil {
		return Result{}, fmt.Errorf("detect changes: head %q is not a commit of this repository: %w", head, err)
	}
	touched := map[string]bool{}
	compared := 0
	for _, base := range bases {
		if strings.Trim(base, "0") == "" {
			continue // GitHub's id for "there was nothing before", or no base given
		}
		if !commitID.MatchString(base) {
			return Result{}, fmt.Errorf("detect changes: base %q is not a full commit id (40 or 64 hex digits)", base)
		}
		if !available(ctx, dir, base) {
			return Result{
				Changed: true,
				Reason:  fmt.Sprintf("commit %s is no longer in the repository (force push?), so there is nothing to compare with: taken as changed", short(base)),
			}, nil
		}
		paths, err := between(ctx, dir, base, headID)
		if err != nil {
			return Result{}, err
		}
		compared++
		for _, p := range paths {
			touched[p] = true
		}
	}
	if compared == 0 {
		return Result{Changed: true, Reason: "no earlier commit to compare with (first push?): taken as changed"}, nil
	}
	var out Result
	for p := range touched {
		if Counts(p) {
			out.Paths = append(out.Paths, p)
		}
	}
	slices.Sort(out.Paths)
	out.Changed = len(out.Paths) > 0
	out.Reason = fmt.Sprintf("%d of %d files touched since %s belong to the infrastructure", len(out.Paths), len(touched), shorts(bases))
	return out, nil
}

// Counts says whether a path (slashes, relative to the repository) is infrastructure.
func Counts(name string) bool {
	if strings.HasSuffix(name, "_test.go") || strings.Contains("/"+name, "/testdata/") {
		return false
	}
	return slices.ContainsFunc(Patterns, func(pattern string) bool {
		if strings.HasSuffix(pattern, "/") {
			return strings.HasPrefix(name, pattern)
		}
		// The patterns are constants; a malformed one would fail the test of this list.
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}

// between lists every file that differs between two commits, or that any commit on
// the way from one to the other touched. Renames are shown as a deletion and an
// addition, so that moving a file out of the infrastructure counts.
func between(ctx context.Context, dir, base, head string) ([]string, error) {
	if shallow, err := git(ctx, dir, "rev-parse", "--is-shallow-repository"); err == nil && strings.TrimSpace(shallow) == "true" {
		if _, err := git(ctx, dir, "merge-base", base, head); err != nil {
			return nil, fmt.Errorf("detect changes: the clone is too shallow to compare %s with %s: check out with fetch-depth: 0, or run `git fetch --unshallow`", short(base), short(head))
		}
	}
	tree, err := git(ctx, dir, "diff", "--no-renames", "--name-only", "-z", base, head)
	if err != nil {
		return nil, fmt.Errorf("detect changes: compare %s with %s: %w", short(base), short(head), err)
	}
	// Along the branch itself: a merge commit counts as what it brought to the branch.
	log, err := git(ctx, dir, "log", "--first-parent", "--diff-merges=first-parent", "--no-renames", "--name-only", "--format=", "-z", base+".."+head)
	if err != nil {
		return nil, fmt.Errorf("detect changes: list the commits from %s to %s: %w", short(base), short(head), err)
	}
	return strings.FieldsFunc(tree+"\x00"+log, func(r rune) bool { return r == 0 || r == '\n' }), nil
}

func resolve(ctx context.Context, dir, rev string) (string, error) {
	// --end-of-options: a branch may be called anything, "--output=x" included.
	out, err := git(ctx, dir, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	return strings.TrimSpace(out), err
}

// available says whether the repository has a commit, after asking origin for it if need
// be. GitHub serves commits that no branch points to any more for as long as it has them.
func available(ctx context.Context, dir, id string) bool {
	if _, err := resolve(ctx, dir, id); err == nil {
		return true
	}
	if _, err := git(ctx, dir, "fetch", "--quiet", "--no-tags", "origin", id); err != nil {
		return false
	}
	_, err := resolve(ctx, dir, id)
	return err == nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(stderr.String()); text != "" {
			return "", fmt.Errorf("git %s: %s", args[0], text)
		}
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return stdout.String(), nil
}

func short(id string) string { return id[:min(len(id), 12)] }

func shorts(ids []string) string {
	var out []string
	for _, id := range ids {
		if strings.Trim(id, "0") != "" && !slices.Contains(out, short(id)) {
			out = append(out, short(id))
		}
	}
	return strings.Join(out, " and ")
}

// Resolve names the commit that a branch, tag or commit id stands for. With on, it is an
// error when that commit is not part of the history of on: production deploys what has
// been merged, whatever is typed into the form.
func Resolve(ctx context.Context, dir, rev, on string) (string, error) {
	id, err := resolve(ctx, dir, rev)
	if err != nil {
		return "", fmt.Errorf("%q is not a commit of this repository: %w", rev, err)
	}
	if on == "" {
		return id, nil
	}
	trunk, err := resolve(ctx, dir, on)
	if err != nil {
		return "", fmt.Errorf("%q is not a commit of this repository: %w", on, err)
	}
	if _, err := git(ctx, dir, "merge-base", "--is-ancestor", id, trunk); err != nil {
		return "", fmt.Errorf("commit %s is not part of %s: merge it first", short(id), on)
	}
	return id, nil
}
