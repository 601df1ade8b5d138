// Package docs writes the parts of the documents that are made of the program itself: the diagram, the costs, the
// keys of configuration, the outputs. They stand between comments,
//
//	<!-- begin generated: NAME -->
//	<!-- end generated: NAME -->
//
// and are rewritten by `make docs`; a test fails when one is stale.
package docs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/cost"
	"sentry/internal/markdown"
	"sentry/internal/project"
	"sentry/internal/reliability/results"
	"sentry/internal/sandbox"
)

// Stack is one stack, as the generators look at it.
type Stack struct {
	Name string
	// Running is after a release.
	Running *sandbox.Recording
	Cost    cost.Report
}

// Parts are the generated texts of a project, by name.
func Parts(program sandbox.Program, p project.Project) (map[string]string, error) {
	var stacks []Stack
	for _, name := range p.Environments() {
		stack := Stack{Name: name}
		var err error
		if stack.Running, err = sandbox.RecordStack(program, p, name, sandbox.StackOptions{Released: true}); err != nil {
			return nil, err
		}
		if stack.Cost, err = cost.PriceOf(name, stack.Running, nil); err != nil {
			return nil, err
		}
		stacks = append(stacks, stack)
	}
	configuration, err := configurationTable(p, stacks)
	if err != nil {
		return nil, err
	}
	scaling, err := scalingTable(cost.Region(stacks[0].Running.Resources))
	if err != nil {
		return nil, err
	}
	interruptions, err := results.Last()
	if err != nil {
		return nil, err
	}
	parts := map[string]string{
		"diagram":       Diagram(stacks),
		"totals":        totalsTable(stacks),
		"costs":         costTable(stacks),
		"configuration": configuration,
		"controls":      controlsTables(),
		"outputs":       outputsTable(stacks),
		"scaling":       scaling,
		"deployments":   deploymentsTable(stacks, interruptions),
		"interruptions": markdown.Table(interruptions.Faults()),
		"misfortunes":   "- " + strings.Join(interruptions.Backend, "\n- "),
	}
	return parts, priceExamples(p.Dir, parts)
}

var marker = regexp.MustCompile(`<!-- (begin|end) generated: ([a-z-]+) -->`)

// Rewrite puts the parts between their comments, and leaves everything else as it is.
func Rewrite(text string, parts map[string]string) (string, error) {
	var out strings.Builder
	open, rest := "", 0
	for _, at := range marker.FindAllStringSubmatchIndex(text, -1) {
		kind, name := text[at[2]:at[3]], text[at[4]:at[5]]
		part, known := parts[name]
		switch {
		case !known:
			return "", fmt.Errorf("no generated part is called %q", name)
		case kind == "begin" && open != "":
			return "", fmt.Errorf("generated part %q begins inside of %q", name, open)
		case kind == "end" && open != name:
			return "", fmt.Errorf("generated part %q ends without having begun", name)
		case kind == "begin":
			out.WriteString(text[rest:at[1]] + "\n")
			open = name
		default:
			out.WriteString(strings.TrimSpace(part) + "\n")
			open, rest = "", at[0]
		}
	}
	if open != "" {
		return "", fmt.Errorf("generated part %q has no end", open)
	}
	return out.String() + text[rest:], nil
}

// Files are the documents of the project in dir: README.md and everything in docs and examples.
func Files(dir string) ([]string, error) {
	files := []string{filepath.Join(dir, "README.md")}
	for _, folder := range []string{"docs", "examples"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".md") {
				files = append(files, path)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look for documents: %w", err)
		}
	}
	return files, nil
}

// Update rewrites the generated parts of all documents. With check it writes nothing. It returns the documents
// that changed or would change, relative to the project.
func Update(program sandbox.Program, p project.Project, check bool) ([]string, error) {
	parts, err := Parts(program, p)
	if err != nil {
		return nil, err
	}
	files, err := Files(p.Dir)
	if err != nil {
		return nil, err
	}
	var changed []string
	var errs []error
	for _, file := range files {
		name, err := filepath.Rel(p.Dir, file)
		if err != nil {
			return nil, err
		}
		before, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read a document: %w", err)
		}
		after, err := Rewrite(string(before), parts)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		if after == string(before) {
			continue
		}
		changed = append(changed, name)
		if !check {
			if err := os.WriteFile(file, []byte(after), 0o644); err != nil {
				return nil, fmt.Errorf("write a document: %w", err)
			}
		}
	}
	slices.Sort(changed)
	return changed, errors.Join(errs...)
}
