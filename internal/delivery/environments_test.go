package delivery_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/fixture"
	"sentry/internal/project"
)

// GitHub wants some things literally: the concurrency group of a caller is known before anything runs. So each
// environment has a caller of its own, a copy of another's. Nothing else names an environment.
func lackingCallers(p project.Project, workflows string) []string {
	var lacking []string
	for _, environment := range p.Environments() {
		file := "deploy-" + environment + ".yml"
		text, err := os.ReadFile(filepath.Join(workflows, file))
		if err != nil {
			lacking = append(lacking, fmt.Sprintf("%s has no workflow .github/workflows/%s: copy another environment's, and change the name, and the lines below",
				filepath.Base(p.StackFile(environment)), file))
		}
		for _, line := range []string{
			"run-name: Deploy " + environment + " ${{ inputs.ref || github.sha }}", "  group: deploy-" + environment, "      environment: " + environment,
		} {
			if !strings.Contains("\n"+string(text), "\n"+line+"\n") {
				lacking = append(lacking, fmt.Sprintf(".github/workflows/%s: add the line %q", file, line))
			}
		}
	}
	return lacking
}

func TestEveryEnvironmentHasItsWorkflow(t *testing.T) {
	p, err := project.Open(fixture.Root(t))
	require.NoError(t, err)
	for _, problem := range lackingCallers(p, directory) {
		t.Error(problem)
	}
	names := strings.Join(p.Environments(), "|")
	for file, text := range files(t) {
		environment, isCaller := strings.CutPrefix(strings.TrimSuffix(file, ".yml"), "deploy-")
		if isCaller {
			assert.NoError(t, p.Check(environment), "%s deploys an environment that is no more", file)
			continue
		}
		for i, line := range strings.Split(text, "\n") {
			code, _, _ := strings.Cut(line, "#")
			assert.NotRegexp(t, regexp.MustCompile(`\b(`+names+`)\b`), code, "%s:%d names an environment, of which the next one will be missing", file, i+1)
		}
	}
}

func TestANewEnvironmentIsToldWhatItLacks(t *testing.T) {
	dir := fixture.Project(t)
	workflows := filepath.Join(dir, ".github", "workflows")
	fixture.Copy(t, directory, workflows)
	p, err := project.Open(dir)
	require.NoError(t, err)
	require.Empty(t, lackingCallers(p, workflows))

	fixture.Copy(t, p.StackFile("staging"), p.StackFile("staging-eu"))
	assert.Equal(t, []string{
		"Pulumi.staging-eu.yaml has no workflow .github/workflows/deploy-staging-eu.yml: copy another environment's, and change the name, and the lines below",
		`.github/workflows/deploy-staging-eu.yml: add the line "run-name: Deploy staging-eu ${{ inputs.ref || github.sha }}"`,
		`.github/workflows/deploy-staging-eu.yml: add the line "  group: deploy-staging-eu"`,
		`.github/workflows/deploy-staging-eu.yml: add the line "      environment: staging-eu"`,
	}, lackingCallers(p, workflows))
	fixture.Copy(t, filepath.Join(workflows, "deploy-staging.yml"), filepath.Join(workflows, "deploy-staging-eu.yml"))
	assert.Len(t, lackingCallers(p, workflows), 3, "a mere copy would deploy staging")
}
