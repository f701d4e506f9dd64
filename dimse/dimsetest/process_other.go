//go:build !linux

package dimsetest

import (
	"os/exec"
	"syscall"
)

// ownGroup does nothing here: the peers that tests start are Debian's.
func ownGroup(*exec.Cmd) {}

// signalGroup sends sig to the program alone.
func signalGroup(cmd *exec.Cmd, sig syscall.Signal) { cmd.Process.Signal(sig) }
