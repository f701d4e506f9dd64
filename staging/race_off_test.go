//go:build !race

package staging_test

const (
	propertyRuns = "100"
	childStudies = 250
)
