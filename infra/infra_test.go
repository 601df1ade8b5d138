package infra_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sentry/infra"
	"sentry/internal/sandbox"
)

// project is the folder of the real stack files, which these tests run.
const project = ".."

const digest = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sentry-staging-backend@sha256:" +
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var update = flag.Bool("update", false, "rewrite testdata/<stack>.yaml")

// environment is what the tests expect of one stack: the columns of SPEC's table A.
type environment struct {
	stack, vpc  string
	subnets     []string
	cpu, memory string
	count       float64
	retention   float64
}

var environments = []environment{
	{"staging", "10.0.0.0/16", []string{"10.0.0.0/24", "10.0.1.0/24"}, "256", "512", 1, 7},
	{"production", "10.1.0.0/16", []string{"10.1.0.0/24", "10.1.1.0/24"}, "512", "1024", 2, 30},
}

// deployed is one run of the real program with a real stack file.
type deployed struct {
	environment
	*sandbox.Recording
}

func (d deployed) name(suffix string) string { return "sentry-" + d.stack + suffix }

// the is the input document of one resource, as plain values.
func (d deployed) the(t *testing.T, token, name string) map[string]any {
	t.Helper()
	r := d.resource(t, token, name)
	return r.Inputs.Mappable()
}

func (d deployed) resource(t *testing.T, token, name string) sandbox.Resource {
	t.Helper()
	r, ok := d.Find(token, name)
	require.True(t, ok, "%s %q is gone", token, name)
	return r
}

// run deploys one stack into an empty cloud, with changes to its configuration; an empty value removes a key.
func run(t *testing.T, stack string, dryRun bool, changes map[string]string) (*sandbox.Recording, error) {
	t.Helper()
	config, err := sandbox.StackConfig(project, stack)
	require.NoError(t, err)
	for key, value := range changes {
		config[key] = value
		if value == "" {
			delete(config, key)
		}
	}
	return sandbox.Record(infra.Deploy, sandbox.MockOptions{
		Project: "sentry", Stack: stack, Config: config, DryRun: dryRun, RootDirectory: project,
	})
}

// released is each environment with an image released: all tests that do not change it share one run.
var released = sync.OnceValues(func() (map[string]*sandbox.Recording, error) {
	recordings := map[string]*sandbox.Recording{}
	for _, e := range environments {
		config, err := sandbox.StackConfig(project, e.stack)
		if err != nil {
			return nil, err
		}
		config["sentry:image"] = digest
		if recordings[e.stack], err = sandbox.Record(infra.Deploy, sandbox.MockOptions{
			Project: "sentry", Stack: e.stack, Config: config, RootDirectory: project,
		}); err != nil {
			return nil, fmt.Errorf("deploy %s: %w", e.stack, err)
		}
	}
	return recordings, nil
})

// each runs a test over both environments.
func each(t *testing.T, test func(*testing.T, deployed)) {
	t.Helper()
	recordings, err := released()
	require.NoError(t, err)
	for _, e := range environments {
		t.Run(e.stack, func(t *testing.T) { test(t, deployed{e, recordings[e.stack]}) })
	}
}

const (
	tVpc           = "aws:ec2/vpc:Vpc"
	tSubnet        = "aws:ec2/subnet:Subnet"
	tGateway       = "aws:ec2/internetGateway:InternetGateway"
	tRoute         = "aws:ec2/route:Route"
	tEndpoint      = "aws:ec2/vpcEndpoint:VpcEndpoint"
	tDefaultGroup  = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
	tSecurityGroup = "aws:ec2/securityGroup:SecurityGroup"
	tIngress       = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	tEgress        = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	tBucket        = "aws:s3/bucketV2:BucketV2"
	tOwnership     = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
	tAccessBlock   = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	tVersioning    = "aws:s3/bucketVersioningV2:BucketVersioningV2"
	tEncryption    = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"
	tLifecycle     = "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"
	tBucketPolicy  = "aws:s3/bucketPolicy:BucketPolicy"
	tWebsite       = "aws:s3/bucketWebsiteConfigurationV2:BucketWebsiteConfigurationV2"
	tRepository    = "aws:ecr/repository:Repository"
	tImages        = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
	tCluster       = "aws:ecs/cluster:Cluster"
	tDefinition    = "aws:ecs/taskDefinition:TaskDefinition"
	tService       = "aws:ecs/service:Service"
	tRole          = "aws:iam/role:Role"
	tRolePolicy    = "aws:iam/rolePolicy:RolePolicy"
	tParameter     = "aws:ssm/parameter:Parameter"
	tLogGroup      = "aws:cloudwatch/logGroup:LogGroup"
	tProvider      = "pulumi:providers:aws"
)

// parse reads a JSON document that is an input.
func parse[T any](t *testing.T, text any) T {
	t.Helper()
	var document T
	require.IsType(t, "", text)
	require.NoError(t, json.Unmarshal([]byte(text.(string)), &document))
	return document
}

// policy is an IAM document as a reader of AWS sees it.
type policy struct {
	Version   string
	Statement []struct {
		Sid, Effect      string
		Principal        any
		Action, Resource []string
		Condition        map[string]map[string]string
	}
}

func (p policy) actions(effect string) []string {
	var actions []string
	for _, s := range p.Statement {
		if s.Effect == effect {
			actions = append(actions, s.Action...)
		}
	}
	slices.Sort(actions)
	return actions
}

// manifestEntry is what identifies a resource and how the engine treats it.
type manifestEntry struct {
	Type          string   `yaml:"type"`
	Name          string   `yaml:"name"`
	Parent        string   `yaml:"parent"`
	Provider      string   `yaml:"provider,omitempty"`
	IgnoreChanges []string `yaml:"ignoreChanges,omitempty"`
	Timeouts      string   `yaml:"timeouts,omitempty"`
	Protect       bool     `yaml:"protect,omitempty"`
	Retain        bool     `yaml:"retainOnDelete,omitempty"`
}

func manifest(recording *sandbox.Recording) []manifestEntry {
	short := func(urn string) string {
		if urn == "" {
			return ""
		}
		return string(resource.URN(urn).Type()) + " " + resource.URN(urn).Name()
	}
	var entries []manifestEntry
	for _, r := range recording.Resources {
		provider := ""
		if i := strings.LastIndex(r.Provider, "::"); i >= 0 { // <urn>::<id>
			provider = resource.URN(r.Provider[:i]).Name()
		}
		entries = append(entries, manifestEntry{
			Type: r.Type, Name: r.Name, Parent: short(r.Parent), Provider: provider,
			IgnoreChanges: r.IgnoreChanges, Protect: r.Protect, Retain: r.RetainOnDelete,
			Timeouts: r.CustomTimeouts.Create,
		})
	}
	return entries
}

// The manifest is the list of everything that lives, by its identity. Rewrite it with: go test ./infra -update
func TestManifest(t *testing.T) {
	for _, e := range environments {
		t.Run(e.stack, func(t *testing.T) {
			recording, err := run(t, e.stack, false, nil)
			require.NoError(t, err)
			got := manifest(recording)
			file := filepath.Join("testdata", e.stack+".yaml")
			if *update {
				text, err := yaml.Marshal(got)
				require.NoError(t, err)
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(file, text, 0o644))
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var want []manifestEntry
			require.NoError(t, yaml.Unmarshal(text, &want))

			id := func(m manifestEntry) string { return m.Type + " " + m.Name }
			index := func(entries []manifestEntry) map[string]manifestEntry {
				byID := map[string]manifestEntry{}
				for _, m := range entries {
					byID[id(m)] = m
				}
				require.Len(t, byID, len(entries), "two resources share type and name")
				return byID
			}
			wanted, found := index(want), index(got)
			for _, key := range slices.Sorted(maps.Keys(wanted)) {
				m, ok := found[key]
				switch w := wanted[key]; {
				case !ok:
					t.Errorf("%s is gone: the next update deletes it in the live environment", key)
				case m.Parent != w.Parent:
					t.Errorf("%s moved from %q to %q: a new URN, so the live resource is deleted and made again", key, w.Parent, m.Parent)
				default:
					assert.Equal(t, w, m, "%s is treated differently by the engine", key)
				}
			}
			for _, key := range slices.Sorted(maps.Keys(found)) {
				if _, ok := wanted[key]; !ok {
					t.Errorf("%s is new: the next update creates it; if that is meant, go test ./infra -update", key)
				}
			}
		})
	}
}
