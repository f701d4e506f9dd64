package dimsetest

import (
	"runtime"
	"testing"
	"time"
)

// What hostile input may cost: this many bytes of memory and twice its length, this long and a second for each MiB of it.
const (
	freeAllocation = 64 << 10
	freeTime       = 100 * time.Millisecond
	timePerByte    = time.Second / (1 << 20)
)

// boundedRuns is how often an input may be tried before it is called too dear: at first it may fill pools, which the
// collector may empty at any time.
const boundedRuns = 6

// Bounded runs f, which takes n bytes of hostile input, and fails tb when each of several runs allocates more than
// 64 KiB and twice n, or lasts longer than 100 ms and a second for each MiB (ten times that under the race detector).
// Nothing else may allocate meanwhile.
func Bounded(tb testing.TB, n int, f func()) {
	tb.Helper()
	memory, limit := uint64(freeAllocation+2*n), slowness*(freeTime+time.Duration(n)*timePerByte)
	var least uint64
	var shortest time.Duration
	for run := range boundedRuns {
		allocated, took := cost(f)
		if run == 0 {
			least, shortest = allocated, took
		}
		least, shortest = min(least, allocated), min(shortest, took)
		if least <= memory && shortest <= limit {
			return
		}
	}
	tb.Errorf("%d bytes of input took %d bytes of memory and %v, the limits are %d and %v", n, least, shortest, memory, limit)
}

// cost is what f allocates, and the processor time that it takes.
func cost(f func()) (allocated uint64, took time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := threadTime()
	f()
	took = threadTime() - begun
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, took
}
