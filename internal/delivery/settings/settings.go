// Package settings reads the variables of the GitHub repository for one environment.
//
// GitHub hands variables of an environment only to jobs that name it, and half of the jobs cannot: a preview is made
// before the approval that the name asks for. So all variables are the repository's, and one that is for a single
// environment has its name at the end: AWS_ACCOUNT_ID_PRODUCTION goes before AWS_ACCOUNT_ID. This is said here and in
// docs/delivery.md, and nowhere else: the workflows read the result.
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sentry/internal/project"
)

// Variable is one that a repository may set, and the output that hands it to the workflow's jobs.
type Variable struct {
	Name, Output, Default string
	// Check says what is wrong with a value, and what is allowed.
	Check func(value string) error
}

// Variables are all of them.
var Variables = []Variable{
	{"AWS_ACCOUNT_ID", "account", "", form(`^\d{12}$`, "the 12 digits of the account with the environment's roles")},
	{"PULUMI_BACKEND_URL", "backend", "", form(`^(s3://\S+)?$`, "s3://<bucket>?region=<region>")},
	{"APPLICATION_REPOSITORY", "application-repository", "", form(`^([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)?$`, "<owner>/<repository>")},
	{"APPLICATION_REF", "application-ref", "", form(`^([A-Za-z0-9_][^\s~^:?*\[\\]*)?$`, "a branch, tag or commit")},
	{"BACKEND_DIRECTORY", "backend-directory", "backend", folder},
	{"FRONTEND_DIRECTORY", "frontend-directory", "frontend", folder},
	{"FRONTEND_BUILD_DIRECTORY", "build-directory", "dist", folder},
	{"FRONTEND_IMMUTABLE_DIRECTORY", "immutable-directory", "assets", folder},
	{"NODE_VERSION", "node-version", "24", form(`^[0-9][0-9.x]*$|^lts/\S+$`, "a version of Node.js, such as 24")},
	{"API_URL", "api-url", "", form(`^(none|/\S*|https?://[^\s"'<>]+)?$`, "an http(s) address, a path such as /api, or none")},
	{"SHOW_LOGS", "show-logs", "private", oneOf("private", "always", "never")},
	{"ACCEPTED_VULNERABILITIES", "accepted", "", form(`^[\w.:-]*([ ,]+[\w.:-]+)*$`, "names such as CVE-2026-1234 with commas between them, or all")},
	{"DEPLOY_UNREVIEWED", "unreviewed", "no", oneOf("no", "by-hand", "yes")},
}

// Region is where the environment is: its stack file says so.
const Region = "aws:region"

// Settings are the outputs for the workflow, by their names.
type Settings map[string]string

// Read chooses the values for an environment from the repository's variables, as toJSON(vars) prints them. Every problem
// is reported at once.
func Read(p project.Project, environment, variables string) (Settings, error) {
	all := map[string]string{}
	if err := json.Unmarshal([]byte(variables), &all); err != nil {
		return nil, fmt.Errorf("read the repository's variables (toJSON(vars)): %w", err)
	}
	read := Settings{}
	var errs []error
	for _, v := range Variables {
		name, value := v.Name, v.Default
		for _, candidate := range []string{v.Name, v.Name + "_" + Suffix(environment)} {
			if set := all[candidate]; set != "" {
				name, value = candidate, set
			}
		}
		if err := v.Check(value); err != nil {
			errs = append(errs, fmt.Errorf("variable %s %q: %w (docs/delivery.md)", name, value, err))
		}
		read[v.Output] = value
	}
	values, err := p.Values(environment)
	if err != nil {
		return nil, err
	}
	region, _ := values[Region].(string)
	if region == "" {
		errs = append(errs, fmt.Errorf("%s does not say %s", p.StackFile(environment), Region))
	}
	if account := fmt.Sprint(values[p.Name+":awsAccountId"]); values[p.Name+":awsAccountId"] != nil && account != "" && account != read["account"] {
		errs = append(errs, fmt.Errorf("variable AWS_ACCOUNT_ID is %q for %s, and its stack file allows account %s only", read["account"], environment, account))
	}
	read["region"] = region
	read["guarded"] = strconv.FormatBool(p.Guarded(environment))
	return read, errors.Join(errs...)
}

// Names are the outputs' names, in order.
func Names() []string {
	names := []string{"guarded", "region"}
	for _, v := range Variables {
		names = append(names, v.Output)
	}
	slices.Sort(names)
	return names
}

// Pairs are names and values, in the order of the names.
func (s Settings) Pairs() []string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		pairs = append(pairs, name, s[name])
	}
	return pairs
}

// Suffix is an environment's name as the end of a variable's: staging-eu is _STAGING_EU.
func Suffix(environment string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(environment))
}

func form(pattern, allowed string) func(string) error {
	expression := regexp.MustCompile(pattern)
	return func(value string) error {
		if !expression.MatchString(value) {
			return errors.New("allowed: " + allowed)
		}
		return nil
	}
}

func oneOf(allowed ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(allowed, value) {
			return errors.New("allowed: " + strings.Join(allowed, ", "))
		}
		return nil
	}
}

func folder(value string) error {
	if !filepath.IsLocal(value) || strings.ContainsAny(value, "\n\r") {
		return errors.New("allowed: a folder inside of the repository")
	}
	return nil
}
