// Package changes finds out, from the repository itself, whether commits change the infrastructure of an
// environment: what its program is built from, and its configuration. It asks git and go, and not GitHub: the list
// of files in the push event, which would be the obvious source, is not sent for most events (F1).
package changes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sentry/internal/project"
)

// Result says whether the infrastructure changed, and why.
type Result struct {
	Changed bool
	// Paths are the files of the infrastructure that were touched, sorted; empty when Reason says that the question
	// could not be answered by comparing.
	Paths []string
	// Modules says what changed in go.mod and go.sum of what the program links.
	Modules []string
	// Compared are the bases that could be compared with.
	Compared []string
	// Reason is one sentence for people.
	Reason string
}

// Detect compares head with each base, commit ids such as what the branch pointed to before a push and what was
// last deployed. Every commit on the way counts, not only the sum: a change and its reversal, of which a failed
// deployment may have applied the first half, is a change.
//
// An empty or all-zero base (a first push), one that the repository does not have even after asking origin for it
// (a force push), no base at all, and a commit whose program go cannot read cannot be compared with; the answer
// is then "changed", because a preview that shows nothing costs a minute and a change that is never applied costs
// trust. An unknown head, a project outside a repository, and a history cut short before the base (a shallow
// clone) are errors.
func Detect(ctx context.Context, p project.Project, stack, head string, bases ...string) (Result, error) {
	r, err := openRepository(ctx, p)
	if err != nil {
		return Result{}, fmt.Errorf("detect changes: %w", err)
	}
	headID, err := r.resolve(ctx, head)
	if err != nil {
		return Result{}, fmt.Errorf("detect changes: head %q is not a commit of this repository: %w", head, err)
	}
	var compared []string
	for _, base := range bases {
		if strings.Trim(base, "0") == "" || slices.Contains(compared, base) {
			continue // GitHub's id for "there was nothing before", or no base given
		}
		if !commitID.MatchString(base) {
			return Result{}, fmt.Errorf("detect changes: base %q: allowed: a full commit id, 40 or 64 hex digits", base)
		}
		if !r.available(ctx, base) {
			return unknown("commit %s is no longer in the repository (force push?), so there is nothing to compare with", short(base)), nil
		}
		compared = append(compared, base)
	}
	if len(compared) == 0 {
		return unknown("no earlier commit to compare with (first push?)"), nil
	}
	touched, steps, err := r.touched(ctx, headID, compared)
	if err != nil {
		return Result{}, fmt.Errorf("detect changes: %w", err)
	}
	result, err := r.judge(ctx, stack, touched, compared, append(steps, headID))
	result.Compared = compared
	return result, err
}

func unknown(reason string, args ...any) Result {
	return Result{Changed: true, Reason: fmt.Sprintf(reason, args...) + ": taken as changed"}
}

// judge says which of the touched files the environment is made of. steps are the commits on the way that touched
// the modules; head is the last.
func (r repository) judge(ctx context.Context, stack string, touched, bases, steps []string) (Result, error) {
	var built program
	if len(touched) > 0 {
		for _, commit := range append(slices.Clone(bases), steps[len(steps)-1]) {
			if err := r.addProgram(ctx, &built, commit); err != nil {
				return unknown("what the program of commit %s is built from cannot be told (%s)", short(commit), firstLine(err)), nil
			}
		}
	}
	var out Result
	for _, file := range touched {
		if r.configures(stack, file) || built.contains(file) {
			out.Paths = append(out.Paths, file)
		}
	}
	if slices.Contains(touched, r.prefix+"go.mod") || slices.Contains(touched, r.prefix+"go.sum") {
		for _, base := range bases {
			for _, step := range steps {
				changed, err := r.modulesChanged(ctx, built, base, step)
				if err != nil {
					return unknown("the modules of commits %s and %s cannot be compared (%s)", short(base), short(step), firstLine(err)), nil
				}
				out.Modules = append(out.Modules, changed...)
			}
		}
		slices.Sort(out.Modules)
		out.Modules = slices.Compact(out.Modules)
		if len(out.Modules) > 0 {
			out.Paths = append(out.Paths, r.prefix+"go.mod")
			slices.Sort(out.Paths)
		}
	}
	out.Changed = len(out.Paths) > 0
	out.Reason = fmt.Sprintf("%d of %d files touched since %s belong to the infrastructure of %s", len(out.Paths), len(touched), shorts(bases), stack)
	return out, nil
}

// configures says whether a file is the environment's configuration, or go's.
func (r repository) configures(stack, file string) bool {
	name, inProject := strings.CutPrefix(file, r.prefix)
	return inProject && slices.Contains([]string{"Pulumi.yaml", "Pulumi." + stack + ".yaml", "go.work"}, name)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
