package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"sentry/bootstrap/account"
)

// gitHub asks GitHub's API.
type gitHub func(ctx context.Context, path string) ([]byte, error)

// ghCLI asks by GitHub's command line, which has the user's credentials: a repository's settings are not public.
func ghCLI(ctx context.Context, path string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "gh", "api", path)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("gh api %s: %w: %s", path, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// repository is a GitHub repository by its name, with the numbers that its workflows' tokens carry.
func (ask gitHub) repository(ctx context.Context, name string) (account.Repository, error) {
	var about struct {
		ID       int64  `json:"id"`
		FullName string `json:"full_name"`
		Owner    struct {
			ID int64 `json:"id"`
		} `json:"owner"`
	}
	// https://docs.github.com/en/rest/actions/oidc
	var subject struct {
		UseDefault   *bool  `json:"use_default"`
		UseImmutable bool   `json:"use_immutable_subject"`
		Prefix       string `json:"sub_claim_prefix"`
	}
	if err := errors.Join(ask.read(ctx, "repos/"+name, &about), ask.read(ctx, "repos/"+name+"/actions/oidc/customization/sub", &subject)); err != nil {
		return account.Repository{}, fmt.Errorf("ask GitHub about %s (install gh and run `gh auth login`, or name its numbers with "+
			"--repository-id and --owner-id): %w", name, err)
	}
	if subject.UseDefault != nil && !*subject.UseDefault {
		return account.Repository{}, fmt.Errorf("the subjects of %s's tokens are customized: the roles trust GitHub's default; set it by "+
			"`gh api --method PUT repos/%s/actions/oidc/customization/sub -F use_default=true`", name, name)
	}
	immutable := account.Repository{
		Name: about.FullName, ID: strconv.FormatInt(about.ID, 10), OwnerID: strconv.FormatInt(about.Owner.ID, 10),
	}
	older := immutable
	older.OwnerID = ""
	switch subject.Prefix {
	case immutable.SubjectPrefix():
		return immutable, nil
	case older.SubjectPrefix():
		return older, nil
	case "": // GitHub says so since 2026
		if subject.UseImmutable {
			return immutable, nil
		}
		return older, nil
	}
	return account.Repository{}, fmt.Errorf("the subjects of %s's tokens begin with %q; allowed: %s or %s",
		name, subject.Prefix, immutable.SubjectPrefix(), older.SubjectPrefix())
}

func (ask gitHub) read(ctx context.Context, path string, into any) error {
	text, err := ask(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read GitHub's answer to %s: %w", path, err)
	}
	return nil
}
