//go:build !linux

package bridge

import "os/exec"

func endTogether(*exec.Cmd) {}

func endGroup(command *exec.Cmd) error { return command.Process.Kill() }
