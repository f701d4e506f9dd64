package bridge

import (
	"os/exec"
	"syscall"
)

// endTogether puts a program in a process group of its own, so that what it starts ends
// with it, and has the kernel end it when this process dies.
func endTogether(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	command.Cancel = func() error { return endGroup(command) }
}

// endGroup ends all processes of a program.
func endGroup(command *exec.Cmd) error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
