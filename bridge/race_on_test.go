//go:build race

package bridge_test

// The race detector makes the embedded engine of the ledger some fifteen times
// slower; what only repeats is repeated less under it.
const usualSeeds = 4

// slowdown is how many times longer peers may take.
const slowdown = 5
