// Package golden compares what a test made with a file below testdata, and rewrites the file on request:
// go test <package> -update.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files below testdata")

// Read is the golden file, after it has been rewritten with got if that was asked for.
func Read(t *testing.T, file, got string) string {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "write it with: go test <this package> -update")
	return string(want)
}

// Equal fails when got is not what the golden file holds; consequence says what that would mean in the world.
func Equal(t *testing.T, file, got, consequence string) {
	t.Helper()
	require.Equal(t, Read(t, file, got), got, "%s; if that is meant: go test <this package> -update", consequence)
}
