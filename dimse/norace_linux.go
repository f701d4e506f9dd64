//go:build linux && !race

package dimse

// synchronise is for the race detector alone.
func synchronise(uintptr, int) {}
