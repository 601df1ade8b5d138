package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/emulated"
)

// awsAt points the SDK of the command at a server in this process.
func (r *runner) awsAt(service string, handler http.Handler) {
	r.t.Helper()
	url := emulated.Serve(r.t, handler)
	r.t.Setenv("AWS_ENDPOINT_URL_"+service, url)
	r.env["AWS_ENDPOINT_URL_"+service] = url
}

// onTheWire turns the times of a recording into what the service sends: seconds since 1970.
func onTheWire(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if text, ok := e.(string); ok && strings.HasSuffix(k, "At") {
				if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
					v[k] = float64(at.Unix())
					continue
				}
			}
			v[k] = onTheWire(e)
		}
	case []any:
		for i := range v {
			v[i] = onTheWire(v[i])
		}
	}
	return v
}

// ecs answers DescribeServices and its siblings with recordings.
func (r *runner) ecs(service string) {
	answers := map[string]string{"DescribeServices": service, "DescribeTasks": "stopped-tasks", "DescribeTaskDefinition": "task-definition"}
	handler := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, operation, _ := strings.Cut(q.Header.Get("X-Amz-Target"), ".")
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		var answer any = map[string]any{"taskArns": []string{"arn:1"}, "events": []any{}}
		if name, ok := answers[operation]; ok {
			raw, err := os.ReadFile(filepath.Join(rollouts, name+".json"))
			assert.NoError(r.t, err)
			assert.NoError(r.t, json.Unmarshal(raw, &answer))
			answer = onTheWire(answer)
		}
		assert.NoError(r.t, json.NewEncoder(w).Encode(answer))
	})
	r.awsAt("ECS", handler)
	r.awsAt("CLOUDWATCH_LOGS", handler)
}

func TestVerifyAsTheJobRunsIt(t *testing.T) {
	args := []string{
		"rollout", "verify", "--cluster", "sentry-staging-cluster", "--service", "sentry-staging-backend",
		"--task-definition", "arn:aws:ecs:us-east-1:123456789012:task-definition/sentry-staging-backend:8", "--desired-count", "2", "--timeout", "1ns",
	}
	r := newRunner(t)
	r.ecs("completed")
	require.NoError(t, r.run(args...))
	assert.Empty(t, r.outputs())

	for recording, reason := range map[string]string{"rolled-back": "rolled back: the service runs sentry-staging-backend:7", "in-progress": "is not done after", "no-tasks": "nothing runs"} {
		r := newRunner(t)
		r.ecs(recording)
		require.ErrorContains(t, r.run(args...), reason)
		assert.Contains(t, r.outputs()["failure"], reason, "the summary cannot say why")
		assert.Contains(t, r.outputs()["failure"], "CannotPullContainerError", "the summary cannot say which task and why")
	}
	r = newRunner(t)
	r.ecs("missing")
	require.ErrorContains(t, r.run(args...), "deploy the infrastructure first")
}

func TestPublishAsTheJobRunsIt(t *testing.T) {
	r := newRunner(t)
	client, url := emulated.S3(t, "site", nil)
	r.t.Setenv("AWS_ENDPOINT_URL_S3", url)
	r.env["AWS_ENDPOINT_URL_S3"] = url
	build := t.TempDir()
	require.ErrorContains(t, r.run("publish", "--dir", build, "--bucket", "site"), "no index.html")
	require.NoError(t, os.WriteFile(filepath.Join(build, "index.html"), []byte("<html>"), 0o644))
	require.NoError(t, r.run("publish", "--dir", build, "--bucket", "site", "--distribution", ""))
	assert.Len(t, r.outputs()["release"], 64)
	assert.Contains(t, emulated.Keys(t, client, "site"), "index.html")
}

func TestScanAsTheJobRunsIt(t *testing.T) {
	image := "123456789012.dkr.ecr.us-east-1.amazonaws.com/sentry-staging-backend@sha256:" + strings.Repeat("0", 64)
	r := newRunner(t)
	r.awsAt("ECR", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, err := w.Write([]byte(`{"imageScanStatus":{"status":"COMPLETE"},"imageScanFindings":{"findings":[{"name":"CVE-2026-1","severity":"CRITICAL"}]}}`))
		assert.NoError(t, err)
	}))
	require.ErrorContains(t, r.run("scan", "--image", image, "--accept", ""), "CVE-2026-1")
	assert.Contains(t, r.outputs()["failure"], "CVE-2026-1", "the summary cannot say why")
	require.NoError(t, r.run("scan", "--image", image, "--accept", "CVE-2026-0, CVE-2026-1"))
	require.NoError(t, r.run("scan", "--image", image, "--accept", "all"))
	require.ErrorContains(t, r.run("scan", "--image", "backend"), "allowed: <registry>")
}
