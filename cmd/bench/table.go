package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// line is one figure that must be reached.
type line struct {
	measure   string
	must, aim float64
	atMost    bool // the figure may be no higher, else no lower
	unit      string
	figure    func(results) (value, low, high float64, ok bool)
}

// times is a line that wants a to be so much faster than b.
func times(measure, scenario, a, b string, must, aim float64) line {
	return line{measure, must, aim, false, "×", func(r results) (float64, float64, float64, bool) {
		return ratio(r.of(scenario, a), r.of(scenario, b))
	}}
}

// races are the lines that want one contender to be so much faster than others.
func races(who string) []line {
	list := []line{
		times("dcmqrscp to sink, ct: script ×4", dcmqrscpCT, who, "script ×4", 2.5, 3.5),
		times("dcmqrscp to sink, ct: direct ×4", dcmqrscpCT, who, "direct ×4", 1.3, 2),
	}
	for _, o := range []struct {
		scenario string
		aim      float64
	}{{orthancCT, 1.6}, {orthancCR, 3}, {orthancUS, 1.9}, {orthancTiny, 1.7}} {
		list = append(list,
			times(o.scenario+": script ×4", o.scenario, who, "script ×4", 1.3, o.aim),
			times(o.scenario+": direct ×4", o.scenario, who, "direct ×4", 1, 1.3),
			times(o.scenario+": Orthanc's peers ×4", o.scenario, who, "http ×4", 0.7, 0.9))
	}
	return append(list,
		times("as shipped, ct: script ×1", shippedCT, who, "script ×1", 20, 70),
		times("as shipped, ct: script ×4", shippedCT, who, "script ×4", 10, 25),
		times("as shipped, ct: direct ×4", shippedCT, who, "direct ×4", 5, 10),
		times("20 ms away, ct: direct ×4", distantCT, who, "direct ×4", 2, 2.8))
}

// lines are those of the table that this program measures.
func (b *bench) lines() []line {
	list := append(races(ours),
		line{"as-shipped storescp, one association, small: instances/s", 300, 4000, false, "", medianOf(shippedOne, toDCMTK, lap.rate)},
		line{"as-shipped storescp, one association, small: p99 of an answer", 20, 20, true, "ms",
			medianOf(shippedOne, toDCMTK, func(l lap) float64 { return float64(l.p99.Microseconds()) / 1e3 })},
		times("one association, ct: ours to ours / dcmtk to dcmtk", pairCT, oursOurs, dcmtkPair, 1, 1.2),
		times("one association, small: ours to ours / dcmtk to dcmtk", pairSmall, oursOurs, dcmtkPair, 3, 7),
		times("20 ms away, ct: window of 16 against 1", asyncCT, sixteenOpen, oneOpen, 4, 6),
		line{"node's CPU beside the digest, clips", 0.6, 0.3, true, "s/GB", medianOf(dcmqrscpUS, ours, b.besideDigest)},
		line{"node's CPU beside the digest, small, an instance", 300, 120, true, "µs", medianOf(orthancTiny, ours, func(l lap) float64 {
			return b.besideDigest(l) * float64(l.bytes) / float64(l.instances) / 1e3
		})},
		line{"memory: RSS above the spool's budget, any of the corpora", 64, 32, true, "MB", mostMemory},
	)
	return append(list, b.ledgerLines()...)
}

// notMeasured are the lines of the table that others measure.
var notMeasured = []string{
	"memory: RSS for any archive size (only the corpora above are measured here)",
}

// besideDigest is what a lap took of the CPU without SHA-256 and without what the
// program takes to start and end, in seconds a gigabyte.
func (b *bench) besideDigest(l lap) float64 {
	start := b.results.of(startOnly, ours).median(func(l lap) float64 { return l.mover.cpu.Seconds() })
	return (l.mover.cpu.Seconds()-start)*1e9/float64(l.bytes) - b.digestCost
}

func mostMemory(r results) (value, low, high float64, ok bool) {
	value, low = math.Inf(-1), math.Inf(1)
	for key := range r {
		if runs := r.of(key[0], key[1]).counted(); key[1] == ours && len(runs) > 0 {
			beyond := runs.median(func(l lap) float64 { return peakMB(l) - float64(l.memory) })
			value, low, ok = max(value, beyond), min(low, beyond), true
		}
	}
	return value, low, value, ok
}

func medianOf(scenario, contender string, measure func(lap) float64) func(results) (float64, float64, float64, bool) {
	return func(r results) (value, low, high float64, ok bool) {
		counted := r.of(scenario, contender).counted()
		if len(counted) == 0 {
			return 0, 0, 0, false
		}
		values := counted.each(measure)
		low, high = values[0], values[0]
		for _, v := range values {
			low, high = min(low, v), max(high, v)
		}
		return median(values), low, high, true
	}
}

// print shows the table of what must be reached.
func (b *bench) print(to io.Writer) {
	fmt.Fprintf(to, "\n%d rounds, medians; spread over the rounds; SHA-256 costs %.2f s/GB here\n%s\n\n", b.rounds, b.digestCost, b.network)
	missing := table(to, b.results, b.lines())
	fmt.Fprintln(to, "\nnot measured:")
	for _, name := range append(missing, notMeasured...) {
		fmt.Fprintln(to, "  "+name)
	}
	fmt.Fprint(to, "\nthe bare relay, without ledger, inventory and proof, in the place of pacsbridge\n\n")
	table(to, b.results, races(bare))
}

// table shows the lines that were measured and returns the names of the others.
func table(to io.Writer, r results, lines []line) (missing []string) {
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "measure\tmust\taim\tmeasured\tspread\tverdict")
	for _, l := range lines {
		value, low, high, ok := l.figure(r)
		if !ok {
			missing = append(missing, l.measure)
			continue
		}
		sign := "≥"
		if l.atMost {
			sign = "≤"
		}
		fmt.Fprintf(w, "%s\t%s %g %s\t%g\t%.2f\t%.2f to %.2f\t%s\n", l.measure, sign, l.must, l.unit, l.aim, value, low, high, l.verdict(value))
	}
	return missing
}

func (l line) verdict(value float64) string {
	reached := func(bound float64) bool { return value >= bound && !l.atMost || value <= bound && l.atMost }
	switch {
	case reached(l.aim):
		return "pass, aim reached"
	case reached(l.must):
		return "pass"
	}
	return "FAIL"
}
