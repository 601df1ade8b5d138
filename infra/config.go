package infra

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
	"go.yaml.in/yaml/v3"
)

// Config is one environment, as its stack file describes it. Load is the only way to get one.
type Config struct {
	// Stack is the environment's name, a part of every resource's name.
	Stack string
	// Region is where everything runs; from aws:region.
	Region string
	// AWSAccountID, when set, is the only account that this stack may be deployed into.
	AWSAccountID string
	// VPCCIDR is the VPC's block, a private /16 to /23; the two public subnets are its first two /24.
	VPCCIDR netip.Prefix
	// AvailabilityZones are the two zones of the public subnets, in this order.
	AvailabilityZones []string
	// IngressCIDRs may open connections to the tasks' port.
	IngressCIDRs []netip.Prefix
	// TaskCPU is in CPU units: 1024 are one vCPU.
	TaskCPU int
	// TaskMemory is in MiB.
	TaskMemory int
	// DesiredCount is the number of tasks; they start once an image has been released.
	DesiredCount int
	// LogRetentionDays is how long CloudWatch keeps the backend's log lines, in days.
	LogRetentionDays int
	// Image, when set, is released by this update: <repository>@sha256:<digest>.
	Image string
	// Secrets maps the name of an environment variable of the container to the ARN that holds its value, in
	// Secrets Manager or in SSM Parameter Store.
	Secrets map[string]string
	// PermissionsBoundary, when set, is the name of the IAM policy that caps the rights of the roles.
	PermissionsBoundary string
	// BucketSuffix ends the buckets' names; empty stands for the account id.
	BucketSuffix string
	// PublicFrontend opens the frontend bucket to the world as a website.
	PublicFrontend bool
}

// The keys of this project, without their namespace. A key that is not here is refused by Load.
const (
	keyVPCCIDR           = "vpcCidr"
	keyAvailabilityZones = "availabilityZones"
	keyIngressCIDRs      = "ingressCidrs"
	keyTaskCPU           = "taskCpu"
	keyTaskMemory        = "taskMemory"
	keyDesiredCount      = "desiredCount"
	keyLogRetentionDays  = "logRetentionDays"
	keyPublicFrontend    = "publicFrontend"
	keyImage             = "image"
	keySecrets           = "secrets"
	keyBoundary          = "permissionsBoundary"
	keyBucketSuffix      = "bucketSuffix"
	keyAWSAccountID      = "awsAccountId"
)

// Keys lists all keys of this project, without their namespace.
func Keys() []string { return slices.Clone(knownKeys) }

var knownKeys = []string{
	keyVPCCIDR, keyAvailabilityZones, keyIngressCIDRs, keyTaskCPU, keyTaskMemory, keyDesiredCount,
	keyLogRetentionDays, keyPublicFrontend, keyImage, keySecrets, keyBoundary, keyBucketSuffix, keyAWSAccountID,
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

// logRetentionDays are the periods that CloudWatch Logs accepts, without "never expire".
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var logRetentionDays = []int{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

const (
	// maxDesiredCount is the quota of tasks per service.
	// https://docs.aws.amazon.com/general/latest/gr/ecs-service.html
	maxDesiredCount = 5000
	// maxStackName keeps the longest name made of it, the execution role's, under IAM's 64 characters.
	maxStackName = 25
	// subnetBits is the size of a public subnet: a /24 holds 251 tasks.
	subnetBits = 24
)

var (
	stackNameForm  = regexp.MustCompile(`^[a-z](-?[a-z0-9])*$`)
	regionForm     = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[1-9]$`)
	accountForm    = regexp.MustCompile(`^[0-9]{12}$`)
	suffixForm     = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)
	policyNameForm = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	variableForm   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	imageForm      = regexp.MustCompile(`^([a-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*@sha256:[0-9a-f]{64}$`)
	secretForm     = regexp.MustCompile(`^arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret|ssm:[a-z0-9-]+:[0-9]{12}:parameter)[:/][^*?]+$`)
	privateNetwork = []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"),
	}
)

// Problem is one configuration value that cannot be deployed.
type Problem struct {
	// Key is the full key, such as sentry:taskCpu.
	Key string
	// Text says what was found, what is allowed and what to do.
	Text string
}

func (p *Problem) Error() string { return p.Key + ": " + p.Text }

// problems collects what Load and Validate find.
type problems struct {
	namespace string
	found     []*Problem
	unread    []string // keys whose value could not be read: what follows from it is noise
}

func (p *problems) add(key, format string, args ...any) {
	if key = p.full(key); !slices.Contains(p.unread, key) {
		p.found = append(p.found, &Problem{Key: key, Text: fmt.Sprintf(format, args...)})
	}
}

func (p *problems) unreadable(key, format string, args ...any) {
	p.add(key, format, args...)
	p.unread = append(p.unread, p.full(key))
}

func (p *problems) full(key string) string {
	if slices.Contains(knownKeys, key) {
		return p.namespace + ":" + key
	}
	return key
}

func (p *problems) join() error {
	errs := make([]error, len(p.found))
	for i, problem := range p.found {
		errs[i] = problem
	}
	return errors.Join(errs...)
}

// Load reads the stack's configuration and validates it. Its error names every problem at once, each a
// *Problem, and comes before anything is registered. dir is the project's directory: there the stack files
// are looked at for keys that nothing reads and for networks that overlap.
func Load(ctx *pulumi.Context, dir string) (Config, error) {
	p := &problems{namespace: ctx.Project()}
	r := reader{ctx: ctx, problems: p}
	cfg := Config{
		Stack:               ctx.Stack(),
		Region:              r.text("aws:region", "us-east-1"),
		AWSAccountID:        r.optional(keyAWSAccountID),
		VPCCIDR:             r.network(keyVPCCIDR, "10.0.0.0/16"),
		AvailabilityZones:   r.texts(keyAvailabilityZones, `["us-east-1a", "us-east-1b"]`),
		IngressCIDRs:        r.networks(keyIngressCIDRs, `["0.0.0.0/0"]`),
		TaskCPU:             r.number(keyTaskCPU, "256"),
		TaskMemory:          r.number(keyTaskMemory, "512"),
		DesiredCount:        r.number(keyDesiredCount, "1"),
		LogRetentionDays:    r.number(keyLogRetentionDays, "7"),
		PublicFrontend:      r.boolean(keyPublicFrontend, "true"),
		Image:               r.optional(keyImage),
		Secrets:             r.pairs(keySecrets),
		PermissionsBoundary: r.optional(keyBoundary),
		BucketSuffix:        r.optional(keyBucketSuffix),
	}
	cfg.validate(p)
	keys := checkNetworks(p, dir, cfg)
	checkKeys(ctx, p, append(keys, hostKeys()...))
	if err := p.join(); err != nil {
		return Config{}, fmt.Errorf("the configuration of stack %q cannot be deployed, nothing was changed:\n%w", cfg.Stack, err)
	}
	return cfg, nil
}

// Validate says what AWS would refuse, or accept and regret, each problem with its key.
func (c Config) Validate() error {
	p := &problems{namespace: product}
	c.validate(p)
	return p.join()
}

func (c Config) validate(p *problems) {
	if !stackNameForm.MatchString(c.Stack) || len(c.Stack) > maxStackName {
		p.add("stack name", "%q cannot be a part of the resources' names; allowed: up to %d lower-case letters, digits and single hyphens, beginning with a letter",
			c.Stack, maxStackName)
	}
	if !regionForm.MatchString(c.Region) {
		p.add("aws:region", "%q is not a region; allowed: a region's code, such as us-east-1", c.Region)
	}
	if c.AWSAccountID != "" && !accountForm.MatchString(c.AWSAccountID) {
		p.add(keyAWSAccountID, "%q is not an account id; allowed: 12 digits, in quotes so that YAML keeps leading zeros", c.AWSAccountID)
	}
	c.validateNetwork(p)
	c.validateTasks(p)
	if !slices.Contains(logRetentionDays, c.LogRetentionDays) {
		p.add(keyLogRetentionDays, "%d days is not a retention period of CloudWatch Logs; allowed: %s", c.LogRetentionDays, list(logRetentionDays))
	}
	if c.BucketSuffix != "" {
		name := bucketName(c.Stack, "artifacts", c.BucketSuffix)
		if !suffixForm.MatchString(c.BucketSuffix) {
			p.add(keyBucketSuffix, "%q cannot end a bucket's name; allowed: lower-case letters, digits and single hyphens between them", c.BucketSuffix)
		} else if len(name) > maxBucketName {
			p.add(keyBucketSuffix, "%q makes the bucket name %s, %d characters long; allowed: %d", c.BucketSuffix, name, len(name), maxBucketName)
		}
	}
}

func (c Config) validateNetwork(p *problems) {
	private := func(network netip.Prefix) bool {
		return network.Bits() <= c.VPCCIDR.Bits() && network.Contains(c.VPCCIDR.Addr())
	}
	switch block := c.VPCCIDR; {
	case !block.IsValid():
		p.add(keyVPCCIDR, "not set; allowed: a private block of /16 to /23, such as 10.0.0.0/16")
	case block != block.Masked():
		p.add(keyVPCCIDR, "%s is an address inside of %s; allowed: the block's first address", block, block.Masked())
	case block.Bits() < 16 || block.Bits() > subnetBits-1:
		p.add(keyVPCCIDR, "%s does not fit; allowed: /16 (the largest that AWS takes) to /23 (the smallest that holds two /24 subnets)", block)
	case !slices.ContainsFunc(privateNetwork, private):
		p.add(keyVPCCIDR, "%s is not private: hosts of the internet with these addresses could not be reached; allowed: a block in %s", block, list(privateNetwork))
	}

	zones := c.AvailabilityZones
	switch {
	case len(zones) != 2:
		p.add(keyAvailabilityZones, "%d zones; allowed: the two zones of the public subnets", len(zones))
	case zones[0] == zones[1]:
		p.add(keyAvailabilityZones, "%s twice; allowed: two zones, so that the loss of one leaves the other", zones[0])
	default:
		for _, zone := range zones {
			if c.Region == "" {
				break // said already
			}
			if letter, ok := strings.CutPrefix(zone, c.Region); !ok || len(letter) != 1 || letter[0] < 'a' || letter[0] > 'z' {
				p.add(keyAvailabilityZones, "%q is not a zone of %s; allowed: the region's code and a letter, such as %sa", zone, c.Region, c.Region)
			}
		}
	}

	if len(c.IngressCIDRs) == 0 {
		p.add(keyIngressCIDRs, `empty: nobody could reach the backend; allowed: IPv4 blocks, ["0.0.0.0/0"] for the whole internet`)
	}
	for i, network := range c.IngressCIDRs {
		if network != network.Masked() {
			p.add(keyIngressCIDRs, "%s is an address inside of %s; allowed: the block's first address", network, network.Masked())
		}
		if slices.Contains(c.IngressCIDRs[:i], network) {
			p.add(keyIngressCIDRs, "%s twice; allowed: each block once", network)
		}
	}
}

func (c Config) validateTasks(p *problems) {
	var cpus, memories []int
	for _, size := range fargateSizes {
		if !slices.Contains(cpus, size.cpu) {
			cpus = append(cpus, size.cpu)
		}
		for memory := size.from; size.cpu == c.TaskCPU && memory <= size.to; memory += size.step {
			memories = append(memories, memory)
		}
	}
	if len(memories) == 0 {
		p.add(keyTaskCPU, "%d CPU units is not a size of Fargate; allowed: %s", c.TaskCPU, list(cpus))
	} else if !slices.Contains(memories, c.TaskMemory) {
		p.add(keyTaskMemory, "Fargate has no %d MiB with %d CPU units; allowed: %s", c.TaskMemory, c.TaskCPU, list(memories))
	}
	if c.DesiredCount < 0 || c.DesiredCount > maxDesiredCount {
		p.add(keyDesiredCount, "%d is not a number of tasks; allowed: 0 (asleep) to %d", c.DesiredCount, maxDesiredCount)
	}
	if c.Image != "" && !imageForm.MatchString(c.Image) {
		p.add(keyImage, "%q does not name one image for good; allowed: <repository>@sha256:<64 hexadecimal digits>, without a tag", c.Image)
	}
	if c.PermissionsBoundary != "" && !policyNameForm.MatchString(c.PermissionsBoundary) {
		p.add(keyBoundary, "%q is not the name of an IAM policy; allowed: up to 128 letters, digits and +=,.@_-, not an ARN", c.PermissionsBoundary)
	}
	for _, name := range sortedKeys(c.Secrets) {
		switch arn := c.Secrets[name]; {
		case !variableForm.MatchString(name):
			p.add(keySecrets, "%q is not the name of an environment variable; allowed: letters, digits and underscores", name)
		case slices.Contains(fixedVariables, name):
			p.add(keySecrets, "%s is set by the program itself; allowed: any name but %s", name, strings.Join(fixedVariables, ", "))
		case !secretForm.MatchString(arn):
			// Not the value: whoever sets the secret itself by mistake must not find it in the logs too.
			p.add(keySecrets, "%s: the value is not an ARN; allowed: the ARN of a Secrets Manager secret or of an SSM parameter", name)
		}
	}
}

// reader reads keys by their type. The SDK's typed readers either panic, or take what does not parse for
// zero, or do not say what they found; so these start from the text.
type reader struct {
	ctx      *pulumi.Context
	problems *problems
}

// optional takes an empty value, the default in Pulumi.yaml, for an absent one.
func (r reader) optional(key string) string {
	namespace, name, ok := strings.Cut(key, ":")
	if !ok {
		namespace, name = r.problems.namespace, key
	}
	value, err := config.New(r.ctx, namespace).Try(name)
	if err != nil {
		return ""
	}
	return value
}

// required reports a key that is not set; its readers have nothing to add then.
func (r reader) required(key, example string) (value string, ok bool) {
	value = r.optional(key)
	if value == "" {
		r.problems.unreadable(key, "not set; set it in Pulumi.%s.yaml, for example to %s", r.ctx.Stack(), example)
	}
	return value, value != ""
}

func (r reader) text(key, example string) string {
	value, _ := r.required(key, example)
	return value
}

func (r reader) number(key, example string) int {
	value, ok := r.required(key, example)
	number, err := strconv.Atoi(value)
	if ok && err != nil {
		r.problems.unreadable(key, "%q is not a whole number; set for example %s", value, example)
	}
	return number
}

func (r reader) boolean(key, example string) bool {
	value, ok := r.required(key, example)
	if ok && value != "true" && value != "false" {
		r.problems.unreadable(key, "%q is not a boolean; allowed: true, false", value)
	}
	return value == "true"
}

func (r reader) network(key, example string) netip.Prefix {
	value, ok := r.required(key, example)
	if !ok {
		return netip.Prefix{}
	}
	return r.parseNetwork(key, value, example)
}

func (r reader) parseNetwork(key, value, example string) netip.Prefix {
	network, err := netip.ParsePrefix(value)
	if err != nil || !network.Addr().Is4() {
		r.problems.unreadable(key, "%q is not an IPv4 block; set for example %s", value, example)
		return netip.Prefix{}
	}
	return network
}

func (r reader) texts(key, example string) []string {
	value, ok := r.required(key, example)
	var values []string
	if ok && json.Unmarshal([]byte(value), &values) != nil {
		r.problems.unreadable(key, "%s is not a list of texts; set for example %s", value, example)
		return nil
	}
	return values
}

func (r reader) networks(key, example string) []netip.Prefix {
	var networks []netip.Prefix
	for _, value := range r.texts(key, example) {
		networks = append(networks, r.parseNetwork(key, value, example))
	}
	return networks
}

func (r reader) pairs(key string) map[string]string {
	var pairs map[string]string
	if value := r.optional(key); value != "" && json.Unmarshal([]byte(value), &pairs) != nil {
		r.problems.unreadable(key, "not a map of texts; set <variable>: <ARN> pairs")
		return nil
	}
	return pairs
}

// checkNetworks refuses a network that overlaps another stack's: the two could never be connected. It
// returns the keys of the stack's own file.
func checkNetworks(p *problems, dir string, cfg Config) (keys []string) {
	files, _ := filepath.Glob(filepath.Join(dir, "Pulumi.*.yaml")) // the pattern is well-formed
	for _, file := range files {
		values, err := readStackFile(file)
		base := filepath.Base(file)
		if err != nil {
			p.add(base, "%v", err)
			continue
		}
		if base == "Pulumi."+cfg.Stack+".yaml" {
			keys = sortedKeys(values)
			continue
		}
		other, err := netip.ParsePrefix(values[p.namespace+":"+keyVPCCIDR].Value)
		if err == nil && cfg.VPCCIDR.IsValid() && cfg.VPCCIDR.Overlaps(other) {
			p.add(keyVPCCIDR, "%s overlaps %s of %s; allowed: a block of its own for each stack", cfg.VPCCIDR, other, base)
		}
	}
	return keys
}

// checkKeys refuses a key of this project that nothing reads: a typo must not silently do nothing.
func checkKeys(ctx *pulumi.Context, p *problems, keys []string) {
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		name, ours := strings.CutPrefix(key, p.namespace+":")
		known := slices.IndexFunc(knownKeys, func(known string) bool { return strings.EqualFold(known, name) })
		switch {
		case strings.HasPrefix(key, "aws:") && key != "aws:region":
			// Not ours to refuse, but who sets it expects something of it.
			_ = ctx.Log.Warn(key+": nothing reads this key; credentials and endpoints come from the environment, such as AWS_PROFILE", nil)
		case !ours || known >= 0 && knownKeys[known] == name:
		case known >= 0:
			p.add(key, "nothing reads this key; did you mean %s:%s?", p.namespace, knownKeys[known])
		default:
			p.add(key, "nothing reads this key; allowed: %s", strings.Join(knownKeys, ", "))
		}
	}
}

func readStackFile(file string) (map[string]yaml.Node, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the stack file: %w", err)
	}
	var content struct {
		Config map[string]yaml.Node `yaml:"config"`
	}
	if err := yaml.Unmarshal(text, &content); err != nil {
		return nil, fmt.Errorf("parse the stack file: %w", err)
	}
	return content.Config, nil
}

// hostKeys lists all keys of the running update, also those of a stack file that lies elsewhere
// (--config-file). The SDK hands out single keys only; the language host passes them all in this variable.
func hostKeys() []string {
	var values map[string]string
	if json.Unmarshal([]byte(os.Getenv(pulumi.EnvConfig)), &values) != nil {
		return nil
	}
	return sortedKeys(values)
}

// list prints values for a message: "1, 2, 3".
func list[T any](values []T) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(values), "[]"), " ", ", ")
}

func sortedKeys[V any](values map[string]V) []string {
	return slices.Sorted(maps.Keys(values))
}
