package sandbox

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
)

// diffOf is what a change of inputs does to a resource.
func diffOf(t *testing.T, typ string, before, now attrs) []change {
	t.Helper()
	c := NewCloud()
	_, state := mustCreate(t, c, typ, "a", before)
	k, err := c.call(typ, urn(typ, "a"), settings{}, now)
	require.NoError(t, err)
	return k.diff(before, state)
}

func TestWhatAWSFillsInIsKeptWhenItIsLeftOut(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	before := attrs{"vpcId": vpc, "cidrBlock": "10.0.0.0/24", "availabilityZone": "us-east-1b"}
	_, state := mustCreate(t, c, aws.EC2Subnet, "s", before)
	k, err := c.call(aws.EC2Subnet, urn(aws.EC2Subnet, "s"), settings{}, attrs{"vpcId": vpc, "cidrBlock": "10.0.0.0/24"})
	require.NoError(t, err)
	assert.Empty(t, k.diff(before, state), "the provider keeps a zone that the program no longer names; the double would replace the subnet")
}

// On the real provider a rule added by hand to the default group stays unseen, unless the program says that there
// are none.
func TestRulesByHandAreSeenOnlyWhereTheProgramNamesThem(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	for wants, inputs := range map[int]attrs{0: {"vpcId": vpc}, 1: {"vpcId": vpc, "ingress": []any{}}} {
		_, state := mustCreate(t, c, aws.EC2DefaultSecurityGroup, "d", inputs)
		state["ingress"] = []any{map[string]any{"protocol": "tcp", "fromPort": 22.0, "toPort": 22.0}}
		k, err := c.call(aws.EC2DefaultSecurityGroup, urn(aws.EC2DefaultSecurityGroup, "d"), settings{}, inputs)
		require.NoError(t, err)
		assert.Len(t, k.diff(inputs, state), wants, "%v", inputs)
	}
}

func TestOnlySomeStepsReplace(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	vpc, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	group, _ := mustCreate(t, c, aws.EC2SecurityGroup, "g", attrs{"name": "g", "vpcId": vpc})
	before := attrs{"securityGroupId": group, "ipProtocol": "-1", "cidrIpv4": "10.0.0.0/8"}
	_, state := mustCreate(t, c, aws.EC2SecurityGroupIngressRule, "r", before)
	for _, test := range []struct {
		now  attrs
		want []change
	}{
		{attrs{"securityGroupId": group, "ipProtocol": "-1", "cidrIpv4": "10.0.0.0/16"}, []change{{"cidrIpv4", "update", false}}},
		{
			attrs{"securityGroupId": group, "ipProtocol": "-1", "referencedSecurityGroupId": group},
			[]change{{"cidrIpv4", "delete", true}, {"referencedSecurityGroupId", "add", true}},
		},
	} {
		k, err := c.call(aws.EC2SecurityGroupIngressRule, urn(aws.EC2SecurityGroupIngressRule, "r"), settings{}, test.now)
		require.NoError(t, err)
		assert.Equal(t, test.want, k.diff(before, state), "%v", test.now)
	}

	standard := attrs{"name": "p", "type": "String", "insecureValue": "a", "tier": "Standard"}
	advanced := attrs{"name": "p", "type": "String", "insecureValue": "a", "tier": "Advanced"}
	assert.Equal(t, []change{{"tier", "update", false}}, diffOf(t, aws.SSMParameter, standard, advanced))
	assert.Equal(t, []change{{"tier", "update", true}}, diffOf(t, aws.SSMParameter, advanced, standard))
}

func TestAnotherAnswerUnderAnotherSetting(t *testing.T) {
	t.Parallel()
	spot := []any{map[string]any{"capacityProvider": "FARGATE_SPOT", "weight": 1.0}}
	property, ok := aws.FactsOf(aws.ECSService)
	require.True(t, ok)
	strategies := property.Inputs["capacityProviderStrategies"]
	mixed := []any{map[string]any{"capacityProvider": "FARGATE_SPOT", "weight": 2.0}}
	assert.True(t, replaces(strategies, spot, mixed, attrs{}))
	assert.False(t, replaces(strategies, spot, mixed, attrs{"forceNewDeployment": true}), "a forced deployment changes the weights in place")
	assert.True(t, replaces(strategies, nil, mixed, attrs{"forceNewDeployment": true}), "from none to some replaces all the same")
}

func TestTheReplacedFieldDecides(t *testing.T) {
	t.Parallel()
	facts, ok := aws.FactsOf(aws.ECSService)
	require.True(t, ok)
	network := facts.Inputs["networkConfiguration"]
	assert.False(t, replaces(network, map[string]any{"subnets": []any{"a"}}, map[string]any{"subnets": []any{"b"}}, attrs{}))
	controller := facts.Inputs["deploymentController"]
	assert.True(t, replaces(controller, map[string]any{"type": "ECS"}, map[string]any{"type": "EXTERNAL"}, attrs{}))
}

// A type that has facts and nothing else is kept all the same: a new resource can be tried before its entry is
// written.
func TestATypeWithoutAnEntryIsKept(t *testing.T) {
	t.Parallel()
	for _, typ := range aws.KnownToTheProvider() {
		if _, hasEntry := aws.Lookup(typ); hasEntry {
			continue
		}
		facts, _ := aws.FactsOf(typ)
		c := NewCloud()
		id, state := mustCreate(t, c, typ, "t", required(facts.Inputs))
		assert.NotEmpty(t, id, typ)
		if facts.Outputs["arn"] != nil {
			assert.Contains(t, state["arn"], "arn:aws:", typ)
		}
		k, err := c.call(typ, urn(typ, "t"), settings{}, attrs{"noSuchInput": true})
		require.NoError(t, err)
		assert.NotEmpty(t, k.checkInputs("t"), "%s takes any input", typ)
		require.NoError(t, destroy(t, c, typ, "t", id, state), typ)
		assert.Empty(t, c.Objects(), typ)
	}
}

// required are the inputs that the provider asks for, with values of their types.
func required(properties map[string]*aws.Property) map[string]any {
	values := map[string]any{}
	for name, property := range properties {
		if property.Required {
			values[name] = sample(property.Type, property)
		}
	}
	return values
}

func sample(typ string, property *aws.Property) any {
	if element, isArray := strings.CutPrefix(typ, "array of "); isArray {
		return []any{sample(element, property)}
	}
	switch typ {
	case "integer", "number":
		return 1.0
	case "boolean":
		return true
	case "object":
		return required(property.Properties)
	}
	if strings.HasPrefix(typ, "map of ") {
		return map[string]any{}
	}
	return "a"
}

func TestPreviewOfAReleaseDoesNotKnowTheRecord(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	before := attrs{"name": "p", "type": "String", "insecureValue": "a"}
	_, state := mustCreate(t, c, aws.SSMParameter, "p", before)
	now := attrs{"name": "p", "type": "String", "insecureValue": "b"}
	k, err := c.call(aws.SSMParameter, urn(aws.SSMParameter, "p"), settings{}, now)
	require.NoError(t, err)
	assert.Equal(t, Unknown, k.preview(state)["insecureValue"], "the provider plans the value as unknown when it changes")
}

// The facts name the steps that replace in these words.
func TestStepsHaveTheFactsNames(t *testing.T) {
	t.Parallel()
	one, two := []any{"a"}, []any{"a", "b"}
	for _, test := range []struct {
		before, after any
		want          []string
	}{
		{nil, "a", []string{"set"}},
		{"a", nil, []string{"unset"}},
		{"a", "b", []string{"change", "back", "a to b"}},
		{1.0, 2.0, []string{"change", "back", "up"}},
		{2.0, 1.0, []string{"change", "back", "down"}},
		{false, true, []string{"change", "back", "to true"}},
		{true, false, []string{"change", "back"}},
		{one, two, []string{"change", "back", "grow"}},
		{two, one, []string{"change", "back", "shrink"}},
		{one, []any{"b"}, []string{"change", "back"}},
		{"a", 1.0, []string{"change", "back"}},
	} {
		assert.Equal(t, test.want, stepsOf(test.before, test.after), "%v %v", test.before, test.after)
	}
	for typ, ignored := range map[string]bool{aws.ECSService: true, aws.ECSCluster: false} {
		k, err := NewCloud().call(typ, urn(typ, "a"), settings{}, attrs{})
		require.NoError(t, err)
		assert.Equal(t, ignored, k.ignored("triggers"), typ)
		assert.False(t, k.ignored("name"), typ)
		k.in["forceNewDeployment"] = true
		assert.False(t, k.ignored("triggers"), "%s: a forced deployment is not planned", typ)
	}
}
