package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/update"
	"sentry/internal/project"
)

// command is what the verbs share.
type command struct {
	project func() (project.Project, error)
	// getenv is os.Getenv but for tests.
	getenv func(string) string
}

func newCommand(getenv func(string) string) *cobra.Command {
	root := group("delivery", "The steps of the delivery workflows, as commands")
	c := &command{project: cli.ProjectFlag(root), getenv: getenv}
	root.AddCommand(
		c.environmentsCommand(), c.settingsCommand(), c.guardCommand(), c.changesCommand(), c.sourceCommand(), c.useBinaryCommand(),
		c.previewCommand(), c.renderCommand(), c.commentCommand(), c.targetCommand(), c.promoteCommand(),
		c.applyCommand(), c.scanCommand(), c.releaseCommand(), c.settleCommand(), c.rolloutCommand(), c.outputsCommand(), c.publishCommand(), c.shippedCommand(),
		c.waitCommand(), c.reportCommand(), c.driftCommand(), c.lockCommand(), c.recoverCommand(), c.destroyCommand(),
	)
	return root
}

// group is a command that only holds others. A word that is none of them is an error, which cobra leaves out.
func group(name, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: cobra.ArbitraryArgs}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("no verb %q: see %s --help", args[0], cmd.CommandPath())
		}
		return cmd.Help()
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// stack is the stack that -s names, in the project that -C names.
func (c *command) stack(cmd *cobra.Command, name string) (update.Stack, error) {
	p, err := c.checked(name)
	if err != nil {
		return update.Stack{}, err
	}
	return update.Stack{Project: p, Name: name, Run: update.CLI(p.Dir), Log: cmd.ErrOrStderr()}, nil
}

// checked is the project that -C names, which has to have the environment.
func (c *command) checked(environment string) (project.Project, error) {
	p, err := c.project()
	if err != nil {
		return project.Project{}, err
	}
	return p, p.Check(environment)
}

func (c *command) runURL() string {
	id, err := strconv.ParseInt(c.getenv("GITHUB_RUN_ID"), 10, 64)
	if err != nil {
		return "" // not on GitHub
	}
	return c.urlOf(id)
}

func (c *command) urlOf(run int64) string {
	return fmt.Sprintf("%s/%s/actions/runs/%d", c.getenv("GITHUB_SERVER_URL"), c.getenv("GITHUB_REPOSITORY"), run)
}
