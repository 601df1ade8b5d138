package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/adopt"
	"sentry/internal/aws"
	"sentry/internal/cli"
	"sentry/internal/delivery/emulated/host"
	"sentry/internal/fixture"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

const stateFile = "../../internal/adopt/testdata/staging.tfstate"

// run runs the command in a project, with AWS as a cloud has it, and returns its exit code and what it printed.
func run(t *testing.T, dir string, cloud *sandbox.Cloud, args ...string) (code int, out, stderr string) {
	t.Helper()
	var stdout, errors bytes.Buffer
	root := newCommand(&stdout, &errors, func(string) adopt.Rules { return adopt.RulesIn(cloud) })
	root.SetArgs(append([]string{"-C", dir}, args...))
	code = cli.Run(t.Context(), root, &errors)
	return code, stdout.String(), errors.String()
}

func TestDryRun(t *testing.T) {
	dir := fixture.Project(t)
	before, err := os.ReadFile(filepath.Join(dir, "Pulumi.staging.yaml"))
	require.NoError(t, err)
	code, out, stderr := run(t, dir, sandbox.NewCloud(), "-s", "staging", "--state", stateFile, "--dry-run")
	assert.Zero(t, code, stderr)
	assert.Contains(t, out, "33 resources: 27 imported, 6 superseded, 0 refused.")
	assert.Contains(t, out, "Nothing was written: run this again without --dry-run.")
	after, err := os.ReadFile(filepath.Join(dir, "Pulumi.staging.yaml"))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after), "a dry run changes the stack file")
	assert.NoFileExists(t, filepath.Join(dir, "adopt-staging.json"))
}

func TestRefusals(t *testing.T) {
	dir := fixture.Project(t)
	other := filepath.Join(t.TempDir(), "other.tfstate")
	text, err := os.ReadFile(stateFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(other, bytes.ReplaceAll(text, []byte(`"launch_type": "FARGATE"`), []byte(`"launch_type": "EC2"`)), 0o600))
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no stack":        {[]string{"--state", stateFile}, 1, "adopt: --stack is not set; allowed: production, staging"},
		"no such stack":   {[]string{"-s", "x", "--state", stateFile}, 1, `adopt: --stack "x": `},
		"no state":        {[]string{"-s", "staging"}, 1, "adopt: --state is not set; allowed: a file, s3://<bucket>/<key>, or - for the standard input"},
		"not there":       {[]string{"-s", "staging", "--state", "no"}, 1, "adopt: --state no: no such file"},
		"to be replaced":  {[]string{"-s", "staging", "--state", other}, 3, "adopt: nothing was written"},
		"another network": {[]string{"-s", "production", "--state", stateFile}, 1, "adopt: the program cannot describe what this state holds:"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := run(t, dir, sandbox.NewCloud(), test.args...)
			assert.Equal(t, test.code, code)
			assert.Contains(t, stderr, test.want)
			assert.NoFileExists(t, filepath.Join(dir, "adopt-staging.json"), "something was written all the same")
		})
	}
}

func TestSecretsOfTheState(t *testing.T) {
	const later = "../../internal/adopt/testdata/later.tfstate"
	text, err := os.ReadFile(later)
	require.NoError(t, err)
	require.Contains(t, string(text), "a-secret-output-value")
	dir := fixture.Project(t)
	code, out, stderr := run(t, dir, sandbox.NewCloud(), "-s", "staging", "--state", later)
	require.Zero(t, code, stderr)
	written, err := os.ReadFile(filepath.Join(dir, "Pulumi.staging.yaml"))
	require.NoError(t, err)
	imported, err := os.ReadFile(filepath.Join(dir, "adopt-staging.json"))
	require.NoError(t, err)
	assert.NotContains(t, out+stderr+string(written)+string(imported), "a-secret-output-value")
}

// The printed way, command by command, with the Pulumi CLI, and back again from every step.
func TestTheStepsAsPrinted(t *testing.T) {
	dir := fixture.Project(t)
	text, err := os.ReadFile(stateFile)
	require.NoError(t, err)
	state, err := adopt.Read(text)
	require.NoError(t, err)
	cloud := sandbox.NewCloud()
	state.Fill(cloud)
	code, out, stderr := run(t, dir, cloud, "-s", "staging", "--state", stateFile)
	require.Zero(t, code, stderr)

	languageHost(t)
	p, err := project.Open(dir)
	require.NoError(t, err)
	sb, err := sandbox.New(t.Context(), sandbox.Options{Project: p, Program: infra.DeployIn, Cloud: cloud})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	stack, err := sb.Stack(t.Context(), "staging")
	require.NoError(t, err)
	shell := &shell{T: t, stack: stack, cloud: cloud, variables: map[string]string{}}
	for _, r := range state.Resources {
		shell.terraform = append(shell.terraform, r.Address)
	}
	all := slices.Clone(shell.terraform)

	document, err := os.ReadFile("../../docs/migrating.md")
	require.NoError(t, err)
	for _, title := range titles.FindAllStringSubmatch(out, -1) {
		assert.Contains(t, string(document), "\n| "+title[1]+" |", "docs/migrating.md tells of another way than the one that is printed")
	}
	steps := printed(out)
	update := slices.IndexFunc(steps, func(s step) bool {
		return strings.HasPrefix(s.commands[0], "pulumi up -s staging") && !strings.Contains(s.commands[0], "--target")
	})
	require.Positive(t, update)
	things, definition := objects(cloud), shell.definition()
	forth := func(steps []step) {
		for _, s := range steps {
			shell.run(s.commands)
		}
	}
	back := func(steps []step) {
		for _, s := range slices.Backward(steps) {
			shell.run(s.undo)
		}
		assert.ElementsMatch(t, all, shell.terraform, "on the way back Terraform does not get everything again")
		assert.Equal(t, definition, shell.definition(), "on the way back the tasks stay those of Pulumi")
	}
	forth(steps[:update+1])
	require.NotEqual(t, definition, shell.definition())
	back(steps[:update+1])
	assert.Equal(t, things, objects(cloud), "on the way back something stays behind in AWS")

	forth(steps)
	assert.Empty(t, shell.terraform, "something is still Terraform's")
}

// TestMain makes this binary Pulumi's language host where it is given that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "pulumi-language-go" {
		host.Main()
		return
	}
	os.Exit(m.Run())
}

// languageHost puts one on the PATH: pulumi import asks it for the plugins of the program.
func languageHost(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "pulumi-language-go")))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// step is a step as it was printed.
type step struct{ commands, undo []string }

// titles finds how each step begins, up to its first comma or the like; the document calls it that.
var titles = regexp.MustCompile(`(?m)^# \d+\. ([^.,;:]+)`)

// continued is the end of a line that goes on, in a command or in one that a comment holds.
var continued = regexp.MustCompile(` \\\n(# )? *`)

func printed(out string) []step {
	_, out, _ = strings.Cut(out, "\n# 1. ")
	var steps []step
	for text := range strings.SplitSeq(out, "\n\n") {
		_, text, _ = strings.Cut(text, "\n") // the title
		text = continued.ReplaceAllString(text, " ")
		var s step
		for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
			if undo, isUndo := strings.CutPrefix(line, "#   "); isUndo {
				s.undo = append(s.undo, undo)
			} else if !strings.HasPrefix(line, "#") {
				s.commands = append(s.commands, line)
			}
		}
		steps = append(steps, s)
	}
	return steps
}

// objects are what there is in AWS, but for the ids of associations, which are others after each move.
func objects(cloud *sandbox.Cloud) []string {
	var all []string
	for _, o := range cloud.Objects() {
		id := o.ID
		if o.Type == aws.EC2RouteTableAssociation {
			id, _ = o.Props["routeTableId"].(string)
		}
		all = append(all, o.Type+" "+id)
	}
	slices.Sort(all)
	return all
}

// shell runs the printed commands: Pulumi's by its CLI and the sandbox, the others on what stands in for AWS and
// Terraform's state.
type shell struct {
	*testing.T
	stack     *sandbox.Stack
	cloud     *sandbox.Cloud
	terraform []string // addresses
	backup    []string
	variables map[string]string
}

var (
	word       = regexp.MustCompile(`(?:[^\s'"]|'[^']*'|"[^"]*")+`)
	assignment = regexp.MustCompile(`^([a-z]+)=\$\((.*)\)$`)
)

func (s *shell) run(commands []string) {
	s.Helper()
	for _, command := range commands {
		if parts := assignment.FindStringSubmatch(command); parts != nil {
			s.variables[parts[1]] = s.ask(parts[2])
			continue
		}
		for name, value := range s.variables {
			command = strings.ReplaceAll(command, "$"+name, value)
		}
		var args []string
		for _, w := range word.FindAllString(command, -1) {
			args = append(args, strings.NewReplacer("'", "", `"`, "").Replace(w))
		}
		// Inside of single quotes a double quote is a part of an address.
		if args[0] == "terraform" {
			s.runTerraform(command)
			continue
		}
		s.runOther(s.Context(), command, args)
	}
}

var quoted = regexp.MustCompile(`'(?:--target=)?([^']*)'`)

func (s *shell) runTerraform(command string) {
	s.Helper()
	var addresses []string
	for _, found := range quoted.FindAllStringSubmatch(command, -1) {
		addresses = append(addresses, found[1])
	}
	remove := func() {
		for _, address := range addresses {
			i := slices.Index(s.terraform, address)
			require.GreaterOrEqual(s, i, 0, "Terraform has no %s", address)
			s.terraform = slices.Delete(s.terraform, i, i+1)
		}
	}
	switch {
	case command == "terraform state pull > terraform-staging.tfstate":
		s.backup = slices.Clone(s.terraform)
	case strings.HasPrefix(command, "terraform plan -destroy"):
	case strings.HasPrefix(command, "terraform state rm"):
		remove()
	case strings.HasPrefix(command, "terraform import"):
		s.terraform = append(s.terraform, addresses[0])
		assert.Contains(s, objects(s.cloud), aws.EC2RouteTableAssociation+" "+addresses[1][strings.Index(addresses[1], "/")+1:])
	case command == "terraform state push -force terraform-staging.tfstate":
		s.terraform = slices.Clone(s.backup)
	case strings.HasPrefix(command, "terraform destroy"):
		remove()
	default:
		require.Fail(s, "no such command", command)
	}
}

func (s *shell) runOther(ctx context.Context, command string, args []string) {
	s.Helper()
	var targets []string
	for _, arg := range args {
		if target, isTarget := strings.CutPrefix(arg, "--target="); isTarget {
			targets = append(targets, target)
		}
	}
	var err error
	switch start := strings.Join(args[:2], " "); start {
	case "pulumi import", "pulumi state", "pulumi config":
		_, err = s.stack.Pulumi(ctx, args[1:]...)
	case "pulumi preview":
		var result sandbox.Result
		result, err = s.stack.Preview(ctx)
		for _, event := range result.Events {
			assert.Contains(s, []string{"create", "update"}, event.Op, event.URN)
		}
		if slices.Contains(args, "--expect-no-changes") {
			result, err = s.stack.Preview(ctx, optpreview.Refresh(), optpreview.ExpectNoChanges())
			assert.Empty(s, result.Strings())
		}
	case "pulumi up":
		_, err = s.stack.Up(ctx, optup.Target(targets))
	case "pulumi destroy":
		_, err = s.stack.Destroy(ctx, optdestroy.Target(targets))
	case "aws ecs":
		if args[2] == "update-service" {
			s.updateService(args[len(args)-1])
		} else {
			assert.Equal(s, []string{"wait", "services-stable"}, args[2:4])
		}
	case "aws ec2":
		require.Equal(s, []string{"replace-route-table-association", "--region", "us-east-1", "--association-id"}, args[2:6])
		s.reassociate(args[6], args[8])
	default:
		require.Fail(s, "no such command", command)
	}
	require.NoError(s, err, command)
}

// service is ECS's.
func (s *shell) service() *sandbox.Object {
	s.Helper()
	for _, o := range s.cloud.Objects() {
		if o.Type == aws.ECSService {
			return &o
		}
	}
	require.FailNow(s, "the service is gone")
	return nil
}

// definition is what the service runs.
func (s *shell) definition() string { return fmt.Sprint(s.service().Props["taskDefinition"]) }

func (s *shell) updateService(definition string) {
	s.Helper()
	change := func(props map[string]any) { props["taskDefinition"] = definition }
	require.NoError(s, s.cloud.Mutate(aws.ECSService, s.service().Name(), change))
}

func (s *shell) reassociate(association, table string) {
	s.Helper()
	for _, o := range s.cloud.Objects() {
		if o.Type == aws.EC2RouteTableAssociation && o.ID == association {
			require.NoError(s, s.cloud.Lose(o.Type, o.Name()))
			id := o.ID + "x"
			s.cloud.Put(o.Type, id, map[string]any{"id": id, "subnetId": o.Props["subnetId"], "routeTableId": table})
			return
		}
	}
	require.Fail(s, "no association "+association)
}

var (
	bySubnet = regexp.MustCompile(`^aws ec2 describe-route-tables --region us-east-1 --filters Name=association.subnet-id,Values=(\S+) --query "RouteTables\[\]`)
	byName   = regexp.MustCompile(`^aws ec2 describe-route-tables --region us-east-1 --filters Name=vpc-id,Values=(\S+) Name=tag:Name,Values=(\S+) --query`)
)

// ask answers what the AWS CLI would.
func (s *shell) ask(command string) string {
	s.Helper()
	subnet, name := bySubnet.FindStringSubmatch(command), byName.FindStringSubmatch(command)
	for _, o := range s.cloud.Objects() {
		tags, _ := o.Props["tags"].(map[string]any)
		switch {
		case subnet != nil && o.Type == aws.EC2RouteTableAssociation && o.Props["subnetId"] == subnet[1],
			name != nil && o.Type == aws.EC2RouteTable && o.Props["vpcId"] == name[1] && tags["Name"] == name[2]:
			return o.ID
		}
	}
	require.Fail(s, "no answer", command)
	return ""
}
