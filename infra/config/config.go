// Package config reads and checks the configuration of one environment. Nothing else of the program looks at a
// stack's keys, and what has passed here can be deployed: the components do not check it again.
package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/internal/project"
)

// Product begins the name of everything.
const Product = "sentry"

// Config is one environment, as its stack file describes it. Load is the only way to get one.
type Config struct {
	// Stack is the environment's name, a part of every resource's name.
	Stack string
	// Region is where everything runs; from aws:region.
	Region string
	// AWSAccountID, when set, is the only account that this stack may be deployed into.
	AWSAccountID string
	// Bootstrapped is whether the tasks' roles are there already, made with the account; their rights are the stack's.
	Bootstrapped bool
	// PermissionsBoundary, when set, is the name of the IAM policy that caps the rights of the roles.
	PermissionsBoundary string

	// Protect is whether what holds data is protected from deletion; such an environment is guarded by the pipeline, too.
	Protect bool
	// KMSKeyARN, when set, is the key that encrypts artifacts, clips, log lines and the images of a new repository.
	KMSKeyARN string
	// Exec allows a shell in a running task.
	Exec bool

	Network   Network
	Tasks     Tasks
	Container Container
	Scaling   Scaling
	Buckets   Buckets
	// HTTPS is nil where site and API are plain HTTP.
	HTTPS      *HTTPS
	Monitoring Monitoring
	// Adopted is empty where this program has made the environment.
	Adopted Adopted
}

// Name begins the environment's names.
func (c Config) Name() string { return Product + "-" + c.Stack }

// MetricsNamespace is where the backend of a stack puts its metrics.
func MetricsNamespace(stack string) string { return Product + "/" + stack }

// maxStackName keeps a load balancer's name, sentry-<stack>, within its 32 characters.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
const maxStackName = 25

var (
	stackNameForm  = regexp.MustCompile(`^[a-z](-?[a-z0-9])*$`)
	regionForm     = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[1-9]$`)
	accountForm    = regexp.MustCompile(`^[0-9]{12}$`)
	keyForm        = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$`)
	policyNameForm = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
)

// Load reads the stack's configuration. Its error names every problem at once, each a *Problem, and comes before
// anything is registered. dir is the project's folder, whose stack files are looked at for keys that nothing reads
// and for networks that overlap; empty stands for the working directory.
func Load(ctx *pulumi.Context, dir string) (Config, error) {
	p := &problems{}
	s := &section{problems: p, path: ctx.Project() + ":", lookup: func(name string) any {
		value, _ := ctx.GetConfig(ctx.Project() + ":" + name)
		return value
	}}
	region, _ := ctx.GetConfig("aws:region")
	cfg := read(s, ctx.Stack(), region)

	set := hostKeys()
	// An update whose program runs elsewhere has no project here, and so no other environments to compare with.
	if found, err := project.Open(dir); err == nil {
		if text := passphraseWarning(found, cmp.Or(os.Getenv("PULUMI_BACKEND_URL"), found.Backend), cfg.Stack); text != "" {
			_ = ctx.Log.Warn(text, nil)
		}
		for _, environment := range found.Environments() {
			values, err := found.Values(environment)
			switch {
			case err != nil:
				p.refuse("Pulumi."+environment+".yaml", "%v", err)
			case environment == cfg.Stack:
				set = append(set, sortedKeys(values)...)
			default:
				cfg.Network.refuseOverlap(s, environment, values[s.path+"vpcCidr"])
			}
		}
	}
	for _, key := range set {
		if name, isOwn := strings.CutPrefix(key, s.path); isOwn {
			s.set = append(s.set, name)
		} else if strings.HasPrefix(key, "aws:") && key != "aws:region" {
			// Another namespace, so not refused; but whoever sets it expects something of it.
			_ = ctx.Log.Warn(key+": nothing reads this key; credentials and endpoints come from the environment, such as AWS_PROFILE", nil)
		}
	}
	s.refuseRest()
	refuseEncrypted(ctx, s)
	if err := p.join(); err != nil {
		return Config{}, fmt.Errorf("the configuration of stack %q cannot be deployed, nothing was changed:\n%w", cfg.Stack, err)
	}
	return cfg, nil
}

// read is the configuration that a section's keys describe; the section's problems say what is wrong with it.
func read(s *section, stack, region string) Config {
	file := "Pulumi." + stack + ".yaml"
	if region == "" {
		s.problems.unreadable("aws:region", "not set; set it in %s, for example to us-east-1", file)
	} else if !regionForm.MatchString(region) {
		s.problems.refuse("aws:region", "%q is not a region; allowed: a region's code, such as us-east-1", region)
	}
	// What shapes the network, opens something or has a price has no default.
	s.require(file,
		[2]string{"vpcCidr", "10.0.0.0/16"},
		[2]string{"availabilityZones", `["us-east-1a", "us-east-1b"]`},
		[2]string{"ingressCidrs", `["0.0.0.0/0"]`},
		[2]string{"publicFrontend", "true"},
		[2]string{"taskCpu", "256"},
		[2]string{"taskMemory", "512"},
		[2]string{"desiredCount", "1"},
		[2]string{"logRetentionDays", "7"},
	)
	if !stackNameForm.MatchString(stack) || len(stack) > maxStackName {
		s.problems.refuse("stack name", "%q cannot be a part of the resources' names; "+
			"allowed: up to %d lower-case letters, digits and single hyphens, beginning with a letter", stack, maxStackName)
	}
	cfg := Config{Stack: stack, Region: region}
	cfg.Adopted = readAdopted(s)
	cfg.Network = readNetwork(s, region, cfg.Adopted)
	cfg.Tasks = readTasks(s)
	cfg.Monitoring = readMonitoring(s)
	cfg.Container = readContainer(s)
	cfg.HTTPS = readHTTPS(s, cfg.Network)
	cfg.Adopted.refuseSubnets(s, cfg.Network, cfg.HTTPS)
	cfg.Scaling = readScaling(s, cfg.Tasks, cfg.HTTPS)
	cfg.Buckets = readBuckets(s, cfg.Name())
	cfg.Protect = s.boolean("protect")
	cfg.Exec = s.boolean("exec")
	cfg.KMSKeyARN = readKey(s, region)
	cfg.Bootstrapped = s.boolean("bootstrapped")
	cfg.PermissionsBoundary = readBoundary(s)
	if cfg.Bootstrapped && cfg.PermissionsBoundary != "" {
		s.refuse("permissionsBoundary", "%q, but with %sbootstrapped the roles are bootstrap's, within the boundary that it gives them; "+
			"remove the key", cfg.PermissionsBoundary, s.path)
	}
	cfg.AWSAccountID = readAccountID(s)
	cfg.refuseReferences(s)
	return cfg
}

func readAccountID(s *section) string {
	account := s.text("awsAccountId")
	if account != "" && !accountForm.MatchString(account) {
		s.refuse("awsAccountId", "%q is not an account id; allowed: 12 digits, in quotes so that YAML keeps leading zeros", account)
	}
	return account
}

func readBoundary(s *section) string {
	name := s.text("permissionsBoundary")
	if name != "" && !policyNameForm.MatchString(name) {
		s.refuse("permissionsBoundary", "%q is not the name of an IAM policy; allowed: up to 128 letters, digits and +=,.@_-, not an ARN", name)
	}
	return name
}

func readKey(s *section, region string) string {
	arn := s.text("kmsKeyArn")
	if arn != "" && !keyForm.MatchString(arn) {
		s.refuse("kmsKeyArn", "%q is not the ARN of a key; allowed: arn:aws:kms:<region>:<account>:key/<id>", arn)
	} else if arn != "" && strings.Split(arn, ":")[3] != region {
		s.refuse("kmsKeyArn", "the key is in %s; allowed: one in %s, where the data is", strings.Split(arn, ":")[3], region)
	}
	return arn
}

// refuseEncrypted reports keys whose values are encrypted: the program would hand them on in clear text.
func refuseEncrypted(ctx *pulumi.Context, s *section) {
	for _, name := range s.names {
		if ctx.IsConfigSecret(s.path + name) {
			s.refuse(name, "encrypted, but no key of this program is a secret; set it without --secret, and put what is secret into "+
				"Secrets Manager (%ssecrets names it)", s.path)
		}
	}
}

// hostKeys are all keys of the running update, also those of a stack file that lies elsewhere (--config-file). The
// SDK hands out single keys only; the language host passes them all in this variable.
func hostKeys() []string {
	var values map[string]string
	if json.Unmarshal([]byte(os.Getenv(pulumi.EnvConfig)), &values) != nil {
		return nil
	}
	return sortedKeys(values)
}
