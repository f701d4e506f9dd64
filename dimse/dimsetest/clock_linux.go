package dimsetest

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is the processor time of the calling thread: other processes do not
// count, which the clock on the wall cannot tell.
func threadTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		panic(err) // there is no thread without one
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
