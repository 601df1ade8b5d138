package aws

// Tokens of the types.
const (
	RDSInstance    = "aws:rds/instance:Instance"
	RDSSubnetGroup = "aws:rds/subnetGroup:SubnetGroup"
)

var rds = []Type{
	// The account's first instance makes RDS create the role it works with. AWS asks for the instance's default option
	// and parameter groups, too.
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
	{
		Token: RDSInstance, Noun: "RDS DB Instance", ID: "db-{hex26}", Import: "{identifier}", Name: "identifier",
		Outputs: "arn=arn:aws:rds:{region}:{account}:db:{identifier} address={identifier}.{hex12}.{region}.rds.amazonaws.com " +
			"endpoint={address}:{port} resourceId={id} hostedZoneId=Z2R2ITUGPM61AM status=available " +
			"engineVersionActual={engineVersion} multiAz=false",
		Taken: "DBInstanceAlreadyExists: DB instance already exists",
		Refs: []Ref{
			{Path: "dbSubnetGroupName", To: RDSSubnetGroup},
			{Path: "vpcSecurityGroupIds", To: EC2SecurityGroup},
		},
		Example: "database",
		Owned: []string{
			"db:{prefix}", "subgrp:{prefix}-database", "snapshot:{prefix}-final", "og:default:postgres-17", "pg:default.postgres17",
		},
		Calls: Calls{
			Create: "rds:CreateDBInstance rds:AddTagsToResource iam:CreateServiceLinkedRole",
			Read:   "rds:DescribeDBInstances rds:ListTagsForResource",
			Update: "rds:ModifyDBInstance rds:AddTagsToResource rds:RemoveTagsFromResource",
			Delete: "rds:DeleteDBInstance rds:CreateDBSnapshot rds:AddTagsToResource",
		},
		Priced: true,
		Drawn:  "database",
		Shows:  "{engine} {engineVersion} on {instanceClass}",
	},
	{
		Token: RDSSubnetGroup, Noun: "RDS DB Subnet Group", ID: "{name}", Name: "name",
		Outputs: "arn=arn:aws:rds:{region}:{account}:subgrp:{name}",
		Taken:   "DBSubnetGroupAlreadyExists: The DB subnet group '{name}' already exists.",
		Missing: "DBSubnetGroupNotFoundFault: DB subnet group '%s' does not exist.",
		InUse:   "InvalidDBSubnetGroupStateFault: Cannot delete the subnet group '%s' because at least one database instance is still using it.",
		Refs:    []Ref{{Path: "subnetIds", To: EC2Subnet}},
		Example: "database",
		Owned:   []string{"subgrp:{prefix}-database"},
		Calls: Calls{
			Create: "rds:CreateDBSubnetGroup rds:AddTagsToResource",
			Read:   "rds:DescribeDBSubnetGroups rds:ListTagsForResource",
			Update: "rds:ModifyDBSubnetGroup rds:AddTagsToResource rds:RemoveTagsFromResource",
			Delete: "rds:DeleteDBSubnetGroup",
		},
		Free: "a part of the database",
		Into: RDSInstance,
	},
}
