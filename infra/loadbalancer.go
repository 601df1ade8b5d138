package infra

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// drainingSeconds is how long a task that leaves may finish its requests; as long as it has to stop by default.
	drainingSeconds = 30
	// healthyChecks is how many checks in a row a new task has to pass: two, so that one lucky answer is not enough.
	healthyChecks = 2
)

// LoadBalancer is what others need of the load balancer.
type LoadBalancer struct {
	// TargetGroupARN is known once requests are forwarded to the group: ECS refuses a group that no load balancer uses.
	TargetGroupARN pulumi.StringOutput
	ARN, DNSName   pulumi.StringOutput
	// ARNSuffix and TargetGroupSuffix name the two in CloudWatch's metrics.
	ARNSuffix, TargetGroupSuffix pulumi.StringOutput
}

// newLoadBalancer makes an internal load balancer, which CloudFront reaches through a VPC origin and nothing else does.
// Between the two the requests are plain HTTP inside of AWS's network, as a certificate would need a domain.
func newLoadBalancer(ctx *pulumi.Context, name string, args *EdgeArgs, child pulumi.ResourceOption) (*LoadBalancer, error) {
	balancerArgs := &lb.LoadBalancerArgs{
		Name:                     pulumi.String(name),
		Internal:                 pulumi.Bool(true),
		LoadBalancerType:         pulumi.String("application"),
		Subnets:                  args.SubnetIDs,
		SecurityGroups:           pulumi.StringArray{args.SecurityGroupID},
		DropInvalidHeaderFields:  pulumi.Bool(true),
		EnableDeletionProtection: pulumi.Bool(args.DeletionProtection),
	}
	if args.AccessLogs != "" {
		balancerArgs.AccessLogs = lb.LoadBalancerAccessLogsArgs{
			Bucket: pulumi.String(args.AccessLogs), Prefix: pulumi.String(name), Enabled: pulumi.Bool(true),
		}
	}
	balancer, err := lb.NewLoadBalancer(ctx, name, balancerArgs, child)
	if err != nil {
		return nil, fmt.Errorf("create the load balancer: %w", err)
	}
	group, err := lb.NewTargetGroup(ctx, name+"-backend", &lb.TargetGroupArgs{
		Name:                pulumi.String(name),
		VpcId:               args.VPCID,
		TargetType:          pulumi.String("ip"), // Fargate's tasks have no instances
		Protocol:            pulumi.String("HTTP"),
		Port:                pulumi.Int(args.Port),
		DeregistrationDelay: pulumi.Int(drainingSeconds),
		HealthCheck: lb.TargetGroupHealthCheckArgs{
			Path:               pulumi.String(args.HealthCheck.Path),
			Matcher:            pulumi.String("200"),
			Interval:           pulumi.Int(args.HealthCheck.Interval),
			Timeout:            pulumi.Int(args.HealthCheck.Timeout),
			HealthyThreshold:   pulumi.Int(healthyChecks),
			UnhealthyThreshold: pulumi.Int(args.HealthCheck.Retries),
		},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("create the target group: %w", err)
	}
	listener, err := lb.NewListener(ctx, name+"-http", &lb.ListenerArgs{
		LoadBalancerArn: balancer.Arn,
		Protocol:        pulumi.String("HTTP"),
		Port:            pulumi.Int(loadBalancerPort),
		DefaultActions: lb.ListenerDefaultActionArray{lb.ListenerDefaultActionArgs{
			Type: pulumi.String("forward"), TargetGroupArn: group.Arn,
		}},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("forward requests to the tasks: %w", err)
	}
	return &LoadBalancer{
		TargetGroupARN:    after(ctx, group.Arn, listener),
		ARN:               balancer.Arn,
		DNSName:           balancer.DnsName,
		ARNSuffix:         balancer.ArnSuffix,
		TargetGroupSuffix: group.ArnSuffix,
	}, nil
}
