//go:build !race

package staging_test

const (
	usualRuns    = 30
	usualStudies = 80
)
