package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/bootstrap/account"
	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

const bucket = "sentry-pulumi-state-" + sandbox.AccountID

// configuration is what a run is made for: the fixture's environments, production guarded.
func configuration() account.Config {
	return account.Config{
		Region:     "us-east-1",
		Repository: account.Repository{Name: "octo-org/sentry", ID: "456789", OwnerID: "123456"},
		Environments: []account.Environment{
			{Name: "production", Region: "us-east-1", Guarded: true}, {Name: "staging", Region: "us-east-1"},
		},
	}
}

// rig is an account in a sandbox, and the machine from which it is prepared.
type rig struct {
	*testing.T
	sb    *sandbox.Sandbox
	dir   string
	shown bytes.Buffer
}

func newRig(t *testing.T, cloud *sandbox.Cloud) *rig {
	t.Helper()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	sb, err := sandbox.New(t.Context(), sandbox.Options{Project: p, Program: infra.DeployIn, Cloud: cloud, Log: t.Output()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sb.Close()) })
	return &rig{T: t, sb: sb, dir: filepath.Join(t.TempDir(), "state")}
}

// run is one call of the command.
func (r *rig) run(change ...func(*bootstrap)) (result, error) {
	return r.prepare(change...).run(r.Context())
}

func (r *rig) prepare(change ...func(*bootstrap)) *bootstrap {
	r.shown.Reset()
	b := &bootstrap{config: configuration(), stateDir: r.dir, scratch: r.TempDir(), out: &r.shown}
	inSandbox(r.sb, b)
	for _, c := range change {
		c(b)
	}
	return b
}

func (r *rig) mustRun(change ...func(*bootstrap)) result {
	r.Helper()
	outcome, err := r.run(change...)
	require.NoError(r, err, r.shown.String())
	return outcome
}

// finished: the state is in the bucket and nowhere else, and another run changes nothing.
func (r *rig) finished(change ...func(*bootstrap)) {
	r.Helper()
	r.sb.Cloud.Journal()
	objects := r.sb.Cloud.Objects()
	again := r.mustRun(change...)
	assert.Contains(r, r.shown.String(), "State: bucket sentry-pulumi-state-")
	assert.Empty(r, r.sb.Cloud.Journal(), "a run on a finished account changes something")
	assert.Equal(r, objects, r.sb.Cloud.Objects())
	assert.Equal(r, "nothing to change", summary(again.changes))
	assert.NoDirExists(r, r.dir, "a run on a finished account begins a new state")
}

// made are the logical names of what exists, by type; twice the same name is a resource that was made twice.
func (r *rig) made() []string {
	var names []string
	for _, o := range r.sb.Cloud.Objects() {
		names = append(names, o.Type+"::"+o.Name())
	}
	return names
}

func (r *rig) count(token string) int {
	return len(slices.DeleteFunc(r.sb.Cloud.Objects(), func(o sandbox.Object) bool { return o.Type != token }))
}

// want is what the program says there should be.
func want(t *testing.T) []string {
	t.Helper()
	settings, err := configuration().Settings()
	require.NoError(t, err)
	recording, err := sandbox.Record(account.Deploy, sandbox.MockOptions{Project: account.Project, Stack: account.Stack, Config: settings})
	require.NoError(t, err)
	var names []string
	for _, r := range recording.Resources {
		if r.Custom && strings.HasPrefix(r.Type, "aws:") {
			names = append(names, r.Type+"::"+r.Name)
		}
	}
	return names
}

func TestFirstAndSecondRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.sb.Cloud.Inject(sandbox.Fault{
		Op: "create", Type: "aws:iam/role:Role",
		Message: "AccessDenied: User: arn:aws:iam::123456789012:user/someone is not authorized to perform: iam:CreateRole " +
			"on resource: arn:aws:iam::123456789012:role/sentry-preview-staging",
	})
	_, err := r.run()
	require.EqualError(t, err, "these credentials have no right to iam:CreateRole: use an administrator's, and run again; what was created is kept")
	assert.DirExists(t, r.dir)

	outcome := r.mustRun()
	assert.Equal(t, sandbox.AccountID, outcome.account)
	assert.True(t, strings.HasPrefix(outcome.backendURL, "s3://"+bucket+"?region=us-east-1"), outcome.backendURL)
	assert.Contains(t, r.shown.String(), "State: moved into bucket "+bucket)
	assert.NoDirExists(t, r.dir, "the local copy of the state stays")
	r.finished()

	// Left out, and undone, while an environment's state is in the bucket, and then without.
	stack, err := r.prepare().stackIn(t.Context(), bucket)
	require.NoError(t, err)
	ws := stack.Workspace()
	project, err := ws.ProjectSettings(t.Context())
	require.NoError(t, err)
	project.Name = "sentry"
	require.NoError(t, ws.SaveProjectSettings(t.Context(), project))
	require.NoError(t, ws.CreateStack(t.Context(), "staging"))
	productionOnly := func(b *bootstrap) { b.config.Environments = b.config.Environments[:1] }
	_, err = r.run(productionOnly)
	require.EqualError(t, err, "environment staging lives in this account (state sentry/staging), and this run leaves it out: "+
		"its roles would be removed; name it too (--environment staging), or destroy it first; nothing was changed")
	require.EqualError(t, r.prepare().undo(t.Context()),
		"the bucket still has the state of sentry/staging: destroy them (`pulumi destroy`) and remove them (`pulumi stack rm`) first; nothing was removed")
	require.NoError(t, ws.RemoveStack(t.Context(), "staging"))
	r.mustRun(productionOnly)
	assert.Contains(t, r.shown.String(), "Environment staging is gone: its roles are removed.")
	assert.NotContains(t, strings.Join(r.made(), " "), "staging", "an environment that is gone keeps roles")
	require.NoError(t, r.prepare().undo(t.Context()), r.shown.String())
	assert.Empty(t, r.made())
	assert.NoDirExists(t, r.dir)
}

// The process is lost right after AWS did something and before it was written down, twice.
func TestInterruptedAnywhere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, token := range []string{"aws:s3/bucketV2:BucketV2", "aws:s3/bucketPolicy:BucketPolicy"} {
		before := r.count(token)
		r.sb.Cloud.Inject(sandbox.Fault{Op: "create", Type: token, After: true, Kill: true})
		_, err := r.run()
		require.Error(t, err, "the process should be lost at %s", token)
		require.Greater(t, r.count(token), before, "the process was lost somewhere else: %v", err)
		assert.DirExists(t, r.dir, "the state is gone with the process")
		r.sb.Cloud.Revive()
	}

	// The bucket is there, the move fails on the way into it.
	unreachable := errors.New("connection reset")
	calls := 0
	_, err := r.run(func(b *bootstrap) {
		inner := b.backend
		b.backend = func(name string) (string, error) {
			if calls++; calls == 2 { // the first looks whether the state is there
				return "", unreachable
			}
			return inner(name)
		}
	})
	require.ErrorIs(t, err, unreachable)
	assert.ErrorContains(t, err, "run again")
	assert.DirExists(t, r.dir)

	// The move succeeds, the process is lost before it removes the folder.
	kept := filepath.Join(t.TempDir(), "kept")
	require.NoError(t, os.CopyFS(kept, os.DirFS(r.dir)))
	r.mustRun()
	require.NoError(t, os.CopyFS(r.dir, os.DirFS(kept)))
	r.finished()
	assert.ElementsMatch(t, want(t), r.made(), "interrupted runs leave other resources than one run does")
}

// cancelAt ends a context at the first line with a text.
type cancelAt struct {
	text   string
	cancel context.CancelFunc
}

func (c cancelAt) Write(text []byte) (int, error) {
	if strings.Contains(string(text), c.text) {
		c.cancel()
	}
	return len(text), nil
}

// Ctrl-C in the middle: the step that Pulumi is in is recorded, no lock stays, and the next run goes on.
func TestInterruptedByItsUser(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := r.prepare(func(b *bootstrap) { b.out = cancelAt{"sentry-bootstrap-state created", cancel} }).run(ctx)
	require.EqualError(t, err, "interrupted: what was done is recorded; run again")
	assert.Less(t, len(r.made()), len(want(t)), "the run went on to its end")
	assert.DirExists(t, r.dir, "the state is gone")

	r.mustRun()
	assert.NotContains(t, r.shown.String(), "Removing the lock", "the interrupted run leaves its lock")
	assert.ElementsMatch(t, want(t), r.made())
}

// One account in which everything goes wrong, one thing after the other, and in the end all is there.
func TestWhatGoesWrongInAWS(t *testing.T) {
	t.Parallel()
	cloud := sandbox.NewCloud(bucket)
	foreign := func(audience string) error {
		_, err := sandbox.Record(func(ctx *pulumi.Context) error {
			_, err := iam.NewOpenIdConnectProvider(ctx, "of-something-else", &iam.OpenIdConnectProviderArgs{
				Url: pulumi.String(account.OIDCProvider.Physical), ClientIdLists: pulumi.StringArray{pulumi.String(audience)},
			})
			return err
		}, sandbox.MockOptions{Project: "other", Stack: "x", Cloud: cloud})
		return err
	}
	require.NoError(t, foreign("https://github.com/octo-org"))
	r := newRig(t, cloud)
	_, err := r.run()
	require.EqualError(t, err, "the account's OIDC provider of GitHub does not accept tokens for sts.amazonaws.com: run "+
		"`aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn "+
		"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com --client-id sts.amazonaws.com`, and this again")
	require.NoError(t, cloud.Lose(account.OIDCProvider.Token, "of-something-else"))
	require.NoError(t, foreign("sts.amazonaws.com"))

	_, err = r.run()
	require.EqualError(t, err, "the bucket's name belongs to another AWS account: choose another with --bucket-suffix, and run again")

	suffix := func(b *bootstrap) { b.config.BucketSuffix = "octo" }
	// A process of this machine that lives holds the lock.
	host, err := os.Hostname()
	require.NoError(t, err)
	lock := filepath.Join(r.dir, sandbox.AccountID, ".pulumi", "locks", "organization", account.Project, account.Stack, "x.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(lock), 0o700))
	hold := func(pid int) {
		text := fmt.Sprintf(`{"pid":%d,"username":"someone","hostname":%q,"timestamp":"2026-01-02T03:04:05Z"}`, pid, host)
		require.NoError(t, os.WriteFile(lock, []byte(text), 0o600))
	}
	hold(os.Getpid())
	_, err = r.run(suffix)
	require.EqualError(t, err, fmt.Sprintf("another run holds the lock on this account's state: created by someone@%s (pid %d) at 2026-01-02T03:04:05Z; wait for it", host, os.Getpid()))

	hold(1 << 30) // no process has such an id
	r.mustRun(suffix)
	assert.Contains(t, r.shown.String(), "Removing the lock of a run that died: created by someone@")
	assert.Contains(t, r.shown.String(), "GitHub's OIDC provider is there already")
	assert.NoDirExists(t, r.dir)

	// The provider stays what it was, also when the account is found prepared.
	r.finished(suffix)
	assert.NotContains(t, r.made(), account.OIDCProvider.ImportKey(), "the provider is made a second time, or taken over")
}

// refusing is an account that answers nothing, or not what is hoped for.
type refusing struct {
	cloud
	id       string
	identity error
	find     error
}

func (r refusing) Account(context.Context) (string, error)                        { return r.id, r.identity }
func (r refusing) Subnets(context.Context, account.Environment) ([]string, error) { return nil, nil }
func (r refusing) Lives(context.Context, account.Environment) (string, error)     { return "", nil }
func (r refusing) Find(context.Context, account.Existing) (string, error)         { return "", r.find }

func TestWhatIsRefusedBeforeAnythingHappens(t *testing.T) {
	for what, c := range map[string]struct {
		aws    refusing
		config func(*account.Config)
		want   string
	}{
		"no credentials": {
			refusing{identity: errors.New("operation error STS: GetCallerIdentity, no EC2 IMDS role found\nmore")},
			nil,
			"no usable AWS credentials (set AWS_PROFILE, or run `aws sso login`): operation error STS: GetCallerIdentity, no EC2 IMDS role found",
		},
		"wrong account": {
			refusing{id: "123456789012"},
			func(c *account.Config) { c.AWSAccountID = "210987654321" },
			"wrong account: the credentials are for 123456789012, --account says 210987654321; nothing was changed",
		},
		"taken bucket": {
			refusing{id: "123456789012", find: errTaken},
			nil,
			"bucket sentry-pulumi-state-123456789012 exists in another AWS account (or these credentials may not see it): choose another name with --bucket-suffix",
		},
		"bad repository": {
			refusing{},
			func(c *account.Config) { c.Repository.Name = "sentry" },
			`sentry-bootstrap:repository: "sentry"; allowed: a GitHub repository as owner/name, such as octo-org/sentry`,
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			b := &bootstrap{config: configuration(), aws: c.aws, stateDir: dir, scratch: t.TempDir(), out: t.Output()}
			if c.config != nil {
				c.config(&b.config)
			}
			_, err := b.run(t.Context())
			assert.EqualError(t, err, c.want)
			assert.NoDirExists(t, dir)
		})
	}
}

func TestExplain(t *testing.T) {
	failed := errors.New("failed to run update: exit status 255\ncode: 255\nstdout: ...\nstderr: error: the passphrase is wrong\n")
	for problem, want := range map[string]string{
		"creating S3 Bucket (x): BucketAlreadyExists: taken":                                        "the bucket's name belongs to another AWS account: choose another with --bucket-suffix, and run again",
		"creating KMS Key: AccessDeniedException: User: x is not authorized to perform: kms:TagKey": "these credentials have no right to kms:TagKey: use an administrator's, and run again; what was created is kept",
		"creating IAM Role (x): EntityAlreadyExists: Role x":                                        "something else created the same at the same time: run again (creating IAM Role (x): EntityAlreadyExists: Role x)",
		"operation error IAM: CreateRole, ExpiredToken: the token":                                  "the AWS credentials expired on the way: renew them (`aws sso login`), and run again; what was created is kept",
		"1 error occurred:\n\t* creating IAM Role: Throttling\n\n":                                  "the update stopped (what was created is kept; run again): creating IAM Role: Throttling",
		"": "the update stopped (what was created is kept; run again): the passphrase is wrong",
	} {
		var problems []string
		if problem != "" {
			problems = []string{problem}
		}
		assert.EqualError(t, explain(failed, problems), want)
	}
}
