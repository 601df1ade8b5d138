package preview_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/preview"
)

// The recordings in testdata are what Pulumi 3.250.0 printed for a program of a dozen resources, with the AWS of the
// sandbox: `pulumi preview --json --refresh` with PULUMI_ENABLE_STREAMING_JSON_PREVIEW, drift and nodrift `pulumi
// refresh --preview-only --json`. What says nothing (unchanged resources, for example) has been left out.
func recorded(t *testing.T, name string) *preview.Preview {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	defer f.Close()
	p, err := preview.Parse(f)
	require.NoError(t, err)
	return p
}

// events are resource events as the engine prints them.
func events(metadata ...string) string {
	var b strings.Builder
	for i, m := range metadata {
		fmt.Fprintf(&b, `{"sequence":%d,"resourcePreEvent":{"metadata":%s}}`+"\n", i, m)
	}
	return b.String()
}

func render(t *testing.T, name string) string {
	t.Helper()
	return preview.Render(recorded(t, name), preview.Options{Stack: "staging"})
}

func TestReplacementsAndDeletionsStandInBoldAboveTheFold(t *testing.T) {
	text := render(t, "change.events")
	above, below, folded := strings.Cut(text, "<details>")
	require.True(t, folded, "the ordinary changes are not folded")
	assert.Contains(t, above, "1 to create, 2 to update, **1 to replace**, **1 to delete**, 1 new revision")
	assert.Contains(t, above, "- **DELETE** `aws:s3/bucketV2:BucketV2` **sentry-staging-old**")
	assert.Contains(t, above, "- **REPLACE** `aws:ec2/subnet:Subnet` **sentry-staging-vpc-public-0** because of `cidrBlock`")
	assert.NotContains(t, above, "sentry-staging-new", "a creation stands among the dangers")
	assert.NotContains(t, above, "taskDefinition", "a new revision, which every change of size makes, is cried out as a danger")
	for _, line := range []string{
		"+ create aws:cloudwatch/logGroup:LogGroup sentry-staging-new",
		"! update aws:ecs/service:Service sentry-staging-service",
		"! new revision aws:ecs/taskDefinition:TaskDefinition sentry-staging-backend",
		"desiredCount: 1 → 2",
		`cidrBlock: "10.0.0.0/24" → "10.0.9.0/24"`,
		"containerDefinitions[0].cpu: 256 → 512",
		"(known after the update)",
	} {
		assert.Contains(t, below, line)
	}
	assert.NotContains(t, text, "delete-replaced", "a replacement is shown once, not in its three parts")
	assert.NotContains(t, below, "sentry-staging-tasks", "an unchanged resource is listed")
}

func TestAPropertyThatGoesIsShown(t *testing.T) {
	state := func(inputs string) string {
		return `{"urn":"urn:pulumi:staging::sentry::aws:cloudwatch/logGroup:LogGroup::logs","type":"aws:cloudwatch/logGroup:LogGroup","custom":true,"inputs":` + inputs + `}`
	}
	p, err := preview.Parse(strings.NewReader(events(`{"op":"update","urn":"urn:pulumi:staging::sentry::aws:cloudwatch/logGroup:LogGroup::logs","type":"aws:cloudwatch/logGroup:LogGroup","diffs":["retentionInDays"],"detailedDiff":{"retentionInDays":{"diffKind":"delete","inputDiff":true}},"old":` +
		state(`{"name":"logs","retentionInDays":7}`) + `,"new":` + state(`{"name":"logs"}`) + `}`)))
	require.NoError(t, err)
	assert.Contains(t, preview.Render(p, preview.Options{Stack: "staging"}), "retentionInDays: 7 → (removed)")
}

func TestWhatTheStacksOutputsWillBe(t *testing.T) {
	p := recorded(t, "create.events")
	assert.Equal(t, map[string]string{"frontendUrl": "http://example.invalid"}, p.Outputs, "a secret, or a value that is not known, is handed on")
}

func TestSecretsAreNeverShown(t *testing.T) {
	assert.Contains(t, render(t, "change.events"), "value: [secret] (may differ)", "a changed secret is not even mentioned")
	// As the event stream looks when somebody ran the CLI with --show-secrets.
	in := `{"sequence":1,"resourcePreEvent":{"metadata":{"op":"create","urn":"urn:pulumi:staging::sentry::a:b:C::x","new":{"inputs":{
		"password":{"4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270","plaintext":"\"hunter2\""},
		"nested":{"list":[{"4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270","value":"hunter2"}]}}}}}}`
	p, err := preview.Parse(strings.NewReader(in))
	require.NoError(t, err)
	text := preview.Render(p, preview.Options{Stack: "staging"})
	assert.NotContains(t, text, "hunter2")
	assert.Contains(t, text, "nested.list[0]: [secret]")

	in = events(`{"op":"update","urn":"urn:pulumi:staging::sentry::a:b:C::x","diffs":["key"],
		"old":{"inputs":{"key":"hunter1"},"additionalSecretOutputs":["key"]},
		"new":{"inputs":{"key":"hunter2"},"additionalSecretOutputs":["key"]}}`)
	p, err = preview.Parse(strings.NewReader(in))
	require.NoError(t, err)
	assert.NotContains(t, preview.Render(p, preview.Options{Stack: "staging"}), "hunter", "an output that the program calls secret is shown")
}

func TestAFailedPreviewSaysWhyAndThatItIsNotComplete(t *testing.T) {
	for name, reason := range map[string]string{
		"refused.events": `sentry:cpu = "100": not a Fargate size; allowed are 256, 512, 1024, 2048, 4096: edit Pulumi.staging.yaml`,
		"invalid.events": "resource 'sentry-staging-new' has a problem: expected retention_in_days to be one of",
	} {
		p := recorded(t, name)
		assert.True(t, p.Failed, name)
		text := preview.Render(p, preview.Options{Stack: "staging"})
		assert.Contains(t, text, "### :x: Preview of `staging` failed", name)
		assert.Contains(t, text, reason, name)
		assert.NotContains(t, text, "**not complete**", "%s: nothing was computed", name)
		assert.Contains(t, text, preview.Marker("staging"), name+": the comment would not be found again")
	}
	p, err := preview.Parse(strings.NewReader(events(`{"op":"delete","urn":"urn:pulumi:staging::sentry::a:b:C::x"}`) + `{"sequence":1,"errorEvent":{"error":"lost"}}`))
	require.NoError(t, err)
	assert.Contains(t, preview.Render(p, preview.Options{Stack: "staging"}), "**not complete**", "half a preview looks like a whole one")
}

func TestAFailureBeforeTheEngineShowsWhatTheCLISaid(t *testing.T) {
	_, err := preview.Parse(strings.NewReader("error: no stack\n"))
	require.ErrorIs(t, err, preview.ErrNoPreview)
	text := preview.Render(nil, preview.Options{Stack: "production", Stderr: "error: no stack named 'production' found"})
	assert.Contains(t, text, "Preview of `production` failed")
	assert.Contains(t, text, "no stack named 'production' found")
}

func TestAPreviewWhoseCommandFailedIsNotShownAsNoChanges(t *testing.T) {
	text := preview.Render(recorded(t, "same.events"), preview.Options{Stack: "staging", Failed: true, Stderr: "error: signal: killed"})
	assert.Contains(t, text, "failed")
	assert.Contains(t, text, "signal: killed")
	assert.NotContains(t, text, "Nothing would change")
}

func TestNoChanges(t *testing.T) {
	p := recorded(t, "same.events")
	assert.False(t, p.HasChanges())
	text := preview.Render(p, preview.Options{Stack: "staging"})
	assert.Contains(t, text, "### Preview of `staging`: no changes")
	assert.Contains(t, text, "Nothing would change.")
	assert.Contains(t, text, "a warning from the program", "warnings vanish when nothing changes")
}

func TestDriftIsWhatTheRefreshFound(t *testing.T) {
	p := recorded(t, "drift.events")
	assert.True(t, p.HasChanges())
	text := preview.Render(p, preview.Options{Stack: "staging"})
	assert.Contains(t, text, "- **DELETE** `aws:ec2/securityGroup:SecurityGroup` **sentry-staging-tasks**")
	assert.Contains(t, text, "desiredCount: 1 → 7")
	assert.NotContains(t, text, "sentry-staging-old", "a resource without drift is listed")
	assert.False(t, recorded(t, "nodrift.events").HasChanges(), "reading every resource is not a difference")
}

// An update refreshes first: what others changed is taken back, and shown before it is approved.
func TestWhatTheRefreshBringsIsShownWithThePreview(t *testing.T) {
	p := recorded(t, "refreshed.events")
	text := preview.Render(p, preview.Options{Stack: "staging"})
	assert.Contains(t, text, "1 to create, 1 to update")
	assert.Contains(t, text, "desiredCount: 7 → 1", "what will be taken back is not shown")
	_, found, _ := strings.Cut(text, "2 resources changed outside of Pulumi")
	assert.Contains(t, found, "# gone aws:ec2/securityGroup:SecurityGroup sentry-staging-tasks")
	assert.Contains(t, found, "# changed aws:ecs/service:Service sentry-staging-service")
	assert.Contains(t, found, "desiredCount: 1 → 7")

	raw, err := os.ReadFile(filepath.Join("testdata", "refreshed.events"))
	require.NoError(t, err)
	other, err := preview.Parse(bytes.NewReader(bytes.ReplaceAll(raw, []byte(`"desiredCount":7`), []byte(`"desiredCount":9`))))
	require.NoError(t, err)
	assert.NotEqual(t, p.Digest(), other.Digest(), "what somebody changes after the approval is taken back unseen")
}

func TestACommentFitsWhateverTheChange(t *testing.T) {
	for _, n := range []int{1, 100, 3000} {
		for _, op := range []string{"create", "replace", "delete", "update"} {
			var in bytes.Buffer
			for i := range n {
				fmt.Fprintf(&in, `{"sequence":%d,"resourcePreEvent":{"metadata":{"op":%q,"urn":"urn:pulumi:staging::sentry::aws:s3/bucketV2:BucketV2::bücket-%d-%s","diffs":["a"],"keys":["a"],
				"old":{"id":"x","inputs":{"a":%q}},"new":{"inputs":{"a":%q}}}}}`+"\n", i, op, i, strings.Repeat("ü", 40), strings.Repeat("ä", 400), strings.Repeat("ö", 400))
			}
			p, err := preview.Parse(&in)
			require.NoError(t, err)
			long := strings.Repeat("warning text ", 5000)
			p.Diagnostics = append(p.Diagnostics, preview.Diagnostic{Message: long, Severity: "warning"}, preview.Diagnostic{Message: long, Severity: "error"})
			p.Failed = true
			text := preview.Render(p, preview.Options{Stack: "staging", Sections: []preview.Section{{Title: "Cost", Markdown: strings.Repeat("| a | b |\n", 9000)}}})
			assert.LessOrEqual(t, len(text), preview.CommentLimit, "%d × %s: GitHub refuses the comment", n, op)
			assert.Equal(t, strings.Count(text, "<details>"), strings.Count(text, "</details>"), "%d × %s: a fold stays open", n, op)
			assert.Zero(t, strings.Count(text, "\n```")%2, "%d × %s: a code block stays open", n, op)
			if n == 3000 {
				assert.Regexp(t, `\d+ of them not shown`, text, "changes are dropped silently")
				if op == "replace" || op == "delete" {
					assert.Regexp(t, `and \d+ more replacements or deletions`, text, "dangers are dropped silently")
				}
			}
		}
	}
}

func TestNamesAndValuesCannotForgeTheComment(t *testing.T) {
	evil := "x`\n```\n</details>\n# @octo-org/team <img src=x> | **safe**"
	quoted, err := json.Marshal(evil)
	require.NoError(t, err)
	name := strings.Trim(string(quoted), `"`)
	in := events(`{"op":"delete","urn":"urn:pulumi:staging::sentry::a:b:C::`+name+`","old":{"id":`+string(quoted)+`}}`,
		`{"op":"create","urn":"urn:pulumi:staging::sentry::a:b:D::y","new":{"inputs":{"k":`+string(quoted)+`}}}`)
	p, err := preview.Parse(strings.NewReader(in))
	require.NoError(t, err)
	text := preview.Render(p, preview.Options{Stack: "staging"})
	assert.NotContains(t, text, "\n# @octo", "a name starts a heading")
	above, _, _ := strings.Cut(text, "<details>")
	assert.Contains(t, above, "`x' ''' </details> # @octo-org/team", "a name with a mention is not inside a code span")
	assert.Contains(t, text, "````diff", "a run of backticks in a value closes the block")
}

func TestWhatIsTakenIntoTheStateIsCounted(t *testing.T) {
	p, err := preview.Parse(strings.NewReader(events(
		`{"op":"import","urn":"urn:pulumi:staging::sentry::a:b:C::x","new":{"inputs":{}}}`,
		`{"op":"delete","urn":"urn:pulumi:staging::sentry::a:b:C::y","old":{"id":""}}`,
		`{"op":"create","urn":"urn:pulumi:staging::sentry::pulumi:providers:aws::default_6_83_2","new":{"inputs":{}}}`,
		`{"op":"create","urn":"urn:pulumi:staging::sentry::pulumi:providers:aws::global","new":{"inputs":{}}}`,
	)))
	require.NoError(t, err)
	text := preview.Render(p, preview.Options{Stack: "staging"})
	assert.Contains(t, text, "1 to create, 1 to import, **1 to delete**\n", "a provider that the engine makes by itself is counted, or one of the program's is not")
	assert.Contains(t, text, "- **DELETE** `a:b:C` **y**\n", "a reason is announced, and none given")
	assert.Contains(t, text, "- delete a:b:C y\n+ create", "an id is announced, and none given")
}

func TestMessagesNameTheirResourceOnce(t *testing.T) {
	p := &preview.Preview{Failed: true, Diagnostics: []preview.Diagnostic{
		{URN: "urn:pulumi:staging::sentry::a:b:C::x-1", Message: "is not allowed", Severity: "error"},
		{URN: "urn:pulumi:staging::sentry::a:b:C::x-2", Message: "x-2 is not allowed", Severity: "error"},
		{Message: "nothing is", Severity: "error"},
	}}
	assert.Contains(t, preview.Render(p, preview.Options{Stack: "staging"}), "```\nx-1: is not allowed\n\nx-2 is not allowed\n\nnothing is\n```")
}

// What does not fit with its properties is at least named.
func TestAChangeThatIsTooLongIsNamed(t *testing.T) {
	var inputs []string
	for i := range 20 {
		inputs = append(inputs, fmt.Sprintf(`"k%d":%q`, i, strings.Repeat("x", 400)))
	}
	var metadata []string
	for i := range 20 {
		metadata = append(metadata, fmt.Sprintf(`{"op":"create","urn":"urn:pulumi:staging::sentry::a:b:C::r%d","new":{"inputs":{%s}}}`, i, strings.Join(inputs, ",")))
	}
	p, err := preview.Parse(strings.NewReader(events(metadata...)))
	require.NoError(t, err)
	text := preview.Render(p, preview.Options{Stack: "staging", Sections: []preview.Section{{Title: "Cost", Markdown: strings.Repeat("y", preview.CommentLimit*2/3)}}})
	assert.Contains(t, text, "+ create a:b:C r9\n```", "a change is dropped that would fit by its name")
	assert.NotContains(t, text, "not shown for want of space")
}

func TestSectionsOfOtherCommandsHaveTheirPlace(t *testing.T) {
	text := preview.Render(recorded(t, "change.events"), preview.Options{Stack: "staging", Sections: []preview.Section{{Title: "Cost", Markdown: "+ $3.10 a month"}, {Title: "Empty"}}})
	above, _, _ := strings.Cut(text, "<details>")
	assert.Contains(t, above, "#### Cost\n\n+ $3.10 a month")
	assert.NotContains(t, text, "Empty")
}

// F4: the fingerprint decides whether an apply may go on.
func TestDigest(t *testing.T) {
	change := recorded(t, "change.events").Digest()
	assert.Len(t, change, 64)
	assert.Equal(t, change, recorded(t, "change-again.events").Digest(), "the same preview made twice does not match: every deployment would stop")

	raw, err := os.ReadFile(filepath.Join("testdata", "change.events"))
	require.NoError(t, err)
	for what, edit := range map[string][2]string{
		"another operation":     {`"op":"delete"`, `"op":"update"`},
		"another new value":     {`"cidrBlock":"10.0.9.0/24"`, `"cidrBlock":"10.0.8.0/24"`},
		"another old value":     {`"desiredCount":1`, `"desiredCount":5`},
		"another resource":      {"sentry-staging-old", "sentry-staging-older"},
		"another physical id":   {`"id":"sentry-staging-old-123456789012"`, `"id":"id-else"`},
		"another configuration": {`"aws:region":"us-east-1"`, `"aws:region":"eu-west-1"`},
		"another reason":        {`"keys":["cidrBlock"]`, `"keys":["tags"]`},
	} {
		edited := bytes.ReplaceAll(raw, []byte(edit[0]), []byte(edit[1]))
		require.NotEqual(t, raw, edited, "%s: the edit does not apply", what)
		p, err := preview.Parse(bytes.NewReader(edited))
		require.NoError(t, err)
		assert.NotEqual(t, change, p.Digest(), "%s would be applied though it was not shown", what)
	}
	assert.NotEqual(t, change, recorded(t, "same.events").Digest())
}

// A resource that the provider names gets another random name in every preview of its creation.
func TestDigestWithAutoNames(t *testing.T) {
	digest := func(name, defaults string) string {
		p, err := preview.Parse(strings.NewReader(events(fmt.Sprintf(`{"op":"create","urn":"urn:pulumi:staging::sentry::a:b:C::x","new":{"inputs":{"name":%q,"__defaults":%s}}}`, name, defaults))))
		require.NoError(t, err)
		assert.NotContains(t, preview.Render(p, preview.Options{Stack: "staging"}), "__defaults")
		return p.Digest()
	}
	assert.Equal(t, digest("tasks-7cd3ea6", `["name"]`), digest("tasks-0123abc", `["name"]`), "no new environment can ever be approved and applied")
	assert.NotEqual(t, digest("tasks-7cd3ea6", `["name"]`), digest("other-7cd3ea6", `["name"]`))
	assert.NotEqual(t, digest("tasks-7cd3ea6", `[]`), digest("tasks-0123abc", `[]`), "a name that the program gave is not compared")
}

func TestUnreadableInputIsAnError(t *testing.T) {
	for _, in := range []string{`{"steps": []}`, `{"sequence": 1, `, `{"sequence": 1, "resourcePreEvent": 4}`, `{"sequence":0,"preludeEvent":{}} {"steps":[]}`, `{} 5`} {
		_, err := preview.Parse(strings.NewReader(in))
		assert.Error(t, err, in)
	}
}
