//go:build race

package dimsetest

// slowness is what the race detector makes of a second.
const slowness = 10
