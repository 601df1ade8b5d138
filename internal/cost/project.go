package cost

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/internal/sandbox"
)

// Program makes the Pulumi program of the project in a directory; infra.DeployIn is one.
type Program func(dir string) pulumi.RunFunc

// Project is the project whose stacks are priced.
const Project = "sentry"

// Stacks are the names of a project's stack files, staging first: a change goes through there.
func Stacks(dir string) ([]string, error) {
	stacks, err := sandbox.Stacks(dir)
	if err != nil {
		return nil, fmt.Errorf("look for stack files: %w", err)
	}
	if len(stacks) == 0 {
		return nil, fmt.Errorf("%s has no stack files: want Pulumi.<stack>.yaml beside Pulumi.yaml", dir)
	}
	if i := slices.Index(stacks, baseStack); i > 0 {
		stacks = slices.Insert(slices.Delete(stacks, i, i+1), 0, baseStack)
	}
	return stacks, nil
}

// Record runs the program for a stack of the project in dir, under the sandbox's mocks and as it is once an
// image has been released.
func Record(program Program, dir, stack string) (*sandbox.Recording, error) {
	config, err := sandbox.StackConfig(dir, stack)
	if err != nil {
		return nil, err
	}
	// The sandbox is an account of its own, and the guard against a wrong one would refuse it.
	config[Project+":awsAccountId"] = ""
	config[Project+":image"] = fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s-%s-backend@sha256:%s",
		sandbox.AccountID, config["aws:region"], Project, stack, strings.Repeat("0123456789abcdef", 4))
	recording, err := sandbox.Record(program(dir), sandbox.MockOptions{
		Project: Project, Stack: stack, Config: config, RootDirectory: dir,
	})
	if err != nil {
		return nil, fmt.Errorf("run the program for stack %q: %w", stack, err)
	}
	return recording, nil
}
