package main

import (
	"context"
	"errors"
	"regexp"

	"sentry/internal/project"
)

var originForm = regexp.MustCompile(`^(?:https://(?:[^@/]+@)?github\.com/|(?:ssh://)?git@github\.com[:/])([^/]+/[^/]+?)(?:\.git)?/?$`)

// originRepository is the GitHub repository that a folder was cloned from.
func originRepository(ctx context.Context, dir string) (string, error) {
	url, err := project.Git(ctx, dir, "remote", "get-url", "origin")
	if err == nil {
		if found := originForm.FindStringSubmatch(url); found != nil {
			return found[1], nil
		}
	}
	return "", errors.New("--repository is not set, and git's remote origin is no GitHub repository; allowed: owner/name, " +
		"such as octo-org/sentry")
}
