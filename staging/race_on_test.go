//go:build race

package staging_test

// The race detector makes the embedded engine, a translated C program, some
// fifteen times slower; what only repeats is repeated less under it.
const (
	usualRuns    = 3
	usualStudies = 18
	usualKills   = 2
)
