// Package database is an environment whose back end has a PostgreSQL database. README.md says how to take it over.
package database

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"sentry/infra"
)

const (
	// version is the major one; AWS takes care of the minor one in the maintenance window. From 15 on, Postgres refuses
	// connections without TLS by default.
	version = "17"
	// databaseName is also the name of its owner, whom the back end logs in as.
	databaseName = "sentry"
	databasePort = 5432
	// storageGB is the least that RDS takes, and maxStorageGB is how far it grows by itself.
	storageGB, maxStorageGB = 20, 100
	// backupDays is how far back the database can be restored to any second.
	backupDays = 7
	// subnetsAfter is the number of /24 blocks of the VPC before the database's.
	subnetsAfter = 4
)

// DeployIn is the Pulumi program.
func DeployIn(dir string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		environment, err := infra.NewEnvironment(ctx, dir)
		if err != nil {
			return err
		}
		if _, err := NewDatabase(ctx, environment); err != nil {
			return err
		}
		return environment.RunBackend(ctx)
	}
}

// Database is a PostgreSQL database that only the tasks reach.
type Database struct {
	pulumi.ResourceState

	// Host is the database's name in the VPC.
	Host pulumi.StringOutput
}

// NewDatabase registers the database, and tells the back end where it is: DATABASE_HOST, _PORT, _NAME, _USER and, as a
// secret, _PASSWORD.
func NewDatabase(ctx *pulumi.Context, environment *infra.Environment) (*Database, error) {
	name := environment.Config.Name()
	d := &Database{}
	if err := ctx.RegisterComponentResource("sentry:infra:Database", name, d, environment.Provider); err != nil {
		return nil, fmt.Errorf("register the database %q: %w", name, err)
	}
	child := pulumi.Parent(d)
	password, err := environment.NewSecret(ctx, name+"-database-password", "database/password", child)
	if err != nil {
		return nil, err
	}
	subnetGroup, err := newSubnetGroup(ctx, name+"-database", environment, child)
	if err != nil {
		return nil, err
	}
	access, err := infra.NewSecurityGroup(ctx, name+"-database", "", "Database of the backend", environment.Network.VPCID, child)
	if err != nil {
		return nil, err
	}
	if err := access.LetIn(ctx, "tasks", "Queries of the backend", databasePort, &vpc.SecurityGroupIngressRuleArgs{
		ReferencedSecurityGroupId: environment.Network.TasksSecurityGroupID,
	}); err != nil {
		return nil, err
	}
	instance, err := newInstance(ctx, name, environment, subnetGroup, access.Ready(ctx), password.Value, child)
	if err != nil {
		return nil, err
	}

	d.Host = instance.Address
	backend := environment.Backend
	backend.Variables["DATABASE_HOST"] = d.Host
	backend.Variables["DATABASE_PORT"] = pulumi.String(strconv.Itoa(databasePort))
	backend.Variables["DATABASE_NAME"] = pulumi.String(databaseName)
	backend.Variables["DATABASE_USER"] = pulumi.String(databaseName)
	backend.Secrets["DATABASE_PASSWORD"] = password.ARN
	if err := ctx.RegisterResourceOutputs(d, pulumi.Map{"host": d.Host}); err != nil {
		return nil, fmt.Errorf("register the database's outputs: %w", err)
	}
	return d, nil
}

func newSubnetGroup(
	ctx *pulumi.Context, name string, environment *infra.Environment, child pulumi.ResourceOption,
) (pulumi.StringOutput, error) {
	subnets, err := environment.NewIsolatedSubnets(ctx, name, subnetsAfter, child)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	group, err := rds.NewSubnetGroup(ctx, name, &rds.SubnetGroupArgs{Name: pulumi.String(name), SubnetIds: subnets}, child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("group the database's subnets: %w", err)
	}
	return group.Name, nil
}

func newInstance(
	ctx *pulumi.Context, name string, environment *infra.Environment,
	subnetGroup, securityGroup, password pulumi.StringOutput, child pulumi.ResourceOption,
) (*rds.Instance, error) {
	settings := config.New(ctx, "database")
	class, err := settings.Try("instanceClass")
	if err != nil {
		return nil, fmt.Errorf("database:instanceClass: not set; set it, for example to db.t4g.micro: %w", err)
	}
	multiAZ, err := settings.TryBool("multiAz")
	if err != nil && !errors.Is(err, config.ErrMissingVar) {
		return nil, fmt.Errorf("database:multiAz: allowed: true, false: %w", err)
	}
	args := &rds.InstanceArgs{
		Identifier:              pulumi.String(name),
		Engine:                  pulumi.String("postgres"),
		EngineVersion:           pulumi.String(version),
		InstanceClass:           pulumi.String(class),
		MultiAz:                 pulumi.Bool(multiAZ),
		StorageType:             pulumi.String("gp3"),
		AllocatedStorage:        pulumi.Int(storageGB),
		MaxAllocatedStorage:     pulumi.Int(maxStorageGB),
		StorageEncrypted:        pulumi.Bool(true),
		DbName:                  pulumi.String(databaseName),
		Username:                pulumi.String(databaseName),
		Password:                password,
		Port:                    pulumi.Int(databasePort),
		DbSubnetGroupName:       subnetGroup,
		VpcSecurityGroupIds:     pulumi.StringArray{securityGroup},
		PubliclyAccessible:      pulumi.Bool(false),
		BackupRetentionPeriod:   pulumi.Int(backupDays),
		CopyTagsToSnapshot:      pulumi.Bool(true),
		DeletionProtection:      pulumi.Bool(environment.Config.Protect),
		SkipFinalSnapshot:       pulumi.Bool(!environment.Config.Protect),
		FinalSnapshotIdentifier: pulumi.String(name + "-final"),
		// An update does what it shows when it runs, not at the next maintenance.
		ApplyImmediately: pulumi.Bool(true),
	}
	if environment.Config.KMSKeyARN != "" {
		args.KmsKeyId = pulumi.String(environment.Config.KMSKeyARN)
	}
	instance, err := rds.NewInstance(ctx, name+"-database", args, child, pulumi.Protect(environment.Config.Protect))
	if err != nil {
		return nil, fmt.Errorf("create the database: %w", err)
	}
	return instance, nil
}
