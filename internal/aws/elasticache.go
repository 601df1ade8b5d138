package aws

// Tokens of the types.
const (
	ElastiCacheReplicationGroup = "aws:elasticache/replicationGroup:ReplicationGroup"
	ElastiCacheSubnetGroup      = "aws:elasticache/subnetGroup:SubnetGroup"
)

var elasticache = []Type{
	// The account's first cache makes ElastiCache create the role it works with. The nodes are clusters of their own to AWS.
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticache.html
	{
		Token: ElastiCacheReplicationGroup, Noun: "ElastiCache Replication Group", ID: "{replicationGroupId}", Name: "replicationGroupId",
		Outputs: "arn=arn:aws:elasticache:{region}:{account}:replicationgroup:{replicationGroupId} " +
			"primaryEndpointAddress=master.{replicationGroupId}.{hex6}.use1.cache.amazonaws.com " +
			"readerEndpointAddress=replica.{replicationGroupId}.{hex6}.use1.cache.amazonaws.com " +
			"engineVersionActual={engineVersion} clusterEnabled=false memberClusters=[]",
		Taken: "ReplicationGroupAlreadyExists: Replication group {replicationGroupId} already exists.",
		Refs: []Ref{
			{Path: "subnetGroupName", To: ElastiCacheSubnetGroup},
			{Path: "securityGroupIds", To: EC2SecurityGroup},
		},
		Example: "cache",
		Owned: []string{
			"replicationgroup:{prefix}", "cluster:{prefix}-001", "cluster:{prefix}-002", "subnetgroup:{prefix}-cache",
			"parametergroup:default.valkey8",
		},
		Calls: Calls{
			Create: "elasticache:CreateReplicationGroup elasticache:AddTagsToResource iam:CreateServiceLinkedRole",
			Read:   "elasticache:DescribeReplicationGroups elasticache:DescribeCacheClusters elasticache:ListTagsForResource",
			Update: "elasticache:ModifyReplicationGroup elasticache:IncreaseReplicaCount elasticache:DecreaseReplicaCount " +
				"elasticache:AddTagsToResource elasticache:RemoveTagsFromResource",
			Delete: "elasticache:DeleteReplicationGroup",
		},
		Priced: true,
		Drawn:  "cache",
		Shows:  "{engine} {engineVersion} on {nodeType}",
	},
	{
		Token: ElastiCacheSubnetGroup, Noun: "ElastiCache Subnet Group", ID: "{name}", Name: "name",
		Outputs: "arn=arn:aws:elasticache:{region}:{account}:subnetgroup:{name}",
		Taken:   "CacheSubnetGroupAlreadyExists: Cache subnet group {name} already exists.",
		Missing: "CacheSubnetGroupNotFoundFault: Cache subnet group %s does not exist.",
		InUse:   "CacheSubnetGroupInUse: Cache subnet group %s is currently in use by a cache cluster.",
		Refs:    []Ref{{Path: "subnetIds", To: EC2Subnet}},
		Example: "cache",
		Owned:   []string{"subnetgroup:{prefix}-cache"},
		Calls: Calls{
			Create: "elasticache:CreateCacheSubnetGroup elasticache:AddTagsToResource",
			Read:   "elasticache:DescribeCacheSubnetGroups elasticache:ListTagsForResource",
			Update: "elasticache:ModifyCacheSubnetGroup elasticache:AddTagsToResource elasticache:RemoveTagsFromResource",
			Delete: "elasticache:DeleteCacheSubnetGroup",
		},
		Free: "a part of the cache",
		Into: ElastiCacheReplicationGroup,
	},
}
