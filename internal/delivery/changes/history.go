package changes

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/project"
)

// repository is the git repository that a project is in.
type repository struct {
	project project.Project
	prefix  string // of the project's folder in it, with a slash at its end; empty when that is the root
}

var errNoName = errors.New("it is empty")

var commitID = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

func openRepository(ctx context.Context, p project.Project) (repository, error) {
	prefix, err := project.Git(ctx, p.Dir, "rev-parse", "--show-prefix")
	if err != nil {
		return repository{}, fmt.Errorf("%s is not in a git repository: %w", p.Dir, err)
	}
	return repository{p, prefix}, nil
}

func (r repository) git(ctx context.Context, args ...string) (string, error) {
	return project.Git(ctx, r.project.Dir, args...)
}

func (r repository) resolve(ctx context.Context, rev string) (string, error) {
	// --end-of-options: a branch may be called anything, "--output=x" included.
	return r.git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
}

// available says whether the repository has a commit, after asking origin for it if need be. GitHub serves commits
// that no branch points to any more for as long as it has them.
func (r repository) available(ctx context.Context, id string) bool {
	if _, err := r.resolve(ctx, id); err == nil {
		return true
	}
	if _, err := r.git(ctx, "fetch", "--quiet", "--no-tags", "origin", id); err != nil {
		return false
	}
	_, err := r.resolve(ctx, id)
	return err == nil
}

// touched lists every file that differs between a base and head, or that any commit on the way from one to the
// other touched, and the commits on the way that touched the modules. Renames are shown as a deletion and an
// addition, so that moving a file out of the infrastructure counts.
func (r repository) touched(ctx context.Context, head string, bases []string) (files, steps []string, err error) {
	for _, base := range bases {
		if shallow, err := r.git(ctx, "rev-parse", "--is-shallow-repository"); err == nil && shallow == "true" {
			if _, err := r.git(ctx, "merge-base", base, head); err != nil {
				return nil, nil, fmt.Errorf("the clone is too shallow to compare %s with %s: check out with fetch-depth: 0, or run git fetch --unshallow",
					short(base), short(head))
			}
		}
		tree, err := r.git(ctx, "diff", "--no-renames", "--no-relative", "--name-only", "-z", base, head)
		if err != nil {
			return nil, nil, fmt.Errorf("compare %s with %s: %w", short(base), short(head), err)
		}
		// Along the branch itself: a merge commit counts as what it brought to the branch.
		log, err := r.git(ctx, "log", "--first-parent", "--diff-merges=first-parent", "--no-renames", "--no-relative", "--name-only", "--format=",
			"-z", base+".."+head)
		if err != nil {
			return nil, nil, fmt.Errorf("list the commits from %s to %s: %w", short(base), short(head), err)
		}
		files = append(files, strings.FieldsFunc(tree+"\x00"+log, func(c rune) bool { return c == 0 || c == '\n' })...)
		commits, err := r.git(ctx, "rev-list", "--first-parent", base+".."+head,
			"--", ":(top,literal)"+r.prefix+"go.mod", ":(top,literal)"+r.prefix+"go.sum")
		if err != nil {
			return nil, nil, fmt.Errorf("list the commits from %s to %s: %w", short(base), short(head), err)
		}
		steps = append(steps, strings.Fields(commits)...)
	}
	slices.Sort(files)
	return slices.Compact(files), steps, nil
}

func short(id string) string { return id[:min(len(id), 12)] }

func shorts(ids []string) string {
	var out []string
	for _, id := range ids {
		out = append(out, short(id))
	}
	return strings.Join(out, " and ")
}

// Resolve names the commit that a branch of origin, another branch, a tag or a commit id stands for. With on, it is an
// error when that commit is not part of the history of on: a guarded environment deploys what has been merged, whatever
// is typed into the form.
func Resolve(ctx context.Context, p project.Project, rev, on string) (string, error) {
	r, err := openRepository(ctx, p)
	if err != nil {
		return "", err
	}
	id, err := "", errNoName
	for _, name := range []string{"refs/remotes/origin/" + rev, rev} {
		// A whole id is a commit, whatever somebody calls a branch.
		if err != nil && rev != "" && (name == rev || !commitID.MatchString(rev)) {
			id, err = r.resolve(ctx, name)
		}
	}
	if err != nil {
		return "", fmt.Errorf("%q is not a branch, tag or commit of this repository: %w", rev, err)
	}
	if on == "" {
		return id, nil
	}
	trunk, err := r.resolve(ctx, on)
	if err != nil {
		return "", fmt.Errorf("%q is not a commit of this repository: %w", on, err)
	}
	if _, err := r.git(ctx, "merge-base", "--is-ancestor", id, trunk); err != nil {
		return "", fmt.Errorf("commit %s is not part of %s: merge it first", short(id), on)
	}
	return id, nil
}
