// Command mutations makes deliberate defects, one at a time, and fails when the tests do not see one: make mutations.
// The defects are in testdata, a file for each area; nothing in the checkout is changed.
package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"sentry/internal/cli"
	"sentry/internal/project"
)

func main() { cli.Main(newCommand(os.Stdout)) }

//go:embed testdata
var lists embed.FS

// mutation is one deliberate defect: a text that a file has exactly once, and what stands there instead.
type mutation struct {
	File string `yaml:"file"`
	From string `yaml:"from"`
	To   string `yaml:"to"`
	// Tests are the packages that must notice.
	Tests []string `yaml:"tests"`
	// Why says what would go wrong in the world.
	Why string `yaml:"why"`

	// area is the name of the list: program, bootstrap, delivery.
	area string
}

func mutations() ([]mutation, error) {
	files, err := lists.ReadDir("testdata")
	if err != nil {
		return nil, err
	}
	var all []mutation
	for _, file := range files {
		text, err := lists.ReadFile("testdata/" + file.Name())
		if err != nil {
			return nil, err
		}
		var some []mutation
		if err := yaml.Unmarshal(text, &some); err != nil {
			return nil, fmt.Errorf("read testdata/%s: %w", file.Name(), err)
		}
		for _, m := range some {
			m.area = strings.TrimSuffix(file.Name(), ".yaml")
			all = append(all, m)
		}
	}
	return all, nil
}

func newCommand(out io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "mutations",
		Short: "Make deliberate defects, one at a time, and see that the tests notice each",
		Args:  cobra.NoArgs,
	}
	find := cli.ProjectFlag(root)
	only := root.Flags().String("only", "", "a `text`: only the defects whose area, file or reason has it")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := find()
		if err != nil {
			return err
		}
		all, err := mutations()
		if err != nil {
			return err
		}
		return run(cmd.Context(), p, all, *only, out)
	}
	return root
}

func run(ctx context.Context, p project.Project, all []mutation, only string, out io.Writer) error {
	started := time.Now()
	tried, survived := 0, 0
	for _, m := range all {
		if !strings.Contains(m.area+" "+m.File+" "+m.Why, only) {
			continue
		}
		tried++
		killed, err := m.try(ctx, p.Dir)
		if err != nil {
			return fmt.Errorf("%s: %w", m.File, err)
		}
		word := "seen"
		if !killed {
			word = "SURVIVED"
			survived++
		}
		fmt.Fprintf(out, "  %-8s %-9s %-36s %s\n", word, m.area, m.File, m.Why)
	}
	fmt.Fprintf(out, "\n%d defects, %d not seen by the tests, %s\n", tried, survived, time.Since(started).Round(time.Second))
	if survived > 0 {
		return errors.New("a defect goes unnoticed: see the lines that begin with SURVIVED")
	}
	return nil
}

// changed is the file with the defect.
func (m mutation) changed(dir string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, m.File))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(m.From)); n != 1 {
		return nil, fmt.Errorf("has %d times, where the list wants it once: %q", n, m.From)
	}
	return bytes.Replace(text, []byte(m.From), []byte(m.To), 1), nil
}

// try runs the tests over the defect. Code that does not compile proves nothing and is an error.
func (m mutation) try(ctx context.Context, dir string) (killed bool, err error) {
	text, err := m.changed(dir)
	if err != nil {
		return false, err
	}
	folder, err := os.MkdirTemp("", "sentry-mutation-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(folder)
	file, overlay := filepath.Join(folder, filepath.Base(m.File)), filepath.Join(folder, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(dir, m.File): file}})
	if err != nil {
		return false, err
	}
	if err := errors.Join(os.WriteFile(file, text, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return false, err
	}
	test := exec.CommandContext(ctx, "go", append([]string{"test", "-overlay", overlay, "-failfast"}, m.Tests...)...)
	test.Dir, test.Env = dir, append(project.WithoutRepository(os.Environ()), "GOFLAGS=-trimpath -buildvcs=false")
	output, testErr := test.CombinedOutput()
	if bytes.Contains(output, []byte("[build failed]")) || bytes.Contains(output, []byte("[setup failed]")) {
		return false, fmt.Errorf("does not compile:\n%s", output)
	}
	return testErr != nil, ctx.Err()
}
