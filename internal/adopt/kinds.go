package adopt

import "sentry/internal/aws"

// kind is what becomes of the resources of a Terraform type.
type kind struct {
	// token is the type that they are here.
	token string
	// by are the inputs that tell resources of the type apart; none where this program makes one of them.
	by []string
	// superseded says by what, where this program does the same with other resources.
	superseded string
	// advice says what to do with a resource that this program has nothing for.
	advice string
	// overwritten: AWS lets the program's resource be written over this one, as there can be only one. Where an import
	// would replace it, and so delete it after the new one was written, that is the way.
	overwritten bool
}

// What stands in several entries.
const (
	byHTTPS = "sentry:https makes one distribution for site and API with a load balancer of its own; " +
		"this one serves on until clients use the new address (docs/migrating.md)"
	byDomain     = "sentry:https takes a domain and makes its certificate and records"
	byScaling    = "sentry:scaling sets it"
	byMonitoring = "sentry:monitoring makes alarms, a dashboard and a budget"
	byRole       = "each role gets one policy of its own, with the rights that it needs by ARN"
	byTables     = "awsx makes a route table for each subnet"
	bySecrets    = "sentry:secrets names it by its ARN; the value stays where it is"
	byCache      = "the tasks go on using it by its address; examples/cache has one that this program makes (docs/migrating.md)"
	ofState      = "it holds Terraform's state: it stays until the last environment has moved"
	asItIs       = "this program has nothing like it; it works on as it is"
	onlyThere    = "it is a value inside of Terraform; names that were made of it stand in the configuration"
)

// kinds has an entry for each type of which something is known; others are an error.
var kinds = map[string]kind{
	"aws_vpc":                     {token: aws.EC2Vpc},
	"aws_subnet":                  {token: aws.EC2Subnet, by: []string{"cidrBlock"}, advice: asItIs},
	"aws_internet_gateway":        {token: aws.EC2InternetGateway},
	"aws_route_table":             {superseded: byTables},
	"aws_route":                   {superseded: byTables},
	"aws_route_table_association": {token: aws.EC2RouteTableAssociation, by: []string{"subnetId"}, advice: asItIs},
	"aws_default_route_table":     {advice: "no subnet uses the VPC's main route table here; it stays as it is"},
	"aws_main_route_table_association": {
		advice: "no subnet uses the VPC's main route table here; it stays as it is",
	},
	"aws_vpc_endpoint":           {token: aws.EC2VpcEndpoint, by: []string{"serviceName"}, advice: asItIs},
	"aws_default_network_acl":    {token: aws.EC2DefaultNetworkACL, advice: asItIs},
	"aws_network_acl":            {advice: asItIs},
	"aws_default_security_group": {token: aws.EC2DefaultSecurityGroup},
	"aws_security_group":         {token: aws.EC2SecurityGroup, by: []string{"name"}, advice: asItIs},
	"aws_security_group_rule":    {advice: asItIs},
	ingressRule:                  ruleKind(aws.EC2SecurityGroupIngressRule),
	egressRule:                   ruleKind(aws.EC2SecurityGroupEgressRule),
	"aws_nat_gateway":            {advice: "tasks have public addresses here and need none; keep it until no other network uses it"},
	"aws_eip":                    {advice: asItIs},
	"aws_flow_log":               {token: aws.EC2FlowLog, advice: "sentry:monitoring's flowLogs makes one into a bucket"},

	"aws_ecr_repository":        {token: aws.ECRRepository, by: []string{"name"}, advice: asItIs},
	"aws_ecr_lifecycle_policy":  {token: aws.ECRLifecyclePolicy, by: []string{"repository"}, advice: asItIs, overwritten: true},
	"aws_ecr_repository_policy": {token: aws.ECRRepositoryPolicy, by: []string{"repository"}, advice: asItIs},

	"aws_ecs_cluster":                    {token: aws.ECSCluster, by: []string{"name"}},
	"aws_ecs_cluster_capacity_providers": {token: aws.ECSClusterCapacityProviders, by: []string{"clusterName"}, advice: "sentry:scaling's spot sets it"},
	"aws_ecs_service":                    {token: aws.ECSService, by: []string{"name"}},
	"aws_ecs_task_definition": {
		superseded: "this program registers revisions of its own; the old one stays on record until the end",
	},
	"aws_appautoscaling_target": {token: aws.AutoScalingTarget, by: []string{"resourceId"}, advice: byScaling},
	"aws_appautoscaling_policy": {token: aws.AutoScalingPolicy, by: []string{"name"}, superseded: byScaling},
	"aws_appautoscaling_scheduled_action": {
		token: aws.AutoScalingScheduledAction, by: []string{"name"},
		advice: "sentry:scaling's schedule says when tasks sleep; this one goes on until Terraform deletes it",
	},

	"aws_iam_role":                    {token: aws.IAMRole, by: []string{"name"}, advice: asItIs},
	"aws_iam_role_policy":             {token: aws.IAMRolePolicy, by: []string{"role", "name"}, superseded: byRole},
	"aws_iam_role_policy_attachment":  {superseded: byRole},
	"aws_iam_policy":                  {superseded: byRole},
	"aws_iam_policy_attachment":       {superseded: byRole},
	"aws_iam_role_policies_exclusive": {token: aws.IAMRolePoliciesExclusive, by: []string{"roleName"}, superseded: byRole},
	"aws_iam_openid_connect_provider": {advice: "bootstrap takes it over (docs/bootstrap.md)"},
	"aws_iam_service_linked_role":     {advice: asItIs},
	"aws_iam_role_policy_attachments_exclusive": {
		token: aws.IAMRolePolicyAttachmentsExclusive, by: []string{"roleName"}, superseded: byRole,
	},

	"aws_cloudwatch_log_group":    {token: aws.CloudWatchLogGroup, by: []string{"name"}, advice: asItIs},
	"aws_cloudwatch_metric_alarm": {advice: byMonitoring},
	"aws_cloudwatch_dashboard":    {advice: byMonitoring},
	"aws_budgets_budget":          {advice: byMonitoring},
	"aws_sns_topic":               {advice: byMonitoring},
	"aws_sns_topic_subscription":  {advice: byMonitoring},

	"aws_s3_bucket":            bucketKind(aws.S3Bucket),
	"aws_s3_bucket_versioning": bucketKind(aws.S3BucketVersioning),
	"aws_s3_bucket_server_side_encryption_configuration": bucketKind(aws.S3BucketServerSideEncryptionConfiguration),
	"aws_s3_bucket_public_access_block":                  bucketKind(aws.S3BucketPublicAccessBlock),
	"aws_s3_bucket_ownership_controls":                   bucketKind(aws.S3BucketOwnershipControls),
	"aws_s3_bucket_lifecycle_configuration":              bucketKind(aws.S3BucketLifecycleConfiguration),
	"aws_s3_bucket_policy":                               bucketKind(aws.S3BucketPolicy),
	"aws_s3_bucket_website_configuration":                bucketKind(aws.S3BucketWebsiteConfiguration),
	"aws_s3_bucket_cors_configuration":                   bucketKind(aws.S3BucketCORSConfiguration),
	"aws_s3_bucket_logging":                              bucketKind(aws.S3BucketLogging),
	"aws_s3_bucket_acl":                                  {superseded: "the bucket's owner owns every object, and ACLs count no more"},
	"aws_s3_object":                                      {advice: "publishing the front end writes the site's objects; this one stays as it is"},
	"aws_s3_bucket_notification":                         {advice: asItIs},

	"aws_lb":                                 {advice: byHTTPS},
	"aws_alb":                                {advice: byHTTPS},
	"aws_lb_target_group":                    {advice: byHTTPS},
	"aws_alb_target_group":                   {advice: byHTTPS},
	"aws_lb_listener":                        {advice: byHTTPS},
	"aws_alb_listener":                       {advice: byHTTPS},
	"aws_lb_listener_rule":                   {advice: byHTTPS},
	"aws_alb_listener_rule":                  {advice: byHTTPS},
	"aws_cloudfront_distribution":            {advice: byHTTPS},
	"aws_cloudfront_origin_access_control":   {advice: byHTTPS},
	"aws_cloudfront_origin_access_identity":  {advice: byHTTPS},
	"aws_cloudfront_function":                {advice: byHTTPS},
	"aws_cloudfront_cache_policy":            {advice: byHTTPS},
	"aws_cloudfront_origin_request_policy":   {advice: byHTTPS},
	"aws_cloudfront_response_headers_policy": {advice: byHTTPS},
	"aws_acm_certificate":                    {advice: byDomain},
	"aws_acm_certificate_validation":         {advice: byDomain},
	"aws_route53_record":                     {advice: byDomain},
	"aws_route53_zone":                       {advice: "sentry:https's zoneId names it; it stays as it is"},
	"aws_elasticache_cluster":                {advice: byCache},
	"aws_elasticache_replication_group":      {advice: byCache},
	"aws_elasticache_serverless_cache":       {advice: byCache},
	"aws_elasticache_subnet_group":           {advice: byCache},
	"aws_elasticache_parameter_group":        {advice: byCache},
	"aws_elasticache_user":                   {advice: byCache},
	"aws_elasticache_user_group":             {advice: byCache},
	"aws_secretsmanager_secret":              {advice: bySecrets},
	"aws_secretsmanager_secret_version":      {advice: bySecrets},
	"aws_ssm_parameter":                      {advice: bySecrets},
	"aws_kms_key":                            {advice: "sentry:kmsKeyArn names it; it stays as it is"},
	"aws_kms_alias":                          {advice: "sentry:kmsKeyArn names the key; it stays as it is"},
	"aws_dynamodb_table":                     {advice: ofState},
	"aws_s3_account_public_access_block":     {advice: asItIs},
	"random_id":                              {superseded: onlyThere},
	"random_string":                          {superseded: onlyThere},
	"random_pet":                             {superseded: onlyThere},
	"random_integer":                         {superseded: onlyThere},
	"null_resource":                          {superseded: onlyThere},
	"terraform_data":                         {superseded: onlyThere},
	"time_sleep":                             {superseded: onlyThere},
}

func bucketKind(token string) kind {
	return kind{token: token, by: []string{"bucket"}, advice: asItIs}
}

func ruleKind(token string) kind {
	return kind{
		token:  token,
		by:     []string{"securityGroupId", "ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"},
		advice: "the program opens nothing like it; it stays in the group as it is",
	}
}
