package sandbox

import (
	"os/exec"
	"syscall"
)

// ownGroup starts a command in a process group of its own, which the terminal's Ctrl-C does not reach.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
