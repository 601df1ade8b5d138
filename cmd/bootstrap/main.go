// Command bootstrap prepares an AWS account for the environments: the bucket with their states, the key for the
// secrets in them, and the roles that GitHub's workflows may take. It can be run again at any time, and after any
// interruption. With --sandbox it does all of it offline.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/spf13/cobra"

	"sentry/bootstrap/account"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

func main() {
	// A first Ctrl-C reaches Pulumi by itself, which ends the step it is in and writes the state.
	signal.Ignore(os.Interrupt)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := newCommand(os.Stdout, os.Stderr).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bootstrap: "+err.Error())
		os.Exit(1)
	}
}

type options struct {
	config    account.Config
	root      string
	inSandbox bool
	write     bool
	undo      bool
}

// newCommand writes progress to progress and what to do next to out.
func newCommand(out, progress io.Writer) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "bootstrap [--repository owner/name] [--sandbox]",
		Short: "Prepare an AWS account: state bucket, key, GitHub's roles",
		Long: "Prepares an AWS account for the environments: the bucket with their Pulumi states, the key for the secrets in\n" +
			"them, GitHub's OIDC provider and the roles of its workflows. Run it again at any time: it changes what has\n" +
			"changed, and continues what was interrupted.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return execute(cmd.Context(), o, out, progress)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.config.Repository, "repository", "", "GitHub repository whose workflows may deploy, owner/name (default: from git's remote origin)")
	flags.StringVar(&o.config.Region, "region", "us-east-1", "region of the state bucket, the key and the environments")
	flags.StringVar(&o.config.BucketSuffix, "bucket-suffix", "", "end of the state bucket's name (default: the account id)")
	flags.StringVar(&o.config.AWSAccountID, "account", "", "the only account to prepare, 12 digits (default: the credentials')")
	flags.BoolVar(&o.write, "write", false, "write the state bucket into Pulumi.yaml")
	flags.BoolVar(&o.undo, "undo", false, "remove all of it again; refused while the bucket holds another stack's state")
	flags.BoolVar(&o.inSandbox, "sandbox", false, "do it offline, in an AWS account that lives in bootstrap/.sandbox")
	flags.StringVar(&o.root, "dir", "", "the repository (default: the working directory or the one above it that has Pulumi.yaml)")
	return cmd
}

func execute(ctx context.Context, o options, out, progress io.Writer) error {
	root, err := findRoot(o.root)
	if err != nil {
		return err
	}
	if o.config.Repository == "" {
		if o.config.Repository, err = originRepository(ctx, root); err != nil {
			return err
		}
	}
	if err := o.config.Validate(); err != nil {
		return err
	}
	b := &bootstrap{config: o.config, out: progress, stateDir: filepath.Join(root, "bootstrap", ".state")}
	if o.inSandbox {
		dir := filepath.Join(root, "bootstrap", ".sandbox")
		b.stateDir = filepath.Join(dir, "first-state")
		p, err := project.Open(root)
		if err != nil {
			return err
		}
		sb, err := sandbox.New(ctx, sandbox.Options{Dir: dir, Project: p, Log: progress})
		if err != nil {
			return err
		}
		inSandbox(sb, b)
		return errors.Join(report(ctx, b, o, root, out), sb.Close())
	}
	if b.pulumi, err = auto.NewPulumiCommand(nil); err != nil {
		return fmt.Errorf("no usable Pulumi CLI on PATH (install it: https://www.pulumi.com/docs/install/, or try --sandbox): %w", firstLine(err))
	}
	if b.aws, err = newRealAWS(ctx, o.config.Region); err != nil {
		return err
	}
	b.backend = func(bucket string) (string, error) { return "s3://" + bucket + "?region=" + o.config.Region, nil }
	return report(ctx, b, o, root, out)
}

func report(ctx context.Context, b *bootstrap, o options, root string, out io.Writer) error {
	if o.undo {
		if err := b.undo(ctx); err != nil {
			return err
		}
		fmt.Fprintln(out, "Removed. KMS keeps the key for 30 days in which its deletion can be cancelled.")
		return nil
	}
	outcome, err := b.run(ctx)
	if err != nil {
		return err
	}
	written := false
	if o.write && !o.inSandbox {
		if err := writeBackend(filepath.Join(root, "Pulumi.yaml"), outcome.backendURL); err != nil {
			return err
		}
		written = true
	}
	fmt.Fprint(out, next(o.config, outcome, written))
	return nil
}

// findRoot is the repository: the folder with Pulumi.yaml and bootstrap/.
func findRoot(dir string) (string, error) {
	start := dir
	if start == "" {
		start = "."
	}
	found, err := filepath.Abs(start)
	if err != nil {
		return "", err
	}
	for {
		_, program := os.Stat(filepath.Join(found, "Pulumi.yaml"))
		_, ours := os.Stat(filepath.Join(found, "bootstrap", "Pulumi.yaml"))
		if program == nil && ours == nil {
			return found, nil
		}
		if filepath.Dir(found) == found || dir != "" {
			return "", fmt.Errorf("%s is not in the repository: run it there, or name it with --dir", start)
		}
		found = filepath.Dir(found)
	}
}

var originForm = regexp.MustCompile(`^(?:https://(?:[^@/]+@)?github\.com/|(?:ssh://)?git@github\.com[:/])([^/]+/[^/]+?)(?:\.git)?/?$`)

func originRepository(ctx context.Context, root string) (string, error) {
	url, err := exec.CommandContext(ctx, "git", "-C", root, "remote", "get-url", "origin").Output()
	if err == nil {
		if found := originForm.FindStringSubmatch(strings.TrimSpace(string(url))); found != nil {
			return found[1], nil
		}
	}
	return "", errors.New("which GitHub repository deploys? git's remote origin does not say; name it: --repository owner/name")
}
