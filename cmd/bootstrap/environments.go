package main

import (
	"fmt"
	"slices"
	"strings"

	"sentry/bootstrap/account"
	"sentry/internal/project"
)

// environmentsOf are a project's environments, or some of them, as their stack files describe them.
func environmentsOf(p project.Project, only []string) ([]account.Environment, error) {
	if only == nil {
		only = p.Environments()
	}
	var found []account.Environment
	for _, name := range only {
		if !slices.Contains(p.Environments(), name) {
			return nil, fmt.Errorf("--environment %q: %s has no file Pulumi.%s.yaml; allowed: %s",
				name, p.Dir, name, strings.Join(p.Environments(), ", "))
		}
		set, err := p.Values(name)
		if err != nil {
			return nil, err
		}
		config := map[string]string{}
		for key, value := range set {
			if config[key], err = project.Text(value); err != nil {
				return nil, fmt.Errorf("read %s of %s: %w", key, name, err)
			}
		}
		environment, err := account.EnvironmentOf(name, config)
		if err != nil {
			return nil, err
		}
		environment.Guarded = p.Guarded(name)
		found = append(found, environment)
	}
	return found, nil
}

// commonRegion is where all the environments run.
func commonRegion(environments []account.Environment) (string, error) {
	var regions []string
	for _, e := range environments {
		regions = append(regions, e.Name+" in "+e.Region)
	}
	for _, e := range environments {
		if e.Region != environments[0].Region {
			return "", fmt.Errorf("--region is not set, and the environments have none in common (%s): name the state bucket's",
				strings.Join(regions, ", "))
		}
	}
	return environments[0].Region, nil
}
