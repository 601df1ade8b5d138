package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/spf13/cobra"

	"sentry/infra"
	"sentry/internal/sandbox"
)

// flags are what the verbs share.
type flags struct {
	dir    string
	stack  string
	config []string
	detail bool
}

func newCommand(out, log io.Writer) *cobra.Command {
	f := &flags{}
	root := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the environments on the real Pulumi engine, offline",
		Long: "Run the environments on the real Pulumi engine, without an AWS account: AWS and the state backend live in\n" +
			"this process. Without a verb, the tour: every stack is previewed, deployed, previewed again (nothing may be\n" +
			"left to do) and destroyed.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return f.tour(cmd.Context(), out, log) },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().StringVar(&f.dir, "dir", "", "the project's folder; else the working directory or one above it")

	verb := func(name, short string, run func(context.Context, *sandbox.Stack) error) *cobra.Command {
		cmd := &cobra.Command{
			Use:   name + " -s <stack>",
			Short: short,
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return f.lasting(cmd.Context(), name, out, log, run)
			},
		}
		cmd.Flags().StringVarP(&f.stack, "stack", "s", "", "the stack: the name of a file Pulumi.<stack>.yaml")
		root.AddCommand(cmd)
		return cmd
	}
	preview := verb("preview", "Show what up would do", func(ctx context.Context, s *sandbox.Stack) error {
		var opts []optpreview.Option
		if f.detail {
			opts = append(opts, optpreview.Diff())
		}
		_, err := s.Preview(ctx, opts...)
		return err
	})
	preview.Flags().BoolVar(&f.detail, "diff", false, "show the changed properties")
	up := verb("up", "Deploy a stack into the sandbox that .sandbox/ keeps", func(ctx context.Context, s *sandbox.Stack) error {
		_, err := s.Up(ctx)
		return err
	})
	verb("destroy", "Delete what up has deployed", func(ctx context.Context, s *sandbox.Stack) error {
		_, err := s.Destroy(ctx)
		return err
	})
	verb("outputs", "Show a deployed stack's outputs", func(ctx context.Context, s *sandbox.Stack) error {
		outputs, err := s.Outputs(ctx)
		if err == nil && len(outputs) == 0 {
			return fmt.Errorf("nothing is deployed: sandbox up -s %s", f.stack)
		}
		printOutputs(out, "", outputs)
		return err
	})
	var base, folder string
	diff := &cobra.Command{
		Use:   "diff --base <ref>",
		Short: "Show what the working tree changes against a commit, for every stack",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.diff(cmd.Context(), base, folder, out, log) },
	}
	diff.Flags().StringVar(&base, "base", "", "the commit, branch or tag to compare with")
	diff.Flags().StringVar(&folder, "out", "", "a folder for the engine's events, <stack>.json, one event a line")
	root.AddCommand(diff)
	root.AddCommand(&cobra.Command{
		Use:   "cli",
		Short: "Find the Pulumi CLI, or build it, and print its path",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, _, err := f.project()
			if err != nil {
				return err
			}
			path, err := sandbox.CLI(cmd.Context(), dir, log)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(out, path)
			return err
		},
	})
	for _, cmd := range []*cobra.Command{preview, up} {
		cmd.Flags().StringArrayVar(&f.config, "config", nil, "key=value to set for this call, over the stack's file; repeatable")
	}
	return root
}

// lasting runs a verb on the sandbox that .sandbox/ keeps between calls.
func (f *flags) lasting(ctx context.Context, verb string, out, log io.Writer, run func(context.Context, *sandbox.Stack) error) (err error) {
	dir, stacks, err := f.project()
	if err != nil {
		return err
	}
	if !slices.Contains(stacks, f.stack) {
		if f.stack == "" {
			return fmt.Errorf("which stack? say -s %s", strings.Join(stacks, " or -s "))
		}
		return fmt.Errorf("unknown stack %q: say -s %s (a stack is a file Pulumi.<stack>.yaml in %s)", f.stack, strings.Join(stacks, " or -s "), dir)
	}
	settings := map[string]string{}
	for _, s := range f.config {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return fmt.Errorf("--config %s: want key=value, such as taskCpu=512", s)
		}
		settings[key] = value
	}
	options := sandbox.Options{Dir: filepath.Join(dir, ".sandbox"), ProjectDir: dir, Program: infra.DeployIn, Log: log}
	if verb != "outputs" {
		options.Display, options.Color = out, color(out)
	}
	sb, err := sandbox.New(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	s, err := sb.Stack(ctx, f.stack)
	if err != nil {
		return err
	}
	if err := s.SetConfig(settings); err != nil {
		return err
	}
	if err := run(ctx, s); err != nil {
		return fmt.Errorf("%s of %s: %w", verb, f.stack, err)
	}
	return nil
}

// project is the project's folder and the names of its stacks.
func (f *flags) project() (dir string, stacks []string, err error) {
	dir = f.dir
	if dir == "" {
		if dir, err = os.Getwd(); err != nil {
			return "", nil, err
		}
		for from := dir; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "Pulumi.yaml")); err == nil {
				break
			}
			if filepath.Dir(dir) == dir {
				return "", nil, fmt.Errorf("no Pulumi.yaml in %s or above: run this in the repository, or say where it is with --dir", from)
			}
		}
	} else if _, err := os.Stat(filepath.Join(dir, "Pulumi.yaml")); err != nil {
		return "", nil, fmt.Errorf("--dir %s: no Pulumi.yaml there", dir)
	}
	stacks, err = sandbox.Stacks(dir)
	if err == nil && len(stacks) == 0 {
		err = fmt.Errorf("no stack in %s: a stack is a file Pulumi.<stack>.yaml", dir)
	}
	return dir, stacks, err
}

// color is always for a terminal, else never; https://no-color.org.
func color(w io.Writer) string {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return "never"
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return "never"
	}
	return "always"
}

func printOutputs(w io.Writer, indent string, outputs map[string]any) {
	width := 0
	for key := range outputs {
		width = max(width, len(key))
	}
	for _, key := range slices.Sorted(maps.Keys(outputs)) {
		text, isText := outputs[key].(string)
		if !isText {
			encoded, err := json.Marshal(outputs[key])
			if err != nil {
				encoded = fmt.Append(nil, outputs[key])
			}
			text = string(encoded)
		}
		fmt.Fprintf(w, "%s%-*s  %s\n", indent, width, key, text)
	}
}
