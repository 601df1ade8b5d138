package sandbox

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/aws"
)

const group = aws.CloudWatchLogGroup

func groupCall(t *testing.T, c *Cloud, name string) *call {
	t.Helper()
	k, err := c.call(group, urn(group, name), settings{}, attrs{"name": name})
	require.NoError(t, err)
	return k
}

// Which operation a fault strikes, and how often: each case creates a, b and c, updates a, reads a and deletes a.
func TestFaultsStrikeWhereTheyAreToldTo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault Fault
		want  []string
	}{
		"the first of any":         {Fault{}, []string{"create a"}},
		"the first, by number":     {Fault{Nth: 1}, []string{"create a"}},
		"the third":                {Fault{Nth: 3}, []string{"create c"}},
		"not a reading":            {Fault{Nth: 5}, []string{"delete a"}},
		"a reading":                {Fault{Op: "read"}, []string{"read a"}},
		"an update":                {Fault{Op: "update"}, []string{"update a"}},
		"a deletion":               {Fault{Op: "delete"}, []string{"delete a"}},
		"by name":                  {Fault{Name: "b"}, []string{"create b"}},
		"by type":                  {Fault{Type: group, Nth: 2}, []string{"create b"}},
		"another type":             {Fault{Type: aws.SSMParameter}, nil},
		"another name":             {Fault{Name: "d"}, nil},
		"twice in a row":           {Fault{Times: 2}, []string{"create a", "create b"}},
		"twice, from the second":   {Fault{Nth: 2, Times: 2}, []string{"create b", "create c"}},
		"once, said so":            {Fault{Times: 1}, []string{"create a"}},
		"the answer, not the deed": {Fault{Op: "delete", After: true}, []string{"delete a"}},
	} {
		c := NewCloud()
		mustCreate(t, c, aws.SSMParameter, "other", attrs{"name": "other", "type": "String", "value": "x"})
		test.fault.Message = "struck"
		var struck []string
		see := func(what string, err error) {
			if err != nil {
				require.ErrorContains(t, err, "struck")
				struck = append(struck, what)
			}
		}
		c.Inject(test.fault)
		for _, each := range []string{"a", "b", "c"} {
			_, _, err := groupCall(t, c, each).create()
			see("create "+each, err)
		}
		if c.named(group, "a") {
			_, err := groupCall(t, c, "a").update("a", attrs{"name": "a"}, attrs{})
			see("update a", err)
			_, ok, err := groupCall(t, c, "a").read("a", attrs{"name": "a"})
			see("read a", err)
			assert.Equal(t, err == nil, ok, name)
			err = groupCall(t, c, "a").destroy("a", nil)
			see("delete a", err)
			assert.Equal(t, err != nil && !test.fault.After, c.named(group, "a"), name)
		}
		assert.Equal(t, test.want, struck, name)
	}
}

func (c *Cloud) named(typ, name string) bool {
	for _, o := range c.Objects() {
		if o.Type == typ && o.Name() == name {
			return true
		}
	}
	return false
}

// An operation whose answer is lost has taken effect all the same.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	c.Inject(Fault{Op: "create", After: true, Message: "lost"})
	id, _, err := groupCall(t, c, "a").create()
	require.ErrorContains(t, err, "lost")
	assert.Empty(t, id)
	require.Len(t, c.Objects(), 1, "what AWS did is undone with the answer")
	c.Inject(Fault{Op: "update", After: true, Message: "lost"})
	k, err := c.call(group, urn(group, "a"), settings{}, attrs{"name": "a", "retentionInDays": 7.0})
	require.NoError(t, err)
	_, err = k.update("a", attrs{"name": "a"}, attrs{"name": "a"})
	require.ErrorContains(t, err, "lost")
	assert.Equal(t, 7.0, c.Objects()[0].Props["retentionInDays"])
	assert.Equal(t, []string{"create " + group + " a", "update " + group + " a retentionInDays"}, journal(c))
	assert.Empty(t, journal(c), "the journal tells an operation twice")

	called := 0
	c.Inject(Fault{Call: func() { called++ }})
	require.NoError(t, groupCall(t, c, "a").destroy("a", nil))
	assert.Equal(t, 1, called)
	assert.Equal(t, []string{"delete " + group + " a"}, journal(c))
}

// E2: what the provider does not find yet, it tells of all the same, with the error; a refresh takes it for gone.
func TestALateAnswerTellsWhatWasMade(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	k, err := c.call(aws.S3Bucket, urn(aws.S3Bucket, "b"), settings{}, attrs{"bucket": "b"})
	require.NoError(t, err)
	c.Inject(Fault{Op: "create", Late: true, Message: "couldn't find resource"})
	id, out, err := k.create()
	require.ErrorContains(t, err, "couldn't find resource")
	assert.Equal(t, "b", id)
	assert.Equal(t, "b", out["bucket"])

	c.Inject(Fault{Op: "update", Late: true, Message: "couldn't find resource"})
	out, err = k.update(id, k.in, out)
	require.ErrorContains(t, err, "couldn't find resource")
	assert.Equal(t, "b", out["bucket"])

	c.Inject(Fault{Op: "read", Late: true})
	for _, want := range []bool{false, true} { // not yet, and then
		_, found, err := k.read(id, out)
		require.NoError(t, err)
		assert.Equal(t, want, found)
	}
}

func journal(c *Cloud) (lines []string) {
	for _, op := range c.Journal() {
		lines = append(lines, op.String())
	}
	return lines
}

// Everything that changes the account is in its file at once: kill -9 loses nothing.
func TestEveryChangeIsInTheFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sub", "cloud.json")
	c, err := LoadCloud(file)
	require.NoError(t, err)
	kept := func(what string) *Cloud {
		t.Helper()
		again, err := LoadCloud(file)
		require.NoError(t, err)
		assert.Equal(t, c.Objects(), again.Objects(), what)
		return again
	}
	in := attrs{"family": "f", "containerDefinitions": `[{"name":"a","image":"a"}]`}
	mustCreate(t, c, aws.ECSTaskDefinition, "t", in)
	mustCreate(t, c, group, "a", attrs{"name": "a"})
	mustCreate(t, c, aws.S3Bucket, "b", attrs{"bucket": "bucket"})
	_, err = groupCall(t, c, "a").update("a", attrs{"name": "a", "retentionInDays": 7.0}, attrs{})
	require.NoError(t, err)
	kept("update")
	require.NoError(t, c.Mutate(group, "a", func(props map[string]any) { props["retentionInDays"] = 30.0 }))
	kept("a change by hand")
	require.NoError(t, c.Fill(aws.S3Bucket, "b"))
	kept("objects in a bucket")
	require.NoError(t, c.Add(group, "foreign", map[string]any{"name": "foreign"}))
	kept("what somebody else has made")
	require.NoError(t, c.Delete(group, "foreign"))
	kept("what somebody else has deleted")
	require.NoError(t, groupCall(t, c, "a").destroy("a", nil))
	kept("deletion")
	require.NoError(t, c.Lose(aws.S3Bucket, "b"))
	again := kept("what was lost")
	_, made := mustCreate(t, again, aws.ECSTaskDefinition, "t", in)
	assert.Equal(t, 2.0, made["revision"], "after a restart a revision is given twice")

	for _, err := range []error{c.Delete(group, "none"), c.Mutate(group, "none", nil), c.Fill(group, "none"), c.Lose(group, "none"), c.Lose(aws.S3Bucket, "t")} {
		require.ErrorContains(t, err, "in the cloud", "a test that names a resource which is not there tests nothing")
	}
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	_, err = LoadCloud(file)
	require.ErrorContains(t, err, "delete the file to begin anew")
}

// What is created anew has another id, as on AWS: whoever kept the old one must notice.
func TestWhatIsMadeAgainHasAnotherID(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	first, state := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	require.NoError(t, destroy(t, c, aws.EC2Vpc, "v", first, state))
	second, _ := mustCreate(t, c, aws.EC2Vpc, "v", attrs{"cidrBlock": "10.0.0.0/16"})
	third, _ := mustCreate(t, c, aws.EC2Vpc, "w", attrs{"cidrBlock": "10.0.0.0/16"})
	assert.NotEqual(t, first, second)
	assert.NotEqual(t, second, third)
	k, err := c.call(aws.EC2Vpc, urn(aws.EC2Vpc, "v"), settings{}, attrs{"cidrBlock": "10.0.0.0/16"})
	require.NoError(t, err)
	_, err = k.update(first, attrs{}, attrs{"arn": "arn:gone"})
	require.ErrorContains(t, err, "does not exist any more: run `pulumi refresh`")

	named, made := mustCreate(t, c, aws.IAMRole, "r", attrs{"namePrefix": "r-", "assumeRolePolicy": ecsTrust})
	assert.Regexp(t, `^r-[0-9a-f]{26}$`, named)
	assert.Equal(t, named, made["name"])
	bucket, _ := mustCreate(t, c, aws.S3Bucket, "b", attrs{"bucketPrefix": "b-"})
	assert.Regexp(t, `^b-[0-9a-f]{26}$`, bucket)
	require.ErrorContains(t, try(t, c, aws.IAMRole, "again", attrs{"name": named, "assumeRolePolicy": ecsTrust}), "EntityAlreadyExists")
}

// Regions share nothing but what is global.
func TestRegionsAreApart(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	in := func(region, typ, name string, inputs attrs) error {
		k, err := c.call(typ, urn(typ, name), settings{region: region}, inputs)
		require.NoError(t, err)
		_, _, err = k.create()
		return err
	}
	for _, region := range []string{"us-east-1", "eu-west-1"} {
		require.NoError(t, in(region, group, region, attrs{"name": "a"}))
	}
	require.NoError(t, in("us-east-1", aws.IAMRole, "r", attrs{"name": "r", "assumeRolePolicy": ecsTrust}))
	require.ErrorContains(t, in("eu-west-1", aws.IAMRole, "s", attrs{"name": "r", "assumeRolePolicy": ecsTrust}), "EntityAlreadyExists")
	require.ErrorContains(t, in("eu-west-1", group, "b", attrs{"name": "a"}), "ResourceAlreadyExists")
}

// A copy of the account, and what the account hands out, are nobody's way into it.
func TestCopiesAreCopies(t *testing.T) {
	t.Parallel()
	c := NewCloud("taken")
	mustCreate(t, c, group, "a", attrs{"name": "a", "retentionInDays": 7.0})
	c.Break("bad")
	c.Inject(Fault{Message: "struck"})
	clone := c.Clone()
	clone.Objects()[0].Props["retentionInDays"] = 1.0
	require.NoError(t, clone.Mutate(group, "a", func(props map[string]any) { props["retentionInDays"] = 30.0 }))
	mustCreate(t, clone, group, "b", attrs{"name": "b"})
	require.ErrorContains(t, try(t, clone, aws.S3Bucket, "b", attrs{"bucket": "taken"}), "BucketAlreadyExists")
	assert.Equal(t, []string{"bad"}, clone.broken)
	require.Len(t, c.Objects(), 1)
	assert.Equal(t, 7.0, c.Objects()[0].Props["retentionInDays"])
	require.ErrorContains(t, try(t, c, group, "c", attrs{"name": "c"}), "struck", "the copy has used up the fault")
	c.Inject(Fault{Message: "struck"})
	c.Revive()
	require.NoError(t, try(t, c, group, "c", attrs{"name": "c"}), "a fault of before strikes after all")
}

// The observer sees the account after each operation, and several operations may run at a time.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	seen := 0
	c.Observe(func(objects []*Object) { seen += len(objects) })
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			name := strconv.Itoa(i)
			assert.NoError(t, c.Add(group, name, map[string]any{"name": name}))
			assert.NoError(t, c.Mutate(group, name, func(props map[string]any) { props["retentionInDays"] = 7.0 }))
			c.Objects()
			c.Put(group, "put"+name, map[string]any{"name": "put" + name})
		})
	}
	all.Wait()
	assert.Len(t, c.Objects(), 100)
	assert.GreaterOrEqual(t, seen, 50*51/2)
	assert.Len(t, c.Journal(), 50)
}

// What somebody else has made can be read and imported; nobody's state names it.
func TestWhatSomebodyElseHasMade(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	c.Put(aws.IAMRole, "r", map[string]any{"name": "r", "arn": "arn:aws:iam::123456789012:role/r"})
	c.Put(aws.S3Bucket, "full", map[string]any{"bucket": "full"})
	c.Put(group, "g", map[string]any{"name": "g"})
	var regions []string
	for _, o := range c.Objects() {
		regions = append(regions, o.Name()+" in "+o.Region)
	}
	assert.Equal(t, []string{"g in us-east-1", "r in ", "full in "}, regions)
	k, err := c.call(aws.S3Bucket, urn(aws.S3Bucket, "b"), settings{}, attrs{})
	require.NoError(t, err)
	props, ok, err := k.read("full", nil)
	require.NoError(t, err)
	require.True(t, ok)
	props["bucket"] = "changed"
	assert.Equal(t, "full", c.Objects()[2].Props["bucket"])
	require.ErrorContains(t, k.destroy("full", nil), "BucketNotEmpty", "what others have put there is deleted")
	_, ok, err = k.read("none", nil)
	require.NoError(t, err)
	assert.False(t, ok)
}

func TestKeptStateSurvivesItsProcess(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "state")
	open := func() *keptStore {
		s, err := serveState(folder)
		require.NoError(t, err)
		t.Cleanup(s.close)
		return s.store
	}
	put := func(s *keptStore, key, text string) {
		_, err := s.PutObject(stateBucket, key, map[string]string{}, bytes.NewReader([]byte(text)), int64(len(text)), nil)
		require.NoError(t, err)
	}
	store := open()
	for _, key := range []string{".pulumi/stacks/a.json", "a/b", "gone", "gone/too", "also gone"} {
		put(store, key, "text of "+key)
	}
	_, err := store.CopyObject(stateBucket, "a/b", stateBucket, "copy", map[string]string{})
	require.NoError(t, err)
	_, err = store.DeleteObject(stateBucket, "gone")
	require.NoError(t, err)
	_, err = store.DeleteMulti(stateBucket, "gone/too", "also gone", "never there")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "half.new"), []byte("{"), 0o600))

	again := open()
	sb := &Sandbox{state: &stateBackend{store: again}}
	text, err := sb.StateObject(".pulumi/stacks/a.json")
	require.NoError(t, err)
	assert.Equal(t, "text of .pulumi/stacks/a.json", string(text))
	text, err = sb.StateObject("copy")
	require.NoError(t, err)
	assert.Equal(t, "text of a/b", string(text))
	for _, key := range []string{"gone", "gone/too", "also gone", "half", "half.new"} {
		_, err := sb.StateObject(key)
		require.ErrorContains(t, err, "read "+key+" of the state backend", "a lock that was released is back")
	}
	require.NoError(t, sb.SetStateObject("a/b", []byte("other")))
	text, err = sb.StateObject("a/b")
	require.NoError(t, err)
	assert.Equal(t, "other", string(text))
}

// The account that recovery asks: AWS's tagging API knows the resources of an environment, but no roles.
func TestTaggedResources(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	tags := func(environment string) map[string]any {
		return map[string]any{"Project": "sentry", "Environment": environment, "Name": "name"}
	}
	mustCreate(t, c, group, "a", attrs{"name": "a", "tags": tags("staging")})
	mustCreate(t, c, group, "b", attrs{"name": "b", "tags": tags("production")})
	mustCreate(t, c, aws.IAMRole, "r", attrs{"name": "r", "assumeRolePolicy": ecsTrust, "tags": tags("staging")})
	other := tags("staging")
	other["Project"] = "other"
	mustCreate(t, c, group, "c", attrs{"name": "c", "tags": other})
	found, err := c.Account("sentry", "staging").Tagged(t.Context())
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, "name", found[0].Name)
	assert.Contains(t, found[0].ARN, "log-group:a")
	assert.False(t, found[0].Anybodys)
	id, region, err := c.Account("sentry", "staging").Place(t.Context())
	require.NoError(t, err)
	assert.Equal(t, AccountID+" "+DefaultRegion, id+" "+region)
}

// What a stack file says was there before the program is in the account, once.
func TestStage(t *testing.T) {
	t.Parallel()
	c := NewCloud()
	const arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/1"
	for _, value := range []any{
		map[string]any{"image": "999999999999.dkr.ecr.us-east-1.amazonaws.com/a:1", "targetGroups": []any{"arn:aws:elasticloadbalancing:us-east-1:999999999999:targetgroup/a/1"}},
		"{image: \"999999999999.dkr.ecr.us-east-1.amazonaws.com/a:1\", targetGroups: [\"" + arn + "\"]}", nil, "a text",
	} {
		c.stage(value)
	}
	assert.Equal(t, []string{"123456789012.dkr.ecr.us-east-1.amazonaws.com/a:1"}, c.images)
	require.Len(t, c.Objects(), 2)
	assert.Equal(t, arn, c.Objects()[1].ID)
	assert.Equal(t, "ip", c.Objects()[1].Props["targetType"])
	assert.Equal(t, aws.LBListener, c.Objects()[0].Type)
}

func TestTheProviderKnowsItsAccountAndRegion(t *testing.T) {
	t.Parallel()
	for inputs, want := range map[*attrs]string{
		{"region": "us-east-1"}: "", {}: "", {"region": "mars"}: "invalid AWS Region", {"region": "us-gov-west-1"}: "",
		{"allowedAccountIds": []any{AccountID}}: "", {"allowedAccountIds": []any{"210987654321"}}: "not allowed: 123456789012 (allowedAccountIds: 210987654321)",
		{"forbiddenAccountIds": []any{AccountID}}: "not allowed", {"forbiddenAccountIds": []any{"210987654321"}}: "",
	} {
		_, err := configure(*inputs)
		if want == "" {
			require.NoError(t, err, "%v", *inputs)
		} else {
			require.ErrorContains(t, err, want, "the wrong account is deployed to")
		}
	}
	s, err := configure(attrs{"defaultTags": map[string]any{"tags": map[string]any{"Project": "sentry"}}})
	require.NoError(t, err)
	assert.Equal(t, settings{region: DefaultRegion, tags: map[string]any{"Project": "sentry"}}, s)
}
