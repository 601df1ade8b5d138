package policy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	head = `{"Version":"2012-10-17","Statement":[`
	tail = `]}`
)

// What AWS refuses must not be deployed from here, and what is read over would make a policy look wider or narrower
// than it is.
func TestParseRefusesWhatAWSRefuses(t *testing.T) {
	const vendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. "
	const either = "Policy statement must have either "
	const syntax = "Syntax errors in policy: "
	const allow, all = `"Effect":"Allow","Resource":"*"`, `"Effect":"Allow","Action":"*","Resource":"*"`
	for statement, want := range map[string]string{
		`"Effect":"allow","Action":"*","Resource":"*"`: `Invalid effect: "allow"`,
		allow:                           "Policy statement must contain actions.",
		all + `,"NotAction":"*"`:        either + "Action or NotAction.",
		all + `,"NotResource":"*"`:      either + "Resource or NotResource.",
		all + `,"Principal":"*"`:        "Policy document should not specify a principal.",
		`"Effect":"Allow","Action":"*"`: "Policy statement must contain resources.",
		`"Effect":"Allow","Action":"*","Resource":"bucket"`:      `Resource bucket must be in ARN format or "*".`,
		allow + `,"Action":"s3*"`:                                vendor + `("s3*")`,
		allow + `,"Action":"*:GetObject"`:                        vendor + `("*:GetObject")`,
		allow + `,"Action":7`:                                    syntax + "7: allowed: a string or a list of strings",
		allow + `,"Action":null`:                                 syntax + "null: allowed: a string or a list of strings",
		allow + `,"action":"*"`:                                  syntax + `"action": allowed: Action`,
		all + `,"Effect":"Deny"`:                                 syntax + `"Effect" twice in one object`,
		all + `,"Reason":"none"`:                                 syntax + `json: unknown field "Reason"`,
		all + `,"Sid":"a b"`:                                     `Statement IDs (SID) must be alpha-numeric, got "a b"`,
		all + `,"Condition":{"Like":{"a":"1"}}`:                  "Invalid Condition type : Like.",
		all + `,"Condition":{"NullIfExists":{"a":"true"}}`:       "Invalid Condition type : NullIfExists.",
		all + `,"Condition":{"SomeValues:StringLike":{"a":"b"}}`: "Invalid Condition type : SomeValues:StringLike.",
		all + `,"Condition":{"Bool":{"a":"yes"}}`:                `condition Bool a: "yes" is neither true nor false`,
		all + `,"Condition":{"StringLike":{"a":[]}}`:             "condition StringLike a has no value",
		all + `,"Condition":{"StringLike":{"a":{}}}`: syntax +
			"condition StringLike a: map[]: allowed: a string or a list of strings",
	} {
		_, err := Parse(Identity, head+"{"+statement+"}"+tail)
		assert.EqualError(t, err, want, statement)
	}
	for text, want := range map[string]string{
		`{"Version":"2012-10-16","Statement":[{` + all + `}]}`: `The policy must contain a valid version string, got "2012-10-16"`,
		`{"Version":"2012-10-17","Statement":[]}`:              syntax + "no statement",
		`{"Version":"2012-10-17","Statement":null}`:            syntax + "no statement",
		`{"statement":[]}`:                                              syntax + `"statement": allowed: Statement`,
		head + "{" + all + "}" + tail + " {}":                           syntax + "text after its end",
		head + "{" + all + "}" + tail + " x":                            syntax + "text after its end",
		head + `{"Sid":"a",` + all + `},{"Sid":"a",` + all + "}" + tail: `Statement IDs (SID) in a single policy must be unique: "a"`,
		"": syntax + "EOF",
	} {
		_, err := Parse(Identity, text)
		assert.EqualError(t, err, want, text)
	}
}

func TestEachKindHasElementsOfItsOwn(t *testing.T) {
	const identity = `{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}`
	const trust = `{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}`
	const resource = `{"Sid":"Allow it","Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}`
	const of = `"Action":"sts:AssumeRole"}`
	for kind, c := range map[Kind]struct {
		good string
		bad  map[string]string
	}{
		Identity: {identity, map[string]string{
			trust: "Policy document should not specify a principal.\nPolicy statement must contain resources.",
		}},
		Resource: {resource, map[string]string{
			identity: "Missing required field Principal",
			trust:    "Missing required field Resource",
		}},
		Trust: {trust, map[string]string{
			identity: "AssumeRole policy must contain principals\nHas prohibited field Resource",
			`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}`:         "AssumeRole policy may only specify STS AssumeRole actions.",
			`{"Effect":"Allow","Principal":{},` + of:                             "Syntax errors in policy: a principal that names nobody",
			`{"Effect":"Allow","Principal":{"Aws":"*"},` + of:                    `Syntax errors in policy: "Aws": allowed: AWS`,
			`{"Effect":"Allow","Principal":{"User":"x"},` + of:                   `Syntax errors in policy: principal {"User":"x"}: json: unknown field "User"`,
			`{"Effect":"Allow","Principal":"*","NotPrincipal":{"AWS":"a"},` + of: "Policy statement must have either Principal or NotPrincipal.",
		}},
	} {
		_, err := Parse(kind, head+c.good+tail)
		require.NoError(t, err)
		for statement, want := range c.bad {
			_, err := Parse(kind, head+statement+tail)
			assert.EqualError(t, err, want, statement)
		}
	}
}

func TestJSONIsCompactAndPlain(t *testing.T) {
	const arn = "arn:aws:s3:::state"
	d := Document{Version: Version, ID: "all", Statement: Statements{
		{
			Sid: "TLS", Effect: "Deny", Principal: Principal{Everyone: true}, Action: Strings{"s3:*"}, Resource: Strings{arn, arn + "/*"},
			Condition: Condition{"Bool": {"aws:SecureTransport": {"false"}}},
		},
		{Effect: "Allow", Principal: Principal{AWS: Strings{"123456789012"}}, Action: Strings{"s3:GetObject"}, Resource: Strings{arn + "/<&>"}},
	}}
	text, err := d.JSON(Resource)
	require.NoError(t, err)
	assert.Equal(t, `{"Version":"2012-10-17","Id":"all","Statement":[`+
		`{"Sid":"TLS","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::state","arn:aws:s3:::state/*"],`+
		`"Condition":{"Bool":{"aws:SecureTransport":"false"}}},`+
		`{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::state/<&>"}]}`, text)
	back, err := Parse(Resource, text)
	require.NoError(t, err)
	assert.Equal(t, d, back)
	_, err = Document{}.JSON(Identity)
	assert.Error(t, err, "a document that AWS refuses is written")
}

// What AWS takes besides texts and lists, and each operator that it knows.
func TestConditions(t *testing.T) {
	for _, operator := range []string{
		"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "BinaryEquals", "Bool", "DateEquals", "DateGreaterThan", "DateGreaterThanEquals",
		"DateLessThan", "DateLessThanEquals", "DateNotEquals", "IpAddress", "NotIpAddress", "Null", "NumericEquals", "NumericGreaterThan",
		"NumericGreaterThanEquals", "NumericLessThan", "NumericLessThanEquals", "NumericNotEquals", "StringEquals", "StringEqualsIgnoreCase",
		"StringLike", "StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "ForAllValues:StringLike", "ForAnyValue:ArnLikeIfExists",
	} {
		text := head + `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"` + operator + `":{"a":true}}}` + tail
		d, err := Parse(Identity, text)
		require.NoError(t, err, "a document that AWS takes is refused: %s", operator)
		assert.Equal(t, Strings{"true"}, d.Statement[0].Condition[operator]["a"])
	}
	d, err := Parse(Identity, head+`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"a":[30,"40"]}}}`+tail)
	require.NoError(t, err)
	assert.Equal(t, Strings{"30", "40"}, d.Statement[0].Condition["NumericLessThan"]["a"], "a condition means something else than it says")
}

// A single statement is what AWS returns for a list of one.
func TestASingleStatement(t *testing.T) {
	d, err := Parse(Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	require.NoError(t, err)
	assert.Len(t, d.Statement, 1)
	_, err = Parse(Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Why":"x"}}`)
	assert.EqualError(t, err, `Syntax errors in policy: json: unknown field "Why"`)
}

// Whatever text comes, Parse answers; and what it accepts, it writes so that it reads the same again.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/corpus/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		for _, kind := range []Kind{Identity, Resource, Trust} {
			f.Add(int(kind), string(text))
		}
	}
	f.Fuzz(func(t *testing.T, kind int, text string) {
		d, err := Parse(Kind(kind), text)
		if err != nil {
			return
		}
		written, err := d.JSON(Kind(kind))
		require.NoError(t, err, "a document that was accepted cannot be written")
		back, err := Parse(Kind(kind), written)
		require.NoError(t, err, "a document that was written is refused: %s", written)
		again, err := back.JSON(Kind(kind))
		require.NoError(t, err)
		require.Equal(t, written, again, "writing a document changes it")
	})
}
