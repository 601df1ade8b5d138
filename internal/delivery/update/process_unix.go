//go:build unix

package update

import "syscall"

// apart starts the CLI in a process group of its own, which the terminal's Ctrl-C does not reach.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
