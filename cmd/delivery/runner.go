package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// outputs is the annotation with the names of the outputs that a verb writes for the steps after its own.
const outputs = "outputs"

// writes declares the outputs of a verb, for its help and for the test that holds the workflows to them.
func writes(cmd *cobra.Command, names ...string) {
	cmd.Annotations = map[string]string{outputs: strings.Join(names, " ")}
	cmd.Long = strings.TrimSuffix(cmd.Short, ".") + ".\nOutputs for later steps: " + strings.Join(names, ", ")
}

// set writes outputs of the step, in the order given: name, value, name, value …
func (c *command) set(cmd *cobra.Command, pairs ...string) error {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := pairs[i], pairs[i+1]
		if declared, ok := cmd.Annotations[outputs]; ok && !slices.Contains(strings.Fields(declared), name) {
			return fmt.Errorf("%s does not declare its output %s", cmd.CommandPath(), name)
		}
		if !strings.Contains(value, "\n") {
			fmt.Fprintf(cmd.OutOrStdout(), "%s=%s\n", name, value)
		}
		// A delimiter that is in the value would let the value write other outputs.
		delimiter := "END"
		for strings.Contains(value, delimiter) {
			delimiter += "_"
		}
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", name, delimiter, value, delimiter)
	}
	return appendTo(c.getenv("GITHUB_OUTPUT"), b.String())
}

// summarize writes Markdown to the run's page, or to standard output outside of GitHub.
func (c *command) summarize(cmd *cobra.Command, markdown string) error {
	file := c.getenv("GITHUB_STEP_SUMMARY")
	if file == "" {
		fmt.Fprintln(cmd.OutOrStdout(), markdown)
	}
	return appendTo(file, markdown+"\n")
}

func appendTo(file, text string) error {
	if file == "" || text == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}
