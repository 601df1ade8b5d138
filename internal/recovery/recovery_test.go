package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
)

// world is a stack and its account: what the state says, what an update would do, and what AWS has.
type world struct {
	state   apitype.DeploymentV3
	plan    []Step
	tagged  []Tagged
	exists  []string // ids
	imports []string // ids that Adopt was asked for
	denied  string   // what is not answered
}

func (w *world) answer(question string) error {
	if question == w.denied {
		return errors.New(question + " denied")
	}
	return nil
}

func (w *world) Export(context.Context) (apitype.UntypedDeployment, error) {
	text, err := json.Marshal(w.state)
	return apitype.UntypedDeployment{Version: 3, Features: []string{"feature"}, Deployment: text}, errors.Join(err, w.answer("export"))
}

func (w *world) Import(_ context.Context, d apitype.UntypedDeployment) error {
	if d.Version != 3 || len(d.Features) != 1 {
		return errors.New("another version")
	}
	w.state = apitype.DeploymentV3{}
	return errors.Join(json.Unmarshal(d.Deployment, &w.state), w.answer("import"))
}

func (w *world) Refresh(context.Context) error {
	w.state.Resources = slices.DeleteFunc(w.state.Resources, func(r apitype.ResourceV3) bool { return inCloud(r) && !slices.Contains(w.exists, string(r.ID)) })
	for _, r := range w.state.Resources {
		if r.Type == aws.S3Bucket {
			r.Outputs["arn"] = "arn:aws:s3:::" + string(r.ID)
		}
	}
	return w.answer("refresh")
}

// Plan leaves out what the state has by now.
func (w *world) Plan(context.Context) ([]Step, error) {
	return slices.DeleteFunc(slices.Clone(w.plan), func(s Step) bool {
		return s.Op == apitype.OpCreate && slices.ContainsFunc(w.state.Resources, func(r apitype.ResourceV3) bool { return r.URN == s.Resource.URN && !r.Delete })
	}), w.answer("plan")
}

func (w *world) Adopt(_ context.Context, r apitype.ResourceV3, id string) error {
	w.imports = append(w.imports, id)
	if err := w.answer("adopt"); err != nil {
		return err
	}
	if !slices.Contains(w.exists, id) {
		return ErrAbsent
	}
	r.ID = resource.ID("imported " + id)
	w.exists = append(w.exists, string(r.ID))
	w.state.Resources = append(w.state.Resources, r)
	return nil
}

func (w *world) Place(context.Context) (account, region string, err error) {
	return "123456789012", "us-east-1", w.answer("place")
}

func (w *world) Tagged(context.Context) ([]Tagged, error) {
	return slices.Clone(w.tagged), w.answer("tags")
}

func made(typ, name, id string, inputs map[string]any) apitype.ResourceV3 {
	r := apitype.ResourceV3{URN: resource.URN("urn:pulumi:staging::sentry::" + typ + "::" + name), Type: tokens.Type(typ), Custom: true, ID: resource.ID(id), Inputs: inputs, Protect: true}
	if id != "" {
		r.Outputs = map[string]any{"id": id}
	}
	return r
}

func network(id string) apitype.ResourceV3 {
	r := made(aws.EC2Vpc, "v", id, map[string]any{"cidrBlock": "10.0.0.0/16", "tags": map[string]any{"Name": "v"}})
	if id != "" {
		r.Outputs["arn"] = arnOfNetwork(id)
	}
	return r
}

func arnOfNetwork(id string) string { return "arn:aws:ec2:us-east-1:123456789012:vpc/" + id }

func pending(kind apitype.OperationType, r apitype.ResourceV3) []apitype.OperationV2 {
	return []apitype.OperationV2{{Resource: r, Type: kind}}
}

// short is a state as "name id", with a + for what is to be deleted.
func (w *world) short() (lines []string) {
	for _, r := range w.state.Resources {
		lines = append(lines, strings.TrimSuffix(r.URN.Name()+" "+string(r.ID)+map[bool]string{true: " +"}[r.Delete], " "))
	}
	return lines
}

func TestWhatBecomesOfAnUpdateThatWasCutShort(t *testing.T) {
	urn := func(r apitype.ResourceV3) []string { return []string{string(r.URN)} }
	create := func(r apitype.ResourceV3) []Step { return []Step{{apitype.OpCreate, r}} }
	waiting := network("")
	waiting.Inputs["cidrBlock"] = unknownValue
	child := network("")
	child.Parent = "urn:pulumi:staging::sentry::sentry:infra:Network::none"
	logs := made(aws.CloudWatchLogGroup, "logs", "", map[string]any{"name": "logs"})
	others := made(aws.CloudWatchLogGroup, "others", "", map[string]any{"name": "others"})
	part := made(aws.CloudWatchLogGroup, "logs", "logs", nil)
	part.Parent = network("").URN
	old := network("vpc-1")
	old.Delete = true
	bucket := made(aws.S3Bucket, "b", "", map[string]any{"bucket": "name"})
	foreign := Tagged{ARN: "arn:aws:sqs:us-east-1:123456789012:queue", Name: "queue"}
	for what, c := range map[string]struct {
		world world
		want  Report
		state []string
	}{
		"nothing": {world{state: apitype.DeploymentV3{Resources: []apitype.ResourceV3{network("vpc-1")}}, exists: []string{"vpc-1"}, tagged: []Tagged{{ARN: arnOfNetwork("vpc-1"), Name: "v"}}}, Report{}, []string{"v vpc-1"}},
		"AWS has made it, under an id of its own": {
			world{state: apitype.DeploymentV3{PendingOperations: pending(apitype.OperationTypeCreating, network(""))}, plan: create(network("")), exists: []string{"vpc-1"}, tagged: []Tagged{{ARN: arnOfNetwork("vpc-1"), Name: "v"}}},
			Report{Adopted: urn(network(""))},
			[]string{"v vpc-1"},
		},
		"another one of that kind": {
			world{plan: create(network("")), exists: []string{"vpc-1"}, tagged: []Tagged{{ARN: arnOfNetwork("vpc-1"), Name: "other"}}},
			Report{Strangers: []string{arnOfNetwork("vpc-1")}},
			nil,
		},
		"AWS has made it, under its name": {world{plan: create(logs), exists: []string{"logs"}}, Report{Adopted: urn(logs)}, []string{"logs logs"}},
		"AWS has not": {
			world{state: apitype.DeploymentV3{PendingOperations: pending(apitype.OperationTypeCreating, logs)}, plan: create(logs)},
			Report{Forgotten: urn(logs)},
			nil,
		},
		"an update had begun": {
			world{state: apitype.DeploymentV3{PendingOperations: pending(apitype.OperationTypeUpdating, network("vpc-1")), Resources: []apitype.ResourceV3{network("vpc-1")}}, exists: []string{"vpc-1"}},
			Report{Settled: urn(network(""))},
			[]string{"v vpc-1"},
		},
		"what it needs is still to be made": {world{plan: create(waiting), exists: []string{"vpc-1"}, tagged: []Tagged{{ARN: arnOfNetwork("vpc-1"), Name: "v"}}}, Report{Strangers: []string{arnOfNetwork("vpc-1")}}, nil},
		"what it belongs to is not there":   {world{plan: create(child), exists: []string{"vpc-1"}, tagged: []Tagged{{ARN: arnOfNetwork("vpc-1"), Name: "v"}}}, Report{Strangers: []string{arnOfNetwork("vpc-1")}}, nil},
		"a bucket of somebody else":         {world{plan: create(bucket), exists: []string{"name"}}, Report{}, nil},
		"a bucket of its own":               {world{plan: create(bucket), exists: []string{"name"}, tagged: []Tagged{{ARN: "arn:aws:s3:::name"}}}, Report{Adopted: urn(bucket)}, []string{"b name"}},
		"AWS has it twice": {
			world{state: apitype.DeploymentV3{Resources: []apitype.ResourceV3{network("vpc-1")}}, exists: []string{"vpc-1", "vpc-2"}, tagged: []Tagged{{ARN: arnOfNetwork("vpc-1"), Name: "v"}, {ARN: arnOfNetwork("vpc-2"), Name: "v"}}},
			Report{Doubled: urn(network(""))},
			[]string{"v vpc-1", "v vpc-2 +"},
		},
		"a stranger, and then one that it has twice": {
			world{
				state: apitype.DeploymentV3{Resources: []apitype.ResourceV3{network("vpc-1")}}, exists: []string{"vpc-1", "vpc-2"},
				tagged: []Tagged{foreign, {ARN: arnOfNetwork("vpc-1"), Name: "v"}, {ARN: arnOfNetwork("vpc-2"), Name: "v"}},
			},
			Report{Strangers: []string{foreign.ARN}, Doubled: urn(network(""))},
			[]string{"v vpc-1", "v vpc-2 +"},
		},
		"of two of them AWS has the second": {
			world{plan: append(create(logs), create(others)...), exists: []string{"others"}},
			Report{Adopted: urn(others)},
			[]string{"others others"},
		},
		"a replacement that AWS has made": {
			world{
				state: apitype.DeploymentV3{Resources: []apitype.ResourceV3{network("vpc-1"), logs}}, exists: []string{"vpc-1", "vpc-2", ""},
				plan: []Step{{apitype.OpCreateReplacement, network("")}}, tagged: []Tagged{{ARN: arnOfNetwork("vpc-1"), Name: "v"}, {ARN: arnOfNetwork("vpc-2"), Name: "v"}},
			},
			Report{Adopted: urn(network(""))},
			[]string{"v vpc-2", "v vpc-1 +", "logs"},
		},
		"a replacement of which the state knows that the old one is to go": { // and its part is the new one's by now
			world{
				state: apitype.DeploymentV3{Resources: []apitype.ResourceV3{old, part}}, exists: []string{"vpc-1", "vpc-2", "logs"},
				plan: create(network("")), tagged: []Tagged{{ARN: arnOfNetwork("vpc-1"), Name: "v"}, {ARN: arnOfNetwork("vpc-2"), Name: "v"}},
			},
			Report{Adopted: urn(network(""))},
			[]string{"v vpc-2", "v vpc-1 +", "logs logs"},
		},
		"an update of what is there": {world{state: apitype.DeploymentV3{Resources: []apitype.ResourceV3{network("vpc-1")}}, exists: []string{"vpc-1"}, plan: []Step{{apitype.OpUpdate, network("")}}}, Report{}, []string{"v vpc-1"}},
		"what nobody knows":          {world{tagged: []Tagged{foreign, {ARN: "arn:aws:cloudfront::123456789012:origin-access-control/E1", Name: "x", Anybodys: true}}}, Report{Strangers: []string{foreign.ARN}}, nil},
	} {
		w := c.world
		got, err := Recover(t.Context(), &w, &w)
		require.NoError(t, err, what)
		assert.Equal(t, c.want, got, what)
		assert.Equal(t, c.state, w.short(), what)
		assert.Empty(t, w.state.PendingOperations, "%s: the next update refuses to begin", what)
		for _, r := range w.state.Resources {
			assert.False(t, r.Delete && r.Protect && got.Doubled != nil, "%s: what is to be deleted cannot be", what)
		}
		if strings.HasPrefix(what, "a replacement") {
			continue // this world goes on planning it
		}
		again, err := Recover(t.Context(), &w, &w)
		require.NoError(t, err, what)
		again.Strangers = nil
		assert.True(t, again.Empty(), "%s: a second time it finds %v", what, again)
	}
}

// A component has nothing in AWS, and its children need it; a network's id is known a round before its parts'.
func TestPartsFollowTheirOwners(t *testing.T) {
	component := apitype.ResourceV3{URN: "urn:pulumi:staging::sentry::sentry:infra:Network::network", Type: "sentry:infra:Network"}
	vpc := network("")
	vpc.Parent = component.URN
	w := &world{exists: []string{"vpc-1"}, plan: []Step{{apitype.OpCreate, component}, {apitype.OpCreate, vpc}}, tagged: []Tagged{{ARN: arnOfNetwork("vpc-1"), Name: "v"}}}
	got, err := Recover(t.Context(), w, w)
	require.NoError(t, err)
	assert.Equal(t, []string{"network", "v vpc-1"}, w.short())
	assert.Equal(t, Report{Adopted: []string{string(vpc.URN)}}, got)
	assert.Equal(t, map[string]any{"id": "vpc-1", "arn": arnOfNetwork("vpc-1"), "cidrBlock": "10.0.0.0/16", "tags": map[string]any{"Name": "v"}}, w.state.Resources[1].Outputs)
}

// A state that is gone begins anew with the providers, which are nothing in AWS: they get ids, and what belongs to them
// waits for a plan that knows these.
func TestProvidersAreMadeAnew(t *testing.T) {
	provider := apitype.ResourceV3{URN: "urn:pulumi:staging::sentry::pulumi:providers:aws::aws", Type: "pulumi:providers:aws", Custom: true, Inputs: map[string]any{"region": "us-east-1"}}
	vpc := network("")
	vpc.Provider = string(provider.URN) + "::" + unknownValue
	w := &world{plan: []Step{{apitype.OpCreate, provider}, {apitype.OpCreate, vpc}}, tagged: []Tagged{{ARN: arnOfNetwork("vpc-1"), Name: "v"}}}
	w.exists = []string{"vpc-1"}
	got, err := Recover(t.Context(), w, w)
	require.NoError(t, err)
	require.Len(t, w.state.Resources, 1)
	made := w.state.Resources[0]
	assert.NoError(t, uuid.Validate(string(made.ID)))
	assert.Equal(t, map[string]any{"region": "us-east-1", "__internal": map[string]any{}}, made.Inputs)
	assert.Equal(t, map[string]any{"region": "us-east-1"}, made.Outputs)
	assert.Equal(t, Report{Strangers: []string{arnOfNetwork("vpc-1")}}, got, "providers are nothing that AWS has")

	w.plan[1].Resource.Provider = string(provider.URN) + "::" + string(made.ID)
	got, err = Recover(t.Context(), w, w)
	require.NoError(t, err)
	assert.Equal(t, Report{Adopted: []string{string(vpc.URN)}}, got)
}

// What AWS gives neither tags nor a name of the program's is asked for by the id of an import.
func TestWhatHasNoTagsIsImported(t *testing.T) {
	const provider = "urn:pulumi:staging::sentry::pulumi:providers:aws::aws"
	association := made(aws.EC2RouteTableAssociation, "a", "", map[string]any{"subnetId": "subnet-1", "routeTableId": "rtb-1"})
	for exists, want := range map[bool]Report{true: {Adopted: []string{string(association.URN)}}, false: {}} {
		w := &world{plan: []Step{{apitype.OpCreate, association}}}
		if exists {
			w.exists = []string{"subnet-1/rtb-1"}
		}
		got, err := Recover(t.Context(), w, w)
		require.NoError(t, err)
		assert.Equal(t, []string{"subnet-1/rtb-1"}, w.imports, "it is asked again and again")
		assert.Equal(t, want, got)
		assert.Len(t, w.state.Resources, len(want.Adopted))
	}
	association.Provider = provider + "::id"
	w := &world{plan: []Step{{apitype.OpCreate, association}}}
	_, err := Recover(t.Context(), w, w)
	require.NoError(t, err)
	assert.Empty(t, w.imports, "imported without its provider: into the account of whoever runs this")
}

// An id that AWS makes up and no ARN tells: the import finds the resource by its name, if it carries the environment's tags.
func TestWhatHidesItsIDIsImported(t *testing.T) {
	instance := made(aws.RDSInstance, "db", "", map[string]any{"identifier": "sentry-staging"})
	for name, want := range map[string][]string{"sentry-staging": {string(instance.URN)}, "other": nil} {
		logs := made(aws.CloudWatchLogGroup, "logs", "", map[string]any{"name": "logs"})
		w := &world{plan: []Step{{apitype.OpCreate, logs}, {apitype.OpCreate, instance}}, exists: []string{"sentry-staging"}}
		w.tagged = []Tagged{{ARN: "arn:aws:rds:us-east-1:123456789012:db:" + name}}
		got, err := Recover(t.Context(), w, w)
		require.NoError(t, err)
		assert.Equal(t, want, got.Adopted, name)
		assert.Len(t, w.imports, len(want), "its name is taken for its id")
	}
}

// Nothing that was not answered is taken for absent.
func TestWhatIsNotAnsweredIsAnError(t *testing.T) {
	association := made(aws.EC2RouteTableAssociation, "a", "", map[string]any{"subnetId": "subnet-1", "routeTableId": "rtb-1"})
	for _, denied := range []string{"place", "export", "import", "refresh", "plan", "tags", "adopt"} {
		w := &world{
			denied: denied, plan: []Step{{apitype.OpCreate, association}}, exists: []string{"subnet-1/rtb-1", "vpc-1"},
			state: apitype.DeploymentV3{Resources: []apitype.ResourceV3{network("vpc-1")}, PendingOperations: pending(apitype.OperationTypeCreating, association)},
		}
		_, err := Recover(t.Context(), w, w)
		require.ErrorContains(t, err, denied+" denied")
	}
}

func TestTheReportIsForPeople(t *testing.T) {
	assert.Contains(t, Report{}.String(), "State and AWS agree")
	text := Report{Forgotten: []string{"f"}, Settled: []string{"s"}, Adopted: []string{string(network("").URN)}, Doubled: []string{"d"}, Strangers: []string{"arn:x"}}.String()
	for _, want := range []string{"has it already:\n  aws:ec2/vpc:Vpc v\n", "deletes one:\n  d\n", "when it ended; the state has now what AWS has of it:\n  s\n", "the next update makes it:\n  f\n", "delete it by hand:\n  arn:x\n"} {
		assert.Contains(t, text, want)
	}
	assert.Equal(t, "AWS has it twice; the next update deletes one:\n  d\n", Report{Doubled: []string{"d"}}.String(), "what did not happen is told of")
	assert.True(t, Report{Strangers: []string{"x"}}.OnlyStrangers())
	assert.False(t, Report{Doubled: []string{"x"}}.OnlyStrangers())
	assert.False(t, Report{Strangers: []string{"x"}}.Empty())
}

func TestKnown(t *testing.T) {
	for _, v := range []any{nil, "x", 1.0, []any{"x", map[string]any{"k": "v"}}, map[string]any{"k": []any{"v"}}} {
		assert.True(t, known(v), v)
		assert.False(t, known([]any{v, unknownValue}), v)
		assert.False(t, known(map[string]any{"a": v, "b": []any{map[string]any{"k": unknownValue}}}), v)
	}
}
