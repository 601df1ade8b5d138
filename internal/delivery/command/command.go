// Package command is the command line of cmd/delivery: flags in, one of the delivery
// packages at work, results to the files that GitHub Actions reads.
package command

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"

	"sentry/internal/delivery/changes"
	"sentry/internal/delivery/engine"
	"sentry/internal/delivery/github"
	"sentry/internal/delivery/lock"
	"sentry/internal/delivery/preview"
	"sentry/internal/delivery/publish"
	"sentry/internal/delivery/report"
	"sentry/internal/delivery/rollout"
)

// environment is what the commands take from outside: the variables of the process.
type environment struct{ getenv func(string) string }

// New is the command line. getenv is os.Getenv but for tests.
func New(getenv func(string) string) *cobra.Command {
	e := environment{getenv}
	root := &cobra.Command{
		Use:           "delivery",
		Short:         "The steps of the delivery workflows, as commands",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	roll := &cobra.Command{Use: "rollout", Short: "The roll-out of a release"}
	roll.AddCommand(e.verify())
	locks := &cobra.Command{Use: "lock", Short: "The locks of a stack in the state bucket"}
	locks.AddCommand(e.lockShow(), e.lockRemove())
	root.AddCommand(e.source(), e.changes(), e.useBinary(), e.preview(), e.render(), e.apply(), e.release(), roll,
		e.outputs(), e.apiURL(), e.publish(), e.wait(), e.report(), e.comment(), e.drift(), locks)
	return root
}

// set writes outputs of the step, in the order given: name, value, name, value …
func (e environment) set(c *cobra.Command, pairs ...string) error {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := pairs[i], pairs[i+1]
		if !strings.Contains(value, "\n") {
			fmt.Fprintf(c.OutOrStdout(), "%s=%s\n", name, value)
		}
		// A delimiter that is in the value would let the value write other outputs.
		delimiter := "END"
		for strings.Contains(value, delimiter) {
			delimiter += "_"
		}
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", name, delimiter, value, delimiter)
	}
	return appendTo(e.getenv("GITHUB_OUTPUT"), b.String())
}

// summarize writes Markdown to the run's page, or to standard output outside GitHub.
func (e environment) summarize(c *cobra.Command, markdown string) error {
	file := e.getenv("GITHUB_STEP_SUMMARY")
	if file == "" {
		fmt.Fprintln(c.OutOrStdout(), markdown)
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

var stackNames = []string{"staging", "production"}

// stackFlag adds --stack and returns where it is stored; check tells a wrong one.
func stackFlag(c *cobra.Command) *string {
	name := c.Flags().StringP("stack", "s", "", "the stack: staging or production")
	c.PreRunE = func(*cobra.Command, []string) error {
		if !slices.Contains(stackNames, *name) {
			return fmt.Errorf("--stack %q: must be one of %s", *name, strings.Join(stackNames, ", "))
		}
		return nil
	}
	return name
}

func dirFlag(c *cobra.Command) *string {
	return c.Flags().String("dir", ".", "the Pulumi project's directory")
}

func stackIn(c *cobra.Command, dir, name string) engine.Stack {
	return engine.Stack{Name: name, Run: engine.CLI(dir), Log: c.ErrOrStderr()}
}

func (e environment) runURL() string {
	if e.getenv("GITHUB_RUN_ID") == "" {
		return ""
	}
	return fmt.Sprintf("%s/%s/actions/runs/%s", e.getenv("GITHUB_SERVER_URL"), e.getenv("GITHUB_REPOSITORY"), e.getenv("GITHUB_RUN_ID"))
}

func (e environment) source() *cobra.Command {
	c := &cobra.Command{Use: "source", Short: "Check that the application's source is where the workflow looks for it", Args: cobra.NoArgs}
	dir := c.Flags().String("dir", ".", "the checkout of the application")
	backend := c.Flags().String("backend", "backend", "folder of the back end, which has a Dockerfile")
	frontend := c.Flags().String("frontend", "frontend", "folder of the front end, which has package.json and package-lock.json")
	c.RunE = func(*cobra.Command, []string) error {
		var errs []error
		for _, want := range [][3]string{
			{*backend, "Dockerfile", "BACKEND_DIRECTORY"},
			{*frontend, "package.json", "FRONTEND_DIRECTORY"},
			{*frontend, "package-lock.json", "FRONTEND_DIRECTORY"},
		} {
			if !filepath.IsLocal(want[0]) {
				errs = append(errs, fmt.Errorf("%s = %q: must be a folder inside the repository", want[2], want[0]))
				continue
			}
			name := filepath.Join(*dir, want[0], want[1])
			if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
				errs = append(errs, fmt.Errorf("no %s in folder %q of the application: put the source there, or name another folder in the repository variable %s, or another repository in APPLICATION_REPOSITORY (docs/delivery.md)", want[1], want[0], want[2]))
			}
		}
		return errors.Join(errs...)
	}
	return c
}

func (e environment) changes() *cobra.Command {
	c := &cobra.Command{Use: "changes", Short: "Find out whether commits change the infrastructure", Args: cobra.NoArgs}
	dir := c.Flags().String("dir", ".", "the git repository, with its history")
	head := c.Flags().String("head", "HEAD", "the commit to deploy")
	bases := c.Flags().StringArray("base", nil, "commit id to compare with, such as the push's before; repeatable; empty or zeros: none")
	deployedBy := c.Flags().String("deployed-by", "", "workflow file whose last successful run is compared with too (asks GitHub)")
	mode := c.Flags().String("mode", "detect", "detect, or yes or no to decide by hand")
	on := c.Flags().String("on", "", "branch that the commit must be part of")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !slices.Contains([]string{"detect", "yes", "no"}, *mode) {
			return fmt.Errorf("--mode %q: must be detect, yes or no", *mode)
		}
		commit, err := changes.Resolve(c.Context(), *dir, *head, *on)
		if err != nil {
			return err
		}
		var result changes.Result
		switch *mode {
		case "yes":
			result = changes.Result{Changed: true, Reason: "asked for by hand"}
		case "no":
			result = changes.Result{Reason: "left out by hand"}
		default:
			if result, err = e.detect(c.Context(), *dir, commit, *deployedBy, *bases); err != nil {
				return err
			}
		}
		for _, p := range result.Paths {
			fmt.Fprintf(c.OutOrStdout(), "  %q\n", p)
		}
		// Whoever approves sees this first, and then the preview if there is one.
		verdict := "not touched"
		if result.Changed {
			verdict = "deployed as previewed"
		}
		err = e.summarize(c, fmt.Sprintf("Commit `%s`. The application is deployed; the infrastructure is %s: %s.\n", commit, verdict, result.Reason))
		return errors.Join(err, e.set(c, "infrastructure", strconv.FormatBool(result.Changed), "reason", result.Reason, "commit", commit))
	}
	return c
}

// detect compares with the push's bases and with what the workflow deployed last: a run
// that was cancelled, rejected or failed has deployed nothing, and its changes still wait.
func (e environment) detect(ctx context.Context, dir, commit, deployedBy string, bases []string) (changes.Result, error) {
	if deployedBy == "" {
		return changes.Detect(ctx, dir, commit, bases...)
	}
	client, err := github.New(e.getenv)
	if err != nil {
		return changes.Result{}, err
	}
	last, err := client.LastDeployed(ctx, deployedBy)
	switch {
	case err != nil:
		return changes.Result{}, fmt.Errorf("ask for the last deployment: %w", err)
	case last == nil:
		return changes.Result{Changed: true, Reason: "never deployed before: taken as changed"}, nil
	case last.Event != "push":
		// GitHub knows the commit of such a run's workflow, not the one typed into its form.
		return changes.Result{Changed: true, Reason: "the last deployment was started by hand, perhaps of another commit: taken as changed"}, nil
	}
	return changes.Detect(ctx, dir, commit, append(bases, last.HeadSHA)...)
}

func (e environment) useBinary() *cobra.Command {
	c := &cobra.Command{Use: "use-binary", Short: "Make the project run a compiled program, on this machine only", Args: cobra.NoArgs}
	dir := dirFlag(c)
	binary := c.Flags().String("binary", "bin/sentry", "the program, relative to --dir")
	c.RunE = func(*cobra.Command, []string) error { return engine.UseBinary(*dir, *binary) }
	return c
}

// attachFlag adds --attach and returns a reader of the sections. A file that is not there
// or empty is left out, so that a workflow may name what another step may have written.
func attachFlag(c *cobra.Command) func() ([]preview.Section, error) {
	attach := c.Flags().StringArray("attach", nil, "title=file of Markdown to show with the changes, such as their price; repeatable")
	return func() ([]preview.Section, error) {
		var sections []preview.Section
		for _, a := range *attach {
			title, file, ok := strings.Cut(a, "=")
			if !ok || title == "" || file == "" {
				return nil, fmt.Errorf("--attach %q: must be <title>=<file>", a)
			}
			raw, err := os.ReadFile(file)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			sections = append(sections, preview.Section{Title: title, Markdown: string(raw)})
		}
		return sections, nil
	}
}

func (e environment) preview() *cobra.Command {
	c := &cobra.Command{Use: "preview", Short: "Preview a stack, and keep what was seen as JSON and Markdown", Args: cobra.NoArgs}
	stack, dir, attachments := stackFlag(c), dirFlag(c), attachFlag(c)
	out := c.Flags().String("out", "", "directory for <stack>.json and <stack>.md")
	commit := c.Flags().String("commit", "", "commit shown with the preview")
	c.RunE = func(c *cobra.Command, _ []string) error {
		sections, err := attachments()
		if err != nil {
			return err
		}
		seen, failure := stackIn(c, *dir, *stack).Preview(c.Context())
		text := preview.Render(seen.Preview, preview.Options{
			Stack: *stack, Commit: *commit, RunURL: e.runURL(), Stderr: seen.Stderr, Failed: failure != nil, Sections: sections,
		})
		// Whatever came of it is shown, above all a failure.
		if err := e.summarize(c, text); err != nil {
			return errors.Join(failure, err)
		}
		if *out != "" {
			if err := errors.Join(os.MkdirAll(*out, 0o755), os.WriteFile(filepath.Join(*out, *stack+".json"), seen.Raw, 0o644),
				os.WriteFile(filepath.Join(*out, *stack+".md"), []byte(text), 0o644)); err != nil {
				return errors.Join(failure, err)
			}
		}
		if failure != nil {
			return failure
		}
		return e.set(c, "digest", seen.Preview.Digest(), "changes", seen.Preview.Counts())
	}
	return c
}

func (e environment) render() *cobra.Command {
	c := &cobra.Command{Use: "render", Short: "Show a preview that was kept as JSON, as Markdown", Args: cobra.NoArgs}
	stack, attachments := stackFlag(c), attachFlag(c)
	in := c.Flags().String("in", "-", "the JSON of `pulumi preview --json`, or engine events one a line; - is standard input")
	out := c.Flags().String("out", "", "file to write; empty is the run's summary, or standard output")
	note := c.Flags().String("note", "", "a sentence under the heading")
	commit := c.Flags().String("commit", "", "commit shown with the preview")
	failed := c.Flags().Bool("failed", false, "the command that made the preview failed")
	c.RunE = func(c *cobra.Command, _ []string) error {
		sections, err := attachments()
		if err != nil {
			return err
		}
		var raw []byte
		if *in == "-" {
			raw, err = io.ReadAll(c.InOrStdin())
		} else {
			raw, err = os.ReadFile(*in)
		}
		if err != nil {
			return err
		}
		p, err := preview.Parse(bytes.NewReader(raw))
		if err != nil && !errors.Is(err, preview.ErrNoPreview) {
			return err
		}
		text := preview.Render(p, preview.Options{Stack: *stack, Commit: *commit, RunURL: e.runURL(), Note: *note, Failed: *failed, Sections: sections})
		if *out == "" {
			return e.summarize(c, text)
		}
		return os.WriteFile(*out, []byte(text), 0o644)
	}
	return c
}

func (e environment) apply() *cobra.Command {
	c := &cobra.Command{Use: "apply", Short: "Update a stack, provided that it does what was approved", Args: cobra.NoArgs}
	stack, dir := stackFlag(c), dirFlag(c)
	approved := c.Flags().String("approved", "", "the digest that `delivery preview` gave")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return stackIn(c, *dir, *stack).Apply(c.Context(), *approved)
	}
	return c
}

func (e environment) release() *cobra.Command {
	c := &cobra.Command{Use: "release", Short: "Make a stack run an image, and change nothing else", Args: cobra.NoArgs}
	stack, dir := stackFlag(c), dirFlag(c)
	image := c.Flags().String("image", "", "<repository>@sha256:<digest>")
	c.RunE = func(c *cobra.Command, _ []string) error {
		r, err := stackIn(c, *dir, *stack).Release(c.Context(), *image)
		if err != nil {
			return err
		}
		return e.set(c, "image", r.Image, "task-definition", r.TaskDefinition, "cluster", r.Cluster, "service", r.Service, "desired-count", strconv.Itoa(r.DesiredCount))
	}
	return c
}

func (e environment) verify() *cobra.Command {
	c := &cobra.Command{Use: "verify", Short: "Wait until a service runs a task definition, and fail when it does not", Args: cobra.NoArgs}
	f := c.Flags()
	var t rollout.Target
	f.StringVar(&t.Cluster, "cluster", "", "name or ARN of the cluster")
	f.StringVar(&t.Service, "service", "", "name of the service")
	f.StringVar(&t.TaskDefinition, "task-definition", "", "full ARN of the revision that should run")
	f.IntVar(&t.DesiredCount, "desired-count", -1, "tasks asked for; 0 makes a service without tasks a success; -1: not known")
	timeout := f.Duration("timeout", 15*time.Minute, "how long the roll-out may stay in progress")
	interval := f.Duration("interval", 15*time.Second, "pause between two questions")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if t.Cluster == "" || t.Service == "" || !regexp.MustCompile(`^arn:[a-z-]+:ecs:.+:task-definition/.+:\d+$`).MatchString(t.TaskDefinition) {
			return fmt.Errorf("--cluster %q, --service %q, --task-definition %q: all are needed, the last as a full ARN with its revision", t.Cluster, t.Service, t.TaskDefinition)
		}
		cfg, err := config.LoadDefaultConfig(c.Context())
		if err != nil {
			return err
		}
		err = rollout.Verifier{
			ECS: ecs.NewFromConfig(cfg), Logs: cloudwatchlogs.NewFromConfig(cfg), Out: c.OutOrStdout(), Interval: *interval, Timeout: *timeout,
		}.Verify(c.Context(), t)
		var failure *rollout.Failure
		if errors.As(err, &failure) {
			return errors.Join(err, e.set(c, "failure", failure.Error()))
		}
		return err
	}
	return c
}

func (e environment) outputs() *cobra.Command {
	c := &cobra.Command{Use: "outputs", Short: "Read outputs of a stack", Args: cobra.NoArgs}
	stack, dir := stackFlag(c), dirFlag(c)
	require := c.Flags().StringSlice("require", nil, "outputs that must be there; only these are written")
	c.RunE = func(c *cobra.Command, _ []string) error {
		outputs, err := stackIn(c, *dir, *stack).Outputs(c.Context())
		if err != nil {
			return err
		}
		if err := engine.Require(outputs, *require...); err != nil {
			return fmt.Errorf("stack %s: %w", *stack, err)
		}
		var pairs []string
		for _, name := range *require {
			pairs = append(pairs, name, outputs[name])
		}
		return e.set(c, pairs...)
	}
	return c
}

func (e environment) apiURL() *cobra.Command {
	c := &cobra.Command{Use: "api-url", Short: "Find the address that the front end calls", Args: cobra.NoArgs}
	stack, dir := stackFlag(c), dirFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		url := e.getenv("API_URL")
		if url == "" {
			outputs, err := stackIn(c, *dir, *stack).Outputs(c.Context())
			if err != nil {
				return err
			}
			url = outputs["apiUrl"]
		}
		switch {
		case url == "none":
			url = ""
		case !regexp.MustCompile(`^https?://[^\s"'<>]+$`).MatchString(url):
			return fmt.Errorf("the API of stack %s has no address (%q): tasks without a load balancer get a new IP at every deployment. Set the variable API_URL of the environment to an http(s) address, or to none if the front end needs no address built in; or add a load balancer that exports apiUrl (docs/changing.md)", *stack, url)
		}
		return e.set(c, "api-url", url)
	}
	return c
}

func (e environment) publish() *cobra.Command {
	c := &cobra.Command{Use: "publish", Short: "Publish a built site to a bucket", Args: cobra.NoArgs}
	dir := c.Flags().String("dir", "", "the build, with index.html")
	bucket := c.Flags().String("bucket", "", "name of the bucket")
	distribution := c.Flags().String("distribution", "", "id of the CloudFront distribution in front of it, if any")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *dir == "" || *bucket == "" {
			return fmt.Errorf("--dir %q, --bucket %q: both are needed", *dir, *bucket)
		}
		cfg, err := config.LoadDefaultConfig(c.Context())
		if err != nil {
			return err
		}
		store := s3.NewFromConfig(cfg, func(o *s3.Options) {
			// An S3 that is not Amazon's has no host name per bucket.
			o.UsePathStyle = e.getenv("AWS_ENDPOINT_URL_S3") != "" || e.getenv("AWS_ENDPOINT_URL") != ""
		})
		res, err := publish.Publisher{
			S3: store, Bucket: *bucket, CloudFront: cloudfront.NewFromConfig(cfg), Distribution: *distribution, Out: c.OutOrStdout(),
		}.Publish(c.Context(), *dir)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%d files of older releases deleted\n", res.Deleted)
		return e.set(c, "release", res.Release)
	}
	return c
}

func (e environment) wait() *cobra.Command {
	c := &cobra.Command{Use: "wait", Short: "Wait for other jobs of this run", Args: cobra.NoArgs}
	jobs := c.Flags().StringArray("job", nil, "job to wait for; repeatable")
	timeout := c.Flags().Duration("timeout", time.Hour, "longest wait")
	interval := c.Flags().Duration("interval", 15*time.Second, "pause between two questions")
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := github.New(e.getenv)
		if err != nil {
			return err
		}
		run, err := strconv.ParseInt(e.getenv("GITHUB_RUN_ID"), 10, 64)
		if err != nil || len(*jobs) == 0 {
			return fmt.Errorf("GITHUB_RUN_ID = %q, --job %q: a run and at least one job are needed", e.getenv("GITHUB_RUN_ID"), *jobs)
		}
		err = github.Waiter{Client: client, Out: c.OutOrStdout(), Interval: *interval, Timeout: *timeout}.Wait(c.Context(), run, *jobs...)
		if errors.Is(err, github.ErrBlocked) {
			return errors.Join(err, e.set(c, "blocked", "true"))
		}
		return err
	}
	return c
}

func (e environment) report() *cobra.Command {
	c := &cobra.Command{Use: "report", Short: "Write what a deployment did (NEEDS holds toJSON(needs))", Args: cobra.NoArgs}
	d := report.Deployment{}
	f := c.Flags()
	f.StringVar(&d.Environment, "environment", "", "the environment")
	f.StringVar(&d.Ref, "ref", "", "branch, tag or commit as it was asked for")
	f.StringVar(&d.Source, "application", "", "the application's commit")
	c.RunE = func(c *cobra.Command, _ []string) error {
		needs, err := report.ParseNeeds(e.getenv("NEEDS"))
		if err != nil {
			return err
		}
		d.Needs, d.Actor, d.RunURL, d.Now = needs, e.getenv("GITHUB_ACTOR"), e.runURL(), time.Now()
		d.Commit = needs[report.Preview].Outputs["commit"]
		// Times and failed steps are worth having, but their lack is no reason not to report.
		if err := e.jobs(c.Context(), &d); err != nil {
			fmt.Fprintln(c.ErrOrStderr(), "without times:", err)
		}
		return e.summarize(c, report.Render(d))
	}
	return c
}

func (e environment) jobs(ctx context.Context, d *report.Deployment) error {
	client, err := github.New(e.getenv)
	if err != nil {
		return err
	}
	run, err := strconv.ParseInt(e.getenv("GITHUB_RUN_ID"), 10, 64)
	if err != nil {
		return err
	}
	if d.Jobs, err = client.Jobs(ctx, run); err != nil {
		return err
	}
	for _, j := range d.Jobs {
		if j.StartedAt != nil && (d.Started.IsZero() || j.StartedAt.Before(d.Started)) {
			d.Started = *j.StartedAt
		}
	}
	return nil
}

func (e environment) comment() *cobra.Command {
	c := &cobra.Command{Use: "comment", Short: "Keep a stack's comment on a pull request up to date", Args: cobra.NoArgs}
	stack := stackFlag(c)
	body := c.Flags().String("body", "", "file of Markdown, as `delivery preview` and `render` write it")
	number := c.Flags().Int("pull-request", 0, "number of the pull request")
	head := c.Flags().String("head", "", "instead: owner:branch@commit, the head of an open pull request")
	c.RunE = func(c *cobra.Command, _ []string) error {
		text, err := os.ReadFile(*body)
		if err != nil {
			return err
		}
		client, err := github.New(e.getenv)
		if err != nil {
			return err
		}
		if *number == 0 {
			m := regexp.MustCompile(`^([^:]+):(.+)@([0-9a-f]{40})$`).FindStringSubmatch(*head)
			if m == nil {
				return fmt.Errorf("--pull-request %d, --head %q: one is needed, the latter as owner:branch@commit", *number, *head)
			}
			if *number, err = client.PullRequestOf(c.Context(), m[1], m[2], m[3]); err != nil {
				return err
			}
			if *number == 0 {
				fmt.Fprintln(c.OutOrStdout(), "no open pull request has this head any more: nothing to comment on")
				return nil
			}
		}
		return client.UpsertComment(c.Context(), *number, preview.Marker(*stack), string(text))
	}
	return c
}

func (e environment) drift() *cobra.Command {
	c := &cobra.Command{Use: "drift", Short: "Look for drift; open, update or close the stack's issue", Args: cobra.NoArgs}
	stack, dir := stackFlag(c), dirFlag(c)
	backend := backendFlag(c, e)
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := github.New(e.getenv)
		if err != nil {
			return err
		}
		store, err := backend(c.Context(), *dir, *stack)
		if err != nil {
			return err
		}
		locks, err := store.List(c.Context())
		if err != nil {
			return err
		}
		if len(locks) > 0 {
			// Half a deployment would be reported as drift.
			fmt.Fprintf(c.OutOrStdout(), "::notice::stack %s is being updated by %s: not looked at\n", *stack, locks[0].Holder())
			return nil
		}
		seen, err := stackIn(c, *dir, *stack).Drift(c.Context())
		text := preview.Render(seen.Preview, preview.Options{
			Stack: *stack, RunURL: e.runURL(), Stderr: seen.Stderr, Failed: err != nil,
			Note: "What follows is how the environment differs from what was last deployed. An update takes it back to that.",
		})
		if err := errors.Join(err, e.summarize(c, text)); err != nil {
			return err
		}
		return reconcile(c, client, *stack, seen.Preview.HasChanges(), text)
	}
	return c
}

// reconcile makes the stack's issue say what was found.
func reconcile(c *cobra.Command, client *github.Client, stack string, drifted bool, text string) error {
	marker := "<!-- sentry-drift:" + stack + " -->"
	if !drifted {
		n, err := client.CloseIssue(c.Context(), marker, "The environment is as it was last deployed again.")
		if err == nil && n > 0 {
			fmt.Fprintf(c.OutOrStdout(), "closed issue #%d\n", n)
		}
		return err
	}
	n, err := client.UpsertIssue(c.Context(), marker, "Drift in "+stack, marker+"\n"+text)
	if err == nil {
		fmt.Fprintf(c.OutOrStdout(), "::warning::stack %s has drifted: issue #%d\n", stack, n)
	}
	return err
}

// backendFlag adds --backend and returns what opens the stack's locks.
func backendFlag(c *cobra.Command, e environment) func(ctx context.Context, dir, stack string) (lock.Store, error) {
	url := c.Flags().String("backend", "", "URL of the state backend; default PULUMI_BACKEND_URL, then Pulumi.yaml")
	return func(ctx context.Context, dir, stack string) (lock.Store, error) {
		project, err := engine.ReadProject(dir)
		if err != nil {
			return lock.Store{}, err
		}
		backend, err := lock.ParseBackend(cmp.Or(*url, e.getenv("PULUMI_BACKEND_URL"), project.Backend))
		if err != nil {
			return lock.Store{}, err
		}
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return lock.Store{}, err
		}
		client := s3.NewFromConfig(cfg, func(o *s3.Options) {
			o.Region = cmp.Or(backend.Region, o.Region)
			o.UsePathStyle = backend.PathStyle
			if backend.Endpoint != "" {
				o.BaseEndpoint = &backend.Endpoint
			}
		})
		return lock.Store{S3: client, Backend: backend, Project: project.Name, Stack: stack}, nil
	}
}

// look lists the locks with the runs that hold them.
func (e environment) look(ctx context.Context, store lock.Store) ([]lock.Lock, []lock.Life, string, error) {
	locks, err := store.List(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	if len(locks) == 0 {
		return nil, nil, fmt.Sprintf("Stack `%s` is not locked.", store.Stack), nil
	}
	client, err := github.New(e.getenv)
	if err != nil {
		return nil, nil, "", err
	}
	var lives []lock.Life
	var text strings.Builder
	fmt.Fprintf(&text, "### Locks of stack `%s`\n\n", store.Stack)
	for _, l := range locks {
		life, run, err := lock.Run(ctx, client, l, "deploy-"+store.Stack+".yml")
		if err != nil {
			return nil, nil, "", err
		}
		lives = append(lives, life)
		text.WriteString(lock.Describe(l, life, run, time.Now()))
	}
	return locks, lives, text.String(), nil
}

func (e environment) lockShow() *cobra.Command {
	c := &cobra.Command{Use: "show", Short: "Show who holds a stack's lock, since when, and whether its run still lives", Args: cobra.NoArgs}
	stack, dir := stackFlag(c), dirFlag(c)
	backend := backendFlag(c, e)
	c.RunE = func(c *cobra.Command, _ []string) error {
		store, err := backend(c.Context(), *dir, *stack)
		if err != nil {
			return err
		}
		_, _, text, err := e.look(c.Context(), store)
		if err != nil {
			return err
		}
		return e.summarize(c, text)
	}
	return c
}

func (e environment) lockRemove() *cobra.Command {
	c := &cobra.Command{Use: "remove", Short: "Remove one lock, if it is unchanged and its run does not live", Args: cobra.NoArgs}
	stack, dir := stackFlag(c), dirFlag(c)
	backend := backendFlag(c, e)
	id := c.Flags().String("lock", "", "the lock, as `delivery lock show` names it")
	tag := c.Flags().String("tag", "", "its tag, as `delivery lock show` gives it")
	byHand := c.Flags().Bool("taken-by-hand", false, "remove it although no deployment run took it: its holder has been asked")
	c.RunE = func(c *cobra.Command, _ []string) error {
		store, err := backend(c.Context(), *dir, *stack)
		if err != nil {
			return err
		}
		locks, lives, text, err := e.look(c.Context(), store)
		if err != nil {
			return err
		}
		if err := e.summarize(c, text); err != nil {
			return err
		}
		if i := slices.IndexFunc(locks, func(l lock.Lock) bool { return l.ID == *id }); i >= 0 {
			switch lives[i] {
			case lock.Alive:
				return fmt.Errorf("lock %s belongs to a deployment that is still running: cancel that run first, and wait for it to end", *id)
			case lock.Unknown:
				if !*byHand {
					return fmt.Errorf("lock %s was not taken by a deployment run: ask %s, then tick the box that says so", *id, locks[i].Holder())
				}
			}
		}
		removed, err := store.Remove(c.Context(), *id, `"`+strings.Trim(*tag, `"`)+`"`)
		if err != nil {
			return err
		}
		return e.summarize(c, fmt.Sprintf("Removed lock `%s`, held by `%s`. If its update was cut short, `pulumi refresh` and the next deployment put the state right.\n", removed.ID, removed.Holder()))
	}
	return c
}
