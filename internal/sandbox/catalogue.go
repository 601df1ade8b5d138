package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Type tokens that rules and references name.
const (
	tVpc            = "aws:ec2/vpc:Vpc"
	tSubnet         = "aws:ec2/subnet:Subnet"
	tGateway        = "aws:ec2/internetGateway:InternetGateway"
	tRouteTable     = "aws:ec2/routeTable:RouteTable"
	tSecurityGroup  = "aws:ec2/securityGroup:SecurityGroup"
	tBucket         = "aws:s3/bucketV2:BucketV2"
	tAccessBlock    = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	tRepository     = "aws:ecr/repository:Repository"
	tCluster        = "aws:ecs/cluster:Cluster"
	tTaskDefinition = "aws:ecs/taskDefinition:TaskDefinition"
	tService        = "aws:ecs/service:Service"
	tRole           = "aws:iam/role:Role"
	tPolicy         = "aws:iam/policy:Policy"
	tOpenID         = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
	tLogGroup       = "aws:cloudwatch/logGroup:LogGroup"
	tKey            = "aws:kms/key:Key"
	tProvider       = "pulumi:providers:aws"
	tVpcComponent   = "awsx:ec2:Vpc"
)

// entry is what the sandbox knows of one AWS type, after terraform-provider-aws 5.100 (pulumi-aws 6.83).
type entry struct {
	noun string // as in the provider's error messages: "creating <noun> (<id>): …"

	// inputs are the input properties, separated by spaces: a name, then "!" when it is required, "*" when
	// changing it replaces the resource, "~" when it is JSON compared by meaning, "=value" for the
	// provider's default. Any other input is an error, as with the real provider.
	inputs string

	// id and outputs are templates of what AWS computes: {account}, {region}, {hexN} for N digits that are
	// unique to the resource, {uuid}, {id}, and {property} for any input or earlier output.
	id, outputs string

	name   string // the input that names the resource in AWS; the provider invents one when it is missing
	taken  string // AWS's refusal of a name that another resource has; {property} as above
	global bool   // one namespace for all regions

	refs    []ref
	missing string // AWS's refusal when somebody refers to a resource of this type that is not there; %s
	inUse   string // AWS's refusal to delete it while a reference holds it; %s is its id

	check  func(*call) error // on the inputs alone, unknown values included: previews run it too
	apply  func(*call) error // against the cloud, before a create or update takes effect
	settle func(*call) error // after it took effect: what AWS notices only while the change rolls out
	derive func(*call)       // adds outputs that a template cannot express
	remove func(*call) error // before a delete

	parsed []input
}

// ref says that the value (or values) at a path names another resource.
type ref struct {
	path, to string
	part     bool             // part of the other resource: goes with it, and does not keep it alive
	holds    func(attrs) bool // nil: the reference always keeps the other resource alive
}

type input struct {
	name                   string
	required, forces, json bool
	fallback               any // nil: none
}

var catalogue = map[string]*entry{
	tVpc: {
		noun: "EC2 VPC",
		inputs: "cidrBlock* enableDnsSupport=true enableDnsHostnames=false enableNetworkAddressUsageMetrics=false " +
			"instanceTenancy*=default assignGeneratedIpv6CidrBlock=false ipv4IpamPoolId* ipv4NetmaskLength* ipv6CidrBlock " +
			"ipv6CidrBlockNetworkBorderGroup ipv6IpamPoolId ipv6NetmaskLength tags",
		id: "vpc-0{hex16}",
		outputs: "arn=arn:aws:ec2:{region}:{account}:vpc/{id} ownerId={account} defaultNetworkAclId=acl-0{hex16} " +
			"defaultRouteTableId=rtb-0{hex16} mainRouteTableId={defaultRouteTableId} defaultSecurityGroupId=sg-0{hex16} " +
			"dhcpOptionsId=dopt-0{hex16}",
		missing: "InvalidVpcID.NotFound: The vpc ID '%s' does not exist",
		inUse:   "DependencyViolation: The vpc '%s' has dependencies and cannot be deleted.",
		check:   checkVpc,
	},
	tSubnet: {
		noun: "EC2 Subnet",
		inputs: "vpcId!* cidrBlock* availabilityZone* availabilityZoneId* mapPublicIpOnLaunch=false " +
			"assignIpv6AddressOnCreation=false customerOwnedIpv4Pool enableDns64=false enableLniAtDeviceIndex " +
			"enableResourceNameDnsARecordOnLaunch=false enableResourceNameDnsAaaaRecordOnLaunch=false ipv6CidrBlock ipv6Native*=false " +
			"mapCustomerOwnedIpOnLaunch outpostArn* privateDnsHostnameTypeOnLaunch=ip-name tags",
		id:      "subnet-0{hex16}",
		outputs: "arn=arn:aws:ec2:{region}:{account}:subnet/{id} ownerId={account} availabilityZoneId=use1-az1",
		missing: "InvalidSubnetID.NotFound: The subnet ID '%s' does not exist",
		inUse:   "DependencyViolation: The subnet '%s' has dependencies and cannot be deleted.",
		refs:    []ref{{path: "vpcId", to: tVpc}},
		apply:   applySubnet,
	},
	tGateway: {
		noun:    "EC2 Internet Gateway",
		inputs:  "vpcId tags",
		id:      "igw-0{hex16}",
		outputs: "arn=arn:aws:ec2:{region}:{account}:internet-gateway/{id} ownerId={account}",
		missing: "InvalidInternetGatewayID.NotFound: The gateway ID '%s' does not exist",
		refs:    []ref{{path: "vpcId", to: tVpc}},
		apply:   applyGateway,
	},
	tRouteTable: {
		noun:    "EC2 Route Table",
		inputs:  "vpcId!* propagatingVgws routes tags",
		id:      "rtb-0{hex16}",
		outputs: "arn=arn:aws:ec2:{region}:{account}:route-table/{id} ownerId={account}",
		missing: "InvalidRouteTableID.NotFound: The routeTable ID '%s' does not exist",
		inUse:   "DependencyViolation: The routeTable '%s' has dependencies and cannot be deleted.",
		refs:    []ref{{path: "vpcId", to: tVpc}},
	},
	"aws:ec2/route:Route": {
		noun: "EC2 Route",
		inputs: "routeTableId!* destinationCidrBlock* destinationIpv6CidrBlock* destinationPrefixListId* carrierGatewayId " +
			"coreNetworkArn egressOnlyGatewayId gatewayId localGatewayId natGatewayId networkInterfaceId transitGatewayId " +
			"vpcEndpointId vpcPeeringConnectionId",
		id:      "r-{routeTableId}{hex10}",
		outputs: "origin=CreateRoute state=active instanceId=empty instanceOwnerId=empty",
		refs:    []ref{{path: "routeTableId", to: tRouteTable, part: true}, {path: "gatewayId", to: tGateway, part: true}},
	},
	"aws:ec2/routeTableAssociation:RouteTableAssociation": {
		noun:   "EC2 Route Table Association",
		inputs: "routeTableId! subnetId* gatewayId*",
		id:     "rtbassoc-0{hex16}",
		refs:   []ref{{path: "routeTableId", to: tRouteTable}, {path: "subnetId", to: tSubnet, part: true}},
	},
	"aws:ec2/vpcEndpoint:VpcEndpoint": {
		noun: "EC2 VPC Endpoint",
		inputs: "vpcId!* serviceName* vpcEndpointType*=Gateway serviceRegion* resourceConfigurationArn* serviceNetworkArn* " +
			"autoAccept dnsOptions ipAddressType policy~ privateDnsEnabled=false routeTableIds securityGroupIds subnetConfigurations " +
			"subnetIds tags",
		id: "vpce-0{hex16}",
		outputs: "arn=arn:aws:ec2:{region}:{account}:vpc-endpoint/{id} ownerId={account} prefixListId=pl-{hex8} state=available " +
			"requesterManaged=false cidrBlocks=[] dnsEntries=[] networkInterfaceIds=[]",
		refs:  []ref{{path: "vpcId", to: tVpc}, {path: "routeTableIds", to: tRouteTable, part: true}, {path: "subnetIds", to: tSubnet}},
		apply: applyEndpoint,
	},
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {
		noun:    "EC2 Default Security Group",
		inputs:  "vpcId* egress=[] ingress=[] revokeRulesOnDelete=false tags",
		id:      "{defaultGroup}",
		outputs: "arn=arn:aws:ec2:{region}:{account}:security-group/{id} ownerId={account} name=default namePrefix=empty",
		refs:    []ref{{path: "vpcId", to: tVpc, part: true}},
	},
	tSecurityGroup: {
		noun: "EC2 Security Group",
		inputs: "name* namePrefix* description*=managed vpcId* egress ingress " +
			"revokeRulesOnDelete=false tags",
		id:      "sg-0{hex16}",
		name:    "name",
		outputs: "arn=arn:aws:ec2:{region}:{account}:security-group/{id} ownerId={account} namePrefix=empty",
		missing: "InvalidGroup.NotFound: The security group '%s' does not exist",
		inUse:   "DependencyViolation: resource %s has a dependent object",
		refs:    []ref{{path: "vpcId", to: tVpc}},
		apply:   applySecurityGroup,
	},
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": securityGroupRule("Ingress"),
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":   securityGroupRule("Egress"),

	tBucket: {
		noun: "S3 Bucket",
		inputs: "bucket* bucketPrefix* forceDestroy=false objectLockEnabled*=false accelerationStatus acl corsRules grants lifecycleRules " +
			"loggings objectLockConfiguration policy~ replicationConfigurations requestPayer=BucketOwner " +
			"serverSideEncryptionConfigurations tags versionings websites",
		id:   "{bucket}",
		name: "bucket",
		outputs: "arn=arn:aws:s3:::{bucket} bucketDomainName={bucket}.s3.amazonaws.com region={region} " +
			"bucketRegionalDomainName={bucket}.s3.{region}.amazonaws.com hostedZoneId=Z3AQBSTGFJSTF bucketPrefix=empty",
		global:  true,
		taken:   "BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you already own it.",
		missing: "NoSuchBucket: The specified bucket does not exist",
		check:   checkBucket,
		apply:   applyBucket,
		remove:  removeBucket,
	},
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls": bucketPart("S3 Bucket Ownership Controls", "rule!"),
	tAccessBlock: bucketPart("S3 Bucket Public Access Block",
		"blockPublicAcls=false blockPublicPolicy=false ignorePublicAcls=false restrictPublicBuckets=false"),
	"aws:s3/bucketVersioningV2:BucketVersioningV2": bucketPart("S3 Bucket Versioning",
		"expectedBucketOwner* mfa versioningConfiguration!"),
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": bucketPart(
		"S3 Bucket Server-side Encryption Configuration", "expectedBucketOwner* rules!"),
	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2": bucketPart("S3 Bucket Lifecycle Configuration",
		"expectedBucketOwner* rules timeouts transitionDefaultMinimumObjectSize=all_storage_classes_128K"),
	"aws:s3/bucketPolicy:BucketPolicy": {
		noun:   "S3 Bucket Policy",
		inputs: "bucket!* policy!~",
		id:     "{bucket}",
		global: true,
		refs:   []ref{{path: "bucket", to: tBucket, part: true}},
		check:  checkBucketPolicy,
		apply:  applyBucketPolicy,
	},
	"aws:s3/bucketWebsiteConfigurationV2:BucketWebsiteConfigurationV2": {
		noun: "S3 Bucket Website Configuration",
		inputs: "bucket!* expectedBucketOwner* errorDocument indexDocument redirectAllRequestsTo routingRuleDetails~ " +
			"routingRules",
		id:      "{bucket}",
		outputs: "websiteDomain=s3-website-{region}.amazonaws.com websiteEndpoint={bucket}.s3-website-{region}.amazonaws.com",
		global:  true,
		refs:    []ref{{path: "bucket", to: tBucket, part: true}},
		check: func(c *call) error {
			if !c.in.has("indexDocument") && !c.in.has("redirectAllRequestsTo") {
				return errors.New(`one of "indexDocument" and "redirectAllRequestsTo" must be specified`)
			}
			return nil
		},
	},

	tRepository: {
		noun:   "ECR Repository",
		inputs: "name* encryptionConfigurations* forceDelete=false imageScanningConfiguration imageTagMutability=MUTABLE tags",
		id:     "{name}",
		name:   "name",
		outputs: "arn=arn:aws:ecr:{region}:{account}:repository/{name} registryId={account} " +
			"repositoryUrl={account}.dkr.ecr.{region}.amazonaws.com/{name}",
		taken:   "RepositoryAlreadyExistsException: The repository with name '{name}' already exists in the registry with id '{account}'",
		missing: "RepositoryNotFoundException: The repository with name '%s' does not exist in the registry with id '" + AccountID + "'",
		check:   checkRepository,
		remove:  removeRepository,
	},
	"aws:ecr/lifecyclePolicy:LifecyclePolicy": {
		noun:    "ECR Lifecycle Policy",
		inputs:  "policy!*~ repository!*",
		id:      "{repository}",
		outputs: "registryId={account}",
		refs:    []ref{{path: "repository", to: tRepository, part: true}},
		check:   checkImageLifecycle,
	},
	tCluster: {
		noun:    "ECS Cluster",
		inputs:  "name* configuration serviceConnectDefaults settings tags",
		id:      "arn:aws:ecs:{region}:{account}:cluster/{name}",
		name:    "name",
		outputs: "arn={id}",
		taken:   "a cluster {name} exists already (AWS would hand it to its second owner without a word)",
		missing: "ClusterNotFoundException: Cluster not found (%s).",
		inUse:   "ClusterContainsServicesException: The Cluster cannot be deleted while Services are active (%s).",
		check:   checkCluster,
	},
	tTaskDefinition: {
		noun: "ECS Task Definition",
		inputs: "family!* containerDefinitions!*~ cpu* memory* executionRoleArn* taskRoleArn* networkMode* requiresCompatibilities* " +
			"enableFaultInjection*=false ephemeralStorage* inferenceAccelerators* ipcMode* pidMode* placementConstraints* " +
			"proxyConfiguration* runtimePlatform* volumes* skipDestroy=false trackLatest=false tags",
		id: "{family}",
		outputs: "arn=arn:aws:ecs:{region}:{account}:task-definition/{family}:{next} " +
			"arnWithoutRevision=arn:aws:ecs:{region}:{account}:task-definition/{family}",
		missing: "ClientException: TaskDefinition not found (%s).",
		check:   checkTaskDefinition,
		apply:   applyTaskDefinition,
		derive:  func(c *call) { c.out["revision"] = float64(c.revision) },
	},
	tService: {
		noun: "ECS Service",
		inputs: "name* cluster* launchType* iamRole* schedulingStrategy*=REPLICA deploymentController taskDefinition desiredCount=0 " +
			"alarms availabilityZoneRebalancing=DISABLED capacityProviderStrategies deploymentCircuitBreaker " +
			"deploymentMaximumPercent=200 deploymentMinimumHealthyPercent=100 enableEcsManagedTags=false enableExecuteCommand=false " +
			"forceDelete forceNewDeployment healthCheckGracePeriodSeconds=0 loadBalancers networkConfiguration " +
			"orderedPlacementStrategies placementConstraints platformVersion=LATEST propagateTags=NONE serviceConnectConfiguration " +
			"serviceRegistries tags triggers volumeConfiguration vpcLatticeConfigurations waitForSteadyState=false",
		id:    "arn:aws:ecs:{region}:{account}:service/{clusterName}/{name}",
		name:  "name",
		taken: "InvalidParameterException: Creation of service was not idempotent.",
		refs: []ref{
			{path: "cluster", to: tCluster},
			{path: "taskDefinition", to: tTaskDefinition, part: true},
			{path: "networkConfiguration.subnets", to: tSubnet, holds: hasTasks},
			{path: "networkConfiguration.securityGroups", to: tSecurityGroup, holds: hasTasks},
		},
		check:  checkService,
		apply:  applyService,
		settle: settleService,
	},

	tRole: {
		noun: "IAM Role",
		inputs: "name* namePrefix* path*=/ assumeRolePolicy!~ description forceDetachPolicies=false inlinePolicies " +
			"managedPolicyArns maxSessionDuration=3600 permissionsBoundary tags",
		id:   "{name}",
		name: "name",
		outputs: "arn=arn:aws:iam::{account}:role{path}{name} uniqueId=AROA{hex16} createDate=2026-01-01T00:00:00Z " +
			"namePrefix=empty inlinePolicies=[] managedPolicyArns=[]",
		global:  true,
		taken:   "EntityAlreadyExists: Role with name {name} already exists.",
		missing: "NoSuchEntity: The role with name %s cannot be found.",
		inUse:   "DeleteConflict: Cannot delete entity, must delete policies first (%s).",
		check:   checkRole,
		apply:   applyRole,
	},
	"aws:iam/rolePolicy:RolePolicy": {
		noun:    "IAM Role Policy",
		inputs:  "name* namePrefix* policy!~ role!*",
		id:      "{role}:{name}",
		name:    "name",
		outputs: "namePrefix=empty",
		global:  true,
		refs:    []ref{{path: "role", to: tRole}},
		check:   func(c *call) error { return checkIdentityPolicy(c, 10240) },
	},
	tPolicy: {
		noun:    "IAM Policy",
		inputs:  "name* namePrefix* path*=/ description* policy!~ tags",
		id:      "arn:aws:iam::{account}:policy{path}{name}",
		name:    "name",
		outputs: "arn={id} policyId=ANPA{hex16} attachmentCount=0 namePrefix=empty",
		global:  true,
		taken:   "EntityAlreadyExists: A policy called {name} already exists. Duplicate names are not allowed.",
		missing: "NoSuchEntity: Policy %s does not exist or is not attachable.",
		inUse:   "DeleteConflict: Cannot delete a policy attached to entities (%s).",
		check:   func(c *call) error { return checkIdentityPolicy(c, 6144) },
	},
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment": {
		noun:   "IAM Role Policy Attachment",
		inputs: "policyArn!* role!*",
		id:     "{role}-{hex26}",
		global: true,
		refs:   []ref{{path: "role", to: tRole}, {path: "policyArn", to: tPolicy}},
		apply:  attachOnce,
	},
	tOpenID: {
		noun:    "IAM OIDC Provider",
		inputs:  "url!* clientIdLists! thumbprintLists=[] tags",
		id:      "arn:aws:iam::{account}:oidc-provider/{host}",
		outputs: "arn={id}",
		global:  true,
		taken:   "EntityAlreadyExists: Provider with url {url} already exists.",
		check: func(c *call) error {
			if url := c.in.str("url"); url != "" && !strings.HasPrefix(url, "https://") {
				return fmt.Errorf("ValidationError: Invalid Open ID Connect Provider URL %q", url)
			}
			return nil
		},
	},

	"aws:ssm/parameter:Parameter": {
		noun: "SSM Parameter",
		inputs: "name* type! value insecureValue allowedPattern arn dataType=text description keyId overwrite tags " +
			"tier=Standard",
		id:      "{name}",
		name:    "name",
		outputs: "arn=arn:aws:ssm:{region}:{account}:parameter{slashName}",
		taken:   "ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
		check:   checkParameter,
		derive:  deriveParameter,
	},
	tLogGroup: {
		noun:    "CloudWatch Logs Log Group",
		inputs:  "name* namePrefix* logGroupClass*=STANDARD kmsKeyId retentionInDays=0 skipDestroy=false tags",
		id:      "{name}",
		name:    "name",
		outputs: "arn=arn:aws:logs:{region}:{account}:log-group:{name} namePrefix=empty",
		taken:   "ResourceAlreadyExistsException: The specified log group already exists",
		check:   checkLogGroup,
	},
	tKey: {
		noun: "KMS Key",
		inputs: "bypassPolicyLockoutSafetyCheck=false customKeyStoreId* customerMasterKeySpec*=SYMMETRIC_DEFAULT deletionWindowInDays " +
			"description enableKeyRotation=false isEnabled=true keyUsage*=ENCRYPT_DECRYPT multiRegion*=false policy~ " +
			"rotationPeriodInDays tags xksKeyId*",
		id:      "{uuid}",
		outputs: "keyId={id} arn=arn:aws:kms:{region}:{account}:key/{id}",
		missing: "NotFoundException: Key '%s' does not exist",
		check:   checkKey,
		apply:   applyKey,
	},
	"aws:kms/alias:Alias": {
		noun:    "KMS Alias",
		inputs:  "name* namePrefix* targetKeyId!",
		id:      "{name}",
		name:    "name",
		outputs: "arn=arn:aws:kms:{region}:{account}:{name} namePrefix=empty",
		taken:   "AlreadyExistsException: An alias with the name arn:aws:kms:{region}:{account}:{name} already exists",
		refs:    []ref{{path: "targetKeyId", to: tKey, part: true}},
		check: func(c *call) error {
			if name := c.in.str("name"); name != "" && !strings.HasPrefix(name, "alias/") {
				return fmt.Errorf(`"name" must begin with 'alias/', got %q`, name)
			}
			return nil
		},
		derive: func(c *call) {
			if key := c.find(tKey, c.in.str("targetKeyId")); key != nil {
				c.out["targetKeyArn"] = key.Props["arn"]
			}
		},
	},

	// awsx 2.22 passes none of this on: it is the component's own vocabulary.
	tVpcComponent: {
		noun: "VPC component",
		inputs: "assignGeneratedIpv6CidrBlock availabilityZoneCidrMask availabilityZoneNames cidrBlock enableDnsHostnames enableDnsSupport " +
			"enableNetworkAddressUsageMetrics instanceTenancy ipv4IpamPoolId ipv4NetmaskLength ipv6CidrBlock " +
			"ipv6CidrBlockNetworkBorderGroup ipv6IpamPoolId ipv6NetmaskLength natGateways numberOfAvailabilityZones subnetSpecs " +
			"subnetStrategy tags vpcEndpointSpecs",
	},
	tProvider: {
		noun: "provider",
		inputs: "accessKey allowedAccountIds assumeRole assumeRoleWithWebIdentity customCaBundle defaultTags ec2MetadataServiceEndpoint " +
			"ec2MetadataServiceEndpointMode endpoints forbiddenAccountIds httpProxy httpsProxy ignoreTags insecure maxRetries noProxy " +
			"profile region retryMode s3UsEast1RegionalEndpoint s3UsePathStyle secretKey sharedConfigFiles sharedCredentialsFiles " +
			"skipCredentialsValidation skipMetadataApiCheck skipRegionValidation skipRequestingAccountId stsRegion token " +
			"tokenBucketRateLimiterCapacity useDualstackEndpoint useFipsEndpoint version",
	},
}

func securityGroupRule(direction string) *entry {
	return &entry{
		noun: "VPC Security Group " + direction + " Rule",
		inputs: "securityGroupId!* ipProtocol! fromPort toPort cidrIpv4 cidrIpv6 prefixListId referencedSecurityGroupId description " +
			"tags",
		id:      "sgr-0{hex16}",
		outputs: "arn=arn:aws:ec2:{region}:{account}:security-group-rule/{id} securityGroupRuleId={id}",
		refs:    []ref{{path: "securityGroupId", to: tSecurityGroup, part: true}, {path: "referencedSecurityGroupId", to: tSecurityGroup}},
		check:   checkSecurityGroupRule,
		apply:   applySecurityGroupRule,
	}
}

// bucketPart is one of the resources that configure a bucket: named after it, gone with it.
func bucketPart(noun, inputs string) *entry {
	return &entry{
		noun:   noun,
		inputs: "bucket!* " + inputs,
		id:     "{bucket}",
		global: true,
		refs:   []ref{{path: "bucket", to: tBucket, part: true}},
	}
}

func init() {
	for _, e := range catalogue {
		for word := range strings.FieldsSeq(e.inputs) {
			name, fallback, hasFallback := strings.Cut(word, "=")
			in := input{
				name:     strings.TrimRight(name, "!*~"),
				required: strings.Contains(name, "!"),
				forces:   strings.Contains(name, "*"),
				json:     strings.Contains(name, "~"),
			}
			if hasFallback {
				in.fallback = literal(fallback)
			}
			e.parsed = append(e.parsed, in)
		}
	}
}

func lookup(token string) (*entry, error) {
	if e, ok := catalogue[token]; ok {
		return e, nil
	}
	return nil, fmt.Errorf("the sandbox does not know the type %s: add an entry to the catalogue in internal/sandbox/catalogue.go "+
		"(inputs, outputs, what replaces it, what AWS refuses)", token)
}

func (e *entry) takes(name string) bool {
	return slices.ContainsFunc(e.parsed, func(in input) bool { return in.name == name })
}
