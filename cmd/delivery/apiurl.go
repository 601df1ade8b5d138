package main

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
)

func (c *command) apiURLCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "api-url -s <stack>", Short: "Find the address that the front end calls", Args: cobra.NoArgs}
	writes(cmd, "api-url")
	stack := cli.StackFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.apiURL(cmd, *stack) }
	return cmd
}

var webAddress = regexp.MustCompile(`^https?://[^\s"'<>]+$`)

func (c *command) apiURL(cmd *cobra.Command, name string) error {
	s, err := c.stack(cmd, name)
	if err != nil {
		return err
	}
	url := c.getenv("API_URL")
	if url == "" {
		found, err := s.Outputs(cmd.Context())
		if err != nil {
			return err
		}
		url = found["apiUrl"]
	}
	switch {
	case url == "none":
		url = ""
	case !webAddress.MatchString(url):
		return fmt.Errorf("the API of stack %s has no address (%q): tasks without a load balancer get a new IP at every deployment. "+
			"Set the variable API_URL of the environment to an http(s) address, or to none if the front end needs no address built in; "+
			"or add a load balancer that exports apiUrl (docs/changing.md)", name, url)
	}
	return c.set(cmd, "api-url", url)
}
