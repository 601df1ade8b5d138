// Package teardown empties what AWS does not delete while it holds something: versioned buckets and image
// repositories.
package teardown

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Emptier empties. It can be run again after an interruption.
type Emptier struct {
	S3  *s3.Client
	ECR *ecr.Client
	Out io.Writer
}

// Bucket deletes all objects of a bucket, with all their versions. Its policy goes first: it leaves that to the tasks.
func (e Emptier) Bucket(ctx context.Context, bucket string) error {
	if _, err := e.S3.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: &bucket}); err != nil {
		return fmt.Errorf("take the policy of bucket %s away: %w", bucket, err)
	}
	count, err := Versions(ctx, e.S3, &s3.ListObjectVersionsInput{Bucket: &bucket})
	if err != nil {
		return fmt.Errorf("empty bucket %s: %w", bucket, err)
	}
	fmt.Fprintf(e.Out, "%s: %d objects and versions deleted\n", bucket, count)
	return nil
}

// Versions deletes all objects of a bucket, with all their versions, and counts them.
func Versions(ctx context.Context, client *s3.Client, of *s3.ListObjectVersionsInput) (count int, err error) {
	pages := s3.NewListObjectVersionsPaginator(client, of)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return count, fmt.Errorf("list its objects: %w", err)
		}
		var objects []s3types.ObjectIdentifier
		for _, v := range page.Versions {
			objects = append(objects, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			objects = append(objects, s3types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		if len(objects) == 0 {
			continue
		}
		// A page has at most 1,000, which is as many as one deletion takes.
		deleted, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: of.Bucket, ExpectedBucketOwner: of.ExpectedBucketOwner, Delete: &s3types.Delete{Objects: objects, Quiet: aws.Bool(true)},
		})
		if err != nil {
			return count, err
		}
		if len(deleted.Errors) > 0 {
			return count, fmt.Errorf("%s: %s", aws.ToString(deleted.Errors[0].Key), aws.ToString(deleted.Errors[0].Message))
		}
		count += len(objects)
	}
	return count, nil
}

// Repository deletes all images of a repository.
func (e Emptier) Repository(ctx context.Context, repository string) error {
	count := 0
	pages := ecr.NewListImagesPaginator(e.ECR, &ecr.ListImagesInput{RepositoryName: &repository, MaxResults: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the images of %s: %w", repository, err)
		}
		// By digest, once: an image goes with all its tags.
		var images []ecrtypes.ImageIdentifier
		seen := map[string]bool{}
		for _, image := range page.ImageIds {
			if digest := aws.ToString(image.ImageDigest); !seen[digest] {
				seen[digest] = true
				images = append(images, ecrtypes.ImageIdentifier{ImageDigest: image.ImageDigest})
			}
		}
		if len(images) == 0 {
			continue
		}
		deleted, err := e.ECR.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: &repository, ImageIds: images})
		if err != nil {
			return fmt.Errorf("delete the images of %s: %w", repository, err)
		}
		for _, failure := range deleted.Failures {
			// An image that a list of images refers to goes with it, or at the next run.
			if failure.FailureCode != ecrtypes.ImageFailureCodeImageNotFound && failure.FailureCode != ecrtypes.ImageFailureCodeImageReferencedByManifestList {
				return fmt.Errorf("delete the images of %s: %s", repository, aws.ToString(failure.FailureReason))
			}
		}
		count += len(images)
	}
	fmt.Fprintf(e.Out, "%s: %d images deleted\n", repository, count)
	return nil
}
