package main

import (
	"fmt"
	"slices"
	"time"
)

// lap is one run of one contender.
type lap struct {
	wall               time.Duration
	bytes              int64
	instances, studies int
	mover, old, new    usage
	memory             int64         // staging.memory in MB
	p99                time.Duration // of an answer, where that was measured
	figure             float64       // the only one there is, of a benchmark that is no journey
	err                error         // why it does not count
}

// rate is instances a second: bytes would say the same within one corpus.
func (l lap) rate() float64 { return float64(l.instances) / l.wall.Seconds() }

func (l lap) megabytes() float64 { return float64(l.bytes) / 1e6 / l.wall.Seconds() }

// results are the laps by scenario and contender.
type results map[[2]string][]lap

func (r results) add(scenario, contender string, l lap) {
	key := [2]string{scenario, contender}
	r[key] = append(r[key], l)
}

// fail notes a scenario that could not be run.
func (r results) fail(scenario string, err error) { r.add(scenario, "", lap{err: err}) }

// of are the laps of a contender.
func (r results) of(scenario, contender string) laps { return laps(r[[2]string{scenario, contender}]) }

// laps are the runs of one contender in one scenario.
type laps []lap

// counted are those that lost and altered nothing; nil when one did.
func (l laps) counted() laps {
	if slices.ContainsFunc(l, func(l lap) bool { return l.err != nil }) {
		return nil
	}
	return l
}

// each are the values of a measure in the order of the rounds.
func (l laps) each(measure func(lap) float64) []float64 {
	values := make([]float64, len(l))
	for i, one := range l {
		values[i] = measure(one)
	}
	return values
}

func (l laps) median(measure func(lap) float64) float64 { return median(l.each(measure)) }

// cpu are the seconds of CPU a gigabyte that a role took.
func cpu(role func(lap) usage) func(lap) float64 {
	return func(l lap) float64 { return role(l).cpu.Seconds() * 1e9 / float64(max(l.bytes, 1)) }
}

func moverOf(l lap) usage { return l.mover }
func oldOf(l lap) usage   { return l.old }
func newOf(l lap) usage   { return l.new }

func peakMB(l lap) float64 { return float64(l.mover.peak) / (1 << 20) }

// String is the line of a contender in the table of a scenario.
func (l laps) String() string {
	if len(l) == 0 {
		return "not run"
	}
	counted := l.counted()
	if counted == nil {
		return "does not count"
	}
	rates := counted.each(lap.rate)
	return fmt.Sprintf("%8.1f MB/s %9.1f instances/s (%.0f to %.0f)   CPU s/GB: mover %5.2f  old %5.2f  new %5.2f   mover's peak %4.0f MB",
		counted.median(lap.megabytes), median(rates), slices.Min(rates), slices.Max(rates),
		counted.median(cpu(moverOf)), counted.median(cpu(oldOf)), counted.median(cpu(newOf)), counted.median(peakMB))
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// ratio is how much faster a was than b: the median of the rounds' own ratios, since
// the two ran side by side in each, and the lowest and highest of them. ok is false
// where one of them did not run or does not count.
func ratio(a, b laps) (of, low, high float64, ok bool) {
	a, b = a.counted(), b.counted()
	var each []float64
	for i := range min(len(a), len(b)) {
		each = append(each, a[i].rate()/b[i].rate())
	}
	if len(each) == 0 {
		return 0, 0, 0, false
	}
	return median(each), slices.Min(each), slices.Max(each), true
}
