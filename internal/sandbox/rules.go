package sandbox

// What AWS refuses, in AWS's words. A check sees inputs that may be unknown (a preview) and says nothing
// of those; an apply sees known ones and the cloud.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/policy"
)

func checkVpc(c *call) error {
	block := c.in.str("cidrBlock")
	if block == "" {
		return nil
	}
	prefix, err := netip.ParsePrefix(block)
	if err != nil || prefix.Masked() != prefix {
		return fmt.Errorf("InvalidParameterValue: Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", block)
	}
	if prefix.Bits() < 16 || prefix.Bits() > 28 {
		return fmt.Errorf("InvalidVpc.Range: The CIDR '%s' is invalid.", block)
	}
	return nil
}

func applySubnet(c *call) error {
	block := c.in.str("cidrBlock")
	prefix, err := netip.ParsePrefix(block)
	if err != nil || prefix.Masked() != prefix {
		return fmt.Errorf("InvalidParameterValue: Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", block)
	}
	vpc, err := netip.ParsePrefix(c.find(tVpc, c.in.str("vpcId")).Props.str("cidrBlock"))
	if err != nil || prefix.Bits() > 28 || prefix.Bits() < vpc.Bits() || !vpc.Contains(prefix.Addr()) {
		return fmt.Errorf("InvalidSubnet.Range: The CIDR '%s' is invalid.", block)
	}
	for _, o := range c.cloud.objects {
		if o.Type != tSubnet || o == c.self || o.Props.str("vpcId") != c.in.str("vpcId") {
			continue
		}
		if other, err := netip.ParsePrefix(o.Props.str("cidrBlock")); err == nil && other.Overlaps(prefix) {
			return fmt.Errorf("InvalidSubnet.Conflict: The CIDR '%s' conflicts with another subnet", block)
		}
	}
	if zone := c.in.str("availabilityZone"); zone == "" {
		c.out["availabilityZone"] = c.settings.region + "a"
	} else if !slices.Contains(zones(c.settings.region), zone) {
		return fmt.Errorf("InvalidParameterValue: Value (%s) for parameter availabilityZone is invalid. "+
			"Subnets can currently only be created in the following availability zones: %s.", zone, strings.Join(zones(c.settings.region), ", "))
	}
	return nil
}

// zones are the availability zones of a region, as many as any program here asks for.
func zones(region string) []string {
	return []string{region + "a", region + "b", region + "c", region + "d"}
}

func applyGateway(c *call) error {
	for _, o := range c.cloud.objects {
		if vpc := c.in.str("vpcId"); o.Type == tGateway && o != c.self && vpc != "" && o.Props.str("vpcId") == vpc {
			return fmt.Errorf("InvalidParameterValue: Network %s already has an internet gateway attached", vpc)
		}
	}
	return nil
}

func applyEndpoint(c *call) error {
	service := c.in.str("serviceName")
	if !strings.HasPrefix(service, "com.amazonaws."+c.settings.region+".") {
		return fmt.Errorf("InvalidServiceName: The Vpc Endpoint Service '%s' does not exist", service)
	}
	if c.out.str("vpcEndpointType") != "Gateway" {
		return nil
	}
	for _, o := range c.cloud.objects {
		if o.Type != c.typ || o == c.self || o.Props.str("serviceName") != service {
			continue
		}
		for _, table := range o.Props.strings("routeTableIds") {
			if slices.Contains(c.in.strings("routeTableIds"), table) {
				return fmt.Errorf("RouteAlreadyExists: route table %s already has a route with destination-prefix-list-id", table)
			}
		}
	}
	return nil
}

func applySecurityGroup(c *call) error {
	for _, o := range c.cloud.objects {
		if o.Type == tSecurityGroup && o != c.self && o.Props.str("name") == c.out.str("name") && o.Props.str("vpcId") == c.in.str("vpcId") {
			return fmt.Errorf("InvalidGroup.Duplicate: The security group '%s' already exists for VPC '%s'",
				c.out.str("name"), c.in.str("vpcId"))
		}
	}
	return nil
}

func checkSecurityGroupRule(c *call) error {
	peers := 0
	for _, key := range []string{"cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"} {
		if c.in.has(key) {
			peers++
		}
	}
	if peers != 1 {
		return errors.New(`exactly one of "cidrIpv4", "cidrIpv6", "prefixListId" and "referencedSecurityGroupId" must be specified`)
	}
	if p := c.in.str("ipProtocol"); (p == "tcp" || p == "udp") && (!c.in.has("fromPort") || !c.in.has("toPort")) {
		return errors.New("InvalidParameterValue: Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
	}
	if cidr := c.in.str("cidrIpv4"); cidr != "" {
		if p, err := netip.ParsePrefix(cidr); err != nil || p.Masked() != p {
			return fmt.Errorf("InvalidParameterValue: CIDR block %s is malformed", cidr)
		}
	}
	return nil
}

func applySecurityGroupRule(c *call) error {
	key := func(a attrs) string {
		return fmt.Sprint(a["securityGroupId"], a["ipProtocol"], a["fromPort"], a["toPort"], a["cidrIpv4"], a["cidrIpv6"],
			a["prefixListId"], a["referencedSecurityGroupId"])
	}
	for _, o := range c.cloud.objects {
		if o.Type == c.typ && o != c.self && key(o.Props) == key(c.in) {
			return fmt.Errorf("InvalidPermission.Duplicate: the specified rule \"peer: %s, %s, from port: %v, to port: %v, ALLOW\" already exists",
				c.in.str("cidrIpv4"), strings.ToUpper(c.in.str("ipProtocol")), c.in["fromPort"], c.in["toPort"])
		}
	}
	return nil
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func checkBucket(c *call) error {
	name := c.in.str("bucket")
	if name == "" {
		return nil
	}
	_, notIP := netip.ParseAddr(name)
	if !bucketName.MatchString(name) || strings.Contains(name, "..") || notIP == nil || strings.HasPrefix(name, "xn--") ||
		strings.HasPrefix(name, "sthree-") || strings.HasSuffix(name, "-s3alias") || strings.HasSuffix(name, "--ol-s3") {
		return fmt.Errorf("InvalidBucketName: The specified bucket is not valid: %q", name)
	}
	return nil
}

func applyBucket(c *call) error {
	if c.self == nil && slices.Contains(c.cloud.foreign, c.in.str("bucket")) {
		return errors.New("BucketAlreadyExists: The requested bucket name is not available. The bucket namespace is shared by all " +
			"users of the system. Please select a different name and try again.")
	}
	return nil
}

func removeBucket(c *call) error {
	if c.self.Filled && !c.out.yes("forceDestroy") {
		return errors.New("BucketNotEmpty: The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
	}
	return nil
}

// policyOf is a policy among the inputs, the zero value while it is not known; refusal is what AWS calls one that it
// does not take.
func (c *call) policyOf(key string, kind policy.Kind, refusal string) (policy.Document, error) {
	text := c.in.str(key)
	if text == "" {
		return policy.Document{}, nil
	}
	d, err := policy.Parse(kind, text)
	if err != nil {
		return d, fmt.Errorf("%s: %w", refusal, err)
	}
	return d, nil
}

const (
	malformedIAM = "MalformedPolicyDocument"
	malformedS3  = "MalformedPolicy"
)

func checkIdentityPolicy(c *call, limit int) error {
	if _, err := c.policyOf("policy", policy.Identity, malformedIAM); err != nil {
		return err
	}
	if len(c.in.str("policy")) > limit {
		return fmt.Errorf("LimitExceeded: Cannot exceed quota for PolicySize: %d", limit)
	}
	return nil
}

func checkRole(c *call) error {
	if name := c.in.str("name"); len(name) > 64 || name != "" && !regexp.MustCompile(`^[\w+=,.@-]+$`).MatchString(name) {
		return fmt.Errorf("ValidationError: role name %q must have at most 64 characters of [\\w+=,.@-]", name)
	}
	_, err := c.policyOf("assumeRolePolicy", policy.Trust, malformedIAM)
	return err
}

func applyRole(c *call) error {
	d, err := c.policyOf("assumeRolePolicy", policy.Trust, malformedIAM)
	return errors.Join(err, c.principals(d, malformedIAM))
}

// principals refuses a policy that names a role or an identity provider of this account that does not exist.
func (c *call) principals(d policy.Document, refusal string) error {
	for _, s := range d.Statement {
		for _, arn := range slices.Concat(s.Principal.AWS, s.Principal.Federated) {
			for prefix, typ := range map[string]string{":role/": tRole, ":oidc-provider/": tOpenID} {
				if strings.HasPrefix(arn, "arn:aws:iam::"+AccountID+prefix) && c.find(typ, arn) == nil {
					return fmt.Errorf("%s: Invalid principal in policy: \"AWS\":%q", refusal, arn)
				}
			}
		}
	}
	return nil
}

func checkBucketPolicy(c *call) error {
	d, err := c.policyOf("policy", policy.Resource, malformedS3)
	if err != nil {
		return err
	}
	bucket := c.in.str("bucket")
	for _, s := range d.Statement {
		for _, r := range slices.Concat(s.Resource, s.NotResource) {
			if name, _, _ := strings.Cut(strings.TrimPrefix(r, "arn:aws:s3:::"), "/"); bucket != "" && name != bucket {
				return fmt.Errorf("%s: Policy has invalid resource (%s)", malformedS3, r)
			}
		}
	}
	return nil
}

func applyBucketPolicy(c *call) error {
	d, err := c.policyOf("policy", policy.Resource, malformedS3)
	if err := errors.Join(err, c.principals(d, malformedS3)); err != nil {
		return err
	}
	// A new bucket blocks public policies until told otherwise.
	block := c.find(tAccessBlock, c.in.str("bucket"))
	if block != nil && !block.Props.yes("blockPublicPolicy") {
		return nil
	}
	for _, s := range d.Statement {
		everybody := s.Principal.Everyone || slices.Contains(s.Principal.AWS, "*")
		if s.Effect == "Allow" && everybody && len(s.Condition) == 0 {
			return fmt.Errorf("AccessDenied: User: arn:aws:iam::%s:user/sandbox is not authorized to perform: s3:PutBucketPolicy on resource: "+
				"\"arn:aws:s3:::%s\" because public policies are blocked by the BlockPublicPolicy block public access setting.",
				AccountID, c.in.str("bucket"))
		}
	}
	return nil
}

func checkRepository(c *call) error {
	if name := c.in.str("name"); name != "" && !regexp.MustCompile(`^[a-z0-9]+([._/-][a-z0-9]+)*$`).MatchString(name) {
		return fmt.Errorf("InvalidParameterException: Invalid parameter at 'repositoryName' failed to satisfy constraint: %q", name)
	}
	if m := c.in.str("imageTagMutability"); m != "" && m != "MUTABLE" && m != "IMMUTABLE" {
		return fmt.Errorf(`expected image_tag_mutability to be one of ["MUTABLE" "IMMUTABLE"], got %s`, m)
	}
	return nil
}

func removeRepository(c *call) error {
	if c.self.Filled && !c.out.yes("forceDelete") {
		return fmt.Errorf("RepositoryNotEmptyException: The repository with name '%s' in registry with id '%s' cannot be deleted because it "+
			"still contains images", c.self.ID, AccountID)
	}
	return nil
}

func checkImageLifecycle(c *call) error {
	text := c.in.str("policy")
	if text == "" {
		return nil
	}
	refused := func(why string, args ...any) error {
		return fmt.Errorf("InvalidParameterException: Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: "+
			"'Lifecycle policy validation failure: "+why+"'", args...)
	}
	var d struct {
		Rules []struct {
			RulePriority int
			Selection    struct {
				TagStatus, CountType, CountUnit string
				CountNumber                     int
				TagPrefixList, TagPatternList   []string
			}
			Action struct{ Type string }
		}
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil || len(d.Rules) == 0 {
		return refused("no rules, or not JSON")
	}
	last := 0
	for _, r := range d.Rules {
		last = max(last, r.RulePriority)
	}
	seen := map[int]bool{}
	for _, r := range d.Rules {
		s := r.Selection
		switch {
		case seen[r.RulePriority]:
			return refused("rulePriority %d is used twice", r.RulePriority)
		case !slices.Contains([]string{"tagged", "untagged", "any"}, s.TagStatus):
			return refused("tagStatus %q", s.TagStatus)
		case s.TagStatus == "any" && r.RulePriority != last:
			return refused("a rule with tagStatus any must have the lowest priority")
		case s.TagStatus == "tagged" && len(s.TagPrefixList)+len(s.TagPatternList) == 0:
			return refused("tagStatus tagged needs tagPrefixList or tagPatternList")
		case s.CountType != "imageCountMoreThan" && s.CountType != "sinceImagePushed":
			return refused("countType %q", s.CountType)
		case s.CountType == "sinceImagePushed" && s.CountUnit != "days":
			return refused("countType sinceImagePushed needs countUnit days")
		case s.CountNumber < 1:
			return refused("countNumber must be at least 1")
		case r.Action.Type != "expire":
			return refused("action type %q", r.Action.Type)
		}
		seen[r.RulePriority] = true
	}
	return nil
}

func checkCluster(c *call) error {
	settings, _ := c.in["settings"].([]any)
	for _, v := range settings {
		s, _ := v.(map[string]any)
		if name, value := attrs(s).str("name"), attrs(s).str("value"); name != "containerInsights" ||
			value != "" && !slices.Contains([]string{"enabled", "disabled", "enhanced"}, value) {
			return fmt.Errorf("InvalidParameterException: setting %q with value %q; allowed: containerInsights with enabled, disabled or enhanced",
				name, value)
		}
	}
	return nil
}

// fargateMemory is the MiB that go with each number of CPU units: from, to, step.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
var fargateMemory = map[string][3]int{
	"256": {512, 2048, 512}, "512": {1024, 4096, 1024}, "1024": {2048, 8192, 1024}, "2048": {4096, 16384, 1024},
	"4096": {8192, 30720, 1024}, "8192": {16384, 61440, 4096}, "16384": {32768, 122880, 8192},
}

func fargatePair(cpu, memory string) bool {
	span, ok := fargateMemory[cpu]
	mib := 0
	if _, err := fmt.Sscan(memory, &mib); err != nil || !ok {
		return false
	}
	if cpu == "256" && mib == 1536 { // the one gap in the smallest row
		return false
	}
	return mib >= span[0] && mib <= span[1] && (mib-span[0])%span[2] == 0
}

type container struct {
	Name, Image  string
	Essential    *bool
	PortMappings []struct{ ContainerPort, HostPort int }

	LogConfiguration struct {
		LogDriver string
		Options   map[string]string
	}
}

var ecrImage = regexp.MustCompile(`^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/`)

func checkTaskDefinition(c *call) error {
	refused := func(why string, args ...any) error { return fmt.Errorf("ClientException: "+why, args...) }
	fargate := slices.Contains(c.in.strings("requiresCompatibilities"), "FARGATE")
	if fargate {
		switch {
		case !c.in.has("cpu"):
			return refused("Fargate requires that 'cpu' be defined at the task level.")
		case !c.in.has("memory"):
			return refused("Fargate requires that 'memory' be defined at the task level.")
		case c.in.known("cpu") && c.in.known("memory") && !fargatePair(c.in.str("cpu"), c.in.str("memory")):
			return refused("No Fargate configuration exists for given values: %s CPU, %s memory.", c.in.str("cpu"), c.in.str("memory"))
		case c.in.known("networkMode") && c.in.str("networkMode") != "awsvpc":
			return refused("Fargate only supports network mode 'awsvpc'.")
		}
	}
	text := c.in.str("containerDefinitions")
	if text == "" {
		return nil
	}
	var containers []container
	if err := json.Unmarshal([]byte(text), &containers); err != nil {
		return fmt.Errorf("ECS Task Definition container_definitions is invalid: Error decoding JSON: %w", err)
	}
	seen, essential := map[string]bool{}, false
	for _, k := range containers {
		switch {
		case k.Name == "" || k.Image == "":
			return refused("Container.name and Container.image should not be null or empty.")
		case seen[k.Name]:
			return refused("Container definitions must have unique names: %s", k.Name)
		case fargate && ecrImage.MatchString(k.Image) && !c.in.has("executionRoleArn"):
			return refused("Fargate requires task definition to have execution role ARN to support ECR images.")
		case fargate && k.LogConfiguration.LogDriver == "awslogs" && !c.in.has("executionRoleArn"):
			return refused("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
		case k.LogConfiguration.LogDriver == "awslogs" && (k.LogConfiguration.Options["awslogs-group"] == "" ||
			k.LogConfiguration.Options["awslogs-region"] == "" || fargate && k.LogConfiguration.Options["awslogs-stream-prefix"] == ""):
			return refused("Log driver awslogs requires options: awslogs-group, awslogs-region, awslogs-stream-prefix")
		}
		for _, p := range k.PortMappings {
			if c.in.str("networkMode") == "awsvpc" && p.HostPort != 0 && p.HostPort != p.ContainerPort {
				return refused("When networkMode=awsvpc, the host ports and container ports in port mappings must match.")
			}
		}
		seen[k.Name] = true
		essential = essential || k.Essential == nil || *k.Essential
	}
	if !essential {
		return refused("A task definition must have at least one essential container.")
	}
	return nil
}

func applyTaskDefinition(c *call) error {
	for _, key := range []string{"executionRoleArn", "taskRoleArn"} {
		if arn := c.in.str(key); arn != "" && c.find(tRole, arn) == nil {
			return fmt.Errorf("ClientException: Role is not valid (%s: %s)", key, arn)
		}
	}
	return nil
}

func hasTasks(service attrs) bool {
	n, _ := service.num("desiredCount")
	return n > 0
}

func checkService(c *call) error {
	low, hasLow := c.in.num("deploymentMinimumHealthyPercent")
	high, hasHigh := c.in.num("deploymentMaximumPercent")
	if hasLow && hasHigh && high <= 100 && low >= 100 {
		return errors.New("InvalidParameterException: Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
	}
	if n, ok := c.in.num("desiredCount"); ok && n < 0 {
		return errors.New("InvalidParameterException: desiredCount cannot be negative.")
	}
	return nil
}

func applyService(c *call) error {
	refused := func(why string, args ...any) error { return fmt.Errorf("InvalidParameterException: "+why, args...) }
	task := c.find(tTaskDefinition, c.in.str("taskDefinition"))
	if task == nil {
		return errors.New("ClientException: TaskDefinition is inactive or not found.")
	}
	if c.out.str("launchType") == "FARGATE" && !slices.Contains(task.Props.strings("requiresCompatibilities"), "FARGATE") {
		return refused("Task definition does not support launch_type FARGATE.")
	}
	if task.Props.str("networkMode") != "awsvpc" {
		return nil
	}
	subnets := c.in.strings("networkConfiguration.subnets")
	if len(subnets) == 0 {
		return refused("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	}
	vpc := c.find(tSubnet, subnets[0]).Props.str("vpcId")
	for _, id := range subnets {
		if c.find(tSubnet, id).Props.str("vpcId") != vpc {
			return refused("subnets must be of the same VPC: %s", strings.Join(subnets, ", "))
		}
	}
	for _, id := range c.in.strings("networkConfiguration.securityGroups") {
		if group := c.find(tSecurityGroup, id); group != nil && group.Props.str("vpcId") != vpc {
			return refused("Security group %s does not appear to belong to the same VPC as the input subnets.", id)
		}
	}
	return nil
}

// settleService starts the tasks: what is wrong with them shows now, and only to those who wait.
func settleService(c *call) error {
	if !hasTasks(c.out) || !c.out.yes("waitForSteadyState") {
		return nil
	}
	task := c.find(tTaskDefinition, c.in.str("taskDefinition"))
	var containers []container
	if err := json.Unmarshal([]byte(task.Props.str("containerDefinitions")), &containers); err != nil {
		return err
	}
	for _, k := range containers {
		group := k.LogConfiguration.Options["awslogs-group"]
		if k.LogConfiguration.LogDriver == "awslogs" && c.find(tLogGroup, group) == nil {
			return fmt.Errorf("timeout while waiting for state to become 'tfSTABLE' (last state: 'tfPENDING'): "+
				"ResourceInitializationError: failed to validate logger args: The specified log group does not exist (%s)", group)
		}
		if ecrImage.MatchString(k.Image) && !strings.Contains(k.Image, "@") {
			return fmt.Errorf("timeout while waiting for state to become 'tfSTABLE' (last state: 'tfPENDING'): "+
				"CannotPullContainerError: %s: not found (the sandbox's registry has no tags: name the image by digest)", k.Image)
		}
	}
	return nil
}

func checkParameter(c *call) error {
	if c.in.has("value") == c.in.has("insecureValue") {
		return errors.New(`exactly one of "value" and "insecureValue" must be specified`)
	}
	switch kind := c.in.str("type"); {
	case kind != "" && !slices.Contains([]string{"String", "StringList", "SecureString"}, kind):
		return fmt.Errorf(`expected type to be one of ["String" "StringList" "SecureString"], got %s`, kind)
	case kind == "SecureString" && c.in.has("insecureValue"):
		return errors.New(`"insecureValue" cannot be set with type "SecureString"`)
	}
	if value, isText := c.in["insecureValue"].(string); isText && value == "" {
		return errors.New("ValidationException: 1 validation error detected: Value at 'value' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1")
	}
	return nil
}

func deriveParameter(c *call) {
	version, _ := c.out.num("version")
	c.out["version"] = version + 1
	if v, ok := c.in["insecureValue"]; ok {
		c.out["value"] = v
	} else if c.in.str("type") != "SecureString" {
		c.out["insecureValue"] = c.in["value"]
	}
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var retentionDays = []float64{
	0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

func checkLogGroup(c *call) error {
	if days, ok := c.in.num("retentionInDays"); ok && !slices.Contains(retentionDays, days) {
		return fmt.Errorf("expected retention_in_days to be one of %v, got %v", retentionDays, days)
	}
	return nil
}

func checkKey(c *call) error {
	if days, ok := c.in.num("deletionWindowInDays"); ok && (days < 7 || days > 30) {
		return fmt.Errorf("expected deletion_window_in_days to be in the range (7 - 30), got %v", days)
	}
	_, err := c.policyOf("policy", policy.Resource, malformedIAM)
	return err
}

func applyKey(c *call) error {
	d, err := c.policyOf("policy", policy.Resource, malformedIAM)
	return errors.Join(err, c.principals(d, malformedIAM))
}

// attachOnce is AWS's AttachRolePolicy: a policy is attached to a role or it is not, and attaching it again, such as
// after a run that was lost before it could record the first time, changes nothing.
func attachOnce(c *call) error {
	c.cloud.objects = slices.DeleteFunc(c.cloud.objects, func(o *Object) bool {
		return o.Type == c.typ && o.Props.str("role") == c.in.str("role") && o.Props.str("policyArn") == c.in.str("policyArn")
	})
	return nil
}
