package infra

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// imagesKept is how many images can be rolled back to (A7).
	imagesKept = 10
	// untaggedImageDays is how long an image without a tag is kept, such as the remains of a broken push.
	untaggedImageDays = 1
	// rolloutTimeout bounds the wait for a steady state. A broken image takes the circuit breaker at least
	// three tasks to notice, of up to 150 s each, and then the old tasks come back.
	rolloutTimeout = "20m"
)

// neverPulled stands in for an image until the first release: no registry holds it, so that even a task
// started by hand could not run anything (F7).
var neverPulled = "@sha256:" + strings.Repeat("0", 64)

// Service runs the backend on Fargate: image repository, cluster, roles, release record, task definition
// and service (A4–A7, A12–A15).
type Service struct {
	pulumi.ResourceState

	RepositoryURL     pulumi.StringOutput
	ClusterName       pulumi.StringOutput
	ServiceName       pulumi.StringOutput
	TaskDefinitionARN pulumi.StringOutput
	// Image is what is released: <repository>@sha256:<digest>, or none.
	Image pulumi.StringOutput
}

// ServiceArgs shape the service. All are required, except Image, Secrets and PermissionsBoundary.
type ServiceArgs struct {
	// Stack is a part of the resources' names.
	Stack string
	// Account is where the service runs.
	Account Account
	// CPU is in CPU units, Memory in MiB; together they are one of Fargate's sizes.
	CPU, Memory int
	// DesiredCount is the number of tasks once an image has been released.
	DesiredCount int
	// Port is where the container listens, TCP; HealthPath answers 200 when it can serve.
	Port       int
	HealthPath string
	// Image, when set, is released; otherwise what was released last stays.
	Image string
	// Secrets maps environment variables to the ARNs of their values.
	Secrets map[string]string
	// PermissionsBoundary is the name of the policy that caps the roles' rights; none when empty.
	PermissionsBoundary string

	SubnetIDs                           pulumi.StringArrayInput
	SecurityGroupID                     pulumi.StringInput
	ArtifactsBucket, ArtifactsBucketARN pulumi.StringInput
	ClipsBucket, ClipsBucketARN         pulumi.StringInput
	LogGroup, LogGroupARN               pulumi.StringInput
}

func (args *ServiceArgs) validate() error {
	if args == nil {
		return errors.New("service: no arguments")
	}
	var errs []error
	for _, field := range []struct {
		name    string
		missing bool
	}{
		{"Stack", args.Stack == ""},
		{"Account", args.Account == (Account{})},
		{"CPU", args.CPU == 0},
		{"Memory", args.Memory == 0},
		{"Port", args.Port == 0},
		{"HealthPath", args.HealthPath == ""},
		{"SubnetIDs", args.SubnetIDs == nil},
		{"SecurityGroupID", args.SecurityGroupID == nil},
		{"ArtifactsBucket", args.ArtifactsBucket == nil},
		{"ArtifactsBucketARN", args.ArtifactsBucketARN == nil},
		{"ClipsBucket", args.ClipsBucket == nil},
		{"ClipsBucketARN", args.ClipsBucketARN == nil},
		{"LogGroup", args.LogGroup == nil},
		{"LogGroupARN", args.LogGroupARN == nil},
	} {
		if field.missing {
			errs = append(errs, fmt.Errorf("service: %s is not set", field.name))
		}
	}
	if args.DesiredCount < 0 {
		errs = append(errs, fmt.Errorf("service: DesiredCount %d is negative", args.DesiredCount))
	}
	return errors.Join(errs...)
}

// NewService registers the service of one environment.
func NewService(ctx *pulumi.Context, name string, args *ServiceArgs, opts ...pulumi.ResourceOption) (*Service, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	service := &Service{}
	if err := ctx.RegisterComponentResource("sentry:infra:Service", name, service, opts...); err != nil {
		return nil, fmt.Errorf("register the service %q: %w", name, err)
	}

	repository, err := service.addRepository(ctx, name)
	if err != nil {
		return nil, err
	}
	executionRoleARN, err := service.addRole(ctx, name+"-execution", executionRoleName(args.Stack), args,
		policyOf(func(arns []string) policyDocument {
			return executionPolicy(arns[0], arns[1], secretARNs(args.Secrets))
		}, repository.Arn, args.LogGroupARN))
	if err != nil {
		return nil, err
	}
	taskRoleARN, err := service.addRole(ctx, name+"-task", taskRoleName(args.Stack), args,
		policyOf(func(arns []string) policyDocument {
			return taskPolicy(arns[0], arns[1])
		}, args.ArtifactsBucketARN, args.ClipsBucketARN))
	if err != nil {
		return nil, err
	}
	cluster, err := ecs.NewCluster(ctx, name+"-cluster", &ecs.ClusterArgs{
		Name: pulumi.String(name + "-cluster"),
		Settings: ecs.ClusterSettingArray{ecs.ClusterSettingArgs{
			Name: pulumi.String("containerInsights"), Value: pulumi.String("enabled"),
		}},
	}, pulumi.Parent(service))
	if err != nil {
		return nil, fmt.Errorf("create the cluster: %w", err)
	}

	if service.Image, err = service.addReleaseRecord(ctx, name, args); err != nil {
		return nil, err
	}
	definition, err := ecs.NewTaskDefinition(ctx, name+"-backend", &ecs.TaskDefinitionArgs{
		Family:                  pulumi.String(name + "-backend"),
		Cpu:                     pulumi.String(strconv.Itoa(args.CPU)),
		Memory:                  pulumi.String(strconv.Itoa(args.Memory)),
		NetworkMode:             pulumi.String("awsvpc"),
		RequiresCompatibilities: pulumi.StringArray{pulumi.String("FARGATE")},
		ExecutionRoleArn:        executionRoleARN,
		TaskRoleArn:             taskRoleARN,
		ContainerDefinitions:    service.containerDefinitions(args, repository.RepositoryUrl),
	}, pulumi.Parent(service))
	if err != nil {
		return nil, fmt.Errorf("register the task definition: %w", err)
	}

	running, err := ecs.NewService(ctx, name+"-backend", &ecs.ServiceArgs{
		Name:           pulumi.String(name + "-backend"),
		Cluster:        cluster.Arn,
		TaskDefinition: definition.Arn,
		LaunchType:     pulumi.String("FARGATE"),
		// A changed count reaches the service: nothing else owns it (F2). No image, no tasks (F7).
		DesiredCount: service.Image.ApplyT(func(image string) int {
			if image == noImage {
				return 0
			}
			return args.DesiredCount
		}).(pulumi.IntOutput),
		DeploymentMinimumHealthyPercent: pulumi.Int(100),
		DeploymentMaximumPercent:        pulumi.Int(200),
		DeploymentCircuitBreaker: ecs.ServiceDeploymentCircuitBreakerArgs{
			Enable: pulumi.Bool(true), Rollback: pulumi.Bool(true),
		},
		NetworkConfiguration: ecs.ServiceNetworkConfigurationArgs{
			Subnets:        args.SubnetIDs,
			SecurityGroups: pulumi.StringArray{args.SecurityGroupID},
			// Public subnets without a NAT gateway: without an address of its own, a task reaches neither
			// ECR nor anything else. Who may reach the task is the security group's to say.
			AssignPublicIp: pulumi.Bool(true),
		},
		PropagateTags:        pulumi.String("SERVICE"),
		EnableEcsManagedTags: pulumi.Bool(true),
		WaitForSteadyState:   pulumi.Bool(true),
	}, pulumi.Parent(service), pulumi.Timeouts(&pulumi.CustomTimeouts{
		Create: rolloutTimeout, Update: rolloutTimeout, Delete: rolloutTimeout,
	}))
	if err != nil {
		return nil, fmt.Errorf("create the service: %w", err)
	}

	service.RepositoryURL = repository.RepositoryUrl
	service.ClusterName = cluster.Name
	service.ServiceName = running.Name
	service.TaskDefinitionARN = definition.Arn
	if err := ctx.RegisterResourceOutputs(service, pulumi.Map{
		"repositoryUrl":     service.RepositoryURL,
		"clusterName":       service.ClusterName,
		"serviceName":       service.ServiceName,
		"taskDefinitionArn": service.TaskDefinitionARN,
		"image":             service.Image,
	}); err != nil {
		return nil, fmt.Errorf("register the service's outputs: %w", err)
	}
	return service, nil
}

// addRepository makes the image repository (A7, F11): a tag names one image for ever, and old images go.
func (service *Service) addRepository(ctx *pulumi.Context, name string) (*ecr.Repository, error) {
	repository, err := ecr.NewRepository(ctx, name+"-backend", &ecr.RepositoryArgs{
		Name:                       pulumi.String(name + "-backend"),
		ImageTagMutability:         pulumi.String("IMMUTABLE"),
		ImageScanningConfiguration: ecr.RepositoryImageScanningConfigurationArgs{ScanOnPush: pulumi.Bool(true)},
		EncryptionConfigurations: ecr.RepositoryEncryptionConfigurationArray{
			ecr.RepositoryEncryptionConfigurationArgs{EncryptionType: pulumi.String("AES256")},
		},
	}, pulumi.Parent(service))
	if err != nil {
		return nil, fmt.Errorf("create the image repository: %w", err)
	}
	policy, err := imageLifecycle()
	if err != nil {
		return nil, err
	}
	if _, err := ecr.NewLifecyclePolicy(ctx, name+"-backend", &ecr.LifecyclePolicyArgs{
		Repository: repository.Name,
		Policy:     pulumi.String(policy),
	}, pulumi.Parent(service)); err != nil {
		return nil, fmt.Errorf("expire old images: %w", err)
	}
	return repository, nil
}

// lifecycleRule is a rule of an ECR lifecycle policy; a lower priority comes first.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
type lifecycleRule struct {
	RulePriority int               `json:"rulePriority"`
	Description  string            `json:"description"`
	Selection    lifecycleSelect   `json:"selection"`
	Action       map[string]string `json:"action"`
}

type lifecycleSelect struct {
	TagStatus   string `json:"tagStatus"`
	CountType   string `json:"countType"`
	CountUnit   string `json:"countUnit,omitempty"`
	CountNumber int    `json:"countNumber"`
}

func imageLifecycle() (string, error) {
	expire := map[string]string{"type": "expire"}
	text, err := json.Marshal(map[string][]lifecycleRule{"rules": {
		{1, "Remove what no tag names", lifecycleSelect{"untagged", "sinceImagePushed", "days", untaggedImageDays}, expire},
		{2, "Keep the newest images", lifecycleSelect{TagStatus: "any", CountType: "imageCountMoreThan", CountNumber: imagesKept}, expire},
	}})
	if err != nil {
		return "", fmt.Errorf("marshal the image lifecycle: %w", err)
	}
	return string(text), nil
}

// addRole makes a role for tasks of this account and returns its ARN, which is known once the role has its
// rights: a task that starts earlier fails.
func (service *Service) addRole(ctx *pulumi.Context, logical, roleName string, args *ServiceArgs, policy pulumi.StringInput) (pulumi.StringOutput, error) {
	trust, err := tasksTrust(args.Account).json()
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	roleArgs := &iam.RoleArgs{Name: pulumi.String(roleName), AssumeRolePolicy: pulumi.String(trust)}
	if args.PermissionsBoundary != "" {
		roleArgs.PermissionsBoundary = pulumi.String(args.Account.policyARN(args.PermissionsBoundary))
	}
	role, err := iam.NewRole(ctx, logical, roleArgs, pulumi.Parent(service))
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("create the role %q: %w", roleName, err)
	}
	rights, err := iam.NewRolePolicy(ctx, logical, &iam.RolePolicyArgs{
		Name:   pulumi.String(roleName),
		Role:   role.Name,
		Policy: policy,
	}, pulumi.Parent(service))
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("give the role %q its rights: %w", roleName, err)
	}
	return pulumi.OutputWithDependencies(ctx.Context(), role.Arn, rights).(pulumi.StringOutput), nil
}

// addReleaseRecord makes the parameter that says which image is released, and returns what it holds. An
// update that names no image leaves it alone, so that pulumi up from anywhere keeps running what was
// released last.
func (service *Service) addReleaseRecord(ctx *pulumi.Context, name string, args *ServiceArgs) (pulumi.StringOutput, error) {
	opts := []pulumi.ResourceOption{pulumi.Parent(service)}
	if args.Image == "" {
		opts = append(opts, pulumi.IgnoreChanges([]string{"insecureValue"}))
	}
	record, err := ssm.NewParameter(ctx, name+"-backend-image", &ssm.ParameterArgs{
		Name:        pulumi.Sprintf("/%s/%s/backend/image", product, args.Stack),
		Description: pulumi.String("The image that the backend runs; written by releases"),
		Type:        pulumi.String("String"),
		// Not value: that is always a secret, and would hide the whole task definition in every preview.
		InsecureValue: pulumi.String(cmp.Or(args.Image, noImage)),
	}, opts...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("create the release record: %w", err)
	}
	return record.InsecureValue, nil
}

func (service *Service) containerDefinitions(args *ServiceArgs, repositoryURL pulumi.StringOutput) pulumi.StringOutput {
	inputs := pulumi.StringArray{service.Image, repositoryURL, args.ArtifactsBucket, args.ClipsBucket, args.LogGroup}
	return inputs.ToStringArrayOutput().ApplyT(func(values []string) (string, error) {
		image, repository, artifacts, clips, logGroup := values[0], values[1], values[2], values[3], values[4]
		if image == noImage {
			image = repository + neverPulled
		}
		return container{
			image:      image,
			port:       args.Port,
			healthPath: args.HealthPath,
			environment: map[string]string{
				variableEnvironment:     args.Stack,
				variableRegion:          args.Account.Region,
				variablePort:            strconv.Itoa(args.Port),
				variableArtifactsBucket: artifacts,
				variableClipsBucket:     clips,
			},
			secrets:  args.Secrets,
			logGroup: logGroup,
			region:   args.Account.Region,
		}.definition()
	}).(pulumi.StringOutput)
}
