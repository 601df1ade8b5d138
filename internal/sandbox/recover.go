package sandbox

import (
	"context"
	"fmt"
	"io"

	"sentry/internal/aws"
	"sentry/internal/recovery"
)

// Recover puts the stack in order after an update that was cut short, as `delivery recover` does on AWS: the lock
// is broken, as the process that took it is gone, and what AWS has is brought together with the state.
func (s *Stack) Recover(ctx context.Context) (recovery.Report, error) {
	if err := s.copyProject(); err != nil {
		return recovery.Report{}, err
	}
	if err := s.stack.Cancel(ctx); err != nil {
		return recovery.Report{}, fmt.Errorf("break the lock of %s: %w", s.name, engineError(err))
	}
	return recovery.Recover(ctx, recoverable{recovery.CLI{Run: s.run, Stack: s.name}, s}, s.sandbox.Cloud.Account(string(s.sandbox.project.Name), s.name))
}

// run runs the CLI on the stack. Some verbs ask the program's language for something, and be it whether it is there.
func (s *Stack) run(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	var env []string
	for name, value := range s.stack.Workspace().GetEnvVars() {
		env = append(env, name+"="+value)
	}
	env = append(env, fmt.Sprintf("PULUMI_DEBUG_LANGUAGES=go:%d", s.sandbox.provider.port))
	_, _, _, err := s.sandbox.cli.Run(ctx, s.dir, nil, []io.Writer{stdout}, []io.Writer{stderr}, env, args...)
	return err
}

// recoverable is the stack as the CLI works on it, but for the program, which is in this process.
type recoverable struct {
	recovery.CLI
	stack *Stack
}

func (r recoverable) Plan(ctx context.Context) ([]recovery.Step, error) {
	seen, err := r.stack.Preview(ctx)
	var steps []recovery.Step
	for _, e := range seen.EngineEvents {
		steps = append(steps, recovery.StepsOf(e)...)
	}
	return steps, err
}

// Account is the cloud as recovery asks it about a project's environment.
func (c *Cloud) Account(project, environment string) recovery.Cloud {
	return account{c, environment, project}
}

// account is the sandbox's AWS account, as it answers about the tags of an environment.
type account struct {
	cloud                *Cloud
	environment, project string
}

func (a account) Place(context.Context) (id, region string, err error) {
	return AccountID, DefaultRegion, nil
}

// Tagged leaves out what AWS's tagging API leaves out, roles.
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
func (a account) Tagged(context.Context) ([]recovery.Tagged, error) {
	var found []recovery.Tagged
	for _, o := range a.cloud.Objects() {
		tags := o.Props.tags("tagsAll")
		name, _ := tags["Name"].(string)
		untagged := o.Type == aws.CloudFrontOriginAccessControl
		if untagged {
			name = o.Name()
		} else if tags["Project"] != a.project || tags["Environment"] != a.environment || o.Type == aws.IAMRole {
			continue
		}
		arn := o.Props.str("arn")
		if arn == "" {
			arn = o.ID // a service's id is its ARN
		}
		found = append(found, recovery.Tagged{ARN: arn, Name: name, Anybodys: untagged})
	}
	return found, nil
}
