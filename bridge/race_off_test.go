//go:build !race

package bridge_test

const usualSeeds = 20
