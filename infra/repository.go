package infra

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// imagesKept is how many images can be rolled back to (A7).
	imagesKept = 10
	// untaggedImageDays is how long an image without a tag is kept, such as the remains of a broken push.
	untaggedImageDays = 1
)

// newRepository makes the image repository (A7, F11): a tag names one image for ever, and old images go.
func newRepository(
	ctx *pulumi.Context, name string, args *ServiceArgs, child pulumi.ResourceOption,
) (*ecr.Repository, error) {
	encrypted := ecr.RepositoryEncryptionConfigurationArgs{EncryptionType: pulumi.String("AES256")}
	if args.KMSKeyARN != "" {
		encrypted.EncryptionType, encrypted.KmsKey = pulumi.String("KMS"), pulumi.String(args.KMSKeyARN)
	}
	repository, err := ecr.NewRepository(ctx, name, &ecr.RepositoryArgs{
		Name:                       pulumi.String(name),
		ImageTagMutability:         pulumi.String("IMMUTABLE"),
		ImageScanningConfiguration: ecr.RepositoryImageScanningConfigurationArgs{ScanOnPush: pulumi.Bool(true)},
		EncryptionConfigurations:   ecr.RepositoryEncryptionConfigurationArray{encrypted},
		// Another encryption would be another repository, without the images: an existing one keeps what it has.
	}, child, pulumi.Protect(args.Protect), pulumi.IgnoreChanges([]string{"encryptionConfigurations"}))
	if err != nil {
		return nil, fmt.Errorf("create the image repository: %w", err)
	}
	if _, err := ecr.NewRepositoryPolicy(ctx, name, &ecr.RepositoryPolicyArgs{
		Repository: repository.Name,
		Policy:     documentOf(repository.Arn, func(string) policyDocument { return repositoryPolicy(args.Account.ID) }),
	}, child); err != nil {
		return nil, fmt.Errorf("close the image repository to other accounts: %w", err)
	}
	policy, err := imageLifecycle()
	if err != nil {
		return nil, err
	}
	if _, err := ecr.NewLifecyclePolicy(ctx, name, &ecr.LifecyclePolicyArgs{
		Repository: repository.Name,
		Policy:     pulumi.String(policy),
	}, child); err != nil {
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
