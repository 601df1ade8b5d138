package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
)

// errLocked: somebody else is at work on the state.
var errLocked = errors.New("another run holds the lock on this account's state")

// unlocked does something that needs the state's lock, which an interrupted run may have left behind.
func (b *bootstrap) unlocked(ctx context.Context, stack auto.Stack, do func() error) error {
	err := do()
	if err == nil || !auto.IsConcurrentUpdateError(err) {
		return err
	}
	lock := lockLine.FindString(err.Error())
	if !ownerIsDead(lock) {
		return fmt.Errorf("%w: %s; wait for it", errLocked, lock)
	}
	b.say("Removing the lock of a run that died: %s.", lock)
	if err := stack.Cancel(ctx); err != nil {
		return fmt.Errorf("remove the lock of a run that died: %w", cause(err))
	}
	return do()
}

var lockLine = regexp.MustCompile(`created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)`)

// ownerIsDead: a lock was taken by a process of this machine, and that process is gone.
func ownerIsDead(line string) bool {
	lock := lockLine.FindStringSubmatch(line)
	if lock == nil {
		return false
	}
	host, err := os.Hostname()
	if err != nil || lock[2] != host {
		return false
	}
	pid, err := strconv.Atoi(lock[3])
	if err != nil {
		return false
	}
	owner, err := os.FindProcess(pid)
	return err == nil && errors.Is(owner.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
