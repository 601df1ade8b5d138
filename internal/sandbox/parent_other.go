//go:build !linux

package sandbox

import "syscall"

// dieWithParent has no counterpart here: the CLI of a process that was killed gives up after some retries.
func dieWithParent(*syscall.SysProcAttr) {}
