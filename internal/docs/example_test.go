package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
)

var (
	// creates and inserts are how a document says what to do with the block below.
	creates = regexp.MustCompile("Create `([^`]+)`:$")
	inserts = regexp.MustCompile("[Ii]n \\[?`([^`]+)`(?:\\]\\([^)]*\\))?, (above|below|instead of) the line `([^`]+)`[^`]*(?:`[^`]*`[^`]*)*:$")
)

// knowTypes are the packages whose tests look at each type that the program registers.
var knowTypes = []string{
	"./bootstrap/account", "./examples", "./infra", "./internal/adopt", "./internal/aws", "./internal/controls", "./internal/cost",
	"./internal/docs",
}

// TestWorkedExample follows docs/changing.md as a reader does, on a copy of the repository: it puts each block where
// the text says, runs each command, and then the tests of what knows types.
func TestWorkedExample(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, entry := range entries {
		if name := entry.Name(); name != ".git" && name != ".sandbox" {
			fixture.Copy(t, filepath.Join(root, entry.Name()), filepath.Join(dir, entry.Name()))
		}
	}
	text := documents(t)["docs/changing.md"]
	before, _, found := strings.Cut(text, "## Add a resource")
	require.True(t, found, "docs/changing.md does not tell how to add a resource")
	begin := strings.Count(before, "\n")
	applied := 0
	for _, b := range blocks(t) {
		switch {
		case b.file != "docs/changing.md" || b.line < begin:
		case b.language == "sh":
			for line := range strings.Lines(b.text) {
				if line = strings.TrimSpace(line); line == "make check" {
					// What builds all commands again knows no types.
					line = "go test -vet=off -skip WorkedExample|Command|Environments|Interruptions|Found " + strings.Join(knowTypes, " ")
				}
				runIn(t, dir, strings.Fields(line)...)
			}
		default:
			apply(t, dir, b)
			applied++
		}
	}
	require.NotZero(t, applied, "docs/changing.md shows no step with code")

	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	assert.Contains(t, string(readme), "<b>queue</b> clips", "the diagram does not show the new resource")
}

// apply does with a block what the text above it says, unless somebody has followed it in the repository itself.
func apply(t *testing.T, dir string, b block) {
	t.Helper()
	if found := creates.FindStringSubmatch(b.before); found != nil {
		file := filepath.Join(dir, found[1])
		if text, err := os.ReadFile(file); err == nil {
			require.Equal(t, b.text, string(text), "%s: there is another %s", b, found[1])
		}
		require.NoError(t, os.WriteFile(file, []byte(b.text), 0o600))
		return
	}
	found := inserts.FindStringSubmatch(b.before)
	require.NotNil(t, found, "%s: the text above does not say where this goes: %s", b, b.before)
	file, where, anchor := filepath.Join(dir, found[1]), found[2], found[3]
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	if strings.Contains(string(text), b.text) {
		return
	}
	var lines []string
	hits := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), strings.TrimSpace(anchor)) {
			hits++
			line = map[string]string{"above": b.text + line, "below": line + b.text, "instead of": b.text}[where]
		}
		lines = append(lines, line)
	}
	require.Equal(t, 1, hits, "%s: the line %q in %s", b, anchor, found[1])
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600))
}

func runIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	command := exec.Command(args[0], args[1:]...)
	command.Dir = dir
	// The Makefile's flags, so that what has been compiled before is not compiled again.
	command.Env = append(os.Environ(), "GOFLAGS=-trimpath -buildvcs=false")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s\n%s", strings.Join(args, " "), out)
}
