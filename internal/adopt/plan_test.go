package adopt_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/infra"
	"sentry/internal/adopt"
	"sentry/internal/fixture"
	"sentry/internal/golden"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

func open(t *testing.T) project.Project {
	t.Helper()
	p, err := project.Open(fixture.Project(t))
	require.NoError(t, err)
	return p
}

// plan is what an adoption of a state as staging does, with AWS as the state has it.
func plan(t *testing.T, p project.Project, state adopt.State) (*adopt.Plan, error) {
	t.Helper()
	cloud := sandbox.NewCloud()
	state.Fill(cloud)
	return adopt.Make(t.Context(), adopt.Options{
		Project: p, Environment: "staging", Program: infra.DeployIn, State: state, Rules: adopt.RulesIn(cloud),
	})
}

func TestTables(t *testing.T) {
	for _, name := range []string{"staging", "later"} {
		state := read(t, stateFile(t, name))
		made, err := plan(t, open(t), state)
		require.NoError(t, err)
		require.Empty(t, made.Problems)
		var text bytes.Buffer
		require.NoError(t, made.Print(&text))
		// What the update creates is the program's, not Terraform's: TestTheWay holds it.
		fates := strings.Replace(text.String(), strings.Join(made.New, "\n  "), "…", 1)
		golden.Equal(t, "testdata/"+name+".txt", fates, "resources of Terraform's get another fate")
	}
}

// A resource that is left out has no owner from then on.
func TestTheMappingIsTotal(t *testing.T) {
	for _, name := range []string{"staging", "later"} {
		state := read(t, stateFile(t, name))
		made, err := plan(t, open(t), state)
		require.NoError(t, err)
		var addresses, said []string
		for _, r := range state.Resources {
			addresses = append(addresses, r.Address)
		}
		for _, row := range made.Rows {
			if !row.Part {
				said = append(said, row.Address)
			}
			if row.Verdict == adopt.Imported {
				assert.NotEmpty(t, row.ID, "%s cannot be imported", row.Address)
			} else {
				assert.NotEmpty(t, row.Why, "%s has no reason", row.Address)
			}
		}
		assert.Equal(t, addresses, said)
	}
}

func TestUnknownTypes(t *testing.T) {
	state := read(t, strings.Replace(stateFile(t, "staging"), `"aws_ecr_lifecycle_policy"`, `"aws_quantum_computer"`, 1))
	_, err := plan(t, open(t), state)
	require.EqualError(t, err, "aws_quantum_computer.backend: nothing is known here of the type aws_quantum_computer: "+
		"add what becomes of it to internal/adopt/kinds.go")
}

func TestWhatCannotBeTakenOver(t *testing.T) {
	for name, test := range map[string]struct {
		before, after string
		want          string
	}{
		"a cluster of another name": {
			`"name": "sentry-staging-cluster"`, `"name": "sentry-cluster"`,
			"the program has a Cluster sentry-staging-cluster (name sentry-staging-cluster), which is not among the state's (aws_ecs_cluster.main): it would be made beside them",
		},
		"a role with a path": {
			`"path": "/"`, `"path": "/service/"`,
			"aws_iam_role.backend_task_role: its path is /service/, and the program's not set: it would be replaced",
		},
		"a service on EC2": {
			`"launch_type": "FARGATE"`, `"launch_type": "EC2"`,
			"aws_ecs_service.backend: its launchType is EC2, and the program's FARGATE: it would be replaced",
		},
		"tasks in the default group": {
			`"security_groups": [`, `"security_groups": ["sg-7f380bb83e013cf1d",`,
			"aws_ecs_service.backend: it is in the network's default security group, which loses its rules: give it a group of its own first",
		},
		"a state without its network": {
			`"type": "aws_internet_gateway"`, `"type": "aws_eip"`,
			"the state has nothing that is the InternetGateway sentry-staging-vpc: is it whole?",
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := stateFile(t, "staging")
			require.Contains(t, text, test.before)
			made, err := plan(t, open(t), read(t, strings.ReplaceAll(text, test.before, test.after)))
			require.NoError(t, err)
			assert.Contains(t, made.Problems, test.want)
		})
	}
}

func TestAnotherAccount(t *testing.T) {
	p := open(t)
	require.NoError(t, p.SetConfig("staging", map[string]any{"sentry:awsAccountId": "210987654321"}))
	_, err := plan(t, p, read(t, stateFile(t, "staging")))
	require.EqualError(t, err, "the state is of account 123456789012, and sentry:awsAccountId of Pulumi.staging.yaml says 210987654321: "+
		"one of them is another environment's")
}

// Whatever account a state is of: it is compared with a program that was recorded in the sandbox's.
func TestARealAccount(t *testing.T) {
	p := open(t)
	require.NoError(t, p.SetConfig("staging", map[string]any{"sentry:awsAccountId": "210987654321"}))
	made, err := plan(t, p, read(t, strings.ReplaceAll(stateFile(t, "later"), "123456789012", "210987654321")))
	require.NoError(t, err)
	require.Empty(t, made.Problems)
	text, err := json.Marshal([]any{made.ImportFile(), made.Values()})
	require.NoError(t, err)
	assert.NotContains(t, string(text), "123456789012", "the sandbox's account gets into the stack file or the state")
	assert.Contains(t, string(text), `"allowedAccountIds":["210987654321"]`, "the provider that is imported is not the program's")
}

func TestTheWrongEnvironment(t *testing.T) {
	made, err := plan(t, open(t), read(t, production(t)))
	if err == nil {
		require.NotEmpty(t, made.Problems, "production becomes a part of staging's stack")
	}
}

func TestSecretsInTheContainer(t *testing.T) {
	text := strings.ReplaceAll(stateFile(t, "staging"), `{\"name\":\"PORT\"`, `{\"name\":\"DB_PASSWORD\",\"value\":\"hunter2\"},{\"name\":\"PORT\"`)
	_, err := plan(t, open(t), read(t, text))
	require.ErrorContains(t, err, "sentry:environment: DB_PASSWORD looks like a secret")
	assert.NotContains(t, err.Error(), "hunter2", "a secret is printed")

	p := open(t)
	const arn = "arn:aws:ssm:us-east-1:123456789012:parameter/sentry/staging/db"
	require.NoError(t, p.SetConfig("staging", map[string]any{"sentry:secrets": map[string]any{"DB_PASSWORD": arn}}))
	made, err := plan(t, p, read(t, text))
	require.NoError(t, err, "what was put into Secrets Manager beforehand is in the way all the same")
	assert.NotContains(t, made.Values(), "sentry:environment", "the secret is written into the stack file")
}

func TestVariablesOfTheContainer(t *testing.T) {
	text := strings.ReplaceAll(stateFile(t, "staging"), `{\"name\":\"PORT\"`, `{\"name\":\"FEATURES\",\"value\":\"maps\"},{\"name\":\"PORT\"`)
	made, err := plan(t, open(t), read(t, text))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"FEATURES": "maps"}, made.Values()["sentry:environment"], "the next revision lacks a variable")
	var table bytes.Buffer
	require.NoError(t, made.Print(&table))
	assert.NotContains(t, table.String(), "maps", "the values of variables are shown")
}

// Who may reach the tasks is taken over of rules for the backend's port alone.
func TestWhoReachesTheTasks(t *testing.T) {
	text := stateFile(t, "staging")
	for from, to := range map[string]string{
		`"to_port": 8080`: `"to_port": 8081`, `"from_port": 8080`: `"from_port": 80`, `"protocol": "tcp"`: `"protocol": "udp"`,
	} {
		require.True(t, strings.Contains(text, from), from) //nolint:testifylint // the state is long
		_, err := plan(t, open(t), read(t, strings.ReplaceAll(text, from, to)))
		require.ErrorContains(t, err, "sentry:ingressCidrs: empty", "a rule with %s is taken for the backend's", to)
	}
}

func TestRulesWithoutAWS(t *testing.T) {
	state := read(t, stateFile(t, "staging"))
	made, err := adopt.Make(t.Context(), adopt.Options{Project: open(t), Environment: "staging", Program: infra.DeployIn, State: state})
	require.NoError(t, err)
	var commands []string
	for _, step := range made.Steps("x.json") {
		for _, command := range step.Commands {
			if strings.Contains(command, "describe-security-group-rules") {
				commands = append(commands, command)
			}
		}
	}
	require.Len(t, commands, 2, "AWS refuses to make a rule that is there: the first update fails")
	assert.Contains(t, commands[0], "IsEgress==\\`false\\` && IpProtocol=='tcp' && CidrIpv4=='0.0.0.0/0' && FromPort==\\`8080\\` && ToPort==\\`8080\\`")

	// A shell hands over what is meant.
	shell := exec.CommandContext(t.Context(), "sh", "-c", "pulumi() { printf '%s\\n' \"$@\"; }; aws() { printf '%s' \"$8\"; }\n"+commands[0])
	out, err := shell.CombinedOutput()
	require.NoError(t, err)
	assert.Contains(t, string(out), "SecurityGroupRules[?IsEgress==`false` && IpProtocol=='tcp'", "the shell runs a part of the expression")
}

func TestRolesThatBootstrapMakes(t *testing.T) {
	p := open(t)
	require.NoError(t, p.SetConfig("staging", map[string]any{"sentry:bootstrapped": "true"}))
	made, err := plan(t, p, read(t, stateFile(t, "staging")))
	require.NoError(t, err)
	require.Empty(t, made.Problems)
	for _, row := range made.Rows {
		if strings.HasPrefix(row.Address, "aws_iam_role.") {
			assert.Equal(t, adopt.Superseded, row.Verdict, "the stack takes a role over that it may only use")
		}
	}
}

func TestPublicACLs(t *testing.T) {
	text := strings.Replace(stateFile(t, "staging"), `"resources": [`, `"resources": [{"mode":"managed","type":"aws_s3_bucket_acl","name":"frontend",
		"instances":[{"attributes":{"id":"a","acl":"public-read","bucket":"sentry-staging-frontend"}}]},`, 1)
	made, err := plan(t, open(t), read(t, text))
	require.NoError(t, err)
	assert.Contains(t, made.Problems, "aws_s3_bucket_acl.frontend: S3 refuses to end ACLs while a bucket has public-read: set it to private first")
}
