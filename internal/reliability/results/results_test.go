package results

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// E2: what docs/reliability.md tells is a run that lost nothing.
func TestTheLastRunLostNothing(t *testing.T) {
	last, err := Last()
	require.NoError(t, err)
	require.NotEmpty(t, last.Backend)
	for _, row := range last.Rows {
		assert.Zero(t, row.Lost, "%s, %s, %s", row.Stack, row.Scenario, row.Fault)
		assert.NotZero(t, row.Struck, "%s, %s, %s", row.Stack, row.Scenario, row.Fault)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, File)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	kept, err := Last()
	require.NoError(t, err)
	require.NoError(t, kept.Write(dir))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(last), string(text), "what was written last is written in another way")
}
