//go:build !linux

package servertest

import "os/exec"

func leash(*exec.Cmd) {}

func end(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func asUser(*exec.Cmd, string, ...string) error { return nil }
