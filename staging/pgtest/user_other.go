//go:build !linux

package pgtest

import (
	"os"
	"os/exec"
)

// quit ends the server.
var quit = os.Interrupt

// own does nothing here.
func own(string) error { return nil }

// asUser does nothing here: PostgreSQL itself refuses to run as root.
func asUser(*exec.Cmd) error { return nil }
