// Package cache is an environment whose back end has a cache that speaks Redis's protocol. README.md says how to take it
// over.
package cache

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/elasticache"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"sentry/infra"
)

const (
	// Valkey is what became of Redis's free code, and a fifth cheaper than Redis at AWS.
	engine, version = "valkey", "8.0"
	parameters      = "default.valkey8"
	cachePort       = 6379
	// subnetsAfter is the number of /24 blocks of the VPC before the cache's; the two before are a database's.
	subnetsAfter = 6
)

// DeployIn is the Pulumi program.
func DeployIn(dir string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		environment, err := infra.NewEnvironment(ctx, dir)
		if err != nil {
			return err
		}
		if _, err := NewCache(ctx, environment); err != nil {
			return err
		}
		return environment.RunBackend(ctx)
	}
}

// Cache is a cache that only the tasks reach, over TLS and with a password.
type Cache struct {
	pulumi.ResourceState

	// URL has no password in it.
	URL pulumi.StringOutput
}

// NewCache registers the cache, and tells the back end where it is: REDIS_URL and, as a secret, REDIS_PASSWORD.
func NewCache(ctx *pulumi.Context, environment *infra.Environment) (*Cache, error) {
	name := environment.Config.Name()
	c := &Cache{}
	if err := ctx.RegisterComponentResource("sentry:infra:Cache", name, c, environment.Provider); err != nil {
		return nil, fmt.Errorf("register the cache %q: %w", name, err)
	}
	child := pulumi.Parent(c)
	password, err := environment.NewSecret(ctx, name+"-cache-password", "cache/password", child)
	if err != nil {
		return nil, err
	}
	subnets, err := environment.NewIsolatedSubnets(ctx, name+"-cache", subnetsAfter, child)
	if err != nil {
		return nil, err
	}
	subnetGroup, err := elasticache.NewSubnetGroup(ctx, name+"-cache", &elasticache.SubnetGroupArgs{
		Name: pulumi.String(name + "-cache"), SubnetIds: subnets,
	}, child)
	if err != nil {
		return nil, fmt.Errorf("group the cache's subnets: %w", err)
	}
	access, err := infra.NewSecurityGroup(ctx, name+"-cache", "", "Cache of the backend", environment.Network.VPCID, child)
	if err != nil {
		return nil, err
	}
	if err := access.LetIn(ctx, "tasks", "Commands of the backend", cachePort, &vpc.SecurityGroupIngressRuleArgs{
		ReferencedSecurityGroupId: environment.Network.TasksSecurityGroupID,
	}); err != nil {
		return nil, err
	}
	group, err := newReplicationGroup(ctx, name, environment, subnetGroup.Name, access.Ready(ctx), password.Value, child)
	if err != nil {
		return nil, err
	}

	c.URL = pulumi.Sprintf("rediss://%s:%d", group.PrimaryEndpointAddress, cachePort)
	environment.Backend.Variables["REDIS_URL"] = c.URL
	environment.Backend.Secrets["REDIS_PASSWORD"] = password.ARN
	if err := ctx.RegisterResourceOutputs(c, pulumi.Map{"url": c.URL}); err != nil {
		return nil, fmt.Errorf("register the cache's outputs: %w", err)
	}
	return c, nil
}

func newReplicationGroup(
	ctx *pulumi.Context, name string, environment *infra.Environment,
	subnetGroup, securityGroup, password pulumi.StringOutput, child pulumi.ResourceOption,
) (*elasticache.ReplicationGroup, error) {
	settings := config.New(ctx, "cache")
	nodeType, err := settings.Try("nodeType")
	if err != nil {
		return nil, fmt.Errorf("cache:nodeType: not set; set it, for example to cache.t4g.micro: %w", err)
	}
	nodes, err := settings.TryInt("nodes")
	if err != nil || nodes < 1 || nodes > 2 {
		return nil, fmt.Errorf("cache:nodes: %q is no number of nodes; allowed: 1, 2", settings.Get("nodes"))
	}
	args := &elasticache.ReplicationGroupArgs{
		ReplicationGroupId: pulumi.String(name),
		Description:        pulumi.String("Cache of the backend"),
		Engine:             pulumi.String(engine),
		EngineVersion:      pulumi.String(version),
		ParameterGroupName: pulumi.String(parameters),
		NodeType:           pulumi.String(nodeType),
		NumCacheClusters:   pulumi.Int(nodes),
		// With a second node, it takes over from the other zone.
		AutomaticFailoverEnabled: pulumi.Bool(nodes > 1),
		MultiAzEnabled:           pulumi.Bool(nodes > 1),
		TransitEncryptionEnabled: pulumi.Bool(true),
		TransitEncryptionMode:    pulumi.String("required"),
		AtRestEncryptionEnabled:  pulumi.Bool(true),
		AuthToken:                password,
		Port:                     pulumi.Int(cachePort),
		SubnetGroupName:          subnetGroup,
		SecurityGroupIds:         pulumi.StringArray{securityGroup},
		ApplyImmediately:         pulumi.Bool(true),
	}
	if environment.Config.KMSKeyARN != "" {
		args.KmsKeyId = pulumi.String(environment.Config.KMSKeyARN)
	}
	group, err := elasticache.NewReplicationGroup(ctx, name+"-cache", args, child)
	if err != nil {
		return nil, fmt.Errorf("create the cache: %w", err)
	}
	return group, nil
}
