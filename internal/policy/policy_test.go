package policy

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const bucket = "arn:aws:s3:::state"

func mustParse(t *testing.T, statements string) Document {
	t.Helper()
	d, err := Parse(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)
	require.NoError(t, err)
	return d
}

func TestDecide(t *testing.T) {
	const (
		get   = "s3:GetObject"
		key   = bucket + "/a/b.json"
		allow = `{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::state/*"`
	)
	tagged := map[string][]string{"aws:ResourceTag/Environment": {"staging"}}
	cases := map[string]struct {
		statements string
		request    Request
		want       Decision
	}{
		"nothing said":                      {allow + "}", Request{Action: "s3:PutObject", Resource: key}, NotMentioned},
		"allowed by wildcard":               {allow + "}", Request{Action: get, Resource: key}, Allowed},
		"actions compare without case":      {allow + "}", Request{Action: "S3:getobject", Resource: key}, Allowed},
		"resources compare with case":       {allow + "}", Request{Action: get, Resource: "arn:aws:s3:::State/a"}, NotMentioned},
		"bucket is not its objects":         {allow + "}", Request{Action: get, Resource: bucket}, NotMentioned},
		"deny beats allow":                  {allow + `},{"Effect":"Deny","Action":"*","Resource":"*/b.json"}`, Request{Action: get, Resource: key}, Denied},
		"NotAction spares":                  {`{"Effect":"Deny","NotAction":"s3:Get*","Resource":"*"}`, Request{Action: get, Resource: key}, NotMentioned},
		"NotAction hits the rest":           {`{"Effect":"Deny","NotAction":"s3:Get*","Resource":"*"}`, Request{Action: "s3:PutObject", Resource: key}, Denied},
		"NotResource spares":                {`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::state/*"}`, Request{Action: get, Resource: key}, NotMentioned},
		"NotResource hits the rest":         {`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::state/*"}`, Request{Action: get, Resource: bucket}, Allowed},
		"condition holds":                   {allow + `,"Condition":{"StringEquals":{"aws:ResourceTag/Environment":["x","staging"]}}}`, Request{get, key, tagged, ""}, Allowed},
		"keys compare without case":         {allow + `,"Condition":{"StringEquals":{"AWS:resourcetag/environment":"staging"}}}`, Request{get, key, tagged, ""}, Allowed},
		"condition fails":                   {allow + `,"Condition":{"StringEquals":{"aws:ResourceTag/Environment":"production"}}}`, Request{get, key, tagged, ""}, NotMentioned},
		"missing key fails":                 {allow + `,"Condition":{"StringEquals":{"aws:RequestTag/Environment":"staging"}}}`, Request{get, key, tagged, ""}, NotMentioned},
		"missing key passes IfExists":       {allow + `,"Condition":{"StringEqualsIfExists":{"aws:RequestTag/Environment":"staging"}}}`, Request{get, key, tagged, ""}, Allowed},
		"present key must match IfExists":   {allow + `,"Condition":{"StringEqualsIfExists":{"aws:ResourceTag/Environment":"production"}}}`, Request{get, key, tagged, ""}, NotMentioned},
		"missing key passes a negation":     {allow + `,"Condition":{"StringNotEquals":{"aws:RequestTag/Environment":"staging"}}}`, Request{get, key, tagged, ""}, Allowed},
		"negation fails on any equal":       {allow + `,"Condition":{"StringNotLike":{"aws:ResourceTag/Environment":["production","stag*"]}}}`, Request{get, key, tagged, ""}, NotMentioned},
		"all keys must hold":                {allow + `,"Condition":{"StringEquals":{"aws:ResourceTag/Environment":"staging","s3:prefix":"a"}}}`, Request{get, key, tagged, ""}, NotMentioned},
		"all operators must hold":           {allow + `,"Condition":{"StringEquals":{"aws:ResourceTag/Environment":"staging"},"Null":{"s3:prefix":"false"}}}`, Request{get, key, tagged, ""}, NotMentioned},
		"Null true on a missing key":        {allow + `,"Condition":{"Null":{"s3:prefix":"true"}}}`, Request{get, key, tagged, ""}, Allowed},
		"Null true on a present key":        {allow + `,"Condition":{"Null":{"aws:ResourceTag/Environment":"true"}}}`, Request{get, key, tagged, ""}, NotMentioned},
		"an empty value is present":         {allow + `,"Condition":{"Null":{"s3:prefix":"false"}}}`, Request{get, key, map[string][]string{"s3:prefix": {""}}, ""}, Allowed},
		"Bool":                              {allow + `,"Condition":{"Bool":{"aws:SecureTransport":"true"}}}`, Request{get, key, map[string][]string{"aws:SecureTransport": {"true"}}, ""}, Allowed},
		"StringEquals knows no wildcard":    {allow + `,"Condition":{"StringEquals":{"aws:ResourceTag/Environment":"stag*"}}}`, Request{get, key, tagged, ""}, NotMentioned},
		"ArnLike wildcard in a part":        {allow + `,"Condition":{"ArnLike":{"ecs:cluster":"arn:aws:ecs:*:123456789012:cluster/sentry-*"}}}`, Request{get, key, map[string][]string{"ecs:cluster": {"arn:aws:ecs:us-east-1:123456789012:cluster/sentry-staging-cluster"}}, ""}, Allowed},
		"ArnLike wildcard crosses no colon": {allow + `,"Condition":{"ArnLike":{"ecs:cluster":"arn:aws:*:cluster/sentry"}}}`, Request{get, key, map[string][]string{"ecs:cluster": {"arn:aws:ecs:us-east-1:123456789012:cluster/sentry"}}, ""}, NotMentioned},
		"principal of a kind":               {`{"Effect":"Allow","Principal":{"Federated":"arn:p"},"Action":"sts:AssumeRoleWithWebIdentity"}`, Request{Action: "sts:AssumeRoleWithWebIdentity", Resource: "*", Principal: "arn:p"}, Allowed},
		"another principal":                 {`{"Effect":"Allow","Principal":{"Federated":"arn:p"},"Action":"sts:AssumeRoleWithWebIdentity"}`, Request{Action: "sts:AssumeRoleWithWebIdentity", Resource: "*", Principal: "arn:q"}, NotMentioned},
		"everyone":                          {`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}`, Request{Action: get, Resource: key, Principal: "arn:q"}, Denied},
		"everyone of a kind":                {`{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:*","Resource":"*"}`, Request{Action: get, Resource: key, Principal: "arn:q"}, Denied},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, Decide(c.request, mustParse(t, c.statements)))
		})
	}
}

func TestBoundary(t *testing.T) {
	wide := mustParse(t, `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	narrow := mustParse(t, `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`)
	never := mustParse(t, `{"Effect":"Deny","Action":"*","Resource":"*"}`)
	get, put := Request{Action: "s3:GetObject", Resource: bucket}, Request{Action: "s3:PutObject", Resource: bucket}

	assert.Equal(t, Allowed, Within(get, narrow, wide))
	assert.Equal(t, NotMentioned, Within(put, narrow, wide), "the boundary does not cap the role")
	assert.Equal(t, NotMentioned, Within(put, wide, narrow), "the boundary grants what the role does not have")
	assert.Equal(t, Denied, Within(get, never, wide))
	assert.Equal(t, Denied, Within(get, wide, wide, never))
	assert.Equal(t, NotMentioned, Within(get, wide), "a boundary alone grants something")
}

func TestParseRefusesWhatItCannotEvaluate(t *testing.T) {
	for statement, want := range map[string]string{
		`{"Effect":"allow","Action":"*","Resource":"*"}`:                                                     `statement 0: effect "allow": Allow or Deny`,
		`{"Effect":"Allow","Resource":"*"}`:                                                                  "statement 0: want exactly one of Action and NotAction",
		`{"Sid":"S","Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}`:                           "statement S: want exactly one of Action and NotAction",
		`{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"}`:                                   "statement 0: want at most one of Resource and NotResource",
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericEquals":{"a":"1"}}}`:             `statement 0: operator "NumericEquals" is not known here`,
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"a":"1"}}}`: `statement 0: operator "ForAllValues:StringEquals" is not known here`,
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NullIfExists":{"a":"true"}}}`:           `statement 0: operator "NullIfExists" is not known here`,
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"a":"yes"}}}`:                    `statement 0: condition Bool a: "yes" is neither true nor false`,
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a":[]}}}`:                 "statement 0: condition StringLike a has no value",
		`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::state/${aws:username}"}`:                    `statement 0: policy variable in "arn:aws:s3:::state/${aws:username}" is not known here`,
		`{"Effect":"Allow","NotPrincipal":"*","Action":"*"}`:                                                 `read policy: json: unknown field "NotPrincipal"`,
		`{"Effect":"Allow","Principal":{"CanonicalUser":"x"},"Action":"*"}`:                                  `read policy: read principal {"CanonicalUser":"x"}: json: unknown field "CanonicalUser"`,
		`{"Effect":"Allow","Action":7,"Resource":"*"}`:                                                       "read policy: read 7: want a string or a list of strings",
	} {
		_, err := Parse(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)
		assert.EqualError(t, err, want, statement)
	}
	_, err := Parse(`{"Version":"2008-10-17","Statement":[]}`)
	assert.EqualError(t, err, "policy version \"2008-10-17\": only 2012-10-17 is known\npolicy has no statement")
}

// A random request and random statements over small alphabets, so that matches and misses both happen.
var (
	names      = rapid.SampledFrom([]string{"s3:Get", "s3:Put", "ec2:Get", "s3:*", "*", "ec2:?et"})
	resources  = rapid.SampledFrom([]string{"a", "b", "ab", "a*", "?", "*"})
	conditions = rapid.SampledFrom([]Condition{
		nil,
		{"StringEquals": {"k": {"v"}}},
		{"StringNotEquals": {"k": {"v"}}},
		{"StringLikeIfExists": {"k": {"w*"}}},
		{"Null": {"k": {"true"}}},
	})
	requests = rapid.Custom(func(t *rapid.T) Request {
		r := Request{
			Action:   rapid.SampledFrom([]string{"s3:Get", "s3:Put", "ec2:Get"}).Draw(t, "action"),
			Resource: rapid.SampledFrom([]string{"a", "b", "ab"}).Draw(t, "resource"),
		}
		if rapid.Bool().Draw(t, "has k") {
			r.Context = map[string][]string{"k": {rapid.SampledFrom([]string{"v", "w", ""}).Draw(t, "k")}}
		}
		return r
	})
	documents = rapid.Custom(func(t *rapid.T) Document {
		statement := rapid.Custom(func(t *rapid.T) Statement {
			s := Statement{
				Effect:    rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect"),
				Condition: conditions.Draw(t, "condition"),
			}
			actions, on := Strings{names.Draw(t, "action")}, Strings{resources.Draw(t, "resource")}
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
		return Document{Version, rapid.SliceOfN(statement, 1, 5).Draw(t, "statements")}
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

func TestADenyNeverWidens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, r := documents.Draw(t, "document"), requests.Draw(t, "request")
		extra := documents.Draw(t, "extra")
		for i := range extra.Statement {
			extra.Statement[i].Effect = "Deny"
		}
		if Decide(r, d, extra) == Allowed {
			assert.Equal(t, Allowed, Decide(r, d))
		}
		if Decide(r, d) == Denied {
			assert.Equal(t, Denied, Decide(r, d, extra))
		}
	})
}

func TestABoundaryNeverWidens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		boundary, identity, r := documents.Draw(t, "boundary"), documents.Draw(t, "identity"), requests.Draw(t, "request")
		if Within(r, boundary, identity) == Allowed {
			assert.Equal(t, Allowed, Decide(r, boundary))
			assert.Equal(t, Allowed, Decide(r, identity))
		}
	})
}

func TestTheOrderOfStatementsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, r := documents.Draw(t, "document"), requests.Draw(t, "request")
		shuffled := Document{Version, rapid.Permutation(d.Statement).Draw(t, "order")}
		assert.Equal(t, Decide(r, d), Decide(r, shuffled))
	})
}

func TestWritingAndReadingKeepsTheMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, r := documents.Draw(t, "document"), requests.Draw(t, "request")
		text, err := d.JSON()
		require.NoError(t, err)
		assert.True(t, json.Valid([]byte(text)))
		back, err := Parse(text)
		require.NoError(t, err)
		assert.Equal(t, d, back)
		assert.Equal(t, Decide(r, d), Decide(r, back))
	})
}

func TestJSONIsCompactAndPlain(t *testing.T) {
	d := Document{Version, []Statement{
		{Sid: "Tls", Effect: "Deny", Principal: Principal{Everyone: true}, Action: Strings{"s3:*"}, Resource: Strings{bucket, bucket + "/*"}, Condition: Condition{"Bool": {"aws:SecureTransport": {"false"}}}},
		{Effect: "Allow", Principal: Principal{Federated: Strings{"arn:p"}}, Action: Strings{"sts:AssumeRoleWithWebIdentity"}},
	}}
	text, err := d.JSON()
	require.NoError(t, err)
	assert.Equal(t, `{"Version":"2012-10-17","Statement":[`+
		`{"Sid":"Tls","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::state","arn:aws:s3:::state/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}},`+
		`{"Effect":"Allow","Principal":{"Federated":"arn:p"},"Action":"sts:AssumeRoleWithWebIdentity"}]}`, text)
	back, err := Parse(text)
	require.NoError(t, err)
	assert.Equal(t, d, back)
	_, err = Document{}.JSON()
	assert.Error(t, err, "a document that AWS refuses is written")
}
