package docs_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/bootstrap/account"
	"sentry/infra"
	"sentry/internal/cost"
	"sentry/internal/docs"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

const root = "../.."

// documents are all texts, by their path relative to root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	files, err := docs.Files(root)
	require.NoError(t, err)
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name, err := filepath.Rel(root, file)
		require.NoError(t, err)
		texts[name] = string(text)
	}
	return texts
}

// block is a fenced block of a document.
type block struct {
	file     string // relative to root
	line     int    // of the fence
	language string
	text     string
	before   string // the paragraph above it, in one line
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

func blocks(t *testing.T) []block {
	t.Helper()
	var found []block
	texts := documents(t)
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		var open *block
		var paragraph []string
		indent := ""
		for i, line := range strings.Split(texts[file], "\n") {
			text := strings.TrimSpace(line)
			fence, isFence := strings.CutPrefix(text, "```")
			switch {
			case isFence && open == nil:
				open = &block{file: file, line: i + 1, language: fence, before: strings.Join(paragraph, " ")}
				indent, _, _ = strings.Cut(line, "`")
			case isFence:
				found = append(found, *open)
				open, paragraph = nil, nil
			case open != nil:
				open.text += strings.TrimPrefix(line, indent) + "\n"
			case text == "" && len(paragraph) > 0 && !strings.HasSuffix(paragraph[len(paragraph)-1], ":"):
				paragraph = nil
			case text != "":
				paragraph = append(paragraph, text)
			}
		}
		require.Nil(t, open, "%s: a fenced block has no end", file)
	}
	require.NotEmpty(t, found)
	return found
}

// product is what the documents may name: that of the fixture's environments, whatever the live stack files say.
type product struct {
	environments []string
	keys         []string                  // of configuration
	outputs      map[string]map[string]any // by environment and name
	names        map[string]bool           // every text among the inputs and outputs of what is registered
}

var (
	once sync.Once
	made product
)

// preparation is how bootstrap would be run for the environments.
func preparation(environments []string) account.Config {
	config := account.Config{
		Region: "us-east-1", Repository: account.Repository{Name: "octo-org/sentry", ID: "456789", OwnerID: "123456"},
	}
	for _, name := range environments {
		config.Environments = append(config.Environments, account.Environment{Name: name, Region: config.Region})
	}
	return config
}

func theProduct(t *testing.T) product {
	t.Helper()
	once.Do(func() {
		p, err := project.Open(fixture.Project(t))
		require.NoError(t, err)
		keys, err := p.Keys()
		require.NoError(t, err)
		made = product{environments: p.Environments(), outputs: map[string]map[string]any{}, names: map[string]bool{}}
		for _, key := range keys {
			made.keys = append(made.keys, key.Name)
		}
		settings, err := preparation(made.environments).Settings()
		require.NoError(t, err)
		// Logical names are not among the names: they outlive a rename.
		prepared, err := sandbox.Record(account.Deploy, sandbox.MockOptions{Project: account.Project, Stack: account.Stack, Config: settings})
		require.NoError(t, err)
		recordings := []*sandbox.Recording{prepared}
		for _, environment := range made.environments {
			recording, err := sandbox.RecordStack(infra.DeployIn, p, environment, sandbox.StackOptions{Released: true})
			require.NoError(t, err)
			made.outputs[environment] = recording.Outputs
			recordings = append(recordings, recording)
		}
		for _, recording := range recordings {
			for _, r := range recording.Resources {
				for _, properties := range []resource.PropertyMap{r.Inputs, r.Outputs} {
					addTexts(made.names, properties.Mappable())
				}
			}
		}
	})
	require.NotEmpty(t, made.names, "the fixture's environments could not be recorded: see the test that failed first")
	return made
}

func addTexts(to map[string]bool, value any) {
	switch value := value.(type) {
	case string:
		to[value] = true
	case []any:
		for _, v := range value {
			addTexts(to, v)
		}
	case map[string]any:
		for _, v := range value {
			addTexts(to, v)
		}
	}
}

var (
	// nameForm is anything that looks like a name of this product in AWS.
	nameForm = regexp.MustCompile(`(/ecs/|/sentry/|alias/)?sentry-(staging|production|pulumi)[a-z0-9-]*|/sentry/(staging|production)/[a-z/]+`)
	// Files and folders have such names, too.
	elsewhere = regexp.MustCompile(`\.pulumi/[a-z]+/(organization/)?sentry/(staging|production)[^\s]*|-state\.json|\.sentry-state`)
	// code is compiled and run by other tests.
	code = regexp.MustCompile("(?s)```go\n.*?```")
	// environment is the placeholder for an environment's name.
	environment = strings.NewReplacer("<stack>", "staging", "<env>", "staging", "<environment>", "staging")
)

// TestNamesExist is why a renamed resource cannot leave its old name behind in the documents.
func TestNamesExist(t *testing.T) {
	t.Parallel()
	known := theProduct(t).names
	checked := map[string]bool{}
	for file, text := range documents(t) {
		text = code.ReplaceAllStringFunc(text, func(block string) string { return strings.Repeat("\n", strings.Count(block, "\n")) })
		for i, line := range strings.Split(elsewhere.ReplaceAllString(environment.Replace(text), ""), "\n") {
			for _, at := range nameForm.FindAllStringIndex(line, -1) {
				name := line[at[0]:at[1]]
				isPart := strings.HasPrefix(line[at[1]:], "<") || strings.HasPrefix(line[at[1]:], "…")
				exists := known[name] || isPart && slices.ContainsFunc(slices.Collect(maps.Keys(known)), func(k string) bool { return strings.HasPrefix(k, name) })
				assert.True(t, exists, "%s:%d: nothing that the programs register is called %q", file, i+1, name)
				checked[name] = true
			}
		}
	}
	for _, name := range []string{"sentry-staging-cluster", "/ecs/sentry-staging-backend", "/sentry/staging/backend/image"} {
		assert.True(t, checked[name], "the documents do not name %s: is the form of names still right?", name)
	}
}

func TestKeysExist(t *testing.T) {
	t.Parallel()
	known := theProduct(t).keys
	for file, text := range documents(t) {
		for i, line := range strings.Split(text, "\n") {
			for _, key := range regexp.MustCompile(`\bsentry:[a-z]\w*\b`).FindAllString(line, -1) {
				if !strings.Contains(line, key+":") { // sentry:infra:Queue is the type of a component
					assert.Contains(t, known, key, "%s:%d: Pulumi.yaml declares no such key", file, i+1)
				}
			}
		}
	}
}

// TestLinksLead follows every link between documents, and to files.
func TestLinksLead(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	texts := documents(t)
	for file, text := range texts {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := file
			if target != "" {
				path = filepath.Join(filepath.Dir(file), target)
			}
			_, err := os.Stat(filepath.Join(root, path))
			if !assert.NoError(t, err, "%s links to %s", file, match[1]) || anchor == "" {
				continue
			}
			assert.Contains(t, anchors(texts[path]), anchor, "%s links to %s", file, match[1])
		}
	}
}

// anchors are the headings' as GitHub makes them.
func anchors(text string) []string {
	var found []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile("[^a-z0-9 _-]").ReplaceAllString(strings.ToLower(heading[1]), "")
		found = append(found, strings.ReplaceAll(plain, " ", "-"))
	}
	return found
}

// TestFiguresOfTheDecisions recomputes the prices that the decisions argue with.
func TestFiguresOfTheDecisions(t *testing.T) {
	t.Parallel()
	list, err := cost.ListPrices(cost.BaseRegion)
	require.NoError(t, err)
	price := func(name string) float64 { return list.Prices[name].USD }
	const hours = 730
	text := documents(t)["docs/decisions/public-tasks.md"]
	for what, amount := range map[string]float64{
		"a public address":                          hours * price("public-ipv4"),
		"a NAT gateway":                             hours * price("nat-gateway"),
		"four interface endpoints in two zones":     hours * 8 * price("interface-endpoint"),
		"a load balancer":                           hours * price("load-balancer"),
		"it with two addresses and a capacity unit": hours * (price("load-balancer") + price("load-balancer-lcu") + 2*price("public-ipv4")),
	} {
		assert.Contains(t, text, fmt.Sprintf("$%.2f", amount), what)
	}
}
