//go:build !race

package bridge_test

const usualSeeds = 20

// slowdown is how many times longer peers may take.
const slowdown = 1
