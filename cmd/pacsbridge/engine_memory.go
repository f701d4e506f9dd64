package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// collectAt is how much the heap may grow before the garbage collector runs, in
	// percent of what is alive. The heap is small, since the spool's memory lies
	// outside of it, and collecting it is cheap: memory is worth more here.
	collectAt = 50
	// garbageBorne is how many bytes it may grow all the same. Most of the time
	// hardly anything is alive, and half of that would be collected again and again.
	garbageBorne = 8 << 20
)

// boundMemory keeps the process near the memory that was given to the spool. GOGC
// in the environment wins.
func boundMemory() {
	forgetImage()
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(collectAt)
	afterCollection(&collection{percent: collectAt})
}

// collection is unreachable, so that its finalizer runs after each collection.
type collection struct {
	percent int
	_       [16]byte // tiny objects share their memory with others, and may never end
}

// afterCollection sets when the next one is due by what this one has left alive.
func afterCollection(c *collection) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	percent := collectAt
	if alive := live[0].Value.Uint64(); alive > 0 {
		percent = max(collectAt, int(garbageBorne*100/alive))
	}
	if percent != c.percent {
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(&collection{percent: percent}, afterCollection)
}
