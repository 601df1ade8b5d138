package infra

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"
)

// dashboard is CloudWatch's document: a row of graphs, then the newest lines of errors.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
type dashboard struct {
	Widgets []widget `json:"widgets"`
}

type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties any    `json:"properties"`
}

type graph struct {
	Title   string  `json:"title"`
	Region  string  `json:"region"`
	Metrics [][]any `json:"metrics"`
	Stat    string  `json:"stat"`
	Period  int     `json:"period"`
	YAxis   any     `json:"yAxis,omitempty"`
}

type logTable struct {
	Title  string `json:"title"`
	Region string `json:"region"`
	Query  string `json:"query"`
	View   string `json:"view"`
}

// dashboardColumns is how wide a dashboard is, graphHeight how high a graph.
const dashboardColumns, graphHeight = 24, 6

// newDashboard makes the one dashboard that answers: does it run, is it busy, do visitors get what they ask for?
func newDashboard(ctx *pulumi.Context, name string, args *ObservabilityArgs, child pulumi.ResourceOption) error {
	balancer, group := pulumi.String("").ToStringOutput(), pulumi.String("").ToStringOutput()
	if args.LoadBalancer != nil {
		balancer, group = args.LoadBalancer.ARNSuffix, args.LoadBalancer.TargetGroupSuffix
	}
	body := pulumix.Apply2Err(balancer, group, func(balancer, group string) (string, error) {
		text, err := json.Marshal(dashboardOf(name, args.Account.Region, balancer, group))
		if err != nil {
			return "", fmt.Errorf("marshal the dashboard: %w", err)
		}
		return string(text), nil
	})
	if _, err := cloudwatch.NewDashboard(ctx, name, &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String(name),
		DashboardBody: pulumix.Cast[pulumi.StringOutput](body),
	}, child); err != nil {
		return fmt.Errorf("create the dashboard: %w", err)
	}
	return nil
}

// dashboardOf leaves out what a load balancer tells where balancer is empty.
func dashboardOf(name, region, balancer, group string) dashboard {
	service := []any{"ClusterName", name + "-cluster", "ServiceName", name + "-backend"}
	ecs := func(metric string, options map[string]any) []any {
		return append(append([]any{"AWS/ECS", metric}, service...), options)
	}
	percent := map[string]any{"left": map[string]any{"min": 0, "max": 100}}
	graphs := []graph{
		{"Tasks that run", region, [][]any{ecs("CPUUtilization", map[string]any{"label": "tasks"})}, "SampleCount", 60, nil},
		{"CPU and memory, percent", region, [][]any{
			ecs("CPUUtilization", map[string]any{"label": "CPU"}),
			ecs("MemoryUtilization", map[string]any{"label": "memory"}),
		}, "Average", 60, percent},
	}
	if balancer != "" {
		elb := func(metric string, options map[string]any) []any {
			return []any{"AWS/ApplicationELB", metric, "LoadBalancer", balancer, options}
		}
		graphs = append(graphs,
			graph{"Requests of the API a minute", region, [][]any{
				elb("RequestCount", map[string]any{"label": "requests"}),
				elb("HTTPCode_Target_5XX_Count", map[string]any{"label": "failed"}),
				elb("HTTPCode_ELB_5XX_Count", map[string]any{"label": "no task answered"}),
			}, "Sum", 60, nil},
			graph{"Seconds until the API answers", region, [][]any{
				elb("TargetResponseTime", map[string]any{"label": "half of them", "stat": "p50"}),
				elb("TargetResponseTime", map[string]any{"label": "all but 1 %", "stat": "p99"}),
			}, "p99", 60, nil},
			graph{"Tasks that pass the health check", region, [][]any{
				{"AWS/ApplicationELB", "HealthyHostCount", "LoadBalancer", balancer, "TargetGroup", group, map[string]any{"label": "healthy"}},
			}, "Minimum", 60, nil})
	}
	const perRow = 3
	var d dashboard
	for i, g := range graphs {
		d.Widgets = append(d.Widgets, widget{
			Type: "metric", X: i % perRow * dashboardColumns / perRow, Y: i / perRow * graphHeight,
			Width: dashboardColumns / perRow, Height: graphHeight, Properties: g,
		})
	}
	d.Widgets = append(d.Widgets, widget{
		Type: "log", Y: (len(graphs) + perRow - 1) / perRow * graphHeight, Width: dashboardColumns, Height: graphHeight,
		Properties: logTable{
			Title: "The newest errors", Region: region, View: "table",
			Query: fmt.Sprintf("SOURCE '/ecs/%s-backend' | fields @timestamp, @message | filter @message like /ERROR|FATAL|CRITICAL|\"level\":\"error\"/ "+
				"| sort @timestamp desc | limit 20", name),
		},
	})
	return d
}
