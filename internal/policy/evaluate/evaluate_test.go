package evaluate

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sentry/internal/policy"
)

const bucket = "arn:aws:s3:::state"

func of(t *testing.T, kind policy.Kind, statements string) Policies {
	t.Helper()
	d, err := policy.Parse(kind, `{"Version":"2012-10-17","Statement":[`+statements+`]}`)
	require.NoError(t, err)
	p, err := Of(kind, d)
	require.NoError(t, err)
	return p
}

// request is a read of an object, with a key of the condition set when there is one: "key=value", or "key=" for an
// empty text.
func request(condition ...string) Request {
	r := Request{Action: "s3:GetObject", Resource: bucket + "/a/b.json", Context: map[string][]string{}}
	for _, c := range condition {
		key, value, _ := strings.Cut(c, "=")
		r.Context[key] = append(r.Context[key], value)
	}
	return r
}

func TestDecide(t *testing.T) {
	const allow = `{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::state/*"}`
	const elsewhere = `{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::state/*"}`
	changed := func(change func(*Request)) Request {
		r := request()
		change(&r)
		return r
	}
	put := changed(func(r *Request) { r.Action = "s3:PutObject" })
	whole := changed(func(r *Request) { r.Resource = bucket })
	for name, c := range map[string]struct {
		statements string
		request    Request
		want       Decision
	}{
		"nothing said":                 {allow, put, NotMentioned},
		"allowed by wildcard":          {allow, request(), Allowed},
		"actions compare without case": {allow, changed(func(r *Request) { r.Action = "S3:getobject" }), Allowed},
		"resources compare with case":  {allow, changed(func(r *Request) { r.Resource = "arn:aws:s3:::State/a" }), NotMentioned},
		"bucket is not its objects":    {allow, whole, NotMentioned},
		"deny beats allow": {
			allow + `,{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::*/b.json"}`, request(), Denied,
		},
		"NotAction spares":         {`{"Effect":"Deny","NotAction":"s3:Get*","Resource":"*"}`, request(), NotMentioned},
		"NotAction hits the rest":  {`{"Effect":"Deny","NotAction":"s3:Get*","Resource":"*"}`, put, Denied},
		"NotResource spares":       {elsewhere, request(), NotMentioned},
		"NotResource hits another": {elsewhere, whole, Allowed},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, of(t, policy.Identity, c.statements).Decide(c.request))
		})
	}
}

func TestConditions(t *testing.T) {
	const tag = "aws:ResourceTag/Environment"
	ecs := "ecs:cluster=arn:aws:ecs:us-east-1:123456789012:cluster/sentry-staging-cluster"
	subnets := request("ecs:subnet=own-a", "ecs:subnet=own-b")
	mixed := request("ecs:subnet=own-a", "ecs:subnet=foreign")
	valueless := request()
	valueless.Context["k"] = []string{}
	for name, c := range map[string]struct {
		condition string
		request   Request
		want      bool
	}{
		"holds":                           {`"StringEquals":{"` + tag + `":["x","staging"]}`, request(tag + "=staging"), true},
		"keys compare without case":       {`"StringEquals":{"AWS:resourcetag/environment":"staging"}`, request(tag + "=staging"), true},
		"fails":                           {`"StringEquals":{"` + tag + `":"production"}`, request(tag + "=staging"), false},
		"missing key fails":               {`"StringEquals":{"k":"v"}`, request(), false},
		"missing key passes IfExists":     {`"StringEqualsIfExists":{"k":"v"}`, request(), true},
		"present key must match IfExists": {`"StringEqualsIfExists":{"k":"v"}`, request("k=w"), false},
		"missing key passes a negation":   {`"StringNotEquals":{"k":"v"}`, request(), true},
		"negation fails on any equal":     {`"StringNotLike":{"k":["x","stag*"]}`, request("k=staging"), false},
		"all keys must hold":              {`"StringEquals":{"k":"v","l":"v"}`, request("k=v"), false},
		"all operators must hold":         {`"StringEquals":{"k":"v"},"Null":{"l":"false"}`, request("k=v"), false},
		"StringEquals knows no wildcard":  {`"StringEquals":{"k":"v*"}`, request("k=vw"), false},
		"? is one character":              {`"StringLike":{"k":"v?"}`, request("k=v\u00e4"), true},
		"? after * is one, too":           {`"StringLike":{"k":"*??"}`, request("k=\u20ac"), false},
		"Bool":                            {`"Bool":{"k":"true"}`, request("k=true"), true},
		"Bool without quotes":             {`"Bool":{"k":true}`, request("k=true"), true},
		"Null on a missing key":           {`"Null":{"k":"true"}`, request(), true},
		"Null on a present key":           {`"Null":{"k":"true"}`, request("k=v"), false},
		"Null on an empty text":           {`"Null":{"k":"true"}`, request("k="), false},
		"Null on no value":                {`"Null":{"k":"true"}`, valueless, true},
		"ArnLike in a part":               {`"ArnLike":{"ecs:cluster":"arn:aws:ecs:*:123456789012:cluster/sentry-*"}`, request(ecs), true},
		"ArnLike crosses no colon":        {`"ArnLike":{"ecs:cluster":"arn:aws:*:cluster/sentry-staging-cluster"}`, request(ecs), false},
		"ArnLike of any":                  {`"ArnLike":{"ecs:cluster":"*"}`, request(ecs), true},
		"all values":                      {`"ForAllValues:StringEquals":{"ecs:subnet":["own-a","own-b"]}`, subnets, true},
		"all values, one foreign":         {`"ForAllValues:StringEquals":{"ecs:subnet":["own-a","own-b"]}`, mixed, false},
		"all values of none":              {`"ForAllValues:StringEquals":{"ecs:subnet":"own-a"}`, request(), true},
		"any value":                       {`"ForAnyValue:StringEquals":{"ecs:subnet":"foreign"}`, mixed, true},
		"any value of none":               {`"ForAnyValue:StringEquals":{"ecs:subnet":"foreign"}`, request(), false},
		"any value that differs":          {`"ForAnyValue:StringNotEquals":{"ecs:subnet":["own-a","own-b"]}`, mixed, true},
		"no value that differs":           {`"ForAnyValue:StringNotEquals":{"ecs:subnet":["own-a","own-b"]}`, subnets, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := of(t, policy.Identity, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+c.condition+`}}`)
			assert.Equal(t, c.want, p.Decide(c.request) == Allowed)
		})
	}
}

const (
	account = "arn:aws:iam::123456789012:"
	session = "arn:aws:sts::123456789012:assumed-role/reader/run-1"
)

// Whom a principal means: taken to the letter, an account that is opened to a stranger would look closed.
func TestPrincipals(t *testing.T) {
	for name, c := range map[string]struct {
		principal, who string
		want           bool
	}{
		"everyone":                    {`"*"`, session, true},
		"everyone, unknown":           {`"*"`, "", true},
		"everyone of a kind":          {`{"AWS":"*"}`, session, true},
		"an identity provider":        {`{"Federated":"arn:p"}`, "arn:p", true},
		"another identity provider":   {`{"Federated":"arn:p"}`, "arn:q", false},
		"a service":                   {`{"Service":"ecs-tasks.amazonaws.com"}`, "ecs-tasks.amazonaws.com", true},
		"a service in AWS's place":    {`{"Service":"ecs-tasks.amazonaws.com"}`, session, false},
		"an account by its root":      {`{"AWS":"` + account + `root"}`, session, true},
		"an account by its root user": {`{"AWS":"` + account + `root"}`, account + "user/someone", true},
		"an account by its id":        {`{"AWS":"123456789012"}`, session, true},
		"another account":             {`{"AWS":"arn:aws:iam::210987654321:root"}`, session, false},
		"another account's id":        {`{"AWS":"210987654321"}`, session, false},
		"a role covers its sessions":  {`{"AWS":"` + account + `role/reader"}`, session, true},
		"a role with a path":          {`{"AWS":"` + account + `role/of/team/reader"}`, session, true},
		"another role":                {`{"AWS":"` + account + `role/writer"}`, session, false},
		"another account's role":      {`{"AWS":"arn:aws:iam::210987654321:role/reader"}`, session, false},
		"a session":                   {`{"AWS":"` + session + `"}`, session, true},
		"an account, asked by nobody": {`{"AWS":"` + account + `root"}`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := of(t, policy.Resource, `{"Effect":"Allow","Principal":`+c.principal+`,"Action":"*","Resource":"*"}`)
			r := request()
			r.Principal = c.who
			assert.Equal(t, c.want, p.Decide(r) == Allowed)
		})
	}
}

func TestWithinAnAccount(t *testing.T) {
	nothing, get := of(t, policy.Identity, never), of(t, policy.Identity, `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`)
	all := of(t, policy.Identity, `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	to := func(who string) *Policies {
		p := of(t, policy.Resource, `{"Effect":"Allow","Principal":`+who+`,"Action":"s3:GetObject","Resource":"*"}`)
		return &p
	}
	none := of(t, policy.Resource, `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)
	role, writer := `{"AWS":"`+account+`role/reader"}`, `{"AWS":"`+account+`role/writer"}`
	root, run := `{"AWS":"`+account+`root"}`, `{"AWS":"`+session+`"}`
	for name, c := range map[string]struct {
		account Account
		who     string
		want    Decision
	}{
		"the identity allows":                      {Account{Identity: get}, session, Allowed},
		"within the boundary":                      {Account{Identity: get, Boundary: &all}, session, Allowed},
		"the boundary caps":                        {Account{Identity: all, Boundary: &nothing}, session, NotMentioned},
		"the boundary alone grants nothing":        {Account{Identity: nothing, Boundary: &all}, session, NotMentioned},
		"the resource denies":                      {Account{Identity: all, Resource: &none}, session, Denied},
		"the resource grants to the role":          {Account{Identity: nothing, Resource: to(role)}, session, Allowed},
		"the role's boundary caps that":            {Account{Identity: nothing, Boundary: &nothing, Resource: to(role)}, session, NotMentioned},
		"to its session, beyond the boundary":      {Account{Identity: nothing, Boundary: &nothing, Resource: to(run)}, session, Allowed},
		"to another role":                          {Account{Identity: nothing, Resource: to(writer)}, session, NotMentioned},
		"to the account, which grants nothing":     {Account{Identity: nothing, Resource: to(root)}, session, NotMentioned},
		"to the account, which grants":             {Account{Identity: get, Resource: to(root)}, session, Allowed},
		"to everybody":                             {Account{Identity: nothing, Resource: to(`"*"`)}, session, Allowed},
		"to everybody, asked without credentials":  {Account{Identity: nothing, Resource: to(`"*"`)}, "", Allowed},
		"to a role, asked without any credentials": {Account{Identity: nothing, Resource: to(role)}, "", NotMentioned},
	} {
		t.Run(name, func(t *testing.T) {
			r := request()
			r.Principal = c.who
			assert.Equal(t, c.want, c.account.Decide(r))
		})
	}
}

// never speaks of another request than the tests'.
const never = `{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}`

// Read over, each of these would make a policy look wider or narrower than it is.
func TestWhatIsNotKnownIsRefused(t *testing.T) {
	const deny = `{"Effect":"Deny","Action":"*","Resource":`
	for statement, want := range map[string]string{
		deny + `"*","Condition":{"NumericEquals":{"a":"1"}}}`:   "operator NumericEquals is not known here",
		deny + `"*","Condition":{"Never":{"a":"1"}}}`:           "Invalid Condition type : Never.",
		deny + `"arn:aws:s3:::state/${aws:username}"}`:          `the policy variable in "arn:aws:s3:::state/${aws:username}" is not known here`,
		deny + `"*","Condition":{"StringEquals":{"a":"${b}"}}}`: `the policy variable in "${b}" is not known here`,
		deny + `"*","NotPrincipal":{"AWS":"123456789012"}}`:     "NotPrincipal is not known here",
		deny + `"*"}`: "Missing required field Principal",
		`{"Effect":"Deny","Principal":"*","Action":"*"}`: "Missing required field Resource",
	} {
		var s policy.Statements
		require.NoError(t, s.UnmarshalJSON([]byte(statement)))
		_, err := Of(policy.Resource, policy.Document{Version: policy.Version, Statement: s})
		assert.ErrorContains(t, err, want, statement)
	}
	_, err := Of(policy.Identity, policy.Document{Version: "2008-10-17", Statement: policy.Statements{
		{Effect: "Allow", Action: policy.Strings{"*"}, Resource: policy.Strings{"*"}},
	}})
	assert.EqualError(t, err, "version 2008-10-17 is not known here")
}

// A random request and random statements over small alphabets, so that matches and misses both happen.
const arn = "arn:aws:s3:::"

var (
	names      = rapid.SampledFrom([]string{"s3:Get", "s3:Put", "ec2:Get", "s3:*", "*", "ec2:?et"})
	resources  = rapid.SampledFrom([]string{arn + "a", arn + "b", arn + "ab", arn + "a*", arn + "?", "*"})
	conditions = rapid.SampledFrom([]policy.Condition{
		nil,
		{"StringEquals": {"k": {"v"}}},
		{"StringNotEquals": {"k": {"v"}}},
		{"StringLikeIfExists": {"k": {"w*"}}},
		{"Null": {"k": {"true"}}},
	})
	requests = rapid.Custom(func(t *rapid.T) Request {
		r := Request{
			Action:   rapid.SampledFrom([]string{"s3:Get", "s3:Put", "ec2:Get"}).Draw(t, "action"),
			Resource: rapid.SampledFrom([]string{arn + "a", arn + "b", arn + "ab"}).Draw(t, "resource"),
		}
		if rapid.Bool().Draw(t, "has k") {
			r.Context = map[string][]string{"k": {rapid.SampledFrom([]string{"v", "w", ""}).Draw(t, "k")}}
		}
		return r
	})
	documents = rapid.Custom(func(t *rapid.T) policy.Document {
		statement := rapid.Custom(func(t *rapid.T) policy.Statement {
			s := policy.Statement{
				Effect:    rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect"),
				Condition: conditions.Draw(t, "condition"),
			}
			actions, on := policy.Strings{names.Draw(t, "action")}, policy.Strings{resources.Draw(t, "resource")}
			if rapid.Bool().Draw(t, "not action") {
				s.NotAction = actions
			} else {
				s.Action = actions
			}
			if rapid.Bool().Draw(t, "not resource") {
				s.NotResource = on
			} else {
				s.Resource = on
			}
			return s
		})
		return policy.Document{Version: policy.Version, Statement: rapid.SliceOfN(statement, 1, 5).Draw(t, "statements")}
	})
)

func TestMatchIsTheSameAsItsRegularExpression(t *testing.T) {
	alphabet := rapid.StringOfN(rapid.RuneFrom([]rune("ab/:*?")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		pattern := alphabet.Draw(t, "pattern")
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab/:")), 0, 8, -1).Draw(t, "text")
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
		assert.Equal(t, regexp.MustCompile("^"+expression+"$").MatchString(text), Match(pattern, text))
	})
}

func decide(t *rapid.T, r Request, documents ...policy.Document) Decision {
	p, err := Of(policy.Identity, documents...)
	require.NoError(t, err)
	return p.Decide(r)
}

func TestADenyNeverWidens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, r := documents.Draw(t, "document"), requests.Draw(t, "request")
		extra := documents.Draw(t, "extra")
		for i := range extra.Statement {
			extra.Statement[i].Effect = "Deny"
		}
		if decide(t, r, d, extra) == Allowed {
			assert.Equal(t, Allowed, decide(t, r, d))
		}
		if decide(t, r, d) == Denied {
			assert.Equal(t, Denied, decide(t, r, d, extra))
		}
	})
}

func TestABoundaryNeverWidens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit, rights, r := documents.Draw(t, "boundary"), documents.Draw(t, "identity"), requests.Draw(t, "request")
		boundary, err := Of(policy.Identity, limit)
		require.NoError(t, err)
		identity, err := Of(policy.Identity, rights)
		require.NoError(t, err)
		if (Account{Identity: identity, Boundary: &boundary}).Decide(r) == Allowed {
			assert.Equal(t, Allowed, boundary.Decide(r))
			assert.Equal(t, Allowed, identity.Decide(r))
		}
	})
}

func TestTheOrderOfStatementsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, r := documents.Draw(t, "document"), requests.Draw(t, "request")
		shuffled := policy.Document{Version: policy.Version, Statement: rapid.Permutation(d.Statement).Draw(t, "order")}
		assert.Equal(t, decide(t, r, d), decide(t, r, shuffled))
	})
}

func TestWritingAndReadingKeepsTheMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, r := documents.Draw(t, "document"), requests.Draw(t, "request")
		text, err := d.JSON(policy.Identity)
		require.NoError(t, err)
		back, err := policy.Parse(policy.Identity, text)
		require.NoError(t, err)
		assert.Equal(t, d, back)
		assert.Equal(t, decide(t, r, d), decide(t, r, back))
	})
}
