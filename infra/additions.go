package infra

import (
	"crypto/rand"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sentry/infra/config"
)

// What a database, a cache and the like need of the environment, each a component of its own: examples/ has some.

// NewIsolatedSubnets makes a subnet in each zone, without a way to the internet. They are the VPC's next /24 blocks after
// some others, of which the network itself takes the first four.
func (e *Environment) NewIsolatedSubnets(
	ctx *pulumi.Context, name string, after int, child pulumi.ResourceOption,
) (pulumi.StringArray, error) {
	network := e.Config.Network
	if blocks := 1 << (config.SubnetBits - network.CIDR.Bits()); blocks < after+len(network.AvailabilityZones) {
		return nil, fmt.Errorf("%s:vpcCidr: %s has no room for the subnets of %s, which come after the first %d; allowed: a larger block",
			config.Product, network.CIDR, name, after)
	}
	var ids pulumi.StringArray
	for i, block := range network.Subnets(after, len(network.AvailabilityZones)) {
		logical := fmt.Sprintf("%s-%d", name, i+1)
		subnet, err := ec2.NewSubnet(ctx, logical, &ec2.SubnetArgs{
			VpcId:            e.Network.VPCID,
			AvailabilityZone: pulumi.String(network.AvailabilityZones[i]),
			CidrBlock:        pulumi.String(block.String()),
			Tags:             pulumi.StringMap{"Name": pulumi.String(logical)},
		}, child)
		if err != nil {
			return nil, fmt.Errorf("create the subnet %q: %w", logical, err)
		}
		ids = append(ids, subnet.ID())
	}
	return ids, nil
}

// Secret is a random text that the program has made, for the tasks and for what they log in to.
type Secret struct {
	// ARN is what [ServiceArgs.Secrets] takes.
	ARN string
	// Value is encrypted in Pulumi's state.
	Value pulumi.StringOutput
}

// NewSecret makes a secret and keeps it in the parameter /sentry/<stack>/<path>, which the roles of the tasks may read. A
// later update keeps the value; replacing the parameter makes another one.
func (e *Environment) NewSecret(ctx *pulumi.Context, logical, path string, child pulumi.ResourceOption) (*Secret, error) {
	path = fmt.Sprintf("%s/%s/%s", config.Product, e.Config.Stack, path)
	parameter, err := ssm.NewParameter(ctx, logical, &ssm.ParameterArgs{
		Name:  pulumi.String("/" + path),
		Type:  pulumi.String("SecureString"),
		Value: pulumi.ToSecret(pulumi.String(rand.Text())).(pulumi.StringOutput), // 130 bits
	}, child, pulumi.IgnoreChanges([]string{"value"}))
	if err != nil {
		return nil, fmt.Errorf("keep the secret %q: %w", path, err)
	}
	return &Secret{ARN: e.Account.arn("ssm", "parameter/"+path), Value: parameter.Value}, nil
}
