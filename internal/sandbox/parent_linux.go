package sandbox

import "syscall"

// dieWithParent: the CLI speaks to AWS and to the state backend in this process. Without it, it would try for more than
// a minute to reach them.
func dieWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
