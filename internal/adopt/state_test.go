package adopt_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/adopt"
)

// stateFile is the text of a state below testdata. Each was made by Terraform and the AWS provider 5.100 in an emulated
// account; what is empty was left out.
func stateFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".tfstate"))
	require.NoError(t, err)
	return string(text)
}

func read(t *testing.T, text string) adopt.State {
	t.Helper()
	state, err := adopt.Read([]byte(text))
	require.NoError(t, err)
	return state
}

func TestBadStates(t *testing.T) {
	instance := func(fields string) string {
		return `{"version":4,"resources":[{"mode":"managed","type":"aws_vpc","name":"main","instances":[{` + fields + `}]}]}`
	}
	whole := stateFile(t, "staging")
	for name, test := range map[string]struct{ text, want string }{
		"nothing":     {"", "not a Terraform state: it is not JSON"},
		"HCL":         {`resource "aws_vpc" "main" {}`, "not a Terraform state: it is not JSON"},
		"other JSON":  {`{"name":"sentry"}`, "not a Terraform state: it has no version"},
		"a list":      {`[]`, "not a Terraform state: it is not JSON"},
		"cut off":     {whole[:len(whole)/2], "the state ends in the middle: fetch it again, with terraform state pull"},
		"version 3":   {`{"version":3,"modules":[]}`, "the state has version 3; allowed: 4, which every Terraform from 0.12 on writes"},
		"version 5":   {`{"version":5}`, "the state has version 5; allowed: 4, which every Terraform from 0.12 on writes"},
		"encrypted":   {`{"meta":{},"encrypted_data":"eHl6","encryption_version":"v0","serial":1}`, "the state is encrypted: decrypt it first, with tofu state pull"},
		"a plan":      {`{"format_version":"1.2","planned_values":{},"resource_changes":[]}`, "a plan, not a state"},
		"Pulumi's":    {`{"version":3,"deployment":{"resources":[]}}`, "a state of Pulumi, not of Terraform"},
		"form 2":      {`{"format_version":"2.0","values":{}}`, "the state has format version 2.0; allowed: 0.x and 1.x"},
		"empty":       {`{"version":4,"resources":[]}`, "the state holds no resources: is it this environment's?"},
		"shown empty": {`{"format_version":"1.0"}`, "the state holds no resources: is it this environment's?"},
		"tainted":     {instance(`"status":"tainted","attributes":{"id":"x"}`), "aws_vpc.main: Terraform means to replace it: run terraform untaint 'aws_vpc.main' first"},
		"deposed":     {instance(`"deposed":"a1b2c3d4","attributes":{"id":"x"}`), "aws_vpc.main: an old object of it waits to be deleted: run terraform apply first"},
		"0.11":        {instance(`"attributes_flat":{"id":"x"}`), "aws_vpc.main: it is in the form of Terraform 0.11: run terraform apply -refresh-only first"},
		"a part":      {instance(`"schema_version":1`), "aws_vpc.main has no attributes: the state is not whole; fetch it again, with terraform state pull"},
		"other mode":  {`{"version":4,"resources":[{"mode":"ephemeral","type":"x","name":"y","instances":[{"attributes":{}}]}]}`, `resource "x.y" has mode "ephemeral"`},
		"wrong form":  {`{"version":4,"resources":{"a":1}}`, "not a Terraform state of version 4: "},
		"twice": {
			`{"version":4,"resources":[{"mode":"managed","type":"aws_vpc","name":"main","instances":[{"attributes":{"id":"x"}},{"attributes":{"id":"x"}}]}]}`,
			"aws_vpc.main is there twice: the state is not whole; fetch it again, with terraform state pull",
		},
		"shown tainted": {
			`{"format_version":"1.0","values":{"root_module":{"resources":[{"address":"aws_vpc.main","mode":"managed","type":"aws_vpc","name":"main","tainted":true,"values":{}}]}}}`,
			"aws_vpc.main: Terraform means to replace it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := adopt.Read([]byte(test.text))
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "\n", "an explanation of one line")
		})
	}
}

func TestLocations(t *testing.T) {
	for location, want := range map[string]string{
		filepath.Join(t.TempDir(), "no"): "no such file; allowed: a file, s3://<bucket>/<key>, or - for the standard input",
		"s3://bucket":                    "allowed: s3://<bucket>/<key>",
		"s3:///key":                      "allowed: s3://<bucket>/<key>",
	} {
		_, err := adopt.Load(t.Context(), location)
		require.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "--state "+location)
	}
}

// The raw form and the shown one are the same state.
func TestBothForms(t *testing.T) {
	raw := read(t, stateFile(t, "staging"))
	type module struct {
		Resources    []map[string]any `json:"resources"`
		ChildModules []module         `json:"child_modules"`
	}
	root, vpc := module{}, module{}
	for _, r := range raw.Resources {
		shown := map[string]any{
			"address": r.Address, "mode": "managed", "type": r.Type, "name": r.Name, "values": r.Attributes,
			"sensitive_values": map[string]any{"tags": map[string]any{}},
		}
		if r.Key != "" {
			shown["index"] = r.Key
		}
		if strings.HasPrefix(r.Address, "module.vpc.") {
			vpc.Resources = append(vpc.Resources, shown)
		} else {
			root.Resources = append(root.Resources, shown)
		}
	}
	root.ChildModules = []module{vpc}
	text, err := json.Marshal(map[string]any{"format_version": "1.0", "values": map[string]any{"root_module": root}})
	require.NoError(t, err)
	assert.ElementsMatch(t, raw.Resources, read(t, string(text)).Resources, "terraform show -json is another environment than its state")
}

func TestAddresses(t *testing.T) {
	state := read(t, `{"version":4,"resources":[
		{"module":"module.a[\"x y\"].module.b[1]","mode":"managed","type":"aws_s3_bucket","name":"c","instances":[
			{"index_key":"say \"hi\"","attributes":{"id":"1"}},{"index_key":"","attributes":{"id":"2"}}]},
		{"mode":"managed","type":"aws_subnet","name":"public","instances":[{"index_key":12,"attributes":{"id":"3"}}]},
		{"mode":"data","type":"aws_region","name":"current","instances":[{"attributes":{"id":"4"}}]}]}`)
	var addresses []string
	for _, r := range state.Resources {
		addresses = append(addresses, r.Address)
	}
	assert.Equal(t, []string{
		`module.a["x y"].module.b[1].aws_s3_bucket.c["say \"hi\""]`, `module.a["x y"].module.b[1].aws_s3_bucket.c[""]`, "aws_subnet.public[12]",
	}, addresses, "terraform state rm finds no such address")
}

func TestWhatIsSensitiveIsNotKept(t *testing.T) {
	for form, text := range map[string]string{
		"raw": `{"version":4,"outputs":{"password":{"value":"hunter2","sensitive":true}},"resources":[{"mode":"managed","type":"aws_ssm_parameter","name":"p",
			"instances":[{"attributes":{"id":"p","value":"hunter2"},"sensitive_attributes":[[],[{"type":"get_attr","value":"value"}]]}]}]}`,
		"shown": `{"format_version":"1.0","values":{"outputs":{"password":{"value":"hunter2"}},"root_module":{"resources":[{"address":"aws_ssm_parameter.p",
			"mode":"managed","type":"aws_ssm_parameter","name":"p","values":{"id":"p","value":"hunter2"},"sensitive_values":{"value":true,"tags":{}}}]}}}`,
		"shown, deeper": `{"format_version":"1.0","values":{"root_module":{"resources":[{"address":"aws_ssm_parameter.p","mode":"managed",
			"type":"aws_ssm_parameter","name":"p","values":{"id":"p","value":[{"a":"hunter2"}]},"sensitive_values":{"value":[{"a":true}]}}]}}}`,
	} {
		assert.NotContains(t, fmt.Sprintf("%+v", read(t, text)), "hunter2", form)
	}
}
