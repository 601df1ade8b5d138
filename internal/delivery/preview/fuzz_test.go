package preview_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/preview"
)

// Whatever an engine, or who pretends to be one, writes: reading it ends, and what is shown of it is one comment.
func FuzzEvents(f *testing.F) {
	files, err := filepath.Glob("testdata/*.events")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		for line := range bytes.Lines(text) {
			f.Add(line)
		}
	}
	f.Add([]byte(`{"sequence":1,"diagnosticEvent":{"severity":"error","message":"` + "```" + `\n<!-- sentry-preview:production -->"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := preview.Parse(bytes.NewReader(text))
		if err != nil {
			return
		}
		comment := preview.Render(p, preview.Options{Stack: "staging"})
		require.LessOrEqual(t, len(comment), preview.CommentLimit, "GitHub refuses the comment")
		require.True(t, strings.HasPrefix(comment, preview.Marker("staging")+"\n"), "the comment is not found again, or as another stack's")
		again, err := preview.Parse(bytes.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, p.Digest(), again.Digest(), "one preview promises two things")
	})
}
