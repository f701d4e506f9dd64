//go:build !linux

package dimsetest

import "time"

var processBegun = time.Now()

// threadTime is the clock on the wall.
func threadTime() time.Duration { return time.Since(processBegun) }
