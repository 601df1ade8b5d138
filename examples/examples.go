// Package examples lists them, for whatever tries them all.
package examples

import (
	"os"
	"path/filepath"

	"sentry/examples/cache"
	"sentry/examples/database"
	"sentry/examples/worker"
	"sentry/infra"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// Example is a folder of this one, and the program that its stack file is for.
type Example struct {
	Name, Stack string
	Program     sandbox.Program
}

// All are the examples.
var All = []Example{
	{"cache", "example", cache.DeployIn},
	{"database", "example", database.DeployIn},
	{"frugal", "frugal", infra.DeployIn},
	{"hardened", "hardened", infra.DeployIn},
	{"worker", "example", worker.DeployIn},
}

// OwnProgram reports whether it is more than a stack file for the main program.
func (e Example) OwnProgram() bool { return e.Stack == "example" }

// Open is the example of a repository as a project. One without a program of its own is put beside a copy of the main
// program's Pulumi.yaml, in scratch.
func (e Example) Open(repository, scratch string) (project.Project, error) {
	dir := filepath.Join(repository, "examples", e.Name)
	if e.OwnProgram() {
		return project.Open(dir)
	}
	stack := "Pulumi." + e.Stack + ".yaml"
	for from, to := range map[string]string{
		filepath.Join(repository, "Pulumi.yaml"): "Pulumi.yaml",
		filepath.Join(dir, stack):                stack,
	} {
		text, err := os.ReadFile(from)
		if err != nil {
			return project.Project{}, err
		}
		if err := os.WriteFile(filepath.Join(scratch, to), text, 0o600); err != nil {
			return project.Project{}, err
		}
	}
	return project.Open(scratch)
}
