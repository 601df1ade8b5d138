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
	// What it is, in a few words.
	What    string
	Program sandbox.Program
}

// All are the examples.
var All = []Example{
	{"frugal", "frugal", "a stack file: arm64 on Spot, asleep at night and at weekends, no Container Insights", infra.DeployIn},
	{
		"hardened", "hardened",
		"a stack file: HTTPS at a domain, protected, watched, logged; a container that is neither root nor writable", infra.DeployIn,
	},
	{"database", "example", "PostgreSQL in subnets of its own, its password a secret of the tasks", database.DeployIn},
	{"cache", "example", "Valkey, which speaks Redis's protocol, over TLS and with a password", cache.DeployIn},
	{"worker", "example", "a second service that runs the same image, and that nothing reaches", worker.DeployIn},
}

// OwnProgram reports whether it is more than a stack file for the main program.
func (e Example) OwnProgram() bool { return e.Stack == "example" }

// In calls what wants the example of a repository as a project, which is there for so long.
func (e Example) In(repository string, call func(project.Project) error) error {
	scratch, err := os.MkdirTemp("", "sentry-example-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	p, err := e.Open(repository, scratch)
	if err != nil {
		return err
	}
	return call(p)
}

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
