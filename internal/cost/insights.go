package cost

import (
	"sentry/internal/aws"
	"sentry/internal/sandbox"
)

// The metrics of Container Insights in its standard form. Ten have three dimensions, the cluster, the service
// and the task family: CPU, memory and ephemeral storage each reserved and used, network received and sent,
// storage read and written. Five are of a service only: deployments, task sets, tasks desired, pending,
// running. Three are of a cluster only: services, tasks, container instances. Without running tasks only the
// counts are left. Enhanced, it has the ten, and CPU and memory in percent, of each task and each container, too.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-enhanced-observability-metrics-ECS.html
const (
	insightsOfTasks    = 10
	insightsOfServices = 5
	insightsOfClusters = 3
	insightsOfOneTask  = 2 * (insightsOfTasks + 2) // of the task, and of its container
)

// cluster prices Container Insights: its metrics, and in its standard form its performance events, each minute one of
// the cluster, each service, each task and each task's container. Enhanced, the events are in the metrics' price.
func (e *estimate) cluster(r sandbox.Resource) {
	insights := ""
	for _, setting := range list(r.Inputs["settings"]) {
		fields := object(setting)
		if name, _ := text(fields["name"]); name == "containerInsights" {
			insights, _ = text(fields["value"])
		}
	}
	metrics, events, ofTasks := e.insights(r)
	switch insights {
	case "", "disabled":
		e.free(r, "without Container Insights a cluster has no price")
	case "enhanced":
		e.charge(r, "Container Insights, enhanced", "insights-metric", metrics+ofTasks, "%g metrics", metrics+ofTasks)
	case "enabled":
		e.charge(r, "Container Insights: metrics", "cloudwatch-metric", metrics, "%g metrics", metrics)
		const minutes = hoursPerMonth * 60
		kb := e.assume(r, "insights-event-kb")
		e.charge(r, "Container Insights: events", "cloudwatch-logs", events*minutes*kb/1e6, "%g events × %d min × %g kB", events, minutes, kb)
	default:
		e.miss("%s %s: Container Insights %q has no rule", r.Type, r.Name, insights)
	}
}

// insights counts a cluster's metrics, the events of a minute, and what the enhanced form adds.
func (e *estimate) insights(cluster sandbox.Resource) (metrics, events, ofTasks float64) {
	metrics, events = insightsOfClusters, 1
	running := false
	for _, service := range e.all {
		if service.Type != aws.ECSService || !e.runsIn(service, cluster) {
			continue
		}
		tasks, _ := number(service.Inputs["desiredCount"])
		metrics += insightsOfServices
		events += 1 + 2*tasks
		ofTasks += insightsOfOneTask * tasks
		if tasks > 0 {
			metrics += 2 * insightsOfTasks
			running = true
		}
	}
	if running {
		metrics += insightsOfTasks
	}
	return metrics, events, ofTasks
}

func (e *estimate) runsIn(service, cluster sandbox.Resource) bool {
	name, _ := text(service.Inputs["cluster"])
	arn, _ := text(cluster.Outputs["arn"])
	short, _ := text(cluster.Outputs["name"])
	return name == arn || name == short
}
