//go:build race

package dimse_test

// raceDetector takes memory of its own, several times what it watches over.
const raceDetector = true
