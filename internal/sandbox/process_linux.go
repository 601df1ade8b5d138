package sandbox

import "syscall"

// apart starts the CLI in a process group of its own, which the terminal's Ctrl-C does not reach, and lets it die with
// this process: it speaks to AWS and to the state backend here, and would try for more than a minute to reach them.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
