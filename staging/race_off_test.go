//go:build !race

package staging_test

const (
	usualRuns    = 30
	usualStudies = 80
	usualKills   = 4
)
