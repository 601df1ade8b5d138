package config

import (
	"regexp"
	"slices"
	"strings"
)

// Tasks say what the backend runs, on how much, and how often.
type Tasks struct {
	// CPU is in CPU units: 1024 are one vCPU. Memory is in MiB.
	CPU, Memory int
	// DesiredCount is the number of tasks; they start once an image has been released.
	DesiredCount int
	// Image, when set, is released by this update: <repository>@sha256:<digest>.
	Image string
	// ImageRepositories are those that an image may come from besides the environment's own, <registry>/<repository>.
	ImageRepositories []string
	// Environment are the variables of the container that everybody may read.
	Environment map[string]string
	// Secrets maps the name of an environment variable of the container to the ARN that holds its value, in
	// Secrets Manager or in SSM Parameter Store.
	Secrets map[string]string
}

// The environment variables that the program sets (A14).
const (
	VariableEnvironment     = "ENVIRONMENT"
	VariableRegion          = "AWS_REGION"
	VariablePort            = "PORT"
	VariableArtifactsBucket = "S3_ARTIFACTS_BUCKET"
	VariableClipsBucket     = "S3_CLIPS_BUCKET"
)

// FixedVariables are those that the program sets.
var FixedVariables = []string{
	VariableEnvironment, VariableRegion, VariablePort, VariableArtifactsBucket, VariableClipsBucket,
}

// fargateSizes are the task sizes that Fargate offers on Linux: for each number of CPU units the memory in
// MiB, from, to and in steps of.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
var fargateSizes = []struct{ cpu, from, to, step int }{
	{256, 512, 1024, 512},
	{256, 2048, 2048, 1024},
	{512, 1024, 4096, 1024},
	{1024, 2048, 8192, 1024},
	{2048, 4096, 16384, 1024},
	{4096, 8192, 30720, 1024},
	{8192, 16384, 61440, 4096},
	{16384, 32768, 122880, 8192},
}

// maxDesiredCount is the quota of tasks per service.
// https://docs.aws.amazon.com/general/latest/gr/ecs-service.html
const maxDesiredCount = 5000

// NoImage is the image of an environment that has none: its release record holds it until the first release, and again
// when that has failed. No tasks are started (F7).
const NoImage = "none"

var (
	variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// secretName and secretValue are what a plain variable must not look like.
	secretName  = regexp.MustCompile(`(?i)(^|_)(password|passwd|pwd|secret|token|api_?key|private_?key|access_?key|credentials?)$`)
	secretValue = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY|\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[opsu]_\w{20}|` +
		`\bsk_live_|\bxox[abps]-|\beyJ[\w-]{8,}\.eyJ|://[^/\s:@]+:[^/\s:@]+@`)
)

func readTasks(s *section) Tasks {
	tasks := Tasks{
		CPU:          s.number("taskCpu"),
		Memory:       s.number("taskMemory"),
		DesiredCount: s.number("desiredCount"),
		Image:        s.text("image"),

		ImageRepositories: s.list("imageRepositories"),
		Environment:       s.pairs("environment"),
		Secrets:           s.pairs("secrets"),
	}
	tasks.refuseSize(s)
	if tasks.DesiredCount < 0 || tasks.DesiredCount > maxDesiredCount {
		s.refuse("desiredCount", "%d is not a number of tasks; allowed: 0 (asleep) to %d", tasks.DesiredCount, maxDesiredCount)
	}
	tasks.refuseVariables(s)
	return tasks
}

// refuseVariables never shows a value: it may be a secret that somebody put here by mistake.
func (t Tasks) refuseVariables(s *section) {
	for _, variables := range []struct {
		key    string
		values map[string]string
	}{{"environment", t.Environment}, {"secrets", t.Secrets}} {
		for _, name := range sortedKeys(variables.values) {
			if !variableForm.MatchString(name) {
				s.refuse(variables.key, "%q is not the name of an environment variable; allowed: letters, digits and underscores", name)
			} else if slices.Contains(FixedVariables, name) {
				s.refuse(variables.key, "%s is set by the program itself; allowed: any name but %s", name, strings.Join(FixedVariables, ", "))
			}
		}
	}
	for _, name := range sortedKeys(t.Environment) {
		if secretName.MatchString(name) || secretValue.MatchString(t.Environment[name]) {
			s.refuse("environment", "%s looks like a secret, and whoever may look at the task definition would read it; "+
				"allowed: its ARN in %ssecrets, or another name", name, s.path)
		}
		if _, both := t.Secrets[name]; both {
			s.refuse("environment", "%s is in %ssecrets, too; allowed: one of them", name, s.path)
		}
	}
}

func (t Tasks) refuseSize(s *section) {
	var cpus, memories []int
	for _, size := range fargateSizes {
		if !slices.Contains(cpus, size.cpu) {
			cpus = append(cpus, size.cpu)
		}
		for memory := size.from; size.cpu == t.CPU && memory <= size.to; memory += size.step {
			memories = append(memories, memory)
		}
	}
	if len(memories) == 0 {
		s.refuse("taskCpu", "%d CPU units is not a size of Fargate; allowed: %s", t.CPU, list(cpus))
	} else if !slices.Contains(memories, t.Memory) {
		s.refuse("taskMemory", "Fargate has no %d MiB with %d CPU units; allowed: %s", t.Memory, t.CPU, list(memories))
	}
}
