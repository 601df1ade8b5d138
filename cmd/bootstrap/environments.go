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
		text := func(key string) string {
			value, ok := set[key]
			if !ok {
				return ""
			}
			return fmt.Sprint(value)
		}
		found = append(found, account.Environment{
			Name:         name,
			Region:       text("aws:region"),
			Guarded:      text(p.Name+":protect") == "true",
			BucketSuffix: text(p.Name + ":bucketSuffix"),
			BucketNames:  bucketNames(set[p.Name+":adopted"]),
		})
	}
	return found, nil
}

// bucketNames are the names that buckets keep, of what a stack file says of the tool before this one.
func bucketNames(adopted any) map[string]string {
	fields, _ := adopted.(map[string]any)
	given, _ := fields["bucketNames"].(map[string]any)
	if len(given) == 0 {
		return nil
	}
	names := map[string]string{}
	for purpose, name := range given {
		names[purpose] = fmt.Sprint(name)
	}
	return names
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
