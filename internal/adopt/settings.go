package adopt

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sentry/infra/config"
)

// settings is the configuration that describes what a state holds.
type settings struct {
	state State
	// file are the values of the stack file.
	file   map[string]any
	prefix string // of the project's keys, such as sentry:
	name   string // begins the environment's names, such as sentry-staging

	values  map[string]any
	adopted map[string]any
	// notes are what a person should know besides.
	notes []string
}

// backendPort is the container's; requests reach the tasks there.
const backendPort = 8080

// settingsOf are the keys of configuration, with their namespace, and notes. image, when set, is what the tasks run.
func settingsOf(state State, file map[string]any, project, environment, image string) *settings {
	s := &settings{
		state: state, file: file, prefix: project + ":", name: nameOf(environment),
		values: map[string]any{}, adopted: map[string]any{},
	}
	if region, _ := state.place(); region != "" {
		s.values["aws:region"] = region
	}
	s.network()
	s.buckets()
	s.logs()
	s.policies()
	s.service(image)
	s.scaling()
	if len(s.adopted) > 0 {
		s.set("adopted", s.adopted)
	}
	return s
}

// nameOf begins an environment's names, in Terraform as here.
func nameOf(environment string) string { return config.Product + "-" + environment }

func (s *settings) set(name string, value any) { s.values[s.prefix+name] = value }

func (s *settings) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// of are the resources of a type.
func (s State) of(typ string) []Resource {
	var found []Resource
	for _, r := range s.Resources {
		if r.Type == typ {
			found = append(found, r)
		}
	}
	return found
}

// first is the resource of a type, and of several the one that is the likeliest.
func (s State) first(typ string, likely func(Resource) bool) (Resource, bool) {
	found := s.of(typ)
	if i := slices.IndexFunc(found, likely); i >= 0 {
		return found[i], true
	}
	if len(found) == 0 {
		return Resource{}, false
	}
	return found[0], true
}

// place is where the state's resources are, as their ARNs say.
func (s State) place() (region, account string) {
	for _, typ := range []string{"aws_vpc", "aws_ecs_cluster", "aws_ecs_service"} {
		for _, r := range s.of(typ) {
			if parts := strings.Split(r.text("arn"), ":"); len(parts) > 5 {
				return parts[3], parts[4]
			}
		}
	}
	return "", ""
}

// Region is where the state's resources are; empty where it does not say.
func (s State) Region() string {
	region, _ := s.place()
	return region
}

// running is the service, and the attribute of its network.
func (s State) running(name string) (service Resource, network map[string]any) {
	service, _ = s.first("aws_ecs_service", func(r Resource) bool { return r.text("name") == name+"-backend" })
	return service, block(service.Attributes["network_configuration"])
}

func (s *settings) network() {
	vpc, ok := s.state.first("aws_vpc", func(Resource) bool { return true })
	if !ok {
		return
	}
	s.set("vpcCidr", vpc.text("cidr_block"))
	var zones, blocks []string
	for _, subnet := range s.state.publicSubnets(s.name) {
		zones = append(zones, subnet.text("availability_zone"))
		blocks = append(blocks, subnet.text("cidr_block"))
	}
	s.set("availabilityZones", zones)
	if whole, err := netip.ParsePrefix(vpc.text("cidr_block")); err == nil {
		var first []string
		for _, block := range (config.Network{CIDR: whole}).Subnets(0, len(blocks)) {
			first = append(first, block.String())
		}
		if !slices.Equal(first, blocks) {
			s.adopted["subnetCidrs"] = blocks
		}
	}
	group, ok := s.state.tasksGroup(s.name)
	if !ok {
		return
	}
	// The descriptions of rules, too: to change one is a call to AWS about what lets requests in.
	sources, descriptions := []string{}, map[string]any{}
	for _, rule := range s.state.rulesOf(group) {
		source := rule.text("cidr_ipv4")
		switch {
		case source == "":
		case rule.Type == egressRule && rule.text("ip_protocol") == "-1":
			descriptions["egress "+source] = rule.text("description")
		case rule.Type == ingressRule && rule.opens(backendPort) && !slices.Contains(sources, source):
			sources = append(sources, source)
			descriptions["ingress "+source] = rule.text("description")
		}
	}
	s.adopted["securityGroup"] = map[string]any{
		"name": group.text("name"), "description": group.text("description"), "rules": descriptions,
	}
	s.set("ingressCidrs", sources)
}

// publicSubnets are those whose machines get public addresses, or where the state does not say so those of the tasks, in
// the order of their blocks.
func (s State) publicSubnets(name string) []Resource {
	var public, used []Resource
	_, network := s.running(name)
	for _, r := range s.of("aws_subnet") {
		if r.Attributes["map_public_ip_on_launch"] == true {
			public = append(public, r)
		}
		if slices.Contains(texts(network["subnets"]), r.text("id")) {
			used = append(used, r)
		}
	}
	if len(public) == 0 {
		public = used
	}
	slices.SortStableFunc(public, func(a, b Resource) int {
		x, errX := netip.ParsePrefix(a.text("cidr_block"))
		y, errY := netip.ParsePrefix(b.text("cidr_block"))
		if errX != nil || errY != nil {
			return 0
		}
		return x.Addr().Compare(y.Addr())
	})
	return public
}

// tasksGroup is the security group that the service's tasks have.
func (s State) tasksGroup(name string) (Resource, bool) {
	_, network := s.running(name)
	return s.first("aws_security_group", func(r Resource) bool {
		return slices.Contains(texts(network["security_groups"]), r.text("id"))
	})
}

// purposeOf is what a bucket is for; empty when this program has none like it.
func (s *settings) purposeOf(bucket Resource) string {
	for _, purpose := range config.Purposes {
		name := bucket.text("bucket")
		if bucket.Key == purpose || bucket.Name == purpose || name == s.name+"-"+purpose || strings.HasPrefix(name, s.name+"-"+purpose+"-") {
			return purpose
		}
	}
	return ""
}

func (s *settings) buckets() {
	_, account := s.state.place()
	suffix, _ := s.file[s.prefix+"bucketSuffix"].(string)
	names := map[string]any{}
	for _, bucket := range s.state.of("aws_s3_bucket") {
		purpose, name := s.purposeOf(bucket), bucket.text("bucket")
		if purpose != "" && name != config.BucketName(s.name, purpose, cmp.Or(suffix, account)) {
			names[purpose] = name
		}
		if purpose == "frontend" {
			s.frontend(name)
		}
	}
	if len(names) > 0 {
		s.adopted["bucketNames"] = names
	}
}

// frontend says who reads the site's bucket: everybody, or distributions.
func (s *settings) frontend(bucket string) {
	public := false
	for _, website := range s.state.of("aws_s3_bucket_website_configuration") {
		public = public || website.text("bucket") == bucket
	}
	var readers []string
	for _, policy := range s.state.of("aws_s3_bucket_policy") {
		if policy.text("bucket") != bucket {
			continue
		}
		everybody, distributions := readersOf(policy.text("policy"))
		public = public || everybody
		readers = append(readers, distributions...)
	}
	s.set("publicFrontend", strconv.FormatBool(public))
	if !public && len(readers) > 0 {
		s.adopted["distributions"] = readers
	}
}

// readersOf are whom a bucket's policy lets read: everybody, and the ARNs of distributions.
func readersOf(policy string) (everybody bool, distributions []string) {
	var document struct {
		Statement []struct {
			Effect    string
			Principal any
			Condition map[string]map[string]any
		}
	}
	if json.Unmarshal([]byte(policy), &document) != nil {
		return false, nil
	}
	for _, statement := range document.Statement {
		if statement.Effect != "Allow" {
			continue
		}
		principal, _ := statement.Principal.(map[string]any)
		if (statement.Principal == "*" || principal["AWS"] == "*") && len(statement.Condition) == 0 {
			everybody = true
		}
		if principal["Service"] == "cloudfront.amazonaws.com" {
			for key, value := range statement.Condition["StringEquals"] {
				if strings.EqualFold(key, "aws:SourceArn") {
					distributions = append(distributions, texts(value)...)
				}
			}
		}
	}
	return everybody, distributions
}

func (s *settings) logs() {
	group, ok := s.state.first("aws_cloudwatch_log_group", func(r Resource) bool { return r.text("name") == "/ecs/"+s.name+"-backend" })
	if !ok {
		return
	}
	if days, _ := group.Attributes["retention_in_days"].(float64); days > 0 {
		s.set("logRetentionDays", fmt.Sprintf("%.0f", days))
		return
	}
	s.note("The log group keeps its lines for ever today. From the first update on it keeps them for %slogRetentionDays, now %v, "+
		"and older lines are deleted: set the key to the longest that you need first.", s.prefix, s.file[s.prefix+"logRetentionDays"])
}

// policies are what the roles have besides what this program gives them: until Terraform deletes it, running tasks have it,
// and so has whoever goes back.
func (s *settings) policies() {
	kept := map[string]any{}
	for field, role := range map[string]string{"execution": s.name + "-ecs-task-execution-role", "task": s.name + "-backend-task-role"} {
		var names []string
		add := func(name string) {
			// The program's own has the role's name.
			if name != "" && name != role && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		for _, r := range s.state.Resources {
			switch {
			case r.Type == "aws_iam_role" && r.text("name") == role:
				for _, arn := range texts(r.Attributes["managed_policy_arns"]) {
					add(arn)
				}
				inline, _ := r.Attributes["inline_policy"].([]any)
				for _, policy := range inline {
					name, _ := block(policy)["name"].(string)
					add(name)
				}
			case r.Type == "aws_iam_role_policy" && r.text("role") == role:
				add(r.text("name"))
			case r.Type == "aws_iam_role_policy_attachment" && r.text("role") == role,
				r.Type == "aws_iam_policy_attachment" && slices.Contains(texts(r.Attributes["roles"]), role):
				add(r.text("policy_arn"))
			}
		}
		if len(names) > 0 {
			kept[field] = names
		}
	}
	if len(kept) > 0 {
		s.adopted["policies"] = kept
	}
}

func (s *settings) scaling() {
	target, ok := s.state.first("aws_appautoscaling_target", func(r Resource) bool { return r.text("service_namespace") == "ecs" })
	if !ok {
		return
	}
	least, _ := target.Attributes["min_capacity"].(float64)
	most, _ := target.Attributes["max_capacity"].(float64)
	s.set("desiredCount", fmt.Sprintf("%.0f", least)) // the least that autoscaling leaves
	scaling := map[string]any{"maxCount": int(most)}
	for _, policy := range s.state.of("aws_appautoscaling_policy") {
		tracking := block(policy.Attributes["target_tracking_scaling_policy_configuration"])
		value, _ := tracking["target_value"].(float64)
		switch metric := block(tracking["predefined_metric_specification"])["predefined_metric_type"]; metric {
		case "ECSServiceAverageCPUUtilization":
			scaling["cpuTarget"] = int(value)
		case "ECSServiceAverageMemoryUtilization":
			scaling["memoryTarget"] = int(value)
		default:
			s.note("%s scales by something else than CPU and memory: from the day on that Terraform deletes it, tasks follow those two only.", policy.Address)
			continue
		}
		for attribute, key := range map[string]string{"scale_in_cooldown": "scaleInCooldown", "scale_out_cooldown": "scaleOutCooldown"} {
			if seconds, ok := tracking[attribute].(float64); ok {
				scaling[key] = int(seconds)
			}
		}
	}
	s.merge("scaling", scaling)
}

// spot is where all tasks but some run on spare capacity.
func (s *settings) spot(service Resource) {
	strategies, _ := service.Attributes["capacity_provider_strategy"].([]any)
	spot, base := false, 0
	for _, value := range strategies {
		strategy := block(value)
		if least, ok := strategy["base"].(float64); ok && strategy["capacity_provider"] == "FARGATE" {
			base = int(least)
		}
		spot = spot || strategy["capacity_provider"] == "FARGATE_SPOT"
	}
	if spot {
		s.merge("scaling", map[string]any{"spot": map[string]any{"base": base}})
	}
}

// block is the only block of a list of them.
func block(value any) map[string]any {
	if list, isList := value.([]any); isList && len(list) > 0 {
		value = list[0]
	}
	fields, _ := value.(map[string]any)
	return fields
}

// texts are the texts of a list, or the one that there is.
func texts(value any) []string {
	if text, isText := value.(string); isText {
		return []string{text}
	}
	list, _ := value.([]any)
	var found []string
	for _, element := range list {
		if text, isText := element.(string); isText {
			found = append(found, text)
		}
	}
	return found
}
