package emulated

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sentry/internal/project"
)

// action plays an action by its name, whatever its version.
func (m *machine) action(uses string, with map[string]string) (map[string]any, error) {
	name, _, _ := strings.Cut(uses, "@")
	moves := slices.Contains([]string{"actions/checkout", "actions/upload-artifact", "actions/download-artifact"}, name)
	if m.Instead != nil && moves {
		return map[string]any{"artifact-id": "1"}, nil
	}
	switch name {
	case "actions/checkout":
		return nil, m.checkout(with)
	case "actions/setup-go":
		version := with["go-version"]
		if with["go-version-file"] != "" {
			version = "1.26.8"
		}
		if version == "" {
			return nil, errors.New("no version of Go")
		}
		return map[string]any{"go-version": version}, nil
	case "pulumi/actions", "actions/setup-node":
		return nil, nil // this machine has them
	case "actions/upload-artifact":
		return m.upload(with)
	case "actions/download-artifact":
		return nil, m.download(with)
	case "aws-actions/configure-aws-credentials":
		return nil, m.takeRole(with)
	}
	return nil, fmt.Errorf("this emulation does not know the action %s", name)
}

func (m *machine) checkout(with map[string]string) error {
	if m.job.Permissions["contents"] != "read" {
		return errors.New("the job's token may not read the repository")
	}
	if with["repository"] != "" && with["repository"] != Repository {
		return fmt.Errorf("no repository %s", with["repository"])
	}
	if with["persist-credentials"] != "false" {
		m.env["LEFT_BEHIND"] = "github-token"
	}
	dir := filepath.Join(m.dir, with["path"])
	ref := with["ref"]
	if ref == "" {
		ref = m.event.SHA
	}
	for _, args := range [][]string{
		{"init", "--quiet", dir},
		{"-C", dir, "remote", "add", "origin", m.Origin},
		{"-C", dir, "fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*", ref},
		{"-C", dir, "checkout", "--quiet", "--detach", ref},
	} {
		cmd := exec.CommandContext(m.t.Context(), "git", args...)
		cmd.Env = project.WithoutRepository(os.Environ())
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, text)
		}
	}
	return nil
}

func (m *machine) artifact(id int64) string { return filepath.Join(m.store, strconv.FormatInt(id, 10)) }

func (m *machine) upload(with map[string]string) (map[string]any, error) {
	from := filepath.Join(m.dir, with["path"])
	info, err := os.Stat(from)
	if err != nil {
		if with["if-no-files-found"] == "ignore" {
			return nil, nil
		}
		return nil, err
	}
	m.Hub.mu.Lock()
	id := m.Hub.number()
	m.Hub.artifacts[id] = m.run.ID
	m.Hub.mu.Unlock()
	to := m.artifact(id)
	if !info.IsDir() {
		text, err := os.ReadFile(filepath.Join(m.dir, with["path"]))
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			return nil, err
		}
		err = os.WriteFile(filepath.Join(to, info.Name()), text, 0o600)
		return map[string]any{"artifact-id": strconv.FormatInt(id, 10)}, err
	}
	if err := copyPlain(from, to); err != nil {
		return nil, err
	}
	if err := os.WriteFile(to+".name", []byte(with["name"]), 0o600); err != nil {
		return nil, err
	}
	return map[string]any{"artifact-id": strconv.FormatInt(id, 10)}, nil
}

// copyPlain copies files as an artifact keeps them: without the right to execute.
func copyPlain(from, to string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, inside), 0o755)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, inside), text, 0o600)
	})
}

func (m *machine) download(with map[string]string) error {
	to := filepath.Join(m.dir, with["path"])
	if filepath.IsAbs(with["path"]) {
		to = with["path"]
	}
	run := m.run.ID
	if with["run-id"] != "" {
		if m.job.Permissions["actions"] != "read" || with["github-token"] == "" {
			return errors.New("the job's token may not read artifacts of other runs")
		}
		run, _ = strconv.ParseInt(with["run-id"], 10, 64) // 0 is no run
	}
	if with["pattern"] != "" {
		return m.downloadAll(with["pattern"], run, to)
	}
	id, err := strconv.ParseInt(with["artifact-ids"], 10, 64)
	if err != nil {
		return fmt.Errorf("artifact-ids %q is no single id", with["artifact-ids"])
	}
	m.Hub.mu.Lock()
	owner := m.Hub.artifacts[id]
	m.Hub.mu.Unlock()
	if owner != run {
		return fmt.Errorf("run %d has no artifact %d", run, id)
	}
	return copyPlain(m.artifact(id), to)
}

func (m *machine) downloadAll(pattern string, run int64, to string) error {
	m.Hub.mu.Lock()
	defer m.Hub.mu.Unlock()
	for id, owner := range m.Hub.artifacts {
		name, err := os.ReadFile(m.artifact(id) + ".name")
		if owner != run || err != nil {
			continue
		}
		if ok, err := path.Match(pattern, string(name)); err != nil || !ok {
			continue
		}
		if err := copyPlain(m.artifact(id), filepath.Join(to, string(name))); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) takeRole(with map[string]string) error {
	if m.job.Permissions["id-token"] != "write" {
		return errors.New("the job may not ask for a token")
	}
	role := with["role-to-assume"]
	if !m.Trusts(role, m.subject()) {
		return fmt.Errorf("Not authorized to perform sts:AssumeRoleWithWebIdentity: %s as %s", role, m.subject())
	}
	m.Roles = append(m.Roles, fmt.Sprintf("%s: %s as %s", m.record.Name, role, m.subject()))
	m.env["AWS_REGION"], m.env["AWS_ROLE"] = with["aws-region"], role
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		m.env[name] = "emulated"
	}
	return nil
}
