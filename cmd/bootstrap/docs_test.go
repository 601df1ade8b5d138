package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/bootstrap/account"
	"sentry/internal/fixture"
	"sentry/internal/sandbox"
)

// docs/bootstrap.md names what exists, under the names it has.
func TestTheDocumentIsTrue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(fixture.Root(t), "docs", "bootstrap.md"))
	require.NoError(t, err)
	document := string(text)

	flags := map[string]bool{}
	command := newCommand(nil, nil)
	for _, set := range []*pflag.FlagSet{command.Flags(), command.PersistentFlags()} {
		set.VisitAll(func(f *pflag.Flag) {
			flags["--"+f.Name] = true
			assert.True(t, strings.Contains(document, "`--"+f.Name+"` |"), "the table of flags lacks --%s", f.Name)
		})
	}
	for _, found := range regexp.MustCompile("`(--[a-z-]+)`").FindAllStringSubmatch(document, -1) {
		assert.True(t, flags[found[1]], "there is no flag %s", found[1])
	}
	// Each command line of this command parses; the other commands are Pulumi's and run in TestFirstAndSecondRun.
	commands := regexp.MustCompile(`(?m)^(?:AWS_PROFILE=\S+ )?go run \./cmd/bootstrap (.*)$`).FindAllStringSubmatch(document, -1)
	require.NotEmpty(t, commands)
	for _, found := range commands {
		cmd := newCommand(&bytes.Buffer{}, &bytes.Buffer{})
		assert.NoError(t, cmd.ParseFlags(strings.Fields(found[1])), found[0])
	}

	settings, err := configuration().Settings()
	require.NoError(t, err)
	recording, err := sandbox.Record(account.Deploy, sandbox.MockOptions{Project: account.Project, Stack: account.Stack, Config: settings})
	require.NoError(t, err)
	created := map[string]bool{}
	for _, r := range recording.Resources {
		if !r.Custom || !strings.HasPrefix(r.Type, "aws:") {
			continue
		}
		for _, key := range []string{"name", "bucket"} {
			value, ok := r.Inputs.Mappable()[key].(string)
			if !ok || strings.Contains(r.Type, "aws:s3/") && !strings.HasSuffix(r.Type, ":BucketV2") {
				continue
			}
			general := strings.ReplaceAll(value, sandbox.AccountID, "<account id>")
			for _, e := range configuration().Environments {
				general = strings.Replace(general, "-"+e.Name, "-<environment>", 1)
			}
			created[general] = true
		}
	}
	named := namedIn(document)
	for name := range created {
		assert.True(t, named[name], "%s is created and not in the document", name)
	}
	for name := range named {
		assert.True(t, created[name] || "https://"+name == account.OIDCProvider.Physical, "%s is in the document and not created", name)
	}
	for _, message := range []string{"no usable AWS credentials", "wrong account", "another run holds the lock", "these credentials have no right to"} {
		assert.True(t, strings.Contains(document, message), message)
	}
	for _, found := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(document, -1) {
		assert.FileExists(t, filepath.Join(fixture.Root(t), "docs", found[1]))
	}
}

// namedIn are the names in the table of what is created; `-end` after a name stands for that name with another end.
func namedIn(document string) map[string]bool {
	named := map[string]bool{}
	_, section, _ := strings.Cut(document, "## What is created, and why")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range regexp.MustCompile(`(?m)^\|[^|]*\|([^|]*)\|`).FindAllStringSubmatch(section, -1) {
		last := ""
		for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			name := found[1]
			if strings.HasPrefix(name, "-") {
				name = last[:strings.LastIndex(last, "-")] + name
			}
			named[name], last = true, name
		}
	}
	return named
}
