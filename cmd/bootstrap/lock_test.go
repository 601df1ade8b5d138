package main

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A lock is removed without asking only when its owner is a process of this machine, and gone.
func TestOnlyTheLockOfADeadProcessIsRemoved(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	require.NoError(t, err)
	dead := exec.CommandContext(t.Context(), "true")
	require.NoError(t, dead.Run())
	line := func(host string, pid int) string {
		return fmt.Sprintf("created by me@%s (pid %d) at 2026-01-02T03:04:05Z", host, pid)
	}
	assert.True(t, ownerIsDead(line(host, dead.Process.Pid)), "an interrupted run blocks all that follow")
	for what, lock := range map[string]string{
		"a process that lives":     line(host, os.Getpid()),
		"a process elsewhere":      line(host+"-2", dead.Process.Pid),
		"a number that is no pid":  fmt.Sprintf("created by me@%s (pid 99999999999999999999) at 2026-01-02T03:04:05Z", host),
		"words that nobody knows":  "locked",
		"another process's parent": line(host, os.Getppid()),
	} {
		assert.False(t, ownerIsDead(lock), "%s: two runs write the state at once", what)
	}
}
