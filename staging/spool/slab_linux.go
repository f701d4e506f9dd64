package spool

import "syscall"

// newSlab asks the system for memory of size bytes, all of it at once: page by page,
// as it is written to for the first time, would cost twice as much. Where the system
// has none to give, the heap must do.
func newSlab(size int) []byte {
	slab, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
	if err != nil {
		return make([]byte, size)
	}
	return slab
}

// freeSlab gives a slab back; one of the heap is left to the garbage collector.
func freeSlab(slab []byte) { _ = syscall.Munmap(slab) }
