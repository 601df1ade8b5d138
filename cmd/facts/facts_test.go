package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/cli"
	"sentry/internal/fixture"
)

func TestTheFactsAreAboutTheProviderThatIsUsed(t *testing.T) {
	version, err := required(filepath.Join(fixture.Root(t), "go.mod"))
	require.NoError(t, err)
	assert.Equal(t, version, aws.Version(), "pulumi-aws has moved: go run ./cmd/facts")
}

func TestSchemaThatCannotBeRead(t *testing.T) {
	var complaint bytes.Buffer
	root := newCommand()
	root.SetArgs([]string{"-C", fixture.Project(t), "--schema", filepath.Join(t.TempDir(), "none.json")})
	assert.Equal(t, 1, cli.Run(t.Context(), root, &complaint))
	assert.Contains(t, complaint.String(), "none.json")
}
