package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Account is an environment's AWS account. It reads, by tag:GetResources, ecs:Describe…,
// cloudfront:ListOriginAccessControls and sts:GetCallerIdentity.
type Account struct {
	AWS aws.Config // of the environment's region
	// Project and Environment are the values of the tags of these names.
	Project, Environment string
}

// Place is the account's id, and the region.
func (a Account) Place(ctx context.Context) (id, region string, err error) {
	identity, err := sts.NewFromConfig(a.AWS).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", "", fmt.Errorf("ask AWS whose credentials these are: %w", err)
	}
	return aws.ToString(identity.Account), a.AWS.Region, nil
}

// globalRegion is where AWS lists what belongs to no region.
// https://docs.aws.amazon.com/general/latest/gr/rande.html#global-endpoints
const globalRegion = "us-east-1"

// Tagged is what carries the environment's tags, and all that can have no tags.
func (a Account) Tagged(ctx context.Context) ([]Tagged, error) {
	found, err := a.named(ctx)
	if err != nil {
		return nil, err
	}
	for _, region := range slices.Compact(slices.Sorted(slices.Values([]string{a.AWS.Region, globalRegion}))) {
		tagged, err := a.taggedIn(ctx, region)
		if err != nil {
			return nil, fmt.Errorf("list what carries the tags of %s in %s: %w", a.Environment, region, err)
		}
		for _, t := range tagged {
			if region == a.AWS.Region || !strings.Contains(t.ARN, ":"+region+":") {
				found = append(found, t)
			}
		}
	}
	return a.withoutEnded(ctx, found)
}

func (a Account) taggedIn(ctx context.Context, region string) ([]Tagged, error) {
	client := tagging.NewFromConfig(a.AWS, func(o *tagging.Options) { o.Region = region })
	var found []Tagged
	pages := tagging.NewGetResourcesPaginator(client, &tagging.GetResourcesInput{TagFilters: []types.TagFilter{
		{Key: aws.String("Project"), Values: []string{a.Project}},
		{Key: aws.String("Environment"), Values: []string{a.Environment}},
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.ResourceTagMappingList {
			t := Tagged{ARN: aws.ToString(r.ResourceARN)}
			for _, tag := range r.Tags {
				if aws.ToString(tag.Key) == "Name" {
					t.Name = aws.ToString(tag.Value)
				}
			}
			found = append(found, t)
		}
	}
	return found, nil
}

// named are origin access controls: they have no tags, and CloudFront makes up their ids.
func (a Account) named(ctx context.Context) ([]Tagged, error) {
	id, _, err := a.Place(ctx)
	if err != nil {
		return nil, err
	}
	client := cloudfront.NewFromConfig(a.AWS)
	var found []Tagged
	for marker := (*string)(nil); ; {
		page, err := client.ListOriginAccessControls(ctx, &cloudfront.ListOriginAccessControlsInput{Marker: marker})
		if err != nil {
			return nil, fmt.Errorf("list the origin access controls: %w", err)
		}
		for _, control := range page.OriginAccessControlList.Items {
			found = append(found, Tagged{
				ARN: "arn:aws:cloudfront::" + id + ":origin-access-control/" + aws.ToString(control.Id), Name: aws.ToString(control.Name), Anybodys: true,
			})
		}
		if marker = page.OriginAccessControlList.NextMarker; marker == nil {
			return found, nil
		}
	}
}

// withoutEnded leaves out what ECS keeps on record: revisions that were deregistered, and clusters and services that were
// deleted. AWS goes on listing their tags.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister-task-definition-v2.html
func (a Account) withoutEnded(ctx context.Context, found []Tagged) ([]Tagged, error) {
	client := ecs.NewFromConfig(a.AWS)
	var left []Tagged
	for _, t := range found {
		status, err := statusInECS(ctx, client, t.ARN)
		if err != nil {
			return nil, fmt.Errorf("ask ECS about %s: %w", t.ARN, err)
		}
		if status != "INACTIVE" && status != "DELETE_IN_PROGRESS" {
			left = append(left, t)
		}
	}
	return left, nil
}

func statusInECS(ctx context.Context, client *ecs.Client, arn string) (string, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[2] != "ecs" {
		return "", nil
	}
	switch kind, name, _ := strings.Cut(parts[5], "/"); kind {
	case "task-definition":
		out, err := client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
		var missing *ecstypes.ClientException // "Unable to describe task definition."
		if errors.As(err, &missing) {
			return "INACTIVE", nil
		} else if err != nil {
			return "", err
		}
		return string(out.TaskDefinition.Status), nil
	case "cluster":
		out, err := client.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{arn}})
		if err != nil || len(out.Clusters) == 0 {
			return "INACTIVE", err
		}
		return aws.ToString(out.Clusters[0].Status), nil
	case "service":
		cluster, _, _ := strings.Cut(name, "/")
		out, err := client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{arn}})
		var missing *ecstypes.ClusterNotFoundException
		if errors.As(err, &missing) || err == nil && len(out.Services) == 0 {
			return "INACTIVE", nil
		} else if err != nil {
			return "", err
		}
		return aws.ToString(out.Services[0].Status), nil
	}
	return "", nil
}
