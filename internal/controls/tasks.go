package controls

import (
	"regexp"
	"slices"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

const exampleKey = "arn:aws:kms:us-east-1:123456789012:key/0123abcd"

var (
	definition = []string{aws.ECSTaskDefinition}
	service    = []string{aws.ECSService}
	images     = []string{aws.ECRRepository}
	// secretName is what Checkov and Trivy take for the name of a secret, and more.
	secretName = regexp.MustCompile(`(?i)secret|password|passwd|token|credential|api_?key|private_?key|access_?key`)
)

// noSecrets: no variable's name is one's for secrets, and no value has the form of one.
func noSecrets(c look) bool {
	variables, _ := c.at("environment").([]any)
	return !slices.ContainsFunc(variables, func(v any) bool {
		name, _ := at(v, "name").(string)
		value, _ := at(v, "value").(string)
		return secretName.MatchString(name) || strings.Contains(value, "-----BEGIN") || accessKey.MatchString(value)
	})
}

var accessKey = regexp.MustCompile(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`)

func tagged(l look) bool {
	tags, _ := l.at("defaultTags", "tags").(map[string]any)
	return tags["Project"] != nil && tags["Environment"] != nil && tags["ManagedBy"] != nil
}

var tasks = []Control{
	{
		IDs: "ECS.1 ECS.17", Demands: "tasks have a network of their own", Types: definition, Why: "awsvpc, the only one that Fargate knows",
		Holds: func(l look) bool { return l.is("networkMode", "awsvpc") },
	},
	{
		IDs: "ECS.2 CKV_AWS_333", Demands: "tasks have no public address", Types: service, Status: Accepted,
		Why: "what stands instead of it, NAT or endpoints for ECR, logs and secrets, is $33 to $66 a month (docs/decisions/public-tasks.md); " +
			"the security group lets in the backend's port only, and with `sentry:https` the load balancer only",
		Holds: func(l look) bool { return l.at("networkConfiguration", "assignPublicIp") != true },
	},
	{
		IDs: "ECS.16", Demands: "… and no task sets that have one", Types: service, Why: "ECS itself rolls out", Holds: absent("deploymentController"),
	},
	{
		IDs: "ECS.3 CKV_AWS_335", Demands: "no process namespace of the host", Types: definition, Why: "not set",
		Holds: absent("pidMode", "ipcMode", "proxyConfiguration", "inferenceAccelerators", "placementConstraints"),
	},
	{
		IDs: "ECS.4 CKV_AWS_334", Demands: "not privileged", Types: definition, Why: "said in the definition",
		Holds: eachContainer(func(c look) bool {
			return c.is("privileged", false) && absent("linuxParameters", "dockerSecurityOptions", "extraHosts")(c)
		}),
	},
	{
		IDs: "ECS.5 CKV_AWS_336", Demands: "the root file system cannot be written", Types: definition, Status: ByKey,
		Why: "off by default: an image may write where it wants to", Key: "`sentry:container.readOnlyRootFilesystem`",
		With:  map[string]string{"sentry:container": `{"readOnlyRootFilesystem":true}`},
		Holds: eachContainer(func(c look) bool { return c.is("readonlyRootFilesystem", true) }),
	},
	{
		IDs: "ECS.20", Demands: "not root", Types: definition, Status: ByKey, Why: "by default the user is the image's",
		Key: "`sentry:container.user`", With: map[string]string{"sentry:container": `{"user":"1000"}`},
		Holds: eachContainer(func(c look) bool {
			user, _, _ := strings.Cut(c.text("user"), ":")
			return user != "" && user != "root" && user != "0"
		}),
	},
	{
		IDs: "ECS.8 AVD-AWS-0036", Demands: "no secrets among the variables", Types: definition,
		Why: "references only; a name or value that looks like one is refused (G3)", Holds: eachContainer(noSecrets),
	},
	{
		IDs: "ECS.9", Demands: "lines are logged", Types: definition, Why: "A14",
		Holds: eachContainer(func(c look) bool {
			return c.at("logConfiguration", "logDriver") == "awslogs" && c.at("logConfiguration", "options", "awslogs-group") != nil
		}),
	},
	{
		IDs: "own", Demands: "a log that is slow does not stop the backend", Types: definition,
		Why: "non-blocking, with a buffer, unless `sentry:container.logMode` says otherwise",
		Holds: eachContainer(func(c look) bool {
			return c.at("logConfiguration", "options", "mode") == "non-blocking" && c.at("logConfiguration", "options", "max-buffer-size") != nil
		}),
	},
	{
		IDs: "own", Demands: "an image is named for good", Types: definition, Why: "by digest (F7)",
		Holds: eachContainer(func(c look) bool { return strings.Contains(c.text("image"), "@sha256:") }),
	},
	{
		IDs: "ECS.18 CKV_AWS_97 AVD-AWS-0035", Demands: "file systems are mounted with encryption", Types: definition, Why: "none is mounted",
		Holds: func(l look) bool {
			volumes, _ := l.at("volumes").([]any)
			return !slices.ContainsFunc(volumes, func(v any) bool {
				object, _ := v.(map[string]any)
				return len(object) != 1 || object["name"] == nil
			})
		},
	},
	{
		IDs: "CKV_AWS_249", Demands: "what starts a task has another role than what runs in it", Types: definition, Why: "A12, A13",
		Holds: func(l look) bool {
			return l.text("executionRoleArn") != "" && l.text("taskRoleArn") != "" && l.text("executionRoleArn") != l.text("taskRoleArn")
		},
	},
	{
		IDs: "ECS.10 CKV_AWS_332", Demands: "the newest platform", Types: service, Why: "AWS's default",
		Holds: func(l look) bool { return l.at("platformVersion") == nil || l.is("platformVersion", "LATEST") },
	},
	{
		IDs: "ECS.12 CKV_AWS_65 AVD-AWS-0034", Demands: "Container Insights", Types: []string{aws.ECSCluster},
		Why: "A4, unless `sentry:monitoring.containerInsights` says disabled",
		Holds: func(l look) bool {
			return l.at("settings", 0, "name") == "containerInsights" && slices.Contains([]any{"enabled", "enhanced"}, l.at("settings", 0, "value"))
		},
	},
	{
		IDs: "CKV_AWS_223", Demands: "a shell in a task is logged", Types: []string{aws.ECSCluster},
		Why: "off; with `sentry:exec` the session goes to the log group (G9)",
		Holds: func(l look) bool {
			allowed := l.has(aws.ECSService, func(s look) bool { return s.is("enableExecuteCommand", true) })
			execute := l.at("configuration", "executeCommandConfiguration")
			return !allowed || at(execute, "logging") == "OVERRIDE" && at(execute, "logConfiguration", "cloudWatchLogGroupName") != nil
		},
	},
	{
		IDs: "CKV_AWS_224", Demands: "… and encrypted with a key of one's own", Types: []string{aws.ECSCluster}, Status: Accepted,
		Why:   "TLS carries the session, and the log group's key encrypts what is kept; a key on top asks every user's role for rights to it",
		Holds: func(l look) bool { return l.at("configuration", "executeCommandConfiguration", "kmsKeyId") != nil },
	},
	{
		IDs: "ECS.13 ECS.14 ECS.15 ECR.4", Demands: "tags", Types: []string{aws.Provider}, Why: "the provider's, on everything (A17)", Holds: tagged,
	},
	{
		IDs: "own", Demands: "a failed deployment is taken back, and tasks carry their service's tags", Types: service, Why: "A15",
		Holds: func(l look) bool {
			return l.at("deploymentCircuitBreaker", "enable") == true && l.at("deploymentCircuitBreaker", "rollback") == true &&
				l.is("propagateTags", "SERVICE")
		},
	},
	{
		IDs: "ECR.1 CKV_AWS_163 AVD-AWS-0030", Demands: "images are scanned", Types: images, Why: "A7; a release stops at critical findings",
		Holds: func(l look) bool { return l.at("imageScanningConfiguration", "scanOnPush") == true },
	},
	{
		IDs: "ECR.2 CKV_AWS_51 AVD-AWS-0031", Demands: "tags are immutable", Types: images, Why: "F11",
		Holds: func(l look) bool { return l.is("imageTagMutability", "IMMUTABLE") && absent("forceDelete")(l) },
	},
	{
		IDs: "ECR.3", Demands: "old images go", Types: []string{aws.ECRRepository, aws.ECRLifecyclePolicy}, Why: "A7",
		Holds: func(l look) bool {
			return l.has(aws.ECRLifecyclePolicy, func(o look) bool { return strings.Contains(o.text("policy"), "imageCountMoreThan") })
		},
	},
	{
		IDs: "ECR.5 CKV_AWS_136 AVD-AWS-0033", Demands: "images are encrypted with a key of one's own", Types: images, Status: ByKey,
		Why: "AES256 by default (A7); a repository that exists keeps what it has", Key: "`sentry:kmsKeyArn`",
		With:  map[string]string{"sentry:kmsKeyArn": exampleKey},
		Holds: func(l look) bool { return l.at("encryptionConfigurations", 0, "kmsKey") != nil },
	},
	{
		IDs: "CKV_AWS_32 AVD-AWS-0032", Demands: "no other account in the repository", Types: []string{aws.ECRRepository, aws.ECRRepositoryPolicy},
		Why: "a denial, whatever is added by hand",
		Holds: func(l look) bool {
			return l.has(aws.ECRRepositoryPolicy, func(o look) bool {
				statements, ok := o.statements(policy.Resource, "policy")
				if !ok { // ECR's policies name no resource
					statements, ok = withResource(o.text("policy"))
				}
				return ok && !slices.ContainsFunc(statements, func(s policy.Statement) bool {
					return s.Effect != "Deny" || condition(s, "StringNotEquals", "aws:PrincipalAccount") == nil
				})
			})
		},
	},
}
