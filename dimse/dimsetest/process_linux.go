package dimsetest

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the program in a process group of its own, so that its children
// end with it, and has the kernel kill it when the test binary dies.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// signalGroup sends sig to the program's process group.
func signalGroup(cmd *exec.Cmd, sig syscall.Signal) {
	syscall.Kill(-cmd.Process.Pid, sig)
}
