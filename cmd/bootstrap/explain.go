package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	colors    = regexp.MustCompile(`<\{%[^%]*%\}>|\x1b\[[0-9;]*m`)
	forbidden = regexp.MustCompile(`(?:is )?not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)`)
	errorLine = regexp.MustCompile(`(?m)^(?:stderr:)?\s*error: (.+)$`)
)

// interrupted says so of whatever error an interrupt led to. Pulumi has ended the step it was in by then, and
// written the state.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted: what was done is recorded; run again")
	}
	return err
}

// explain turns a failed update into one line that says what to do. Whatever was created is in the state.
func explain(err error, problems []string) error {
	text := strings.Join(problems, "\n")
	switch {
	case errors.Is(err, errLocked):
		return err
	case strings.Contains(text, "BucketAlreadyExists"):
		return errors.New("the bucket's name belongs to another AWS account: choose another with --bucket-suffix, and run again")
	case forbidden.MatchString(text):
		return fmt.Errorf("these credentials have no right to %s: use an administrator's, and run again; what was created is kept",
			forbidden.FindStringSubmatch(text)[1])
	case strings.Contains(text, "EntityAlreadyExists"), strings.Contains(text, "AlreadyExistsException"), strings.Contains(text, "BucketAlreadyOwnedByYou"):
		return fmt.Errorf("something else created the same at the same time: run again (%s)", firstSentence(text))
	case strings.Contains(text, "ExpiredToken"):
		return errors.New("the AWS credentials expired on the way: renew them (`aws sso login`), and run again; what was created is kept")
	case text != "":
		return fmt.Errorf("the update stopped (what was created is kept; run again): %s", firstSentence(text))
	}
	return fmt.Errorf("the update stopped (what was created is kept; run again): %w", cause(err))
}

// cause is the error line in what a Pulumi command wrote.
func cause(err error) error {
	if found := errorLine.FindStringSubmatch(colors.ReplaceAllString(err.Error(), "")); found != nil {
		return errors.New(found[1])
	}
	return firstLine(err)
}

func firstLine(err error) error {
	return errors.New(firstSentence(err.Error()))
}

func firstSentence(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.Trim(line, " \t\n*"); line != "" && line != "1 error occurred:" {
			return line
		}
	}
	return text
}
