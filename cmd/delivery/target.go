package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"sentry/internal/cli"
	"sentry/internal/delivery/preview"
	"sentry/internal/delivery/update"
	"sentry/internal/project"
)

func (c *command) targetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "target -s <stack>",
		Short: "Say what the application is built for: the API's address and the platform",
		Args:  cobra.NoArgs,
	}
	writes(cmd, "api-url", "platform", "runner")
	stack := cli.StackFlag(cmd)
	planned := cmd.Flags().String("planned", "", "the `file` of a preview of what will be deployed before, as delivery preview keeps it")
	apiURL := cmd.Flags().String("api-url", "", "the `address` of the API; a path on the site's own, or none")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.target(cmd, *stack, *planned, *apiURL) }
	return cmd
}

// machines are the platforms by the stack's output cpuArchitecture, and the runner on which an image is built for each
// without emulation.
var machines = map[string][2]string{
	"X86_64": {"linux/amd64", "ubuntu-24.04"},
	"ARM64":  {"linux/arm64", "ubuntu-24.04-arm"},
}

func (c *command) target(cmd *cobra.Command, name, planned, apiURL string) error {
	s, err := c.stack(cmd, name)
	if err != nil {
		return err
	}
	outputs, err := s.Outputs(cmd.Context())
	if err != nil {
		return err
	}
	if text, err := os.ReadFile(planned); err == nil {
		p, err := preview.Parse(bytes.NewReader(text))
		if err != nil {
			return err
		}
		maps.Copy(outputs, p.Outputs)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	} else if err := update.Require(outputs, "ecrRepositoryUrl", "frontendBucketName"); err != nil {
		return fmt.Errorf("stack %s: %w", name, err)
	}
	address, err := apiAddress(s.Project, name, outputs, apiURL)
	if err != nil {
		return err
	}
	machine, known := machines[cmp.Or(outputs["cpuArchitecture"], "X86_64")]
	if !known {
		return fmt.Errorf("stack %s: output cpuArchitecture %q; allowed: X86_64, ARM64", name, outputs["cpuArchitecture"])
	}
	return c.set(cmd, "api-url", address, "platform", machine[0], "runner", machine[1])
}

// httpsAPI is where the API is when site and API have one address (sentry:https). The site is built before that
// address is known, and the same site can be published to each environment.
const httpsAPI = "/api"

// apiAddress is what the pages call: what the variable says, or what the stack says, as a path where the site has the
// same address.
func apiAddress(p project.Project, stack string, outputs map[string]string, variable string) (string, error) {
	if variable == "none" {
		return "", nil
	}
	if variable != "" {
		return variable, nil
	}
	api, err := url.Parse(outputs["apiUrl"])
	if err != nil {
		return "", fmt.Errorf("stack %s: output apiUrl: %w", stack, err)
	}
	site, err := url.Parse(outputs["frontendUrl"])
	if err != nil {
		return "", fmt.Errorf("stack %s: output frontendUrl: %w", stack, err)
	}
	values, err := p.Values(stack)
	if err != nil {
		return "", err
	}
	https := values[p.Name+":https"]
	switch {
	case api.Host != "" && api.Host == site.Host && api.Scheme == site.Scheme:
		return cmp.Or(api.Path, "/"), nil
	case api.Host != "":
		return api.String(), nil
	case https != nil && fmt.Sprint(https) != "false":
		return httpsAPI, nil // to be deployed now
	}
	return "", fmt.Errorf("the API of stack %s has no address: its tasks get a new IP at every deployment. Give site and API one address with %s:https, "+
		"set the variable API_URL to what you put before the tasks, or to none if the pages need no address (docs/delivery.md)", stack, p.Name)
}
