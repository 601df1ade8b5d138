package changes

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"sentry/internal/project"
)

// program is what the Pulumi programs of some commits are built from. A package that only a commit between them had
// is not in it, and need not be: one of theirs must have been changed to import it.
type program struct {
	dirs    []string // of its packages in the repository, with slashes
	embeds  []string // patterns of the files that are embedded, with slashes
	modules []string // paths of the modules that it links
}

// addProgram asks go, in a worktree of the commit.
func (r repository) addProgram(ctx context.Context, built *program, commit string) (err error) {
	dir, remove, err := r.project.At(ctx, commit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // go names folders without links
		return err
	}
	root := strings.TrimSuffix(dir+"/", filepath.FromSlash(r.prefix))
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,EmbedPatterns,Module", ".")
	list.Dir, list.Env = dir, project.WithoutRepository(os.Environ())
	var stderr bytes.Buffer
	list.Stderr = &stderr
	output, err := list.Output()
	if err != nil {
		return fmt.Errorf("go list: %w: %s", err, strings.ReplaceAll(strings.TrimSpace(stderr.String()), dir, ""))
	}
	for packages := json.NewDecoder(bytes.NewReader(output)); ; {
		var found struct {
			Dir           string
			EmbedPatterns []string
			Module        *struct {
				Path string
				Main bool
			}
		}
		if err := packages.Decode(&found); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read what go list prints: %w", err)
		}
		if found.Module == nil {
			continue // of the standard library
		}
		if !found.Module.Main {
			built.modules = append(built.modules, found.Module.Path)
		}
		inside, err := filepath.Rel(root, found.Dir)
		if err != nil || !filepath.IsLocal(inside) {
			continue // of the module cache
		}
		inside = filepath.ToSlash(inside)
		built.dirs = append(built.dirs, inside)
		for _, pattern := range found.EmbedPatterns {
			built.embeds = append(built.embeds, path.Join(inside, strings.TrimPrefix(pattern, "all:")))
		}
	}
}

// sources are the ends of the names of files that go compiles.
var sources = []string{".go", ".s", ".S", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".syso"}

// contains says whether a file, of the repository and with slashes, is compiled or embedded.
func (b program) contains(file string) bool {
	if slices.Contains(sources, path.Ext(file)) && !strings.HasSuffix(file, "_test.go") && slices.Contains(b.dirs, path.Dir(file)) {
		return true
	}
	return slices.ContainsFunc(b.embeds, func(pattern string) bool {
		// A pattern may name a folder: then everything below it is embedded.
		for at := file; at != "."; at = path.Dir(at) {
			if ok, err := path.Match(pattern, at); ok && err == nil {
				return true
			}
		}
		return false
	})
}

// modulesChanged compares what two commits' go.mod and go.sum say of the modules that the program links, and of the
// Go it is compiled with. A newer library of a command changes nothing in here.
func (r repository) modulesChanged(ctx context.Context, built program, before, after string) ([]string, error) {
	old, err := r.pins(ctx, built, before)
	if err != nil {
		return nil, err
	}
	pins, err := r.pins(ctx, built, after)
	if err != nil {
		return nil, err
	}
	var changed []string
	for name := range pins {
		if _, had := old[name]; !had {
			changed = append(changed, name+": none → "+version(pins[name]))
		}
	}
	for name, was := range old {
		now := pins[name]
		if now == was {
			continue
		}
		if version(was) != version(now) {
			was, now = version(was), version(now)
		}
		changed = append(changed, fmt.Sprintf("%s: %s → %s", name, was, cmp.Or(now, "none")))
	}
	return changed, nil
}

// version is a pin without the sum.
func version(pin string) string {
	v, _, _ := strings.Cut(pin, " (")
	return v
}

// pins are the modules that the program links, and how a commit pins them. Since Go 1.17, go.mod names the selected
// version of every module that the packages of the main one need: https://go.dev/ref/mod#graph-pruning
func (r repository) pins(ctx context.Context, built program, commit string) (map[string]string, error) {
	text, err := r.git(ctx, "show", commit+":"+r.prefix+"go.mod")
	if err != nil {
		return nil, err
	}
	mod, err := modfile.Parse("go.mod", []byte(text), nil)
	if err != nil {
		return nil, err
	}
	sums, err := r.git(ctx, "show", commit+":"+r.prefix+"go.sum")
	if err != nil {
		sums = "" // a module that requires nothing has no go.sum
	}
	pins := map[string]string{}
	if mod.Go != nil {
		pins["go"] = mod.Go.Version
	}
	if mod.Toolchain != nil {
		pins["toolchain"] = mod.Toolchain.Name
	}
	for _, setting := range mod.Godebug {
		pins["godebug "+setting.Key] = setting.Value
	}
	for _, required := range mod.Require {
		if !slices.Contains(built.modules, required.Mod.Path) {
			continue
		}
		used := required.Mod
		pin := used.Version
		for _, replaced := range mod.Replace {
			if replaced.Old.Path == used.Path && (replaced.Old.Version == "" || replaced.Old.Version == used.Version) {
				used = replaced.New
				pin = strings.TrimSpace("replaced by " + used.Path + " " + used.Version)
			}
		}
		pins[required.Mod.Path] = pin + sumOf(sums, used)
	}
	return pins, nil
}

// sumOf is what go.sum says of a module's content; nothing of a folder in its place.
func sumOf(sums string, m module.Version) string {
	for line := range strings.Lines(sums) {
		if sum, ok := strings.CutPrefix(line, m.Path+" "+m.Version+" "); ok {
			return " (" + strings.TrimSpace(sum) + ")"
		}
	}
	return ""
}
