package recovery

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Copy puts a state into a folder that is a backend of its own, and returns its URL for PULUMI_BACKEND_URL. Recovery
// changes the state only, so on a copy it can be watched; and taken over at once, it cannot be interrupted half-way.
//
// The layout is that of pkg/backend/diy of Pulumi 3.250.0.
func Copy(dir, project, stack string, state apitype.UntypedDeployment) (url string, err error) {
	checkpoint, err := json.Marshal(struct {
		Stack  string          `json:"stack"`
		Latest json.RawMessage `json:"latest"`
	}{"organization/" + project + "/" + stack, state.Deployment})
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(apitype.VersionedCheckpoint{Version: state.Version, Features: state.Features, Checkpoint: checkpoint})
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	for name, content := range map[string]string{
		"meta.yaml": "version: 1\n",
		filepath.Join("stacks", project, stack+".json"): string(text),
	} {
		path := filepath.Join(dir, ".pulumi", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", fmt.Errorf("copy the state: %w", err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return "", fmt.Errorf("copy the state: %w", err)
		}
	}
	return "file://" + filepath.ToSlash(dir), nil
}
