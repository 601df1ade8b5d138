package sandbox

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/internal/project"
)

// Program makes the Pulumi program of the project in a folder; infra.DeployIn is one.
type Program func(dir string) pulumi.RunFunc

// StackOptions say in which state an environment is recorded.
type StackOptions struct {
	// Released: an image has been released.
	Released bool
	// DryRun: a preview, in which all that AWS computes is unknown.
	DryRun bool
	// Cloud is the account; nil for an empty one.
	Cloud *Cloud
	// Config are values in place of the stack file's, by full key; an empty value takes a key away.
	Config map[string]string
}

// RecordStack is [Record] for an environment of a project, with the configuration of its stack file.
func RecordStack(program Program, p project.Project, environment string, options StackOptions) (*Recording, error) {
	config, err := p.Config(environment)
	if err != nil {
		return nil, err
	}
	for key, value := range config {
		config[key] = accountForm.ReplaceAllString(value, AccountID)
	}
	delete(config, bootstrapped(p.Name))
	if options.Released {
		config[p.Name+":image"] = ReleasedImage(config["aws:region"], p.Name+"-"+environment+"-backend")
	}
	maps.Copy(config, options.Config)
	maps.DeleteFunc(config, func(_, value string) bool { return value == "" })
	if options.Cloud == nil {
		options.Cloud = NewCloud()
	}
	options.Cloud.stage(config[p.Name+":adopted"])
	recording, err := Record(program(p.Dir), MockOptions{
		Project: p.Name, Stack: environment, Config: config, DryRun: options.DryRun, Cloud: options.Cloud, RootDirectory: p.Dir,
	})
	if err != nil {
		return recording, fmt.Errorf("run the program for %s: %w", environment, err)
	}
	return recording, nil
}

// accountForm finds the account in what a stack file says: whatever account an environment has, the sandbox stands in
// for it.
var accountForm = regexp.MustCompile(`\b[0-9]{12}\b`)

// bootstrapped is the key that says that the tasks' roles are there already; in the sandbox's account they are not.
func bootstrapped(project string) string { return project + ":bootstrapped" }

// ReleasedImage is an image of the sandbox's account, by its digest.
func ReleasedImage(region, repository string) string {
	return fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s@sha256:%s", AccountID, region, repository, strings.Repeat("0123456789abcdef", 4))
}
