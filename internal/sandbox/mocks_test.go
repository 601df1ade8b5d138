package sandbox_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/sandbox"
)

// program registers resources by token, so that these tests need no AWS package of Pulumi.
type program struct {
	*testing.T
	ctx *pulumi.Context
}

type thing struct {
	pulumi.CustomResourceState
	ARN pulumi.StringOutput `pulumi:"arn"`
}

type vpc struct {
	pulumi.ResourceState
	VpcID           pulumi.StringOutput      `pulumi:"vpcId"`
	PublicSubnetIDs pulumi.StringArrayOutput `pulumi:"publicSubnetIds"`
	RouteTables     pulumi.ArrayOutput       `pulumi:"routeTables"`
}

func (p program) add(typ, name string, props pulumi.Map, opts ...pulumi.ResourceOption) *thing {
	p.Helper()
	r := &thing{}
	require.NoError(p, p.ctx.RegisterResource(typ, name, props, r, opts...))
	return r
}

func (p program) provider(props pulumi.Map) pulumi.ProviderResource {
	p.Helper()
	r := &pulumi.ProviderResourceState{}
	require.NoError(p, p.ctx.RegisterResource("pulumi:providers:aws", "aws", props, r))
	return r
}

func record(t *testing.T, body func(program), opts sandbox.MockOptions) (*sandbox.Recording, error) {
	t.Helper()
	opts.Project, opts.Stack = "sentry", "staging"
	return sandbox.Record(func(ctx *pulumi.Context) error {
		body(program{t, ctx})
		return nil
	}, opts)
}

func network(p program) {
	aws := p.provider(pulumi.Map{
		"region":      pulumi.String("eu-west-1"),
		"defaultTags": pulumi.String(`{"tags":{"Project":"sentry"}}`),
	})
	component := &pulumi.ResourceState{}
	require.NoError(p, p.ctx.RegisterComponentResource("sentry:infra:Network", "sentry-staging", component, pulumi.Providers(aws)))
	v := &vpc{}
	require.NoError(p, p.ctx.RegisterRemoteComponentResource("awsx:ec2:Vpc", "sentry-staging-vpc", pulumi.Map{
		"cidrBlock":                 pulumi.String("10.0.0.0/16"),
		"numberOfAvailabilityZones": pulumi.Int(2),
		"availabilityZoneCidrMask":  pulumi.Int(24),
		"subnetStrategy":            pulumi.String("Auto"),
		"natGateways":               pulumi.Map{"strategy": pulumi.String("None")},
		"subnetSpecs":               pulumi.Array{pulumi.Map{"type": pulumi.String("Public"), "cidrMask": pulumi.Int(24)}},
	}, v, pulumi.Parent(component)))
	p.ctx.Export("vpcId", v.VpcID)
	p.ctx.Export("publicSubnetIds", v.PublicSubnetIDs)
	p.ctx.Export("secret", pulumi.ToSecret(pulumi.String("open")))
	p.ctx.Export("routeTableUrns", v.RouteTables.ApplyT(func(tables []any) (pulumi.StringOutput, error) {
		return tables[0].(pulumi.CustomResource).URN().ApplyT(func(u pulumi.URN) string { return string(u) }).(pulumi.StringOutput), nil
	}))
}

func TestRecordBuildsTheVpcAsAwsxDoes(t *testing.T) {
	t.Parallel()
	r, err := record(t, network, sandbox.MockOptions{})
	require.NoError(t, err)

	counts := map[string]int{}
	for _, x := range r.Resources {
		counts[x.Type]++
	}
	assert.Equal(t, map[string]int{
		"pulumi:providers:aws": 1, "sentry:infra:Network": 1, "awsx:ec2:Vpc": 1, "aws:ec2/vpc:Vpc": 1,
		"aws:ec2/internetGateway:InternetGateway": 1, "aws:ec2/subnet:Subnet": 2, "aws:ec2/routeTable:RouteTable": 2,
		"aws:ec2/routeTableAssociation:RouteTableAssociation": 2, "aws:ec2/route:Route": 2,
	}, counts)

	subnet, ok := r.Find("aws:ec2/subnet:Subnet", "sentry-staging-vpc-public-2")
	require.True(t, ok, "awsx names subnets <vpc>-<type>-<number of the zone>")
	assert.Equal(t, "urn:pulumi:staging::sentry::sentry:infra:Network$awsx:ec2:Vpc$aws:ec2/vpc:Vpc::sentry-staging-vpc", subnet.Parent)
	assert.Equal(t, "10.0.1.0/24", subnet.Inputs["cidrBlock"].StringValue())
	assert.Equal(t, "eu-west-1b", subnet.Inputs["availabilityZone"].StringValue())
	assert.Contains(t, subnet.Provider, "::aws::aws_id", "the explicit provider must reach the component's children")
	assert.Equal(t, "sentry", subnet.Outputs["tagsAll"].ObjectValue()["Project"].StringValue(), "default tags must show in tagsAll")
	assert.Contains(t, subnet.Outputs["arn"].StringValue(), "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-0")

	inner, _ := r.Find("aws:ec2/vpc:Vpc", "sentry-staging-vpc")
	assert.Equal(t, inner.ID, r.Outputs["vpcId"])
	assert.Len(t, r.Outputs["publicSubnetIds"], 2)
	assert.Equal(t, "open", r.Outputs["secret"])
	table, _ := r.Find("aws:ec2/routeTable:RouteTable", "sentry-staging-vpc-public-1")
	assert.Equal(t, table.URN, r.Outputs["routeTableUrns"], "the component's routeTables must be references to its route tables")
}

func TestRecordDryRunKnowsNothingThatAWSComputes(t *testing.T) {
	t.Parallel()
	r, err := record(t, network, sandbox.MockOptions{DryRun: true})
	require.NoError(t, err)
	assert.Equal(t, sandbox.Unknown, r.Outputs["vpcId"])
	assert.Equal(t, sandbox.Unknown, r.Outputs["publicSubnetIds"])
	assert.Equal(t, "open", r.Outputs["secret"])
	subnet, ok := r.Find("aws:ec2/subnet:Subnet", "sentry-staging-vpc-public-1")
	require.True(t, ok)
	assert.True(t, subnet.Inputs["vpcId"].IsComputed(), "the id of a VPC that is not there yet was known: %v", subnet.Inputs["vpcId"])
	assert.Empty(t, subnet.ID)
}

func TestAWSRefuses(t *testing.T) {
	t.Parallel()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	public := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::web-site/*"}]}`
	task := func(cpu, memory string, more pulumi.Map) pulumi.Map {
		props := pulumi.Map{
			"family": pulumi.String("f"), "cpu": pulumi.String(cpu), "memory": pulumi.String(memory), "networkMode": pulumi.String("awsvpc"),
			"requiresCompatibilities": pulumi.StringArray{pulumi.String("FARGATE")},
			"containerDefinitions":    pulumi.String(`[{"name":"a","image":"123456789012.dkr.ecr.us-east-1.amazonaws.com/a@sha256:0"}]`),
		}
		for k, v := range more {
			props[k] = v
		}
		return props
	}
	bucket := func(p program, name string) *thing {
		return p.add("aws:s3/bucketV2:BucketV2", name, pulumi.Map{"bucket": pulumi.String(name)})
	}
	for name, test := range map[string]struct {
		program func(program)
		want    string
	}{
		"a type that AWS lacks": {func(p program) {
			p.add("aws:none/such:Such", "q", nil)
		}, "the sandbox does not know the type aws:none/such:Such"},
		"a field that an input lacks": {func(p program) {
			p.add("aws:ecs/service:Service", "s", pulumi.Map{"networkConfiguration": pulumi.Map{"subnetz": pulumi.StringArray{}, "subnets": pulumi.StringArray{}}})
		}, `networkConfiguration.subnetz: Invalid or unknown key`},
		"a required field that is missing": {func(p program) {
			p.add("aws:ecs/service:Service", "s", pulumi.Map{"networkConfiguration": pulumi.Map{"assignPublicIp": pulumi.Bool(true)}})
		}, `The argument "networkConfiguration.subnets" is required`},
		"text for a boolean": {func(p program) {
			p.add("aws:ecs/service:Service", "s", pulumi.Map{"waitForSteadyState": pulumi.String("always")})
		}, `waitForSteadyState: expected boolean type, got string type`},
		"text for a map": {func(p program) {
			p.add("aws:ecs/cluster:Cluster", "c", pulumi.Map{"tags": pulumi.String("mine")})
		}, `tags: expected map of string type, got string type`},
		"an input that the type lacks": {func(p program) {
			p.add("aws:s3/bucketV2:BucketV2", "b", pulumi.Map{"bukket": pulumi.String("b")})
		}, `bukket: Invalid or unknown key`},
		"a required input that is missing": {func(p program) {
			p.add("aws:iam/role:Role", "r", nil)
		}, `The argument "assumeRolePolicy" is required`},
		"a bucket name with capitals": {func(p program) { bucket(p, "Web_Site") }, "InvalidBucketName"},
		"a bucket name that somebody else has": {func(p program) {
			bucket(p, "taken-by-others")
		}, "creating S3 Bucket (taken-by-others): BucketAlreadyExists: The requested bucket name is not available."},
		"a public policy on a new bucket": {func(p program) {
			p.add("aws:s3/bucketPolicy:BucketPolicy", "p", pulumi.Map{"bucket": bucket(p, "web-site").ID(), "policy": pulumi.String(public)})
		}, "because public policies are blocked by the BlockPublicPolicy block public access setting"},
		"a policy for another bucket": {func(p program) {
			p.add("aws:s3/bucketPolicy:BucketPolicy", "p", pulumi.Map{"bucket": bucket(p, "other").ID(), "policy": pulumi.String(public)})
		}, "MalformedPolicy: Policy has invalid resource"},
		"a Fargate size that does not exist": {func(p program) {
			p.add("aws:ecs/taskDefinition:TaskDefinition", "t", task("256", "4096", nil))
		}, "ClientException: No Fargate configuration exists for given values: 256 CPU, 4096 memory."},
		"an ECR image without an execution role": {func(p program) {
			p.add("aws:ecs/taskDefinition:TaskDefinition", "t", task("256", "512", nil))
		}, "Fargate requires task definition to have execution role ARN to support ECR images."},
		"an execution role that is not there": {func(p program) {
			p.add("aws:ecs/taskDefinition:TaskDefinition", "t", task("256", "512", pulumi.Map{
				"executionRoleArn": pulumi.String("arn:aws:iam::123456789012:role/nobody"),
			}))
		}, "ClientException: Role is not valid"},
		"a secret named like a variable": {func(p program) {
			p.add("aws:ecs/taskDefinition:TaskDefinition", "t", task("256", "512", pulumi.Map{
				"containerDefinitions": pulumi.String(`[{"name":"a","image":"a","environment":[{"name":"TOKEN","value":"x"}],"secrets":[{"name":"TOKEN","valueFrom":"a"}]}]`),
			}))
		}, "ClientException: The secret name must be unique"},
		"a service in a cluster that is not there": {func(p program) {
			p.add("aws:ecs/service:Service", "s", pulumi.Map{"cluster": pulumi.String("nowhere"), "taskDefinition": pulumi.String("f")})
		}, "ClusterNotFoundException: Cluster not found"},
		"a policy without resources": {func(p program) {
			role := p.add("aws:iam/role:Role", "r", pulumi.Map{"assumeRolePolicy": pulumi.String(trust)})
			p.add("aws:iam/rolePolicy:RolePolicy", "p", pulumi.Map{
				"role": role.ID(), "policy": pulumi.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject"}]}`),
			})
		}, "MalformedPolicyDocument: Policy statement must contain resources."},
		"a policy that is no JSON": {func(p program) {
			p.add("aws:iam/policy:Policy", "p", pulumi.Map{"policy": pulumi.String("{")})
		}, "MalformedPolicyDocument: Syntax errors in policy"},
		"a role name that is taken": {func(p program) {
			a := p.add("aws:iam/role:Role", "a", pulumi.Map{"name": pulumi.String("x"), "assumeRolePolicy": pulumi.String(trust)})
			p.add("aws:iam/role:Role", "b", pulumi.Map{"name": pulumi.String("x"), "assumeRolePolicy": pulumi.String(trust)},
				pulumi.DependsOn([]pulumi.Resource{a}))
		}, "creating IAM Role (x): EntityAlreadyExists: Role with name x already exists."},
		"a retention period that CloudWatch lacks": {func(p program) {
			p.add("aws:cloudwatch/logGroup:LogGroup", "l", pulumi.Map{"retentionInDays": pulumi.Int(8)})
		}, "expected retention_in_days to be one of"},
		"a subnet outside of its VPC": {func(p program) {
			v := p.add("aws:ec2/vpc:Vpc", "v", pulumi.Map{"cidrBlock": pulumi.String("10.0.0.0/16")})
			p.add("aws:ec2/subnet:Subnet", "s", pulumi.Map{"vpcId": v.ID(), "cidrBlock": pulumi.String("10.1.0.0/24")})
		}, "InvalidSubnet.Range: The CIDR '10.1.0.0/24' is invalid."},
		"subnets that overlap": {func(p program) {
			v := p.add("aws:ec2/vpc:Vpc", "v", pulumi.Map{"cidrBlock": pulumi.String("10.0.0.0/16")})
			a := p.add("aws:ec2/subnet:Subnet", "a", pulumi.Map{"vpcId": v.ID(), "cidrBlock": pulumi.String("10.0.0.0/24")})
			p.add("aws:ec2/subnet:Subnet", "b", pulumi.Map{"vpcId": v.ID(), "cidrBlock": pulumi.String("10.0.0.128/25")},
				pulumi.DependsOn([]pulumi.Resource{a}))
		}, "InvalidSubnet.Conflict: The CIDR '10.0.0.128/25' conflicts with another subnet"},
		"the wrong account": {func(p program) {
			p.provider(pulumi.Map{"allowedAccountIds": pulumi.String(`["210987654321"]`)})
		}, "AWS account ID not allowed: 123456789012"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := record(t, test.program, sandbox.MockOptions{Cloud: sandbox.NewCloud("taken-by-others")})
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestRecordCopiesWhatTheRegistrationSaid(t *testing.T) {
	t.Parallel()
	r, err := record(t, func(p program) {
		group := p.add("aws:cloudwatch/logGroup:LogGroup", "l", nil)
		p.add("aws:ssm/parameter:Parameter", "p", pulumi.Map{"type": pulumi.String("String"), "insecureValue": group.ARN},
			pulumi.IgnoreChanges([]string{"insecureValue"}), pulumi.Protect(true), pulumi.DeleteBeforeReplace(true),
			pulumi.Timeouts(&pulumi.CustomTimeouts{Create: "5m"}))
	}, sandbox.MockOptions{})
	require.NoError(t, err)
	p, ok := r.Find("aws:ssm/parameter:Parameter", "p")
	require.True(t, ok)
	assert.Equal(t, []string{"insecureValue"}, p.IgnoreChanges)
	assert.True(t, p.Protect)
	require.NotNil(t, p.DeleteBeforeReplace)
	assert.Equal(t, "5m", p.CustomTimeouts.Create)
	assert.Equal(t, []string{"urn:pulumi:staging::sentry::aws:cloudwatch/logGroup:LogGroup::l"}, p.PropertyDependencies["insecureValue"])
	assert.NotContains(t, p.Inputs, resource.PropertyKey("name"), "Inputs must be what the program said, not what the provider added")
	group := r.ByType("aws:cloudwatch/logGroup:LogGroup")
	require.Len(t, group, 1)
	assert.Equal(t, group[0].Outputs["arn"], p.Inputs["insecureValue"])
}
