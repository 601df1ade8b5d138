package account

import "sentry/internal/policy/evaluate"

// atTheEdge are ways to what visitors of another environment see, and to its domain.
func atTheEdge(environment, foreign string) map[string]evaluate.Request {
	of := func(action, resource, tag, requested string) evaluate.Request {
		r := request(action, resource)
		if tag != "" {
			r.Context[resourceTag] = []string{tag}
		}
		if requested != "" {
			r.Context[requestTag] = []string{requested}
		}
		return r
	}
	record := func(zone, name, kind string) evaluate.Request {
		return request("route53:ChangeResourceRecordSets", zoneOf(zone),
			"route53:ChangeResourceRecordSetsNormalizedRecordNames", name, "route53:ChangeResourceRecordSetsRecordTypes", kind)
	}
	both := record(environment, environment+".example.com", "A")
	both.Context["route53:ChangeResourceRecordSetsNormalizedRecordNames"] = []string{environment + ".example.com", "example.com"}
	distribution, origin := inCloudFront+"distribution/E1", inCloudFront+"vpcorigin/vo_1"
	return map[string]evaluate.Request{
		"changes the other's distribution":            of("cloudfront:UpdateDistribution", distribution, foreign, ""),
		"changes one without a tag":                   of("cloudfront:UpdateDistribution", distribution, "", ""),
		"claims the other's distribution":             of("cloudfront:TagResource", distribution, foreign, environment),
		"hands its distribution to the other":         of("cloudfront:TagResource", distribution, environment, foreign),
		"takes the tag off the other's":               of("cloudfront:UntagResource", distribution, foreign, ""),
		"makes a distribution without a tag":          of("cloudfront:CreateDistribution", "*", "", ""),
		"makes one as the other":                      of("cloudfront:CreateDistribution", "*", "", foreign),
		"points the other's origin elsewhere":         of("cloudfront:UpdateVpcOrigin", origin, foreign, ""),
		"changes the other's paths":                   request("cloudfront:UpdateFunction", inCloudFront+"function/sentry-"+foreign+"-api"),
		"publishes a function that begins like its":   request("cloudfront:PublishFunction", inCloudFront+"function/sentry-"+environment+"-eu-api"),
		"empties the other's cache":                   of("cloudfront:CreateInvalidation", distribution, foreign, ""),
		"deletes the other's certificate":             of("acm:DeleteCertificate", certificate, foreign, ""),
		"exports its own":                             of("acm:ExportCertificate", certificate, environment, ""),
		"claims the other's certificate":              of("acm:AddTagsToCertificate", certificate, foreign, environment),
		"requests one for the other's domain":         request("acm:RequestCertificate", "*", requestTag, environment, "acm:DomainNames", foreign+".example.com"),
		"requests one for a domain below its own":     request("acm:RequestCertificate", "*", requestTag, environment, "acm:DomainNames", "x."+environment+".example.com"),
		"points the other's domain to itself":         record(environment, foreign+".example.com", "A"),
		"does so in the other's zone":                 record(foreign, environment+".example.com", "A"),
		"takes the zone's own name beside its own":    both,
		"makes names below its domain":                record(environment, "x."+environment+".example.com", "CNAME"),
		"proves a domain below its own":               record(environment, "_acme-challenge.x."+environment+".example.com", "CNAME"),
		"hands its domain to other name servers":      record(environment, environment+".example.com", "NS"),
		"deletes the zone":                            request("route53:DeleteHostedZone", zoneOf(environment)),
		"reads the other's zone":                      request("route53:ListResourceRecordSets", zoneOf(foreign)),
		"looks around in CloudFront of other regions": inRegionOf(request("cloudfront:CreateFunction", "*"), "eu-west-1"),
	}
}

func inRegionOf(r evaluate.Request, region string) evaluate.Request {
	r.Context["aws:RequestedRegion"] = []string{region}
	return r
}

// withTraffic are ways to take the other's visitors, or those who watch it.
func withTraffic(environment, foreign string) map[string]evaluate.Request {
	const inELB = "arn:aws:elasticloadbalancing:us-east-1:123456789012:"
	const inWatch = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:sentry-"
	const target = "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/0ec5abc"
	topic := func(environment string) string {
		return "arn:aws:sns:us-east-1:123456789012:sentry-" + environment + "-alarms"
	}
	rule := "arn:aws:events:us-east-1:123456789012:rule/sentry-"
	attempts := map[string]evaluate.Request{
		"sends the other's requests elsewhere": request("elasticloadbalancing:ModifyListener", inELB+"listener/app/sentry-"+foreign+"/1/2"),
		"opens a listener on the other's":      request("elasticloadbalancing:CreateListener", inELB+"loadbalancer/app/sentry-"+foreign+"/1"),
		"deletes the other's load balancer":    request("elasticloadbalancing:DeleteLoadBalancer", inELB+"loadbalancer/app/sentry-"+foreign+"/1"),
		"adds a target to its group":           request("elasticloadbalancing:RegisterTargets", inELB+"targetgroup/sentry-"+environment+"/2"),
		"scales the other's service":           request("application-autoscaling:RegisterScalableTarget", target, resourceTag, foreign),
		"claims the other's target":            request("application-autoscaling:RegisterScalableTarget", target, resourceTag, foreign, requestTag, environment, "application-autoscaling:service-namespace", "ecs"),
		"scales a table":                       request("application-autoscaling:RegisterScalableTarget", target, requestTag, environment, "application-autoscaling:service-namespace", "dynamodb"),
		"puts a policy on the other's target":  request("application-autoscaling:PutScalingPolicy", target, resourceTag, foreign),
		"tags the other's target":              request("application-autoscaling:TagResource", target, resourceTag, foreign, requestTag, environment),
		"silences the other":                   request("cloudwatch:DeleteAlarms", inWatch+foreign+"-tasks"),
		"makes an alarm that mails the other":  request("cloudwatch:PutMetricAlarm", inWatch+environment+"-tasks", "cloudwatch:AlarmActions", topic(foreign)),
		"makes an alarm that stops an instance": request("cloudwatch:PutMetricAlarm", inWatch+environment+"-tasks",
			"cloudwatch:AlarmActions", "arn:aws:automate:us-east-1:ec2:terminate"),
		"makes an alarm of a free name":  request("cloudwatch:PutMetricAlarm", inWatch+environment+"-eu-tasks", "cloudwatch:AlarmActions", topic(environment)),
		"stops the other's mails":        request("sns:Unsubscribe", topic(foreign)+":1"),
		"opens the other's topic":        request("sns:SetTopicAttributes", topic(foreign)),
		"listens to the other's alarms":  request("sns:Subscribe", topic(foreign)),
		"mails by itself":                request("sns:Publish", topic(environment)),
		"sends events to the other":      request("events:PutTargets", rule+environment+"-deployments", "events:TargetArn", topic(foreign)),
		"sends events to a queue":        request("events:PutTargets", rule+environment+"-deployments", "events:TargetArn", "arn:aws:sqs:us-east-1:210987654321:q"),
		"changes the other's rule":       request("events:PutRule", rule+foreign+"-deployments"),
		"makes a rule on another bus":    request("events:PutRule", rule+"bus/sentry-"+environment+"-deployments"),
		"raises the other's budget":      request("budgets:ModifyBudget", "arn:aws:budgets::123456789012:budget/sentry-"+foreign),
		"acts when a budget is used up":  request("budgets:CreateBudgetAction", "arn:aws:budgets::123456789012:budget/sentry-"+environment+"/action/1"),
		"overwrites the other's picture": request("cloudwatch:PutDashboard", "arn:aws:cloudwatch::123456789012:dashboard/sentry-"+foreign),
	}
	if environment == "staging" { // whose subnets are known
		attempts["puts its load balancer into another's subnet"] = request("elasticloadbalancing:CreateLoadBalancer",
			inELB+"loadbalancer/app/sentry-"+environment+"/1", "elasticloadbalancing:Subnet", "subnet-0bb1")
		attempts["moves it there"] = request("elasticloadbalancing:SetSubnets",
			inELB+"loadbalancer/app/sentry-"+environment+"/1", "elasticloadbalancing:Subnet", "subnet-0bb1")
	}
	return attempts
}
