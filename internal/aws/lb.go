package aws

// Tokens of the types.
const (
	LBLoadBalancer = "aws:lb/loadBalancer:LoadBalancer"
	LBTargetGroup  = "aws:lb/targetGroup:TargetGroup"
	LBListener     = "aws:lb/listener:Listener"
	LBListenerRule = "aws:lb/listenerRule:ListenerRule"
)

var lb = []Type{
	{
		Token:  LBLoadBalancer,
		Priced: true,
	},
	{
		Token: LBTargetGroup,
		Free:  "a part of the load balancer",
	},
	{
		Token: LBListener,
		Free:  "a part of the load balancer",
	},
	{
		Token: LBListenerRule,
		Free:  "a part of the load balancer",
	},
}
