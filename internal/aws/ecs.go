package aws

// Tokens of the types.
const (
	ECSCluster                  = "aws:ecs/cluster:Cluster"
	ECSTaskDefinition           = "aws:ecs/taskDefinition:TaskDefinition"
	ECSService                  = "aws:ecs/service:Service"
	ECSClusterCapacityProviders = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
)

var ecs = []Type{
	// The account's first cluster makes ECS create the role it works with.
	{
		Token: ECSCluster, Noun: "ECS Cluster", Import: "{name}", ID: "arn:aws:ecs:{region}:{account}:cluster/{name}", Name: "name",
		Outputs: "arn={id}",
		Taken:   "a cluster {name} exists already (AWS would hand it to its second owner without a word)",
		Missing: "ClusterNotFoundException: Cluster not found (%s).",
		InUse:   "ClusterContainsServicesException: The Cluster cannot be deleted while Services are active (%s).",
		Owned:   []string{"cluster/{prefix}-cluster"},
		Calls: Calls{
			Create: "ecs:CreateCluster ecs:TagResource iam:CreateServiceLinkedRole",
			Read:   "ecs:DescribeClusters ecs:ListTagsForResource",
			Update: "ecs:UpdateCluster ecs:TagResource ecs:UntagResource",
			Delete: "ecs:DeleteCluster",
		},
		Priced: true,
		Into:   ECSService,
	},
	{
		Token: ECSTaskDefinition, Noun: "ECS Task Definition", Import: "{arn}", ID: "{family}",
		Outputs: "arn=arn:aws:ecs:{region}:{account}:task-definition/{family}:{next} " +
			"arnWithoutRevision=arn:aws:ecs:{region}:{account}:task-definition/{family} " +
			"enableFaultInjection=false",
		Missing:  "ClientException: TaskDefinition not found (%s).",
		Owned:    []string{"task-definition/{prefix}-backend:*"},
		Anywhere: "ecs:DescribeTaskDefinition ecs:DeregisterTaskDefinition",
		Calls: Calls{
			Create: "ecs:RegisterTaskDefinition ecs:TagResource iam:PassRole",
			Read:   "ecs:DescribeTaskDefinition ecs:ListTagsForResource",
			Update: "ecs:TagResource ecs:UntagResource",
			Delete: "ecs:DeregisterTaskDefinition",
		},
		Free:  "the tasks that run it have a price, in the service's lines",
		Into:  ECSService,
		Shows: "{cpu} CPU units and {memory} MiB each",
	},
	// Waiting for the steady state follows the deployment; deleting first scales the service to nothing.
	{
		Token: ECSService, Noun: "ECS Service", Import: "{nameOfCluster}/{name}",
		ID: "arn:aws:ecs:{region}:{account}:service/{nameOfCluster}/{name}", Name: "name",
		Outputs: "desiredCount=0 healthCheckGracePeriodSeconds=0 platformVersion=LATEST propagateTags=NONE",
		Taken:   "InvalidParameterException: Creation of service was not idempotent.",
		Refs: []Ref{
			{Path: "cluster", To: ECSCluster},
			{Path: "taskDefinition", To: ECSTaskDefinition, Part: true},
			{Path: "networkConfiguration.subnets", To: EC2Subnet, Holds: "desiredCount"},
			{Path: "networkConfiguration.securityGroups", To: EC2SecurityGroup, Holds: "desiredCount"},
			{Path: "loadBalancers.targetGroupArn", To: LBTargetGroup, Part: true},
		},
		Owned: []string{"service/{prefix}-cluster/{prefix}-backend"},
		Calls: Calls{
			Create: "ecs:CreateService ecs:TagResource ecs:ListServiceDeployments ecs:DescribeServiceDeployments",
			Read:   "ecs:DescribeServices ecs:ListTagsForResource",
			Update: "ecs:UpdateService ecs:TagResource ecs:UntagResource ecs:ListServiceDeployments " +
				"ecs:DescribeServiceDeployments",
			Delete: "ecs:UpdateService ecs:DeleteService",
		},
		Priced: true,
		Drawn:  "ECS service",
		Shows:  "{desiredCount} tasks",
	},
	{
		Token: ECSClusterCapacityProviders, Noun: "ECS Cluster Capacity Providers", ID: "{clusterName}",
		Refs:  []Ref{{Path: "clusterName", To: ECSCluster, Part: true}},
		Owned: []string{"cluster/{prefix}-cluster"},
		Calls: Calls{
			Create: "ecs:PutClusterCapacityProviders iam:CreateServiceLinkedRole",
			Read:   "ecs:DescribeClusters",
			Update: "ecs:PutClusterCapacityProviders",
			Delete: "ecs:PutClusterCapacityProviders",
		},
		Free: "a setting of the cluster",
		Into: ECSService,
	},
}
