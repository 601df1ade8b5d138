package infra

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"

	"sentry/infra/config"
)

// neverPulled stands in for an image until the first release: no registry holds it, so that even a task
// started by hand could not run anything (F7).
var neverPulled = "@sha256:" + strings.Repeat("0", 64)

// newReleaseRecord makes the parameter that says which image is released, and returns what it holds. An
// update that names no image leaves it alone, so that pulumi up from anywhere keeps running what was
// released last.
func newReleaseRecord(
	ctx *pulumi.Context, logical string, args *ServiceArgs, child pulumi.ResourceOption,
) (pulumi.StringOutput, error) {
	opts := []pulumi.ResourceOption{child}
	if args.Image == "" {
		opts = append(opts, pulumi.IgnoreChanges([]string{"insecureValue"}))
	}
	record, err := ssm.NewParameter(ctx, logical, &ssm.ParameterArgs{
		Name:        pulumi.Sprintf("/%s/%s/backend/image", config.Product, args.Stack),
		Description: pulumi.String("The image that the backend runs; written by releases"),
		Type:        pulumi.String("String"),
		// Not value: that is always a secret, and would hide the whole task definition in every preview.
		InsecureValue: pulumi.String(cmp.Or(args.Image, args.Adopted.Image, config.NoImage)),
	}, opts...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("create the release record: %w", err)
	}
	if args.Image == "" {
		return record.InsecureValue, nil
	}
	// The provider plans a changed value as unknown; what is released is known, and a preview must show it: a release
	// is held to changing nothing else.
	released := pulumi.OutputWithDependencies(ctx.Context(), pulumi.String(args.Image).ToStringOutput(), record)
	return released.(pulumi.StringOutput), nil
}

// runnable is the image that a task definition may name.
func runnable(image, repositoryURL pulumi.StringOutput) pulumi.StringOutput {
	return pulumix.Cast[pulumi.StringOutput](pulumix.Apply2(image, repositoryURL, func(image, repository string) string {
		if image == config.NoImage {
			return repository + neverPulled
		}
		return image
	}))
}

// countOf is the number of tasks: none without an image (F7).
func countOf(image pulumi.StringOutput, desired int) pulumi.IntOutput {
	return pulumix.Cast[pulumi.IntOutput](pulumix.Apply(image, func(image string) int {
		if image == config.NoImage {
			return 0
		}
		return desired
	}))
}
