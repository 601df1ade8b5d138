package sandbox

import "syscall"

// apart starts the CLI in a process group of its own, which the terminal's Ctrl-C does not reach. The CLI of a process
// that was killed gives up after some retries.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
