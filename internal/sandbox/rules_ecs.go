package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sentry/internal/aws"
)

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
	PortMappings []portMapping
	Environment  []struct{ Name string }
	Secrets      []struct{ Name string }

	LogConfiguration struct {
		LogDriver string
		Options   map[string]string
	}
}

type portMapping struct{ ContainerPort, HostPort int }

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
		for _, secret := range k.Secrets {
			if slices.Contains(k.Environment, secret) {
				return refused("The secret name must be unique and not shared with any new or existing environment variables set on the container, "+
					"such as '%s'.", secret.Name)
			}
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
		if arn := c.in.str(key); arn != "" && c.find(aws.IAMRole, arn) == nil {
			return fmt.Errorf("ClientException: Role is not valid (%s: %s)", key, arn)
		}
	}
	return nil
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
	task := c.find(aws.ECSTaskDefinition, c.in.str("taskDefinition"))
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
	vpc := c.find(aws.EC2Subnet, subnets[0]).Props.str("vpcId")
	for _, id := range subnets {
		if c.find(aws.EC2Subnet, id).Props.str("vpcId") != vpc {
			return refused("subnets must be of the same VPC: %s", strings.Join(subnets, ", "))
		}
	}
	if err := c.targets(task, refused); err != nil {
		return err
	}
	if err := c.capacity(refused); err != nil {
		return err
	}
	for _, id := range c.in.strings("networkConfiguration.securityGroups") {
		if group := c.find(aws.EC2SecurityGroup, id); group != nil && group.Props.str("vpcId") != vpc {
			return refused("Security group %s does not appear to belong to the same VPC as the input subnets.", id)
		}
	}
	return nil
}

// targets checks that requests find their way from a load balancer to a container's port.
func (c *call) targets(task *Object, refused func(string, ...any) error) error {
	for _, arn := range c.in.strings("loadBalancers.targetGroupArn") {
		group := c.find(aws.LBTargetGroup, arn)
		if group == nil {
			return refused("The target group %s does not exist.", arn)
		}
		if group.Props.str("targetType") != "ip" {
			return refused("The provided target group %s has target type %s, which is incompatible with the awsvpc network mode "+
				"specified in the task definition.", arn, group.Props.str("targetType"))
		}
		if !slices.ContainsFunc(c.cloud.objects, func(o *Object) bool {
			return o.Type == aws.LBListener && slices.Contains(o.Props.strings("defaultActions.targetGroupArn"), group.ID)
		}) {
			return refused("The target group with targetGroupArn %s does not have an associated load balancer.", arn)
		}
	}
	var containers []container
	if err := json.Unmarshal([]byte(task.Props.str("containerDefinitions")), &containers); err != nil {
		return err
	}
	balancers, _ := c.in["loadBalancers"].([]any)
	for _, v := range balancers {
		m, _ := v.(map[string]any)
		name, port := attrs(m).str("containerName"), m["containerPort"]
		if !slices.ContainsFunc(containers, func(k container) bool {
			return k.Name == name && slices.ContainsFunc(k.PortMappings, func(p portMapping) bool { return float64(p.ContainerPort) == port })
		}) {
			return refused("The container %s did not have a container port %v defined.", name, port)
		}
	}
	return nil
}

// capacity checks that the cluster has what the service's strategy names.
func (c *call) capacity(refused func(string, ...any) error) error {
	cluster := c.find(aws.ECSCluster, c.in.str("cluster"))
	var has []string
	for _, o := range c.cloud.objects {
		if o.Type == aws.ECSClusterCapacityProviders && cluster != nil && o.Props.str("clusterName") == cluster.Props.str("name") {
			has = o.Props.strings("capacityProviders")
		}
	}
	for _, provider := range c.in.strings("capacityProviderStrategies.capacityProvider") {
		if !slices.Contains(has, provider) {
			return refused("The specified capacity provider '%s' was not found among those of the cluster.", provider)
		}
	}
	return nil
}

func checkCapacityProviders(c *call) error {
	for _, provider := range c.in.strings("capacityProviders") {
		if provider != "FARGATE" && provider != "FARGATE_SPOT" {
			return fmt.Errorf("InvalidParameterException: the sandbox's cluster has no capacity provider %q", provider)
		}
	}
	return nil
}

func checkScalingTarget(c *call) error {
	low, okLow := c.in.num("minCapacity")
	high, okHigh := c.in.num("maxCapacity")
	if okLow && okHigh && low > high {
		return errors.New("ValidationException: Maximum capacity cannot be less than minimum capacity")
	}
	return nil
}

func applyScalingTarget(c *call) error {
	parts := strings.Split(c.in.str("resourceId"), "/") // service/<cluster>/<service>
	if service := c.find(aws.ECSService, parts[len(parts)-1]); len(parts) != 3 || service == nil ||
		!strings.HasSuffix(service.Props.str("cluster"), "/"+parts[1]) {
		return fmt.Errorf("ValidationException: ECS service doesn't exist: %s", c.in.str("resourceId"))
	}
	return nil
}

var scheduleForm = regexp.MustCompile(`^(cron\(\S+ \S+ \S+ \S+ \S+ \S+\)|rate\(\d+ \w+\)|at\(\S+\))$`)

func checkScheduledAction(c *call) error {
	if schedule := c.in.str("schedule"); schedule != "" && !scheduleForm.MatchString(schedule) {
		return fmt.Errorf("ValidationException: Invalid schedule expression %q", schedule)
	}
	return nil
}

// holds: somebody has pushed the image before, or anything to its repository.
func (c *call) holds(image string) bool {
	if slices.Contains(c.cloud.images, image) {
		return true
	}
	_, path, _ := strings.Cut(image, "/")
	name, _, _ := strings.Cut(path, ":")
	repository := c.find(aws.ECRRepository, name)
	return repository != nil && repository.Filled
}

// settleService starts the tasks: what is wrong with them shows now, and only to those who wait.
func settleService(c *call) error {
	if n, _ := c.out.num("desiredCount"); n == 0 || !c.out.yes("waitForSteadyState") {
		return nil
	}
	task := c.find(aws.ECSTaskDefinition, c.in.str("taskDefinition"))
	var containers []container
	if err := json.Unmarshal([]byte(task.Props.str("containerDefinitions")), &containers); err != nil {
		return err
	}
	for _, k := range containers {
		group := k.LogConfiguration.Options["awslogs-group"]
		if k.LogConfiguration.LogDriver == "awslogs" && c.find(aws.CloudWatchLogGroup, group) == nil {
			return fmt.Errorf("timeout while waiting for state to become 'tfSTABLE' (last state: 'tfPENDING'): "+
				"ResourceInitializationError: failed to validate logger args: The specified log group does not exist (%s)", group)
		}
		if ecrImage.MatchString(k.Image) && !strings.Contains(k.Image, "@") && !c.holds(k.Image) {
			return fmt.Errorf("timeout while waiting for state to become 'tfSTABLE' (last state: 'tfPENDING'): "+
				"CannotPullContainerError: %s: not found (the sandbox's registry has no tags: name the image by digest)", k.Image)
		}
		if slices.Contains(c.cloud.broken, k.Image) {
			return c.rollBack()
		}
	}
	return nil
}

// rollBack is the end of a roll-out whose tasks never become healthy. A service that ECS has rolled back is steady, and the
// provider takes that for the end it has waited for: the update succeeds, and what it reads is the definition of before.
// https://github.com/hashicorp/terraform-provider-aws/issues/20858
func (c *call) rollBack() error {
	former := c.before.str("taskDefinition")
	if former == "" || !c.out.yes("deploymentCircuitBreaker.rollback") {
		return errors.New("timeout while waiting for state to become 'tfSTABLE' (last state: 'tfPENDING')")
	}
	c.out["taskDefinition"], c.self.Props["taskDefinition"] = former, former
	return nil
}

func deriveTaskDefinition(c *call) { c.out["revision"] = float64(c.revision) }
