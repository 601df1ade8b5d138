package account

import (
	"slices"
	"strings"

	"sentry/internal/aws"
)

// programTypes are the types that infra/ may register, without those of the examples.
func programTypes() []aws.Type {
	return slices.DeleteFunc(slices.Clone(aws.Types()), func(entry aws.Type) bool { return entry.Example != "" })
}

// programCalls are the IAM actions that the AWS provider needs for what infra/ may register: those of the types of
// internal/aws, and of what else a program calls. The roles are bootstrap's, and a deployment only reads them: one that
// could write whom a role trusts would leave a door open behind it.
func programCalls() []string {
	actions := programReads()
	for _, entry := range programTypes() {
		if entry.Token != TokenRole {
			actions = append(actions, entry.Calls.All()...)
		}
	}
	return unique(actions)
}

// programReads are those of them that each preview and refresh makes.
func programReads() []string {
	var actions []string
	for _, called := range aws.Functions {
		actions = append(actions, strings.Fields(called)...)
	}
	for _, entry := range programTypes() {
		actions = append(actions, strings.Fields(entry.Calls.Read)...)
	}
	return unique(actions)
}

// anywhere are the actions that AWS ties to no resource.
func anywhere(action string) bool {
	return action == "ecr:GetAuthorizationToken" || slices.ContainsFunc(aws.Types(), func(entry aws.Type) bool {
		return slices.Contains(strings.Fields(entry.Anywhere), action)
	})
}

// releaseCalls is what the deploy jobs call themselves, outside the engine: pushing the image and reading its scan,
// publishing the front end, and looking at the roll-out.
var releaseCalls = []string{
	"ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart",
	"ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:DescribeImages",
	"ecr:DescribeImageScanFindings",
	"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "cloudfront:CreateInvalidation",
	"ecs:ListTasks", "ecs:DescribeTasks", "logs:FilterLogEvents", "logs:GetLogEvents",
}
