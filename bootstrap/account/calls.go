package account

// calls says which IAM actions the AWS provider needs for one resource type or function of infra/, by what
// the engine does with it. Read is also what every refresh, and the end of every create and update, calls.
//
// The names are IAM actions, not API operations: S3 in particular names them differently
// (GetBucketLifecycleConfiguration is s3:GetLifecycleConfiguration, HeadBucket is s3:ListBucket).
// What the provider calls is from its sources, terraform-provider-aws 5.100, on which pulumi-aws 6.83 stands;
// what AWS calls the action is from the service authorization reference, whose pages [references] lists.
type calls struct {
	Create, Read, Update, Delete []string
}

// references are the pages that the action names, their resources and their condition keys come from.
var references = map[string]string{
	"ec2":  "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html",
	"ecr":  "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html",
	"ecs":  "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html",
	"iam":  "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html",
	"kms":  "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html",
	"logs": "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html",
	"s3":   "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html",
	"ssm":  "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html",
	"sts":  "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html",
}

// programCalls is the table: everything infra/ registers or invokes. A type that is missing here would be
// refused by AWS in the middle of a deployment, so a test compares the keys with what infra/ registers.
//
// The components of infra/ themselves (sentry:…) call nothing.
var programCalls = map[string]calls{
	"pulumi:providers:aws":                          {Read: []string{"sts:GetCallerIdentity"}},
	"aws:index/getCallerIdentity:getCallerIdentity": {Read: []string{"sts:GetCallerIdentity"}},
	// awsx's component asks for the region's zones; its parts are in the table below by themselves.
	"awsx:ec2:Vpc": {Read: []string{"ec2:DescribeAvailabilityZones"}},

	// The read of a VPC looks up its main route table, default network ACL and default security group.
	"aws:ec2/vpc:Vpc": {
		Create: []string{"ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:CreateTags"},
		Read:   []string{"ec2:DescribeVpcs", "ec2:DescribeVpcAttribute", "ec2:DescribeNetworkAcls", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups"},
		Update: []string{"ec2:ModifyVpcAttribute", "ec2:CreateTags", "ec2:DeleteTags"},
		Delete: []string{"ec2:DeleteVpc"},
	},
	"aws:ec2/internetGateway:InternetGateway": {
		Create: []string{"ec2:CreateInternetGateway", "ec2:AttachInternetGateway", "ec2:CreateTags"},
		Read:   []string{"ec2:DescribeInternetGateways"},
		Update: []string{"ec2:AttachInternetGateway", "ec2:DetachInternetGateway", "ec2:CreateTags", "ec2:DeleteTags"},
		Delete: []string{"ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"},
	},
	// Before it deletes a subnet or a security group the provider looks for network interfaces that linger.
	"aws:ec2/subnet:Subnet": {
		Create: []string{"ec2:CreateSubnet", "ec2:ModifySubnetAttribute", "ec2:CreateTags"},
		Read:   []string{"ec2:DescribeSubnets"},
		Update: []string{"ec2:ModifySubnetAttribute", "ec2:CreateTags", "ec2:DeleteTags"},
		Delete: []string{"ec2:DescribeNetworkInterfaces", "ec2:DeleteSubnet"},
	},
	"aws:ec2/routeTable:RouteTable": {
		Create: []string{"ec2:CreateRouteTable", "ec2:CreateTags"},
		Read:   []string{"ec2:DescribeRouteTables"},
		Update: []string{"ec2:CreateTags", "ec2:DeleteTags"},
		Delete: []string{"ec2:DisassociateRouteTable", "ec2:DeleteRouteTable"},
	},
	"aws:ec2/route:Route": {
		Create: []string{"ec2:CreateRoute"},
		Read:   []string{"ec2:DescribeRouteTables"},
		Update: []string{"ec2:ReplaceRoute"},
		Delete: []string{"ec2:DeleteRoute"},
	},
	"aws:ec2/routeTableAssociation:RouteTableAssociation": {
		Create: []string{"ec2:AssociateRouteTable"},
		Read:   []string{"ec2:DescribeRouteTables"},
		Update: []string{"ec2:ReplaceRouteTableAssociation"},
		Delete: []string{"ec2:DisassociateRouteTable"},
	},
	"aws:ec2/vpcEndpoint:VpcEndpoint": {
		Create: []string{"ec2:CreateVpcEndpoint", "ec2:CreateTags"},
		Read:   []string{"ec2:DescribeVpcEndpoints", "ec2:DescribePrefixLists"},
		Update: []string{"ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ec2:DeleteTags"},
		Delete: []string{"ec2:DeleteVpcEndpoints"},
	},
	// AWS makes the default group with the VPC; the provider finds it, tags it and removes its rules.
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {
		Create: []string{"ec2:CreateTags", "ec2:DescribeSecurityGroupRules", "ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"},
		Read:   []string{"ec2:DescribeSecurityGroups"},
		Update: []string{"ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress", "ec2:CreateTags", "ec2:DeleteTags"},
	},
	"aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": {
		Create: []string{"ec2:CreateTags", "ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAclEntry"},
		Read:   []string{"ec2:DescribeNetworkAcls"},
		Update: []string{"ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAclEntry", "ec2:CreateTags", "ec2:DeleteTags"},
	},
	// A new group comes with an egress rule of AWS's, which the provider removes.
	"aws:ec2/securityGroup:SecurityGroup": {
		Create: []string{"ec2:CreateSecurityGroup", "ec2:RevokeSecurityGroupEgress", "ec2:CreateTags"},
		Read:   []string{"ec2:DescribeSecurityGroups"},
		Update: []string{"ec2:CreateTags", "ec2:DeleteTags"},
		Delete: []string{"ec2:DescribeNetworkInterfaces", "ec2:DeleteSecurityGroup"},
	},
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
		Create: []string{"ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags"},
		Read:   []string{"ec2:DescribeSecurityGroupRules"},
		Update: []string{"ec2:ModifySecurityGroupRules", "ec2:CreateTags", "ec2:DeleteTags"},
		Delete: []string{"ec2:RevokeSecurityGroupIngress"},
	},
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {
		Create: []string{"ec2:AuthorizeSecurityGroupEgress", "ec2:CreateTags"},
		Read:   []string{"ec2:DescribeSecurityGroupRules"},
		Update: []string{"ec2:ModifySecurityGroupRules", "ec2:CreateTags", "ec2:DeleteTags"},
		Delete: []string{"ec2:RevokeSecurityGroupEgress"},
	},

	// The read of a bucket asks for everything that was once an argument of the bucket itself.
	"aws:s3/bucketV2:BucketV2": {
		Create: []string{"s3:CreateBucket", "s3:PutBucketTagging"},
		Read: []string{
			"s3:ListBucket", "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLocation",
			"s3:GetBucketLogging", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketPolicy", "s3:GetBucketRequestPayment",
			"s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration",
			"s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration",
		},
		Update: []string{"s3:PutBucketTagging"},
		Delete: []string{"s3:DeleteBucket"},
	},
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls": {
		Create: []string{"s3:PutBucketOwnershipControls"},
		Read:   []string{"s3:GetBucketOwnershipControls"},
		Update: []string{"s3:PutBucketOwnershipControls"},
		Delete: []string{"s3:PutBucketOwnershipControls"},
	},
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {
		Create: []string{"s3:PutBucketPublicAccessBlock"},
		Read:   []string{"s3:GetBucketPublicAccessBlock"},
		Update: []string{"s3:PutBucketPublicAccessBlock"},
		Delete: []string{"s3:PutBucketPublicAccessBlock"},
	},
	"aws:s3/bucketVersioningV2:BucketVersioningV2": {
		Create: []string{"s3:PutBucketVersioning"},
		Read:   []string{"s3:GetBucketVersioning"},
		Update: []string{"s3:PutBucketVersioning"},
		Delete: []string{"s3:PutBucketVersioning"},
	},
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": {
		Create: []string{"s3:PutEncryptionConfiguration"},
		Read:   []string{"s3:GetEncryptionConfiguration"},
		Update: []string{"s3:PutEncryptionConfiguration"},
		Delete: []string{"s3:PutEncryptionConfiguration"},
	},
	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2": {
		Create: []string{"s3:PutLifecycleConfiguration"},
		Read:   []string{"s3:GetLifecycleConfiguration"},
		Update: []string{"s3:PutLifecycleConfiguration"},
		Delete: []string{"s3:PutLifecycleConfiguration"},
	},
	"aws:s3/bucketPolicy:BucketPolicy": {
		Create: []string{"s3:PutBucketPolicy"},
		Read:   []string{"s3:GetBucketPolicy"},
		Update: []string{"s3:PutBucketPolicy"},
		Delete: []string{"s3:DeleteBucketPolicy"},
	},
	"aws:s3/bucketWebsiteConfigurationV2:BucketWebsiteConfigurationV2": {
		Create: []string{"s3:PutBucketWebsite"},
		Read:   []string{"s3:GetBucketWebsite", "s3:GetBucketLocation"},
		Update: []string{"s3:PutBucketWebsite"},
		Delete: []string{"s3:DeleteBucketWebsite"},
	},

	"aws:ecr/repository:Repository": {
		Create: []string{"ecr:CreateRepository", "ecr:TagResource"},
		Read:   []string{"ecr:DescribeRepositories", "ecr:ListTagsForResource"},
		Update: []string{"ecr:PutImageScanningConfiguration", "ecr:PutImageTagMutability", "ecr:TagResource", "ecr:UntagResource"},
		Delete: []string{"ecr:DeleteRepository"},
	},
	"aws:ecr/lifecyclePolicy:LifecyclePolicy": {
		Create: []string{"ecr:PutLifecyclePolicy"},
		Read:   []string{"ecr:GetLifecyclePolicy"},
		Update: []string{"ecr:PutLifecyclePolicy"},
		Delete: []string{"ecr:DeleteLifecyclePolicy"},
	},
	"aws:ecr/repositoryPolicy:RepositoryPolicy": {
		Create: []string{"ecr:SetRepositoryPolicy"},
		Read:   []string{"ecr:GetRepositoryPolicy"},
		Update: []string{"ecr:SetRepositoryPolicy"},
		Delete: []string{"ecr:DeleteRepositoryPolicy"},
	},

	// The account's first cluster makes ECS create the role it works with.
	"aws:ecs/cluster:Cluster": {
		Create: []string{"ecs:CreateCluster", "ecs:TagResource", "iam:CreateServiceLinkedRole"},
		Read:   []string{"ecs:DescribeClusters", "ecs:ListTagsForResource"},
		Update: []string{"ecs:UpdateCluster", "ecs:TagResource", "ecs:UntagResource"},
		Delete: []string{"ecs:DeleteCluster"},
	},
	"aws:ecs/taskDefinition:TaskDefinition": {
		Create: []string{"ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"},
		Read:   []string{"ecs:DescribeTaskDefinition", "ecs:ListTagsForResource"},
		Update: []string{"ecs:TagResource", "ecs:UntagResource"},
		Delete: []string{"ecs:DeregisterTaskDefinition"},
	},
	// Waiting for the steady state follows the deployment; deleting first scales the service to nothing.
	"aws:ecs/service:Service": {
		Create: []string{"ecs:CreateService", "ecs:TagResource", "ecs:ListServiceDeployments", "ecs:DescribeServiceDeployments"},
		Read:   []string{"ecs:DescribeServices", "ecs:ListTagsForResource"},
		Update: []string{"ecs:UpdateService", "ecs:TagResource", "ecs:UntagResource", "ecs:ListServiceDeployments", "ecs:DescribeServiceDeployments"},
		Delete: []string{"ecs:UpdateService", "ecs:DeleteService"},
	},

	"aws:iam/role:Role": {
		Create: []string{"iam:CreateRole", "iam:TagRole"},
		Read:   []string{"iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"},
		Update: []string{"iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription", "iam:PutRolePermissionsBoundary", "iam:TagRole", "iam:UntagRole"},
		Delete: []string{"iam:ListInstanceProfilesForRole", "iam:DeleteRole"},
	},
	"aws:iam/rolePolicy:RolePolicy": {
		Create: []string{"iam:PutRolePolicy"},
		Read:   []string{"iam:GetRolePolicy"},
		Update: []string{"iam:PutRolePolicy"},
		Delete: []string{"iam:DeleteRolePolicy"},
	},
	"aws:iam/rolePoliciesExclusive:RolePoliciesExclusive": {
		Create: []string{"iam:ListRolePolicies", "iam:DeleteRolePolicy"},
		Read:   []string{"iam:ListRolePolicies"},
		Update: []string{"iam:ListRolePolicies", "iam:DeleteRolePolicy"},
	},
	"aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": {
		Create: []string{"iam:ListAttachedRolePolicies", "iam:DetachRolePolicy"},
		Read:   []string{"iam:ListAttachedRolePolicies"},
		Update: []string{"iam:ListAttachedRolePolicies", "iam:DetachRolePolicy"},
	},

	"aws:ssm/parameter:Parameter": {
		Create: []string{"ssm:PutParameter", "ssm:AddTagsToResource"},
		Read:   []string{"ssm:GetParameter", "ssm:GetParameters", "ssm:DescribeParameters", "ssm:ListTagsForResource"},
		Update: []string{"ssm:PutParameter", "ssm:AddTagsToResource", "ssm:RemoveTagsFromResource"},
		Delete: []string{"ssm:DeleteParameter"},
	},

	"aws:cloudwatch/logGroup:LogGroup": {
		Create: []string{"logs:CreateLogGroup", "logs:TagResource", "logs:PutRetentionPolicy"},
		Read:   []string{"logs:DescribeLogGroups", "logs:ListTagsForResource"},
		Update: []string{"logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy", "logs:TagResource", "logs:UntagResource"},
		Delete: []string{"logs:DeleteLogGroup"},
	},
}

// releaseCalls is what the deploy jobs call themselves, outside the engine: pushing the image, publishing
// the front end, and looking at the roll-out.
var releaseCalls = []string{
	"ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart",
	"ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:DescribeImages",
	"s3:GetObject", "s3:PutObject", "s3:DeleteObject",
	"ecs:ListTasks", "ecs:DescribeTasks", "logs:FilterLogEvents", "logs:GetLogEvents",
}
