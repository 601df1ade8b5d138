package sandbox

import (
	"errors"
	"fmt"
	"strings"

	"sentry/internal/aws"
	"sentry/internal/policy"
)

// known is all that the sandbox knows of a type: its entry, what the provider says of it, and how it behaves.
type known struct {
	aws.Type
	facts *aws.Facts
	behaviour
}

// behaviour is what AWS does with a type besides keeping it. A check sees inputs that may be unknown (a preview)
// and says nothing of those; the others see known ones and the cloud.
type behaviour struct {
	check  func(*call) error  // on the inputs alone: previews run it too
	plan   func(*call)        // adds to a preview of an update what is unknown until AWS has acted
	apply  func(*call) error  // against the cloud, before a create or update takes effect
	settle func(*call) error  // after it took effect: what AWS notices only while the change rolls out
	derive func(*call)        // adds outputs that a template cannot express
	remove func(*call) error  // before a delete
	look   func(*call, attrs) // puts into what is read what AWS has besides the resource itself
}

var behaviours = map[string]behaviour{
	aws.EC2Vpc:                      {check: checkVpc},
	aws.EC2Subnet:                   {apply: applySubnet},
	aws.EC2InternetGateway:          {apply: applyGateway, remove: removeGateway},
	aws.EC2Route:                    {apply: applyRoute},
	aws.EC2RouteTableAssociation:    {apply: applyAssociation},
	aws.EC2VpcEndpoint:              {apply: applyEndpoint},
	aws.EC2SecurityGroup:            {apply: applySecurityGroup},
	aws.EC2SecurityGroupIngressRule: {check: checkSecurityGroupRule, apply: applySecurityGroupRule},
	aws.EC2SecurityGroupEgressRule:  {check: checkSecurityGroupRule, apply: applySecurityGroupRule},

	aws.S3Bucket:                     {check: checkBucket, apply: applyBucket, remove: removeBucket},
	aws.S3BucketPolicy:               {check: checkBucketPolicy, apply: applyBucketPolicy},
	aws.S3BucketWebsiteConfiguration: {check: checkWebsite},

	aws.ECRRepository:      {check: checkRepository, remove: removeRepository},
	aws.ECRLifecyclePolicy: {check: checkImageLifecycle},
	aws.ECSCluster:         {check: checkCluster},
	aws.ECSTaskDefinition:  {check: checkTaskDefinition, apply: applyTaskDefinition, derive: deriveTaskDefinition},
	aws.ECSService:         {check: checkService, apply: applyService, settle: settleService},

	aws.ECSClusterCapacityProviders: {check: checkCapacityProviders},

	aws.LBListener:             {apply: applyListener},
	aws.LBLoadBalancer:         {check: checkLoadBalancer, apply: applyLoadBalancer, remove: removeLoadBalancer},
	aws.LBTargetGroup:          {check: checkBalancerName},
	aws.CloudFrontVpcOrigin:    {apply: applyVpcOrigin},
	aws.CloudFrontDistribution: {check: checkDistribution, apply: applyDistribution},
	aws.ACMCertificate:         {derive: deriveCertificate},

	aws.AutoScalingTarget:          {check: checkScalingTarget, apply: applyScalingTarget},
	aws.AutoScalingScheduledAction: {check: checkScheduledAction},
	aws.CloudWatchMetricAlarm:      {check: checkAlarm},

	aws.IAMRole:                  {check: checkRole, apply: trusted("assumeRolePolicy", policy.Trust)},
	aws.IAMRolePolicy:            {check: checkIdentityPolicy(10240)},
	aws.IAMPolicy:                {check: checkIdentityPolicy(6144)},
	aws.IAMRolePolicyAttachment:  {apply: attachOnce},
	aws.IAMOpenIDConnectProvider: {check: checkIdentityProvider},
	aws.IAMRolePoliciesExclusive: {
		apply: dropOthers(aws.IAMRolePolicy, "name", "policyNames"), look: lookForOthers(aws.IAMRolePolicy, "name", "policyNames"),
	},
	aws.IAMRolePolicyAttachmentsExclusive: {
		apply: dropOthers(aws.IAMRolePolicyAttachment, "policyArn", "policyArns"),
		look:  lookForOthers(aws.IAMRolePolicyAttachment, "policyArn", "policyArns"),
	},

	aws.SNSTopicSubscription: {apply: applySubscription},

	aws.RDSInstance:                 {check: checkInstance, remove: removeInstance},
	aws.RDSSubnetGroup:              {apply: applySubnetGroup},
	aws.ElastiCacheReplicationGroup: {check: checkReplicationGroup},

	aws.SSMParameter:       {check: checkParameter, plan: planParameter, derive: deriveParameter},
	aws.CloudWatchLogGroup: {check: checkLogGroup},
	aws.KMSKey:             {check: checkKey, apply: trusted("policy", policy.Resource)},
	aws.KMSAlias:           {check: checkAlias, derive: deriveAlias},
}

// lookup is what is known of a type. Of one without an entry the provider's facts are enough to keep it; its id
// and ARN are made up then.
func lookup(token string) (*known, error) {
	entry, hasEntry := aws.Lookup(token)
	facts, hasFacts := aws.FactsOf(token)
	if token == aws.VpcComponent {
		facts, hasFacts = &aws.Facts{Inputs: vpcInputs}, true
	}
	if !hasFacts {
		return nil, errors.New("the sandbox does not know the type " + token + ": add what the provider says of it to internal/aws/facts.json (go run ./cmd/facts --add " +
			token + "), and an entry to internal/aws")
	}
	k := &known{facts: facts, behaviour: behaviours[token]}
	if hasEntry {
		k.Type = *entry
	}
	kind := token[strings.LastIndex(token, ":")+1:]
	if k.Noun == "" {
		k.Noun = kind
	}
	if k.Name == "" {
		for name, input := range facts.Inputs {
			if input.Autoname {
				k.Name = name
			}
		}
	}
	if k.ID == "" {
		k.ID = strings.ToLower(kind) + "-{hex16}"
		if k.Name != "" {
			k.ID = "{" + k.Name + "}"
		}
	}
	if _, hasARN := facts.Outputs["arn"]; hasARN && !strings.Contains(" "+k.Outputs, " arn=") {
		module, _, _ := strings.Cut(strings.TrimPrefix(token, "aws:"), "/")
		k.Outputs = fmt.Sprintf("arn=arn:aws:%s:{region}:{account}:%s/{id} %s", module, strings.ToLower(kind), k.Outputs)
	}
	return k, nil
}
