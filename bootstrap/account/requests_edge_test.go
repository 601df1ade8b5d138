package account

import "strings"

const (
	inCloudFront = "arn:aws:cloudfront::123456789012:"
	certificate  = "arn:aws:acm:us-east-1:123456789012:certificate/0123abcd"
)

func zoneOf(environment string) string {
	return "arn:aws:route53:::hostedzone/Z0" + strings.ToUpper(strings.ReplaceAll(environment, "-", ""))
}

func askedAtTheEdge(action, environment string) []call {
	domain := environment + ".example.com"
	tagged := func(resource string) call { return call{request(action, resource, resourceTag, environment)} }
	born := func(resource string, context ...string) call {
		return call{request(action, resource, append([]string{requestTag, environment}, context...)...)}
	}
	distribution, origin := inCloudFront+"distribution/E1", inCloudFront+"vpcorigin/vo_1"
	switch action {
	case "acm:RequestCertificate":
		return []call{born("*", "acm:DomainNames", domain)}
	case "acm:AddTagsToCertificate":
		return []call{born(certificate)}
	case "cloudfront:CreateDistribution", "cloudfront:CreateVpcOrigin":
		return []call{born("*")}
	case "cloudfront:CreateFunction", "cloudfront:CreateOriginAccessControl":
		return []call{{request(action, "*")}}
	case "cloudfront:TagResource":
		return []call{born(distribution), born(origin), born(distribution, resourceTag, environment)}
	case "cloudfront:UntagResource", "cloudfront:ListTagsForResource":
		return []call{tagged(distribution), tagged(origin)}
	case "route53:ChangeResourceRecordSets":
		var calls []call
		for name, kind := range map[string]string{domain: "AAAA", "_0123456789abcdef0123456789abcdef." + domain: "CNAME"} {
			calls = append(calls, call{request(action, zoneOf(environment),
				"route53:ChangeResourceRecordSetsNormalizedRecordNames", name, "route53:ChangeResourceRecordSetsRecordTypes", kind)})
		}
		return calls
	case "route53:GetChange":
		return []call{{request(action, "arn:aws:route53:::change/C1")}}
	}
	switch {
	case strings.HasPrefix(action, "acm:"):
		return []call{tagged(certificate)}
	case strings.HasSuffix(action, "Distribution"), action == "cloudfront:CreateInvalidation":
		return []call{tagged(distribution)}
	case strings.HasSuffix(action, "VpcOrigin"):
		return []call{tagged(origin)}
	case strings.HasSuffix(action, "OriginAccessControl"):
		return []call{{request(action, inCloudFront+"origin-access-control/E2")}}
	case strings.HasSuffix(action, "Function"):
		prefix := inCloudFront + "function/sentry-" + environment
		return []call{{request(action, prefix+"-site")}, {request(action, prefix+"-api")}}
	}
	return []call{{request(action, zoneOf(environment))}}
}

func askedOfTraffic(action, environment string) []call {
	const inELB = "arn:aws:elasticloadbalancing:us-east-1:123456789012:"
	const target = "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/0ec5abc"
	n := "sentry-" + environment
	balancer, group, listener := inELB+"loadbalancer/app/"+n+"/1", inELB+"targetgroup/"+n+"/2", inELB+"listener/app/"+n+"/1/3"
	_, name, _ := strings.Cut(action, ":")
	switch {
	case strings.HasPrefix(name, "Describe"):
		return []call{{request(action, "*")}}
	case name == "RegisterScalableTarget":
		return []call{
			{request(action, target, requestTag, environment, "application-autoscaling:service-namespace", "ecs")},
			{request(action, target, resourceTag, environment)},
		}
	case name == "TagResource":
		return []call{{request(action, target, requestTag, environment)}}
	case strings.HasPrefix(action, "application-autoscaling:"):
		return []call{{request(action, target, resourceTag, environment)}}
	case name == "CreateLoadBalancer", name == "SetSubnets":
		r := request(action, balancer)
		if environment == "staging" {
			r.Context["elasticloadbalancing:Subnet"] = environments[0].Subnets
		}
		return []call{{r}}
	case name == "AddTags", name == "RemoveTags":
		return []call{{request(action, balancer)}, {request(action, group)}, {request(action, listener)}}
	case name == "CreateListener":
		return []call{{request(action, balancer)}}
	case strings.Contains(name, "Listener"):
		return []call{{request(action, listener)}}
	case strings.Contains(name, "TargetGroup"):
		return []call{{request(action, group)}}
	}
	return []call{{request(action, balancer)}}
}

func askedOfMonitoring(action, environment string) []call {
	n := "sentry-" + environment
	topic := "arn:aws:sns:us-east-1:123456789012:" + n + "-alarms"
	rule := "arn:aws:events:us-east-1:123456789012:rule/" + n + "-deployments"
	switch service, name, _ := strings.Cut(action, ":"); {
	case service == "budgets":
		return []call{{request(action, "arn:aws:budgets::123456789012:budget/"+n)}}
	case strings.Contains(name, "Dashboard"):
		return []call{{request(action, "arn:aws:cloudwatch::123456789012:dashboard/"+n)}}
	case service == "cloudwatch":
		var calls []call
		for _, alarm := range []string{"tasks", "cpu", "memory", "errors", "failures", "unhealthy"} {
			calls = append(calls, call{request(action, "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"+n+"-"+alarm,
				"cloudwatch:AlarmActions", topic)})
		}
		return calls
	case service == "events":
		return []call{{request(action, rule, "events:TargetArn", topic)}}
	case strings.Contains(name, "SubscriptionAttributes"), name == "Unsubscribe":
		return []call{{request(action, topic)}, {request(action, topic+":0123abcd")}}
	}
	return []call{{request(action, topic)}}
}
