package sandbox

import (
	"fmt"
	"maps"
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
	// Config are values in place of the stack file's, by full key; an empty value takes a key away.
	Config map[string]string
	// Cloud is the account; nil is an empty one.
	Cloud *Cloud
}

// ofTheRealAccount are the keys of a stack file that say which account it is, and that bootstrap has prepared it. The
// sandbox is an account of its own.
var ofTheRealAccount = []string{"awsAccountId", "bootstrapped"}

// RecordStack is [Record] for an environment of a project, with the configuration of its stack file.
func RecordStack(program Program, p project.Project, environment string, options StackOptions) (*Recording, error) {
	config, err := p.Config(environment)
	if err != nil {
		return nil, err
	}
	for _, key := range ofTheRealAccount {
		delete(config, p.Name+":"+key)
	}
	if options.Released {
		config[p.Name+":image"] = ReleasedImage(config["aws:region"], p.Name+"-"+environment+"-backend")
	}
	maps.Copy(config, options.Config)
	maps.DeleteFunc(config, func(_, value string) bool { return value == "" })
	recording, err := Record(program(p.Dir), MockOptions{
		Project: p.Name, Stack: environment, Config: config, DryRun: options.DryRun, Cloud: options.Cloud, RootDirectory: p.Dir,
	})
	if err != nil {
		return recording, fmt.Errorf("run the program for %s: %w", environment, err)
	}
	return recording, nil
}

// ReleasedImage is an image of the sandbox's account, by its digest.
func ReleasedImage(region, repository string) string {
	return fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s@sha256:%s", AccountID, region, repository, strings.Repeat("0123456789abcdef", 4))
}
