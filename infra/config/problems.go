package config

import (
	"errors"
	"fmt"
	"slices"
)

// Problem is one value that cannot be deployed.
type Problem struct {
	// Key is the full path of the value, such as sentry:taskCpu.
	Key string
	// Text says what was found, what is allowed and what to do.
	Text string
}

func (p *Problem) Error() string { return p.Key + ": " + p.Text }

// problems collects what is wrong with a configuration, so that people see all of it at once.
type problems struct {
	found  []*Problem
	unread []string // keys whose value could not be read: what follows from it is noise
}

func (p *problems) refuse(key, format string, args ...any) {
	if !slices.Contains(p.unread, key) {
		p.found = append(p.found, &Problem{Key: key, Text: fmt.Sprintf(format, args...)})
	}
}

func (p *problems) unreadable(key, format string, args ...any) {
	p.refuse(key, format, args...)
	p.unread = append(p.unread, key)
}

func (p *problems) join() error {
	errs := make([]error, len(p.found))
	for i, problem := range p.found {
		errs[i] = problem
	}
	return errors.Join(errs...)
}
