package reliability

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/fixture"
	"sentry/internal/project"
)

func newStack(t *testing.T, name string) *Stack {
	t.Helper()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	settings, err := p.Config(name)
	require.NoError(t, err)
	return NewStack(p.Name, name, infra.DeployIn(p.Dir), settings)
}

func TestTheEngineInThisProcess(t *testing.T) {
	s := newStack(t, "staging")
	require.NoError(t, s.Up())
	steps, err := s.Preview()
	require.NoError(t, err)
	for _, step := range steps {
		assert.Equal(t, "same", string(step.Op), step.Resource.URN)
	}
	require.NoError(t, s.Destroy())
	assert.Empty(t, s.Cloud.Objects())
}
