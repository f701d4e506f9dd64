//go:build linux && race

package dimse

import "syscall"

// synchronise tells the race detector that what came before a write is seen after the
// read, as it is with a connection of package net: Read and Write of package syscall
// tell it, and do so too when there is nothing to carry. A Write to the socket itself
// would take an error off it that the true one is to see.
func synchronise(call uintptr, fd int) {
	if call == syscall.SYS_READ {
		_, _ = syscall.Read(fd, nil)
	} else {
		_, _ = syscall.Write(-1, nil)
	}
}
