//go:build unix

package spool

import "syscall"

// newSlab asks the system for memory of size bytes, which takes room once it is
// written to. Where the system has none to give, the heap must do.
func newSlab(size int) []byte {
	slab, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([]byte, size)
	}
	return slab
}

// freeSlab gives a slab back; one of the heap is left to the garbage collector.
func freeSlab(slab []byte) { _ = syscall.Munmap(slab) }
