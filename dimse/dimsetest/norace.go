//go:build !race

package dimsetest

// slowness is that of the program as it is.
const slowness = 1
