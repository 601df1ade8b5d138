package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/spf13/cobra"

	"sentry/bootstrap/account"
	"sentry/internal/cli"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// command is a call of bootstrap. It writes progress to progress and what to do next to out.
type command struct {
	out, progress io.Writer
	project       func() (project.Project, error)
	gitHub        gitHub

	config       account.Config
	environments []string
	inSandbox    bool
	write        bool
	undo         bool
}

func newCommand(out, progress io.Writer) *cobra.Command {
	c := command{out: out, progress: progress, gitHub: ghCLI}
	cmd := &cobra.Command{
		Use:   "bootstrap [--repository owner/name] [--sandbox]",
		Short: "Prepare an AWS account: state bucket, key, GitHub's roles",
		Long: `Prepares an AWS account for the environments: the bucket with their Pulumi states, the key for the secrets in
them, GitHub's OIDC provider and the roles of its workflows and of the environments' tasks. Run it again at any
time: it changes what has changed, and continues what was interrupted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	c.project = cli.ProjectFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&c.config.Repository.Name, "repository", "",
		"the GitHub `repository` whose workflows may deploy, as owner/name (default: git's remote origin)")
	flags.StringVar(&c.config.Repository.ID, "repository-id", "", "GitHub's `number` of it (default: asked of GitHub, by gh)")
	flags.StringVar(&c.config.Repository.OwnerID, "owner-id", "",
		"with --repository-id, the `number` of its owner, where the subjects of its tokens hold both")
	flags.StringArrayVar(&c.environments, "environment", nil,
		"an `environment` to prepare this account for; repeatable (default: all that have a stack file)")
	flags.StringVar(&c.config.Region, "region", "", "the `region` of the state bucket and the key (default: the environments')")
	flags.StringVar(&c.config.BucketSuffix, "bucket-suffix", "", "the `end` of the state bucket's name (default: the account id)")
	flags.StringVar(&c.config.AWSAccountID, "account", "", "the only account to prepare, by its `id` (default: the credentials')")
	flags.StringVar(&c.config.StateKeyARN, "state-key", "", "the KMS key that encrypts the state bucket, by its `ARN` (default: S3's own)")
	flags.StringVar(&c.config.AccessLogs, "access-logs", "", "the `bucket` for records of all requests to the state bucket (default: none)")
	flags.BoolVar(&c.write, "write", true, "write into Pulumi.yaml and the stack files what an environment needs")
	flags.BoolVar(&c.undo, "undo", false, "remove all of it again; refused while an environment lives")
	flags.BoolVar(&c.inSandbox, "sandbox", false, "do it offline, in an AWS account that lives in bootstrap/.sandbox; write nothing")
	return cmd
}

func (c command) run(ctx context.Context) (err error) {
	p, err := c.project()
	if err != nil {
		return err
	}
	if c.config.Environments, err = environmentsOf(p, c.environments); err != nil {
		return err
	}
	if c.config.Region == "" {
		if c.config.Region, err = commonRegion(c.config.Environments); err != nil {
			return err
		}
	}
	if err := c.findRepository(ctx, p); err != nil {
		return err
	}
	if err := c.config.Validate(); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "sentry-bootstrap-")
	if err != nil {
		return fmt.Errorf("make a folder for Pulumi: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	b := &bootstrap{config: c.config, out: c.progress, scratch: scratch}
	if c.inSandbox {
		return c.runInSandbox(ctx, b, p)
	}
	b.stateDir = filepath.Join(p.Dir, "bootstrap", ".state")
	if b.pulumi, err = auto.NewPulumiCommand(nil); err != nil {
		return fmt.Errorf("no usable Pulumi CLI on PATH (install it: https://www.pulumi.com/docs/install/, or try --sandbox): %w",
			firstLine(err))
	}
	if b.aws, err = newRealAWS(ctx, c.config.Region); err != nil {
		return err
	}
	b.backend = func(bucket string) (string, error) { return "s3://" + bucket + "?region=" + c.config.Region, nil }
	return c.report(ctx, b, p)
}

// findRepository completes what the flags say of the repository.
func (c *command) findRepository(ctx context.Context, p project.Project) (err error) {
	r := &c.config.Repository
	if r.Name == "" {
		if r.Name, err = originRepository(ctx, p.Dir); err != nil {
			return err
		}
	}
	switch {
	case r.ID != "":
	case r.OwnerID != "":
		return errors.New("--owner-id without --repository-id; allowed: both, the latter, or neither")
	case c.inSandbox, c.undo:
		r.ID, r.OwnerID = "2", "1" // GitHub is not asked
	default:
		*r, err = c.gitHub.repository(ctx, r.Name)
	}
	return err
}

func (c command) runInSandbox(ctx context.Context, b *bootstrap, p project.Project) (err error) {
	dir := filepath.Join(p.Dir, "bootstrap", ".sandbox")
	sb, err := sandbox.New(ctx, sandbox.Options{Dir: dir, Project: p, Log: c.progress})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	b.stateDir = filepath.Join(dir, "first-state")
	inSandbox(sb, b)
	return c.report(ctx, b, p)
}

func (c command) report(ctx context.Context, b *bootstrap, p project.Project) error {
	if c.undo {
		if err := b.undo(ctx); err != nil {
			return err
		}
		fmt.Fprintln(c.out, "Removed. KMS keeps the key for 30 days in which its deletion can be cancelled.")
		return nil
	}
	outcome, err := b.run(ctx)
	if err != nil {
		return err
	}
	written := c.write && !c.inSandbox
	n := newNext(c.config, outcome, len(c.environments) > 0)
	if written {
		if n.byHand, err = n.write(p); err != nil {
			return err
		}
	}
	fmt.Fprint(c.out, n.text(written))
	return nil
}
