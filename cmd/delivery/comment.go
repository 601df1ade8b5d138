package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sentry/internal/delivery/github"
	"sentry/internal/delivery/markdown"
	"sentry/internal/delivery/preview"
)

// commentFlags say what was found about a pull request, and which one it is.
type commentFlags struct {
	previews, head string
	run            int64
}

func (c *command) commentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "comment",
		Short: "Keep the comments on a pull request up to date, one for each environment",
		Long: `Keep the comments on a pull request up to date, one for each environment. What the pull request's own run has left
behind is data: engine events, which are parsed and rendered here, and the price, which is shown as text. Which pull
request it is, and how the run's jobs ended, is asked of GitHub.`,
		Args: cobra.NoArgs,
	}
	var f commentFlags
	cmd.Flags().StringVar(&f.previews, "previews", "", "the `folder` with the artifacts of the pull request's run")
	cmd.Flags().Int64Var(&f.run, "run", 0, "the `id` of the pull request's run")
	cmd.Flags().StringVar(&f.head, "head", "", "`owner:branch@commit`, the head of an open pull request")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.comment(cmd, f) }
	return cmd
}

var (
	pullRequestHead = regexp.MustCompile(`^([^:]+):(.+)@([0-9a-f]{40})$`)
	environmentName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)
)

// What a pull request may bring by itself.
const (
	mostComments = 10       // environments
	mostJobs     = 10       // names of jobs
	mostEvents   = 64 << 20 // bytes of a preview
)

func (c *command) comment(cmd *cobra.Command, f commentFlags) error {
	m := pullRequestHead.FindStringSubmatch(f.head)
	if m == nil {
		return fmt.Errorf("--head %q; allowed: owner:branch@commit", f.head)
	}
	p, err := c.project()
	if err != nil {
		return err
	}
	client, err := github.New(c.getenv)
	if err != nil {
		return err
	}
	number, err := client.PullRequestOf(cmd.Context(), m[1], m[2], m[3])
	if err != nil {
		return err
	}
	if number == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "no open pull request has this head any more: nothing to comment on")
		return nil
	}
	jobs, err := client.Jobs(cmd.Context(), f.run)
	if err != nil {
		return err
	}
	// Nothing outside of the folder is read, whatever links the artifacts hold.
	folder, err := os.OpenRoot(f.previews)
	if err != nil {
		return err
	}
	defer folder.Close()
	price := price(folder)
	var errs []error
	for _, environment := range environmentsOf(p.Environments(), folder) {
		text := commentText(folder, environment, jobs, preview.Options{
			Stack: environment, Commit: m[3], RunURL: c.urlOf(f.run), Sections: price,
		})
		errs = append(errs, client.UpsertComment(cmd.Context(), number, preview.Marker(environment), text))
	}
	return errors.Join(errs...)
}

// environmentsOf are those of main, and those that the pull request adds.
func environmentsOf(known []string, folder *os.Root) []string {
	files, err := fs.Glob(folder.FS(), "*/*.json")
	if err != nil {
		return known // the pattern is a good one
	}
	added := 0
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".json")
		if environmentName.MatchString(name) && !slices.Contains(known, name) && added < mostComments {
			known = append(known, name)
			added++
		}
	}
	return known
}

// commentText shows the preview that was made with the environment's own state, or else that of the sandbox, or else
// that there is none; and always what has failed besides.
func commentText(folder *os.Root, environment string, jobs []github.Job, options preview.Options) string {
	failed := failedJobs(jobs)
	for _, kept := range []struct{ folder, note string }{
		{"preview-of-" + environment, ""},
		{"preview-sandbox", "Made in the sandbox, without AWS: what the branch changes against the base of the pull request."},
	} {
		file, err := folder.Open(kept.folder + "/" + environment + ".json")
		if err != nil {
			continue // not made
		}
		p, err := preview.Parse(io.LimitReader(file, mostEvents))
		_ = file.Close() // read only
		if err == nil {
			options.Note = strings.TrimSpace(kept.note + "\n\n" + failed)
			return preview.Render(p, options)
		}
	}
	options.Failed, options.Stderr, options.Note = true, "There is no preview of this commit.", failed
	return preview.Render(nil, options)
}

// failedJobs is what else the run says: a preview can look well while the tests have failed. The names are the pull
// request's.
func failedJobs(jobs []github.Job) string {
	var failed []string
	for _, j := range jobs {
		if j.Conclusion != "" && j.Conclusion != "success" && j.Conclusion != "skipped" {
			failed = append(failed, markdown.Code(markdown.Cut(j.Name, 100))+" "+markdown.Escape(j.Conclusion))
		}
	}
	if len(failed) == 0 {
		return ""
	}
	if more := len(failed) - mostJobs; more > 0 {
		failed = append(failed[:mostJobs], fmt.Sprintf("and %d more", more))
	}
	return ":x: **Not all of the run has passed:** " + strings.Join(failed, ", ") + "."
}

// price is what the pull request's run wrote about it, as text: its Markdown is not to be trusted.
func price(folder *os.Root) []preview.Section {
	text, err := folder.ReadFile("preview-price/price.md")
	if err != nil || len(strings.TrimSpace(string(text))) == 0 {
		return nil
	}
	return []preview.Section{{Title: "Cost", Markdown: markdown.Fence("", markdown.Cut(string(text), 10_000))}}
}
