// Command facts rewrites internal/aws/facts.json, what the AWS provider says of its types, from the provider's own
// schema. It needs the Pulumi CLI and the internet, or a schema in a file.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/mod/modfile"

	"sentry/internal/aws"
	"sentry/internal/cli"
)

func main() { cli.Main(newCommand()) }

// sdk is the module whose version the facts are about.
const sdk = "github.com/pulumi/pulumi-aws/sdk/v6"

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "facts",
		Short: "Rewrite what the project knows of the AWS provider's types",
		Long: "Rewrites internal/aws/facts.json from the schema of the pulumi-aws that go.mod requires. What a schema does not\n" +
			"say (what AWS fills in and keeps, which changes replace under which setting) stays as it is in the file.",
		Example: "  facts                                      after pulumi-aws was updated\n" +
			"  facts --add aws:neptune/cluster:Cluster    before a type is used for the first time",
		Args: cobra.NoArgs,
	}
	find := cli.ProjectFlag(root)
	add := root.Flags().StringArray("add", nil, "a `type` to add by its token; repeatable")
	file := root.Flags().String("schema", "", "a `file` with the schema, in place of what the Pulumi CLI prints")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := find()
		if err != nil {
			return err
		}
		var schema io.Reader
		if *file == "" {
			schema, err = printed(cmd, filepath.Join(p.Dir, "go.mod"))
		} else {
			schema, err = os.Open(*file)
		}
		if err != nil {
			return err
		}
		var facts bytes.Buffer
		if err := aws.Rewrite(schema, *add, &facts); err != nil {
			return err
		}
		target := filepath.Join(p.Dir, "internal", "aws", "facts.json")
		fmt.Fprintln(cmd.OutOrStdout(), "wrote", target)
		return os.WriteFile(target, facts.Bytes(), 0o644)
	}
	return root
}

// printed is the schema as the Pulumi CLI prints it, after it has fetched the provider.
func printed(cmd *cobra.Command, goMod string) (io.Reader, error) {
	version, err := required(goMod)
	if err != nil {
		return nil, err
	}
	pulumi := exec.CommandContext(cmd.Context(), "pulumi", "package", "get-schema", "aws@"+version)
	pulumi.Stderr = cmd.ErrOrStderr()
	schema, err := pulumi.Output()
	if err != nil {
		return nil, fmt.Errorf("ask Pulumi for the schema of pulumi-aws %s: %w", version, err)
	}
	return bytes.NewReader(schema), nil
}

// required is the version of pulumi-aws in go.mod, without the v.
func required(goMod string) (string, error) {
	text, err := os.ReadFile(goMod)
	if err != nil {
		return "", err
	}
	file, err := modfile.ParseLax(goMod, text, nil)
	if err != nil {
		return "", err
	}
	for _, r := range file.Require {
		if r.Mod.Path == sdk {
			return r.Mod.Version[1:], nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", goMod, sdk)
}
