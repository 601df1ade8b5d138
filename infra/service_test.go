package infra_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// container is ECS's document as a reader of AWS sees it.
type container struct {
	Name, Image  string
	Essential    bool
	Environment  []struct{ Name, Value string }
	Secrets      []struct{ Name, ValueFrom string }
	PortMappings []struct {
		ContainerPort, HostPort int
		Protocol                string
	}
	HealthCheck struct {
		Command                                 []string
		Interval, Timeout, Retries, StartPeriod int
	}
	LogConfiguration struct {
		LogDriver string
		Options   map[string]string
	}
	MountPoints, VolumesFrom, SystemControls []any
}

func (d deployed) container(t *testing.T) container {
	t.Helper()
	containers := parse[[]container](t, d.inputs(t, aws.ECSTaskDefinition, d.name("-backend"))["containerDefinitions"])
	require.Len(t, containers, 1)
	return containers[0]
}

func TestCluster(t *testing.T) { // A4
	each(t, func(t *testing.T, d deployed) {
		cluster := d.inputs(t, aws.ECSCluster, d.name("-cluster"))
		assert.Equal(t, d.name("-cluster"), cluster["name"])
		assert.Equal(t, []any{map[string]any{"name": "containerInsights", "value": "enabled"}}, cluster["settings"], "nobody sees the tasks' memory")
		assert.Equal(t, "FARGATE", d.inputs(t, aws.ECSService, d.name("-backend"))["launchType"])
		assert.Equal(t, []any{"FARGATE"}, d.inputs(t, aws.ECSTaskDefinition, d.name("-backend"))["requiresCompatibilities"])
		assert.Equal(t, "awsvpc", d.inputs(t, aws.ECSTaskDefinition, d.name("-backend"))["networkMode"], "Fargate takes no other")
	})
}

func TestServiceAndFamily(t *testing.T) { // A5
	each(t, func(t *testing.T, d deployed) {
		service := d.inputs(t, aws.ECSService, d.name("-backend"))
		assert.Equal(t, d.name("-backend"), service["name"])
		assert.Equal(t, d.name("-backend"), d.inputs(t, aws.ECSTaskDefinition, d.name("-backend"))["family"])
		assert.Equal(t, d.resource(t, aws.ECSCluster, d.name("-cluster")).Outputs.Mappable()["arn"], service["cluster"])
		assert.Equal(t, d.resource(t, aws.ECSTaskDefinition, d.name("-backend")).Outputs.Mappable()["arn"], service["taskDefinition"],
			"the service runs another revision than the one registered")
	})
}

func TestTaskSize(t *testing.T) { // A6
	each(t, func(t *testing.T, d deployed) {
		definition := d.inputs(t, aws.ECSTaskDefinition, d.name("-backend"))
		assert.Equal(t, d.cpu, definition["cpu"])
		assert.Equal(t, d.memory, definition["memory"])
		assert.EqualValues(t, d.count, d.inputs(t, aws.ECSService, d.name("-backend"))["desiredCount"])
	})
}

func TestScaling(t *testing.T) { // A16, F2
	d := with(t, map[string]string{"sentry:taskCpu": "1024", "sentry:taskMemory": "4096", "sentry:desiredCount": "3"})
	assert.Equal(t, "1024", d.inputs(t, aws.ECSTaskDefinition, "sentry-staging-backend")["cpu"])
	assert.Equal(t, "4096", d.inputs(t, aws.ECSTaskDefinition, "sentry-staging-backend")["memory"])
	assert.EqualValues(t, 3, d.inputs(t, aws.ECSService, "sentry-staging-backend")["desiredCount"])
	for _, token := range []string{aws.ECSTaskDefinition, aws.ECSService} {
		assert.Empty(t, d.resource(t, token, "sentry-staging-backend").IgnoreChanges, "a changed configuration never reaches %s", token)
	}
}

func TestImageRepository(t *testing.T) { // A7, F11
	each(t, func(t *testing.T, d deployed) {
		repository := d.inputs(t, aws.ECRRepository, d.name("-backend"))
		assert.Equal(t, d.name("-backend"), repository["name"])
		assert.Equal(t, map[string]any{"scanOnPush": true}, repository["imageScanningConfiguration"])
		assert.Equal(t, []any{map[string]any{"encryptionType": "AES256"}}, repository["encryptionConfigurations"])
		assert.Equal(t, "IMMUTABLE", repository["imageTagMutability"], "a tag that was tested can be pushed over")
	})
}

func TestOldImagesExpire(t *testing.T) { // A7, F11
	each(t, func(t *testing.T, d deployed) {
		policy := d.inputs(t, aws.ECRLifecyclePolicy, d.name("-backend"))
		assert.Equal(t, d.name("-backend"), policy["repository"])
		document := parse[struct {
			Rules []struct {
				RulePriority int
				Selection    struct {
					TagStatus, CountType, CountUnit string
					CountNumber                     int
				}
				Action struct{ Type string }
			}
		}](t, policy["policy"])
		require.Len(t, document.Rules, 2)
		untagged, all := document.Rules[0], document.Rules[1]
		assert.Less(t, untagged.RulePriority, all.RulePriority, "ECR refuses a rule for any image that does not come last")
		assert.Equal(t, "untagged", untagged.Selection.TagStatus, "untagged images pile up")
		assert.Equal(t, "sinceImagePushed", untagged.Selection.CountType, "untagged images are counted, not aged")
		assert.Equal(t, "days", untagged.Selection.CountUnit)
		assert.Equal(t, 1, untagged.Selection.CountNumber, "untagged images pile up")
		assert.Equal(t, "any", all.Selection.TagStatus)
		assert.Equal(t, "imageCountMoreThan", all.Selection.CountType)
		assert.Equal(t, 10, all.Selection.CountNumber, "there are not the 10 newest images to roll back to")
		for _, rule := range document.Rules {
			assert.Equal(t, "expire", rule.Action.Type)
		}
	})
}

func TestRoles(t *testing.T) { // A12, A13, F10
	each(t, func(t *testing.T, d deployed) {
		for logical, name := range map[string]string{"-execution": "-ecs-task-execution-role", "-task": "-backend-task-role"} {
			role := d.inputs(t, aws.IAMRole, d.name(logical))
			assert.Equal(t, d.name(name), role["name"])
			trust := parse[policy](t, role["assumeRolePolicy"])
			require.Len(t, trust.Statement, 1)
			assert.Equal(t, map[string]any{"Service": "ecs-tasks.amazonaws.com"}, trust.Statement[0].Principal, "others than ECS tasks may be this role")
			assert.Equal(t, []string{"sts:AssumeRole"}, trust.Statement[0].Action)
			assert.Equal(t, map[string]map[string]string{
				"StringEquals": {"aws:SourceAccount": "123456789012"},
				"ArnLike":      {"aws:SourceArn": "arn:aws:ecs:us-east-1:123456789012:*"},
			}, trust.Statement[0].Condition, "another account's ECS can be made to use this role")
			assert.Equal(t, d.name(name), d.inputs(t, aws.IAMRolePolicy, d.name(logical))["role"], "the rights go to another role")
		}
		definition := d.inputs(t, aws.ECSTaskDefinition, d.name("-backend"))
		assert.Equal(t, d.resource(t, aws.IAMRole, d.name("-execution")).Outputs.Mappable()["arn"], definition["executionRoleArn"])
		assert.Equal(t, d.resource(t, aws.IAMRole, d.name("-task")).Outputs.Mappable()["arn"], definition["taskRoleArn"])
	})
}

// The deploy roles may only make roles that carry the boundary.
func TestRolesCanBeCapped(t *testing.T) {
	for _, role := range with(t, map[string]string{"sentry:permissionsBoundary": "sentry-staging-boundary"}).ByType(aws.IAMRole) {
		assert.Equal(t, "arn:aws:iam::123456789012:policy/sentry-staging-boundary", role.Inputs.Mappable()["permissionsBoundary"], role.Name)
	}
	each(t, func(t *testing.T, d deployed) {
		for _, role := range d.ByType(aws.IAMRole) {
			assert.Nil(t, role.Inputs.Mappable()["permissionsBoundary"], "an account without the policy cannot make the role")
		}
	})
}

func TestExecutionRoleRights(t *testing.T) { // A12, F10
	each(t, func(t *testing.T, d deployed) {
		rights := parse[policy](t, d.inputs(t, aws.IAMRolePolicy, d.name("-execution"))["policy"])
		assert.Equal(t, []string{
			"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer",
			"logs:CreateLogStream", "logs:PutLogEvents",
		}, rights.actions("Allow"), "more than pulling the image and writing logs, or less")
		for _, s := range rights.Statement {
			switch {
			case slices.Equal(s.Action, []string{"ecr:GetAuthorizationToken"}): // AWS has no resource for it
				assert.Equal(t, []string{"*"}, s.Resource)
			case strings.HasPrefix(s.Action[0], "ecr:"):
				assert.Equal(t, []string{"arn:aws:ecr:us-east-1:123456789012:repository/" + d.name("-backend")}, s.Resource, "images of others can be pulled")
			default:
				assert.Equal(t, []string{"arn:aws:logs:us-east-1:123456789012:log-group:/ecs/" + d.name("-backend") + ":*"}, s.Resource, "logs of others can be written")
			}
		}
	})
}

func TestTaskRoleRights(t *testing.T) { // A13, F10
	each(t, func(t *testing.T, d deployed) {
		rights := parse[policy](t, d.inputs(t, aws.IAMRolePolicy, d.name("-task"))["policy"])
		assert.Equal(t, []string{"cloudwatch:PutMetricData", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
			rights.actions("Allow"), "more than A13 says, or less: with a right to versions, a task that was taken over destroys them")
		artifacts, clips := "arn:aws:s3:::"+d.name("-artifacts-123456789012"), "arn:aws:s3:::"+d.name("-clips-123456789012")
		for _, s := range rights.Statement {
			switch s.Action[0] {
			case "cloudwatch:PutMetricData": // metrics have no ARN
				assert.Equal(t, []string{"cloudwatch:PutMetricData"}, s.Action)
				assert.Equal(t, map[string]map[string]string{"StringEquals": {"cloudwatch:namespace": "sentry/" + d.stack}}, s.Condition,
					"a task can forge the metrics of the other environment, and of its alarms")
				continue
			case "s3:ListBucket":
				assert.Equal(t, []string{artifacts, clips}, s.Resource)
			default:
				assert.Equal(t, []string{artifacts + "/*", clips + "/*"}, s.Resource, "objects of other buckets are in reach")
			}
			assert.Equal(t, map[string]map[string]string{"StringEquals": {"aws:ResourceAccount": "123456789012"}}, s.Condition,
				"a stranger's bucket of the same name is in reach")
		}
	})
}

func TestSecrets(t *testing.T) { // A12
	const (
		secret    = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sentry/staging/db-AbCdEf"
		parameter = "arn:aws:ssm:us-east-1:123456789012:parameter/sentry/staging/token"
	)
	d := with(t, map[string]string{
		"sentry:secrets": `{"DB_PASSWORD":"` + secret + `:password::","DB_USER":"` + secret + `:user::","TOKEN":"` + parameter + `"}`,
	})
	var names []string
	for _, s := range d.container(t).Secrets {
		names = append(names, s.Name+"="+s.ValueFrom)
	}
	assert.Equal(t, []string{"DB_PASSWORD=" + secret + ":password::", "DB_USER=" + secret + ":user::", "TOKEN=" + parameter}, names)
	rights := parse[policy](t, d.inputs(t, aws.IAMRolePolicy, "sentry-staging-execution")["policy"])
	for _, s := range rights.Statement {
		switch s.Action[0] {
		case "secretsmanager:GetSecretValue":
			assert.Equal(t, []string{secret}, s.Resource, "the task does not start, or reads others' secrets")
		case "ssm:GetParameters":
			assert.Equal(t, []string{parameter}, s.Resource, "the task does not start, or reads others' parameters")
		}
	}
	assert.Contains(t, rights.actions("Allow"), "secretsmanager:GetSecretValue")
	assert.Contains(t, rights.actions("Allow"), "ssm:GetParameters")
}

func TestContainer(t *testing.T) { // A14
	each(t, func(t *testing.T, d deployed) {
		c := d.container(t)
		assert.Equal(t, "backend", c.Name)
		assert.True(t, c.Essential, "a task lives on without its only container")
		require.Len(t, c.PortMappings, 1)
		assert.Equal(t, 8080, c.PortMappings[0].ContainerPort)
		assert.Equal(t, 8080, c.PortMappings[0].HostPort, "AWS adds the host port: each preview shows a change that is none")
		assert.Equal(t, "tcp", c.PortMappings[0].Protocol)
	})
}

func TestContainerHealthCheck(t *testing.T) { // A14
	each(t, func(t *testing.T, d deployed) {
		check := d.container(t).HealthCheck
		require.Len(t, check.Command, 2)
		assert.Equal(t, "CMD-SHELL", check.Command[0])
		var asked []string
		for attempt := range strings.SplitSeq(check.Command[1], " || ") {
			words := strings.Fields(attempt)
			asked = append(asked, words[len(words)-1])
		}
		assert.Equal(t, []string{"http://127.0.0.1:8080/health", "http://127.0.0.1:8080/health", "1"}, asked,
			"curl and wget ask for another page than GET /health, or the last word is no exit code that ECS knows")
		assert.Greater(t, check.Interval, check.Timeout, "a check begins before the last one ended")
		assert.GreaterOrEqual(t, check.Retries, 2, "one lost request kills a task")
		assert.Positive(t, check.StartPeriod, "a task is killed while it starts")
	})
}

func TestContainerLogs(t *testing.T) { // A14, D1
	each(t, func(t *testing.T, d deployed) {
		logs := d.container(t).LogConfiguration
		assert.Equal(t, "awslogs", logs.LogDriver)
		assert.Equal(t, map[string]string{
			"awslogs-group":         "/ecs/" + d.name("-backend"),
			"awslogs-region":        "us-east-1",
			"awslogs-stream-prefix": "ecs",
			"mode":                  "non-blocking",
			"max-buffer-size":       "25m",
		}, logs.Options, "the backend stops when CloudWatch cannot be reached")
	})
}

func TestContainerEnvironment(t *testing.T) { // A14
	each(t, func(t *testing.T, d deployed) {
		var got []string
		for _, v := range d.container(t).Environment {
			got = append(got, v.Name+"="+v.Value)
		}
		assert.IsIncreasing(t, got, "the order is not AWS's, and each preview shows a change that is none")
		assert.Subset(t, got, []string{ // that there is nothing else, the golden says
			"AWS_REGION=us-east-1",
			"ENVIRONMENT=" + d.stack,
			"PORT=8080",
			"S3_ARTIFACTS_BUCKET=" + d.name("-artifacts-123456789012"),
			"S3_CLIPS_BUCKET=" + d.name("-clips-123456789012"),
		}, "the backend finds another world")
	})
}

func TestContainerDefinitionIsCanonical(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		text := d.inputs(t, aws.ECSTaskDefinition, d.name("-backend"))["containerDefinitions"]
		document := parse[[]map[string]any](t, text)[0]
		for _, key := range []string{"mountPoints", "volumesFrom", "systemControls"} {
			assert.Equal(t, []any{}, document[key], "AWS adds an empty %s: each preview shows a change that is none", key)
		}
		assert.NotContains(t, document, "secrets", "AWS drops an empty list of secrets")
	})
}

func TestRollingDeployment(t *testing.T) { // A15
	each(t, func(t *testing.T, d deployed) {
		service := d.inputs(t, aws.ECSService, d.name("-backend"))
		assert.EqualValues(t, 100, service["deploymentMinimumHealthyPercent"], "a deployment takes tasks out of service")
		assert.EqualValues(t, 200, service["deploymentMaximumPercent"], "a deployment of a single task cannot begin")
		assert.Equal(t, map[string]any{"enable": true, "rollback": true}, service["deploymentCircuitBreaker"], "a broken image retries for ever")
		assert.Equal(t, true, service["waitForSteadyState"], "pulumi up ends before anybody knows whether it worked")
		timeouts := d.resource(t, aws.ECSService, d.name("-backend")).CustomTimeouts
		assert.Equal(t, "20m", timeouts.Create)
		assert.Equal(t, "20m", timeouts.Update)
		assert.Equal(t, "20m", timeouts.Delete)
	})
}

func TestServiceNetwork(t *testing.T) { // A2, A3, F8
	each(t, func(t *testing.T, d deployed) {
		network := d.inputs(t, aws.ECSService, d.name("-backend"))["networkConfiguration"].(map[string]any)
		assert.Equal(t, true, network["assignPublicIp"], "without a NAT gateway the tasks cannot pull their image")
		var subnets []any
		for _, r := range d.ByType(aws.EC2Subnet) {
			subnets = append(subnets, r.ID)
		}
		assert.ElementsMatch(t, subnets, network["subnets"])
		assert.Equal(t, []any{d.resource(t, aws.EC2SecurityGroup, d.name("-tasks")).ID}, network["securityGroups"])
	})
}

// Tasks that start before they may, fail, and the circuit breaker then ends the first deployment.
func TestServiceStartsLast(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		reached := map[string]bool{}
		var reach func(urn string)
		byURN := map[string][]string{}
		for _, r := range d.Resources {
			byURN[r.URN] = r.DependsOn
		}
		reach = func(urn string) {
			for _, dependency := range byURN[urn] {
				if !reached[dependency] {
					reached[dependency] = true
					reach(dependency)
				}
			}
		}
		reach(d.resource(t, aws.ECSService, d.name("-backend")).URN)
		for _, r := range slices.Concat(d.ByType(aws.IAMRolePolicy), d.ByType(aws.EC2SecurityGroupIngressRule), d.ByType(aws.EC2SecurityGroupEgressRule), d.ByType(aws.CloudWatchLogGroup)) {
			assert.True(t, reached[r.URN], "tasks may start before %s %s is there", r.Type, r.Name)
		}
	})
}

func TestTagsReachTheTasks(t *testing.T) { // A17
	each(t, func(t *testing.T, d deployed) {
		service := d.inputs(t, aws.ECSService, d.name("-backend"))
		assert.Equal(t, "SERVICE", service["propagateTags"], "the bill does not say whose tasks these are")
		assert.Equal(t, true, service["enableEcsManagedTags"])
	})
}

func TestReleaseRecord(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		record := d.resource(t, aws.SSMParameter, d.name("-backend-image"))
		assert.Equal(t, "/sentry/"+d.stack+"/backend/image", record.Inputs.Mappable()["name"])
		assert.Equal(t, "String", record.Inputs.Mappable()["type"])
		assert.Equal(t, d.image(), record.Inputs.Mappable()["insecureValue"])
		assert.Nil(t, record.Inputs.Mappable()["value"], "a secret hides the whole task definition in each preview")
		assert.Empty(t, record.IgnoreChanges, "a release is never recorded")
		assert.Equal(t, d.image(), d.container(t).Image)
		assert.Equal(t, d.image(), d.Outputs["deployedImage"])
	})
}

func TestNoImageNoTasks(t *testing.T) { // F7
	for _, e := range environments {
		t.Run(e.stack, func(t *testing.T) {
			recording, err := run(t, e.stack, sandbox.StackOptions{})
			require.NoError(t, err)
			d := deployed{e, recording}
			assert.EqualValues(t, 0, d.inputs(t, aws.ECSService, d.name("-backend"))["desiredCount"], "tasks start, find no image and retry for ever")
			assert.Regexp(t, `^123456789012\.dkr\.ecr\.us-east-1\.amazonaws\.com/sentry-`+e.stack+`-backend@sha256:0{64}$`, d.container(t).Image,
				"something can run that nobody released")
			assert.Equal(t, "none", d.Outputs["deployedImage"])
			record := d.resource(t, aws.SSMParameter, d.name("-backend-image"))
			assert.Equal(t, "none", record.Inputs.Mappable()["insecureValue"])
			assert.Equal(t, []string{"insecureValue"}, record.IgnoreChanges, "an update without the key takes back what was released")
		})
	}
}

func TestNoOtherRights(t *testing.T) { // F10
	each(t, func(t *testing.T, d deployed) {
		for _, logical := range []string{"-execution", "-task"} {
			role := d.inputs(t, aws.IAMRole, d.name(logical))["name"]
			assert.Equal(t, map[string]any{"roleName": role, "policyNames": []any{role}},
				d.inputs(t, aws.IAMRolePoliciesExclusive, d.name(logical)), "a policy that somebody adds to the role stays unseen")
			assert.Equal(t, map[string]any{"roleName": role, "policyArns": []any{}},
				d.inputs(t, aws.IAMRolePolicyAttachmentsExclusive, d.name(logical)), "a policy that somebody attaches to the role stays unseen")
		}
	})
}

func TestRepositoryIsClosedToOtherAccounts(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		rights := parse[policy](t, d.inputs(t, aws.ECRRepositoryPolicy, d.name("-backend"))["policy"])
		require.Len(t, rights.Statement, 1)
		deny := rights.Statement[0]
		assert.Equal(t, "Deny", deny.Effect, "the policy opens the images to somebody")
		assert.Equal(t, []string{"ecr:*"}, deny.Action)
		assert.Equal(t, map[string]map[string]string{
			"StringNotEquals": {"aws:PrincipalAccount": "123456789012"},
			"Bool":            {"aws:PrincipalIsAWSService": "false"},
		}, deny.Condition, "the account's own roles, or AWS's scanner, are shut out; or strangers are not")
	})
}

func TestContainerHasNoPrivileges(t *testing.T) {
	each(t, func(t *testing.T, d deployed) {
		text := d.inputs(t, aws.ECSTaskDefinition, d.name("-backend"))["containerDefinitions"]
		assert.Equal(t, false, parse[[]map[string]any](t, text)[0]["privileged"], "the container owns its host")
	})
}

// With roles that bootstrap made, a deployment makes none and rewrites none: it has no right to.
func TestBootstrappedRoles(t *testing.T) { // F10
	bootstrapped := map[string]string{"sentry:bootstrapped": "true"}
	_, err := run(t, "staging", sandbox.StackOptions{Config: bootstrapped})
	require.ErrorContains(t, err, `read aws:iam/role:Role "sentry-staging-`, "a stack file that is ahead of bootstrap makes roles all the same")

	cloud := sandbox.NewCloud()
	names := []string{"sentry-staging-ecs-task-execution-role", "sentry-staging-backend-task-role"}
	for _, name := range names {
		require.NoError(t, cloud.Add(aws.IAMRole, name, map[string]any{"name": name, "assumeRolePolicy": `{"Version":"2012-10-17","Statement":[` +
			`{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`}))
	}
	recording, err := run(t, "staging", sandbox.StackOptions{Config: bootstrapped, Cloud: cloud})
	require.NoError(t, err)
	d := deployed{environments[0], recording}
	assert.Empty(t, d.ByType(aws.IAMRole), "the deployment makes a role")
	definition := d.inputs(t, aws.ECSTaskDefinition, "sentry-staging-backend")
	assert.Equal(t, "arn:aws:iam::123456789012:role/"+names[0], definition["executionRoleArn"])
	assert.Equal(t, "arn:aws:iam::123456789012:role/"+names[1], definition["taskRoleArn"])
	assert.Equal(t, names[1], d.inputs(t, aws.IAMRolePolicy, "sentry-staging-task")["role"], "the role has no rights")
	assert.Equal(t, names[1], d.inputs(t, aws.IAMRolePoliciesExclusive, "sentry-staging-task")["roleName"])
}

// E4: what runs goes on running before the first release, and in the load balancer that it is in.
// A role keeps what it has until the tool that made it is gone: tasks are running with it, and it is the way back.
func TestAdoptedPolicies(t *testing.T) {
	const managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
	d := with(t, map[string]string{"sentry:adopted": `{"policies":{"execution":["additional","` + managed + `"]}}`})
	for name, want := range map[string][2][]any{
		"sentry-staging-execution": {{"sentry-staging-ecs-task-execution-role", "additional"}, {managed}},
		"sentry-staging-task":      {{"sentry-staging-backend-task-role"}, {}},
	} {
		assert.Equal(t, want[0], d.inputs(t, aws.IAMRolePoliciesExclusive, name)["policyNames"], "%s loses rights", name)
		assert.Equal(t, want[1], d.inputs(t, aws.IAMRolePolicyAttachmentsExclusive, name)["policyArns"], "%s loses rights", name)
	}
}

func TestAdoptedService(t *testing.T) {
	const image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sentry-staging-backend:latest"
	const group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/old/0123456789abcdef"
	recording, err := run(t, "staging", sandbox.StackOptions{Config: map[string]string{
		"sentry:adopted": `{"image":"` + image + `","targetGroups":["` + group + `"]}`, "sentry:ingressCidrs": "[]",
	}})
	require.NoError(t, err)
	d := deployed{environments[0], recording}
	require.Equal(t, "staging", d.stack)
	service := d.inputs(t, aws.ECSService, d.name("-backend"))
	assert.EqualValues(t, d.count, service["desiredCount"], "the tasks stop")
	assert.Equal(t, image, d.container(t).Image)
	assert.Equal(t, image, d.resource(t, aws.SSMParameter, d.name("-backend-image")).Inputs.Mappable()["insecureValue"],
		"the next update without the key stops the tasks")
	assert.Equal(t, group, service["loadBalancers"].([]any)[0].(map[string]any)["targetGroupArn"], "the load balancer loses its tasks")
	for _, rule := range d.ByType(aws.EC2SecurityGroupIngressRule) {
		assert.Fail(t, "the tasks are opened to others than the load balancer", rule.Name)
	}
}
