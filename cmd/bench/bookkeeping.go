package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// bookkeepers are the benchmarks of package staging that tell what the ledger costs,
// each with how often it runs.
var bookkeepers = []struct{ pattern, times string }{
	{"^BenchmarkGrowth$", "1x"},
	{"^BenchmarkJourney$", "2000x"},
	{"^BenchmarkStageMany$", "1x"},
	{"^BenchmarkClaimAndFinish$", "1x"},
	{"^BenchmarkBytesPerStudy$", "1x"},
}

const (
	// smallStand is the ledger that a big one is compared with.
	smallStand = 100_000
	// mostStaged is how many studies are staged at most, whatever the size of the ledger
	// that stands: the rate is the same.
	mostStaged = 1_000_000
)

// bookkeeping runs the benchmarks of the ledger, on SQLite and PostgreSQL. They are run
// nowhere else, so that a figure has one origin.
func (b *bench) bookkeeping(ctx context.Context, _ *stage) error {
	if b.quick {
		b.ledgerStudies = min(b.ledgerStudies, 2*smallStand)
	}
	stage := fmt.Sprintf("-studies.stage=%d", min(b.ledgerStudies, mostStaged))
	for _, k := range bookkeepers {
		if err := b.keepBooks(ctx, "", k.pattern, k.times, stage); err != nil {
			return err
		}
	}
	for _, studies := range []int{smallStand, b.ledgerStudies} {
		name := standing(studies)
		if err := b.keepBooks(ctx, name, "^BenchmarkAtSize$", "100x", fmt.Sprintf("-studies.stand=%d", studies)); err != nil {
			return err
		}
	}
	return nil
}

// standing names a ledger by its size.
func standing(studies int) string { return fmt.Sprintf(" of %d", studies) }

// figure is one number that a benchmark printed.
var figure = regexp.MustCompile(`(?m)^(Benchmark\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// keepBooks runs benchmarks and notes their figures, each under the benchmark's name,
// what it is called here, and its unit.
func (b *bench) keepBooks(ctx context.Context, called, pattern, times string, options ...string) error {
	args := append([]string{"test", "-run", "^$", "-bench", pattern, "-benchtime", times, "-timeout", "0", "./staging"}, options...)
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go %s: %w\n%.2000s", strings.Join(args, " "), err, out)
	}
	if b.plans {
		fmt.Printf("%s", out)
	}
	for _, match := range figure.FindAllStringSubmatch(string(out), -1) {
		fields := strings.Fields(match[2])
		for i := 0; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return fmt.Errorf("%s printed %q: %w", match[1], match[2], err)
			}
			name := match[1] + called + " " + fields[i+1]
			b.results.add(ledgerCost, name, lap{figure: value})
			if fields[i+1] != "ns/op" {
				fmt.Printf("  %s%s: %g %s\n", match[1], called, value, fields[i+1])
			}
		}
	}
	return nil
}

// ledgerLines are the lines of the table on bookkeeping.
func (b *bench) ledgerLines() []line {
	of := func(name string) func(results) (float64, float64, float64, bool) {
		return medianOf(ledgerCost, name, func(l lap) float64 { return l.figure })
	}
	big, small := standing(b.ledgerStudies), standing(smallStand)
	list := []line{
		{"bookkeeping: ledger time of a study", 3, 1, true, "ms", of("BenchmarkGrowth ms/study")},
		{"bookkeeping: the 100,000th instance against the first 1,000", 1.2, 1, true, "×", of("BenchmarkGrowth last/first")},
		{"bookkeeping: claim and finish, PostgreSQL, 4 processes", 1000, 2000, false, "/s", of("BenchmarkClaimAndFinish studies/s")},
		{"bookkeeping: staging in batches of 1,000, PostgreSQL", 20_000, 20_000, false, "/s", of("BenchmarkStageMany/postgres/batches_of_1000 rows/s")},
		{"bookkeeping: staging in batches of 1,000, SQLite", 10_000, 10_000, false, "/s", of("BenchmarkStageMany/sqlite/batches_of_1000 rows/s")},
		{"bookkeeping: database, a migrated study", 2048, 2048, true, "B and 60 an instance", of("BenchmarkBytesPerStudy bytes/study+60/instance")},
	}
	for _, engine := range []string{"postgres", "sqlite"} {
		claim := "BenchmarkAtSize/" + engine + "/feed_and_claim"
		list = append(list, line{fmt.Sprintf("bookkeeping: a claim at %d studies against %d, %s", b.ledgerStudies, smallStand, engine), 3, 1.7, true, "×",
			func(r results) (float64, float64, float64, bool) {
				at, _, _, ok := of(claim + big + " ns/op")(r)
				base, _, _, known := of(claim + small + " ns/op")(r)
				return at / base, at / base, at / base, ok && known
			}})
		for _, what := range []string{"feed_and_claim", "status", "retry_by_class"} {
			list = append(list, line{fmt.Sprintf("bookkeeping: slowest %s at %d studies, %s", strings.ReplaceAll(what, "_", " "), b.ledgerStudies, engine), 50, 50, true, "ms",
				of("BenchmarkAtSize/" + engine + "/" + what + big + " worst-ms")})
		}
	}
	return list
}
