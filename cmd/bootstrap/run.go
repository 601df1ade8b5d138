package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"sentry/bootstrap/account"
	"sentry/internal/sandbox"
)

// bootstrap prepares one account. A run is made of steps that each leave something the next run recognises:
// the state is first in a folder, then also in the bucket, then only there.
type bootstrap struct {
	config account.Config
	// stateDir holds a folder per account, for as long as the account has no bucket with the state in it.
	stateDir string
	out      io.Writer

	aws    cloud
	pulumi auto.PulumiCommand
	// env is added to the environment of every Pulumi process.
	env map[string]string
	// backend is Pulumi's address of a bucket.
	backend func(bucket string) (string, error)
}

// result is what a run has to say.
type result struct {
	account, backendURL, secretsProvider string
	// changes counts resources by what was done to them: create, update, same, import.
	changes map[string]int
}

func (b *bootstrap) say(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

func (b *bootstrap) run(ctx context.Context) (result, error) {
	if err := b.config.Validate(); err != nil {
		return result{}, err
	}
	id, bucket, local, err := b.where(ctx)
	if err != nil {
		return result{}, err
	}

	stack, state, moved, err := b.open(ctx, bucket, local)
	if err != nil {
		return result{}, err
	}
	outcome, err := b.up(ctx, stack, state, bucket)
	if err != nil {
		return result{}, err
	}
	if !moved {
		if err := b.move(ctx, stack, bucket); err != nil {
			return result{}, fmt.Errorf("move the state into %s (it is still in %s; run again): %w", bucket, local, err)
		}
	}
	// Only now: until here the folder is the one place that is known to have the state.
	if err := os.RemoveAll(local); err != nil {
		return result{}, fmt.Errorf("remove the local copy of the state: %w", err)
	}
	_ = os.Remove(b.stateDir) // when this was its last account
	outcome.account = id
	return outcome, nil
}

// where is the account of the credentials, its state bucket, and the folder for its first state.
func (b *bootstrap) where(ctx context.Context) (id, bucket, local string, err error) {
	if id, err = b.aws.Account(ctx); err != nil {
		return "", "", "", fmt.Errorf("no usable AWS credentials (set AWS_PROFILE, or run `aws sso login`): %w", firstLine(err))
	}
	if want := b.config.AWSAccountID; want != "" && want != id {
		return "", "", "", fmt.Errorf("wrong account: the credentials are for %s, --account says %s; nothing was changed", id, want)
	}
	return id, account.BucketName(cmp.Or(b.config.BucketSuffix, id)), filepath.Join(b.stateDir, id), nil
}

// open finds the stack and its state: in the bucket, where it belongs, or in the folder if it has not got there
// yet.
func (b *bootstrap) open(ctx context.Context, bucket, local string) (stack auto.Stack, state apitype.DeploymentV3, moved bool, err error) {
	found, err := b.aws.Find(ctx, account.Existing{Token: "aws:s3/bucketV2:BucketV2", Physical: bucket})
	if errors.Is(err, errTaken) {
		err = fmt.Errorf("bucket %s exists in another AWS account (or these credentials may not see it): choose another name with --bucket-suffix", bucket)
	}
	if err != nil {
		return stack, state, false, err
	}
	if found != "" {
		if stack, err = b.stackIn(ctx, bucket); err != nil {
			return stack, state, false, err
		}
		if state, err = export(ctx, stack); err != nil || len(state.Resources) > 0 {
			b.say("State: bucket %s.", bucket)
			return stack, state, true, err
		}
	}
	b.say("State: folder %s, until there is a bucket.", local)
	if stack, err = b.stackInFolder(ctx, local); err != nil {
		return stack, state, false, err
	}
	state, err = export(ctx, stack)
	return stack, state, false, err
}

func (b *bootstrap) stackInFolder(ctx context.Context, local string) (auto.Stack, error) {
	folder, err := filepath.Abs(local)
	if err != nil {
		return auto.Stack{}, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return auto.Stack{}, fmt.Errorf("make a folder for the first state: %w", err)
	}
	// Without metadata: its files are not replaced in one step, and a process lost while it writes one leaves
	// a state that Pulumi cannot open.
	return b.stackAt(ctx, "file://"+filepath.ToSlash(folder)+"?metadata=skip")
}

func (b *bootstrap) stackIn(ctx context.Context, bucket string) (auto.Stack, error) {
	url, err := b.backend(bucket)
	if err != nil {
		return auto.Stack{}, err
	}
	return b.stackAt(ctx, url)
}

// stackAt selects or creates the stack in a backend. The program runs in this process.
//
// There are no secrets in this state, so its passphrase is empty: the key that it creates could not protect
// it, because removing the key would make the state unreadable that says how to remove the rest.
func (b *bootstrap) stackAt(ctx context.Context, backendURL string) (auto.Stack, error) {
	env := map[string]string{"PULUMI_BACKEND_URL": backendURL, "PULUMI_CONFIG_PASSPHRASE": ""}
	for name, value := range b.env {
		env[name] = value
	}
	ws, err := auto.NewLocalWorkspace(ctx,
		auto.Program(account.Deploy),
		auto.Project(workspace.Project{Name: tokens.PackageName(account.Project), Runtime: workspace.NewProjectRuntimeInfo("go", nil)}),
		auto.Pulumi(b.pulumi),
		auto.SecretsProvider("passphrase"),
		auto.EnvVars(env),
	)
	if err != nil {
		return auto.Stack{}, fmt.Errorf("start Pulumi: %w", err)
	}
	stack, err := auto.UpsertStack(ctx, account.Stack, ws)
	if err != nil {
		return auto.Stack{}, fmt.Errorf("open the state in %s: %w", backendURL, cause(err))
	}
	return stack, nil
}

// up runs the program, importing first what an interrupted run created and did not record.
func (b *bootstrap) up(ctx context.Context, stack auto.Stack, state apitype.DeploymentV3, bucket string) (_ result, err error) {
	if len(state.PendingOperations) > 0 {
		// Half-done operations are looked for by name below; Pulumi would only warn of them for ever.
		if err := b.unlocked(ctx, stack, func() error { return forgetPending(ctx, stack) }); err != nil {
			return result{}, fmt.Errorf("clean the state of the interrupted run: %w", firstLine(err))
		}
	}
	c := b.config
	if c.Imports, err = b.unrecorded(ctx, state, bucket); err != nil {
		return result{}, err
	}
	if c.OIDCProviderARN, err = b.adopt(ctx, state, c.Imports); err != nil {
		return result{}, err
	}
	if len(c.Imports) > 0 {
		b.say("Found from an earlier run, and taken over: %d resources.", len(c.Imports))
		taken, err := b.update(ctx, stack, c)
		if err != nil {
			return result{}, err
		}
		c.Imports = nil
		outcome, err := b.update(ctx, stack, c)
		for op, count := range taken.changes {
			if outcome.changes != nil && op != "same" {
				outcome.changes[op] += count
			}
		}
		return outcome, err
	}
	return b.update(ctx, stack, c)
}

// adopt returns the ARN of GitHub's provider when the account has one that this stack did not make. One that
// it did make, and did not record, is added to the imports.
func (b *bootstrap) adopt(ctx context.Context, state apitype.DeploymentV3, imports map[string]string) (string, error) {
	if recorded(state, account.OIDCProvider) {
		return "", nil
	}
	found, err := b.aws.Provider(ctx)
	if err != nil || found.arn == "" {
		return "", err
	}
	if found.ours {
		imports[account.OIDCProvider.ImportKey()] = found.arn
		return "", nil
	}
	if !slices.Contains(found.audiences, account.OIDCAudience) {
		return "", fmt.Errorf("the account's OIDC provider of GitHub does not accept tokens for %s: run `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn %s --client-id %s`, and this again",
			account.OIDCAudience, found.arn, account.OIDCAudience)
	}
	b.say("GitHub's OIDC provider is there already; it is used and left as it is.")
	return found.arn, nil
}

func (b *bootstrap) unrecorded(ctx context.Context, state apitype.DeploymentV3, bucket string) (map[string]string, error) {
	imports := map[string]string{}
	for _, e := range account.Named(bucket) {
		if recorded(state, e) {
			continue
		}
		id, err := b.aws.Find(ctx, e)
		if err != nil {
			return nil, err
		}
		if id != "" {
			imports[e.ImportKey()] = id
		}
	}
	return imports, nil
}

func recorded(state apitype.DeploymentV3, e account.Existing) bool {
	return slices.ContainsFunc(state.Resources, func(r apitype.ResourceV3) bool {
		return string(r.URN.Type()) == e.Token && r.URN.Name() == e.Name && !r.Delete
	})
}

func (b *bootstrap) update(ctx context.Context, stack auto.Stack, c account.Config) (result, error) {
	imports, err := json.Marshal(c.Imports)
	if err != nil {
		return result{}, err
	}
	if err := configure(ctx, stack.Workspace(), map[string]string{
		"aws:region":                         c.Region,
		account.Project + ":repository":      c.Repository,
		account.Project + ":bucketSuffix":    c.BucketSuffix,
		account.Project + ":awsAccountId":    c.AWSAccountID,
		account.Project + ":oidcProviderArn": c.OIDCProviderARN,
		account.Project + ":imports":         string(imports),
	}); err != nil {
		return result{}, fmt.Errorf("write the configuration: %w", err)
	}
	var outcome auto.UpResult
	var problems []string
	err = b.unlocked(ctx, stack, func() (err error) {
		outcome, problems, err = b.runUp(ctx, stack)
		return err
	})
	if err != nil {
		return result{}, explain(err, problems)
	}
	r := result{changes: map[string]int{}}
	if outcome.Summary.ResourceChanges != nil {
		r.changes = *outcome.Summary.ResourceChanges
	}
	r.backendURL, _ = outcome.Outputs["backendUrl"].Value.(string)
	r.secretsProvider, _ = outcome.Outputs["secretsProvider"].Value.(string)
	return r, nil
}

// configure writes the stack's file itself; `pulumi config` would be a process for it.
func configure(ctx context.Context, ws auto.Workspace, values map[string]string) error {
	settings, err := ws.StackSettings(ctx, account.Stack)
	if err != nil {
		settings = &workspace.ProjectStack{} // a stack that was not created by this process has no file yet
	}
	settings.Config = config.Map{}
	for name, value := range values {
		key, err := config.ParseKey(name)
		if err != nil {
			return err
		}
		settings.Config[key] = config.NewValue(value)
	}
	return ws.SaveStackSettings(ctx, account.Stack, settings)
}

// errLocked: somebody else is at work on the state.
var errLocked = errors.New("another run holds the lock on this account's state")

// unlocked does something that needs the state's lock, which an interrupted run may have left behind.
func (b *bootstrap) unlocked(ctx context.Context, stack auto.Stack, do func() error) error {
	err := do()
	if err == nil || !auto.IsConcurrentUpdateError(err) {
		return err
	}
	lock := lockLine.FindString(err.Error())
	if !ownerIsDead(lock) {
		return fmt.Errorf("%w: %s; wait for it", errLocked, lock)
	}
	b.say("Removing the lock of a run that died: %s.", lock)
	if err := stack.Cancel(ctx); err != nil {
		return fmt.Errorf("remove the lock of a run that died: %w", cause(err))
	}
	return do()
}

// runUp also returns what Pulumi and AWS complained of.
func (b *bootstrap) runUp(ctx context.Context, stack auto.Stack) (auto.UpResult, []string, error) {
	var problems []string
	var outcome auto.UpResult
	err := sandbox.Watch(func(stream chan events.EngineEvent) (err error) {
		outcome, err = stack.Up(ctx, optup.ProgressStreams(b.out), optup.EventStreams(stream), optup.SuppressOutputs(), optup.SuppressProgress(), optup.Color("never"))
		return err
	}, func(e events.EngineEvent) {
		if d := e.DiagnosticEvent; d != nil && d.Severity == "error" {
			problems = append(problems, colours.ReplaceAllString(d.Message, ""))
		}
	})
	return outcome, problems, err
}

// move copies the state from the folder into the bucket. The import is one write: a state in the bucket is
// whole or not there.
func (b *bootstrap) move(ctx context.Context, from auto.Stack, bucket string) error {
	state, err := from.Export(ctx)
	if err != nil {
		return cause(err)
	}
	to, err := b.stackIn(ctx, bucket)
	if err != nil {
		return err
	}
	if err := to.Import(ctx, state); err != nil {
		return cause(err)
	}
	want, err := decode(state)
	if err != nil {
		return err
	}
	got, err := export(ctx, to)
	if err != nil {
		return err
	}
	if !slices.Equal(urns(want), urns(got)) {
		return fmt.Errorf("read back %d resources of %d", len(got.Resources), len(want.Resources))
	}
	b.say("State: moved into bucket %s.", bucket)
	return nil
}

func urns(state apitype.DeploymentV3) []urn.URN {
	var found []urn.URN
	for _, r := range state.Resources {
		found = append(found, r.URN)
	}
	return found
}

func export(ctx context.Context, stack auto.Stack) (apitype.DeploymentV3, error) {
	untyped, err := stack.Export(ctx)
	if err != nil {
		return apitype.DeploymentV3{}, fmt.Errorf("read the state: %w", cause(err))
	}
	return decode(untyped)
}

func decode(untyped apitype.UntypedDeployment) (apitype.DeploymentV3, error) {
	var state apitype.DeploymentV3
	if len(untyped.Deployment) > 0 {
		if err := json.Unmarshal(untyped.Deployment, &state); err != nil {
			return apitype.DeploymentV3{}, fmt.Errorf("read the state: %w", err)
		}
	}
	return state, nil
}

func forgetPending(ctx context.Context, stack auto.Stack) error {
	untyped, err := stack.Export(ctx)
	if err != nil {
		return fmt.Errorf("read the state: %w", cause(err))
	}
	var state map[string]json.RawMessage
	if err := json.Unmarshal(untyped.Deployment, &state); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	delete(state, "pending_operations")
	if untyped.Deployment, err = json.Marshal(state); err != nil {
		return err
	}
	return stack.Import(ctx, untyped)
}

var (
	colours   = regexp.MustCompile(`<\{%[^%]*%\}>|\x1b\[[0-9;]*m`)
	lockLine  = regexp.MustCompile(`created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)`)
	forbidden = regexp.MustCompile(`(?:is )?not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)`)
	errorLine = regexp.MustCompile(`(?m)^(?:stderr:)?\s*error: (.+)$`)
)

// ownerIsDead: a lock was taken by a process of this machine, and that process is gone.
func ownerIsDead(line string) bool {
	lock := lockLine.FindStringSubmatch(line)
	if lock == nil {
		return false
	}
	host, err := os.Hostname()
	if err != nil || lock[2] != host {
		return false
	}
	pid, err := strconv.Atoi(lock[3])
	return err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// explain turns a failed update into one line that says what to do. Whatever was created is in the state.
func explain(err error, problems []string) error {
	text := strings.Join(problems, "\n")
	switch {
	case errors.Is(err, errLocked):
		return err
	case strings.Contains(text, "BucketAlreadyExists"):
		return errors.New("the bucket's name belongs to another AWS account: choose another with --bucket-suffix, and run again")
	case forbidden.MatchString(text):
		return fmt.Errorf("these credentials have no right to %s: use an administrator's, and run again; what was created is kept", forbidden.FindStringSubmatch(text)[1])
	case strings.Contains(text, "EntityAlreadyExists"), strings.Contains(text, "AlreadyExistsException"), strings.Contains(text, "BucketAlreadyOwnedByYou"):
		return fmt.Errorf("something else created the same at the same time: run again (%s)", firstSentence(text))
	case strings.Contains(text, "ExpiredToken"):
		return errors.New("the AWS credentials expired on the way: renew them (`aws sso login`), and run again; what was created is kept")
	case text != "":
		return fmt.Errorf("the update stopped (what was created is kept; run again): %s", firstSentence(text))
	}
	return fmt.Errorf("the update stopped (what was created is kept; run again): %w", cause(err))
}

// cause is the error line in what a Pulumi command wrote.
func cause(err error) error {
	if found := errorLine.FindStringSubmatch(colours.ReplaceAllString(err.Error(), "")); found != nil {
		return errors.New(found[1])
	}
	return firstLine(err)
}

func firstLine(err error) error {
	return errors.New(firstSentence(err.Error()))
}

func firstSentence(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.Trim(line, " \t\n*"); line != "" && line != "1 error occurred:" {
			return line
		}
	}
	return text
}
